"""Reports of data of many kinds: categories, counts, greys as bits, images in colour, one latent, constant pixels."""

from pathlib import Path

import numpy as np
import pytest
from numpy.random import RandomState
from pandas import DataFrame
from sklearn.exceptions import NotFittedError

from lowerbound import VAE, Autoencoder, OutlierDetector
from lowerbound.evaluate.words import number, share
from lowerbound.findings.baseline import independent_columns
from lowerbound.report import write_report
from lowerbound.report.provenance import constructor
from tests.report.page import Page, read_page

ONE = {"hidden": (), "max_epochs": 1, "random_state": 0}
DRAWS = np.random.default_rng(0)
BITS = DRAWS.integers(0, 2, (40, 1))
KINDS = {
    "categories": (VAE(2, likelihood="categorical", **ONE), np.hstack([BITS, 2 * BITS, DRAWS.integers(0, 3, (40, 1))])),
    "counts": (VAE(1, likelihood="poisson", **ONE), DRAWS.poisson([0.5, 4.0, 2.0], (40, 3))),
    "greys": (VAE(2, likelihood="bernoulli", binarize="dynamic", **ONE), DRAWS.uniform(0, 1, (40, 3))),
    "colour": (
        VAE(2, network="conv", channels=(4,), dequantize=True, **ONE),
        DRAWS.integers(0, 256, (16, 8, 8, 3)).astype(np.uint8),
    ),
    "border": (VAE(3, **ONE), np.pad(DRAWS.normal(size=(20, 3, 3)), ((0, 0), (1, 1), (1, 1)))),
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Page, VAE, np.ndarray]]:
    """Page, fitted model and rows of each kind."""
    folder = tmp_path_factory.mktemp("kinds")
    made = {}
    for kind, (vae, x) in KINDS.items():
        write_report(vae.fit(x), x, folder / f"{kind}.html", n_samples=30)
        made[kind] = (read_page(folder / f"{kind}.html"), vae, x)
    return made


def test_categories_are_the_same_or_not_and_have_no_distance(reports: dict):
    page, vae, x = reports["categories"]
    right = np.mean(vae.reconstruct(x) == x)
    assert f"Of the cells, {share(float(right))} come back with the category that they had." in page.text
    assert "column categories commonest comes back" in page.text
    assert "not as reconstructed, the rarest first" in page.text
    assert "standard deviations of" not in page.text
    assert "Not defined here: category codes have no differences." in page.text
    oddest = int(np.argmax(vae.outlier_scores(x)))
    back = vae.reconstruct(x)[oddest]
    for j in np.flatnonzero(back != x[oddest]):
        assert f"x{j} {x[oddest, j]}, not {back[j]:.0f}" in page.text


def test_counts_with_one_latent(reports: dict):
    page, vae, x = reports["counts"]
    assert "The curve is the prior." in page.text
    assert f"each column for itself {number(independent_columns(vae, x).value, decimals=2)} nats" in page.text
    assert "base measure mass" in page.text


def test_greys_of_a_table_are_held_against_its_draws_as_bits(reports: dict, monkeypatch, tmp_path: Path):
    from lowerbound.report import pictures

    page, vae, x = reports["greys"]
    assert "the grey levels of the data are held against them as bits" in page.text
    seen = []
    figure = pictures.marginals_figure
    monkeypatch.setattr(pictures, "marginals_figure", lambda *a, **b: seen.extend(a) or figure(*a, **b))
    write_report(vae, x, tmp_path / "r.html", n_samples=30)
    real, drawn = seen
    assert set(np.unique(real)) == set(np.unique(drawn)) == {0, 1}
    np.testing.assert_allclose(real.mean(axis=0), x.mean(axis=0), atol=0.3)


def test_images_in_colour_have_cells(reports: dict):
    page, _, _ = reports["colour"]
    assert "each cell for itself" in page.text
    assert "cells taken one by one" in page.text
    assert "Where each cell is drawn on its own given z, that shows as grain." in page.text
    assert "bits per dimension" in page.text
    assert "base measure density" in page.text
    alts = " ".join(image["alt"] for image in page.all("img"))
    assert "decoded images over the plane of codes" in alts
    assert "every image stands for the same share of the prior" in page.text


def test_constant_pixels_are_noted_and_leave_no_baseline(reports: dict):
    page, _, _ = reports["border"]
    assert "are constant in the training rows" in page.text
    assert "one by one" not in page.text
    assert "for itself" not in page.text


def test_a_plane_without_a_prior_promises_no_shares_of_it(autoencoder: Autoencoder, images: np.ndarray, tmp_path: Path):
    write_report(autoencoder, images, tmp_path / "r.html")
    text = read_page(tmp_path / "r.html").text
    assert "What each place of the plane decodes to. Codes are counted" in text
    assert "share of the prior" not in text


def test_codes_without_a_prior_are_active_by_their_own_scale(tmp_path: Path):
    x = DRAWS.normal(size=(30, 3))
    ae = Autoencoder(2, **ONE).fit(x)
    codes = ae.transform(x)
    for scale in (1e-4, 1e4):
        ae.transform = lambda X, scale=scale: scale * codes
        write_report(ae, x, tmp_path / "r.html", overwrite=True)
        assert "2 of 2 latent dimensions vary from row to row." in read_page(tmp_path / "r.html").text


def test_an_estimator_that_is_not_fitted_says_so(tmp_path: Path):
    for estimator in (VAE(), OutlierDetector(VAE())):
        with pytest.raises(NotFittedError):
            write_report(estimator, np.zeros((9, 2)), tmp_path / "r.html")


def test_rows_and_methods_that_do_not_fit_are_the_estimators_to_name(
    table_vae: VAE, table: DataFrame, autoencoder: Autoencoder, images: np.ndarray, tmp_path: Path
):
    worded = table.astype(object)
    worded.iloc[7, 0] = "tall"
    with pytest.raises(ValueError, match="X of VAE must be numeric; got text in column 'height'"):
        write_report(table_vae, worded, tmp_path / "r.html")
    with pytest.raises(ValueError, match="method of Autoencoder must be 'reconstruction'; got 'kl'"):
        write_report(autoencoder, images, tmp_path / "r.html", method="kl")
    assert list(tmp_path.iterdir()) == []


def test_numbers_of_numpy_are_whole_numbers(table_vae: VAE, table: DataFrame, tmp_path: Path):
    write_report(table_vae, table, tmp_path / "r.html", n_samples=np.int32(30), n_rows=np.int64(20))
    assert "20 rows of 60, evenly spaced" in read_page(tmp_path / "r.html").text


def test_a_detector_without_a_method_keeps_its_threshold_by_its_default(table: DataFrame, tmp_path: Path):
    detector = OutlierDetector(VAE(2, **ONE), contamination=0.2).fit(table)
    for method, known in ((None, True), ("kl", True), ("reconstruction", False)):
        write_report(detector, table, tmp_path / "r.html", n_samples=30, method=method, overwrite=True)
        text = read_page(tmp_path / "r.html").text
        assert ("beyond the detector's threshold" in text) == known
    assert (
        "OutlierDetector( VAE( latent_dim=2, hidden=(), max_epochs=1, random_state=0, ), contamination=0.2, )" in text
    )


@pytest.mark.parametrize("state", [None, RandomState(3)], ids=["none", "state"])
def test_a_seed_that_nobody_gave_is_shown(table: DataFrame, tmp_path: Path, state: RandomState | None):
    vae = VAE(2, **ONE | {"random_state": state}).fit(table)
    write_report(vae, table, tmp_path / "r.html", n_samples=30)
    text = read_page(tmp_path / "r.html").text
    assert f"seed {vae.seed_} Drawn by the fit (its seed_)" in text
    assert " at 0x" not in text


def test_constructors_can_be_called():
    detector = OutlierDetector(VAE(3, beta=2.0), method="elbo")
    for everything in (False, True):
        names = {"VAE": VAE, "OutlierDetector": OutlierDetector}
        made = eval(constructor(detector, everything=everything), names)
        assert {k: v for k, v in made.get_params().items() if k != "estimator"} == {
            k: v for k, v in detector.get_params().items() if k != "estimator"
        }
