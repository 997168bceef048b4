"""Reports of the exactly solvable models, with and without missing cells: what is computed by hand stands on the page."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pandas import DataFrame

from lowerbound import PPCA, FactorAnalysis, LinearAutoencoder, MixtureOfFactorAnalyzers, OutlierDetector
from lowerbound.evaluate.words import decimals_of, number, share
from lowerbound.findings.baseline import independent_columns
from lowerbound.report import write_report
from tests.report.page import Page, read_page

DRAWS = np.random.default_rng(0)
GROUP = DRAWS.integers(0, 2, 80)
FULL = DRAWS.normal(size=(80, 1)) @ [[1.0, -1.0, 0.5, 2.0]] + DRAWS.normal(size=(80, 4)) * [0.3, 0.5, 0.2, 1.0]
FULL[:, 3] += 9 * GROUP
HOLES = np.where(DRAWS.uniform(size=FULL.shape) < 0.2, np.nan, FULL)
HOLES[7:9] = np.nan
NAMES = ["length", "width", "$price", "age"]
IMAGES = np.clip(np.rint(6 * GROUP[:, None, None] + DRAWS.integers(0, 4, (80, 3, 4))), 0, 9)
PIXEL_HOLES = np.where(DRAWS.uniform(size=IMAGES.shape) < 0.1, np.nan, IMAGES)
KINDS: dict[str, tuple[Any, Any]] = {
    "ppca": (PPCA(2), DataFrame(FULL, columns=NAMES)),
    "fa": (FactorAnalysis(2, rotation="promax", noise_floor=0.05), DataFrame(HOLES, columns=NAMES)),
    "mixture": (MixtureOfFactorAnalyzers(2, latent_dim=1, random_state=0), DataFrame(HOLES, columns=NAMES)),
    "full": (MixtureOfFactorAnalyzers(1, latent_dim=0, noise="full", random_state=0), FULL[:, :1]),
    "linear": (LinearAutoencoder(2), DataFrame(FULL * [1, 1, 1, 100], columns=NAMES)),
    "pixels": (PPCA(3, dequantize=True), PIXEL_HOLES),
    "clusters": (MixtureOfFactorAnalyzers(12, latent_dim=0, dequantize=True, random_state=0), IMAGES.astype(np.uint8)),
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Page, Any, Any]]:
    """Page, fitted model and rows of each kind."""
    folder = tmp_path_factory.mktemp("exact")
    made = {}
    for kind, (estimator, x) in KINDS.items():
        write_report(estimator.fit(x), x, folder / f"{kind}.html", labels=GROUP)
        made[kind] = (read_page(folder / f"{kind}.html"), estimator, x)
    return made


def anchors(page: Page) -> list[str]:
    return [str(attributes["href"]).removeprefix("#") for attributes in page.all("a")]


def alts(page: Page) -> str:
    return "; ".join(str(image["alt"]) for image in page.all("img"))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "linear"])
def test_what_is_exact_is_said_to_be_and_has_no_figures_of_sampling(reports: dict, kind: str):
    page, estimator, x = reports[kind]
    evidence = estimator.log_evidence(x)
    assert "This is exact: log p(x) has a closed form here, and nothing was sampled." in page.text
    value = number(evidence.value, decimals=decimals_of(evidence.sampling_error))
    assert f"log p(x) {value} nats per row mean over" in page.text
    for words in ("k-hat", "effective samples", "ELBO", "gap", "draws per row"):
        assert words not in page.text
    assert "Scored by log_evidence" in page.text
    kl = estimator.outlier_scores(x, method="kl").mean()
    assert f"KL {number(float(kl), decimals=2)} nats" in page.text
    assert f"parameters {estimator.n_parameters_} Numbers that the fit was free to choose. The fit took" in page.text


def test_sections_follow_the_model(reports: dict):
    plain = ["verdict", "likelihood", "training", "reconstructions", "samples", "latents"]
    rest = ["outliers", "health", "making"]
    holes = [*plain[:4], "missing", *plain[4:]]
    expected = {
        "ppca": [*plain, "loadings", *rest],
        "fa": [*holes, "loadings", *rest],
        "mixture": [*holes[:-1], "clusters", *rest],
        "full": [*plain[:-1], "clusters", *rest],
        "linear": [*plain, "loadings", *rest],
        "pixels": [*holes, *rest],
        "clusters": [*plain[:-1], "clusters", *rest],
    }
    assert {kind: anchors(page) for kind, (page, _, _) in reports.items()} == expected


def test_a_closed_form_has_no_curve_and_em_has_that_of_log_p(reports: dict):
    for kind in ("ppca", "linear"):
        assert "Training curves" not in alts(reports[kind][0])
        assert "there was nothing to iterate" in reports[kind][0].text
    for kind in ("fa", "mixture", "pixels"):
        page, estimator, _ = reports[kind]
        assert f"Training curves over {estimator.n_iter_} iterations" in alts(page)
        reached = number(float(estimator.history_["log_evidence"][-1]), decimals=2)
        assert f"raised log p(x) of the training rows to {reached} nats" in page.text
        assert "epoch" not in page.text


def test_missing_cells_are_counted_and_their_remainder_is_that_of_the_imputation(reports: dict):
    page, fa, x = reports["fa"]
    missing = np.isnan(x.to_numpy())
    assert (
        f"{missing.sum()} cells ({share(missing.mean())}) are missing, in {share(missing.any(axis=1).mean())}"
        in page.text
    )
    empty = missing.all(axis=1).sum()
    assert empty > 1
    assert f"{empty} rows without any cell have log p(x) = 0" in page.text
    assert f"of their observed cells, {share(missing.mean())} being missing" in page.text
    assert f"{share(missing.mean())} of the cells are missing" in page.text
    scale = fa.imputation(x).scale
    for j, name in enumerate(NAMES):
        left = np.sqrt(np.mean(scale[missing[:, j], j] ** 2))
        known = np.nanstd(x.to_numpy()[:, j])
        line = f"{name} {share(missing[:, j].mean())} {number(known)} {number(left)} {number(left / known, decimals=2)}"
        assert line in page.text


def test_columns_with_holes_are_judged_by_the_cells_that_they_have(reports: dict):
    page, fa, x = reports["fa"]
    values, back = x.to_numpy(), fa.reconstruct(x)
    for j, name in enumerate(NAMES):
        mean, deviation = np.nanmean(values[:, j]), np.nanstd(values[:, j])
        kept = max(0.0, 1 - np.nanmean((values[:, j] - back[:, j]) ** 2) / deviation**2)
        assert f"{name} {number(float(mean))} {number(float(deviation))} {share(float(kept))}" in page.text
    assert "nan" not in page.text.lower().split()


def test_images_with_holes_are_shown_with_and_without_them(reports: dict):
    page, ppca, x = reports["pixels"]
    assert "10 images with holes, and with the holes filled" in alts(page)
    assert "What is missing is shown halfway between black and white." in page.text
    bits = -ppca.log_evidence(x).per_row.sum() / ((~np.isnan(x)).sum() * np.log(2))
    assert f"bits per dimension {number(float(bits), decimals=3)} bits" in page.text


def test_clusters_have_weights_sizes_and_what_sets_them_apart(reports: dict):
    page, mixture, x = reports["mixture"]
    chosen, proba = mixture.predict(x), mixture.predict_proba(x)
    values = x.to_numpy()
    for k in range(2):
        own = chosen == k
        label = int(np.mean(GROUP[own]) > 0.5)
        start = f"{k} {share(float(mixture.weights_[k]))} {own.sum()} {number(float(proba[own, k].mean()), decimals=2)} {label} ("
        distance = (mixture.means_[k] - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0)
        assert np.argmax(np.abs(distance)) == 3  # the column that separates the groups
        assert start in page.text
        apart = f"age {'+' if distance[3] > 0 else ''}{number(float(distance[3]), decimals=1)}"
        assert (apart if abs(distance[3]) >= 0.5 else "nothing beyond half a standard deviation") in page.text
    assert f"{share(float(np.mean(proba.max(axis=1) > 0.9)))} of the rows one cluster has more than 90%" in page.text
    assert "the adjusted Rand index is" in page.text
    assert "Map of 80 rows by cluster" in alts(page)
    assert "Left out: MixtureOfFactorAnalyzers has no health check: its posterior is not one Gaussian" in page.text


def test_clusters_of_images_are_shown_by_their_means(reports: dict, monkeypatch, tmp_path: Path):
    from lowerbound.report import clusters

    page, mixture, x = reports["clusters"]
    assert "Means of 12 clusters" in alts(page)
    assert "what sets it apart" not in page.text
    seen: list[np.ndarray] = []
    figure = clusters.sample_figure
    monkeypatch.setattr(
        clusters, "sample_figure", lambda images, **options: seen.append(images) or figure(images, **options)
    )
    write_report(mixture, x, tmp_path / "r.html")
    own = mixture.predict(x) == 0
    np.testing.assert_allclose(seen[0][0], x[own].mean(axis=0), atol=0.5)


def test_loadings_of_codes_without_a_density_are_their_correlations_with_the_columns(
    reports: dict, monkeypatch, tmp_path
):
    from lowerbound.report import loadings

    _, linear, x = reports["linear"]
    seen: list[np.ndarray] = []
    figure = loadings.loadings_figure
    monkeypatch.setattr(
        loadings, "loadings_figure", lambda matrix, **options: seen.append(matrix) or figure(matrix, **options)
    )
    write_report(linear, x, tmp_path / "r.html")
    codes, values = linear.transform(x), x.to_numpy()
    expected = [[np.corrcoef(codes[:, k], values[:, j])[0, 1] for k in range(2)] for j in range(4)]
    np.testing.assert_allclose(seen[0], expected, atol=1e-4)
    assert "standardize them where they differ" in read_page(tmp_path / "r.html").text


@pytest.mark.parametrize("rotation", [None, "varimax", "promax"])
def test_loadings_and_noise_make_the_variance_of_a_column(rotation: str | None):
    from lowerbound.report.loadings import loadings_in_deviations
    from lowerbound.report.request import report_context

    fa = FactorAnalysis(2, rotation=rotation, noise_floor=0.05).fit(FULL)
    context = report_context(
        fa, FULL, labels=None, labels_mark_outliers=False, images=None, method=None, n_samples=1, n_rows=100
    )
    found, noise, varies = loadings_in_deviations(context)
    assert varies.all()
    assert noise is not None
    covariance = fa.model_.loadings @ fa.model_.loadings.T * np.outer(fa.preprocessing_.scale, fa.preprocessing_.scale)
    variance = np.diag(covariance) + fa.noise_variance_
    np.testing.assert_allclose(noise, fa.noise_variance_ / variance)
    np.testing.assert_allclose(np.diag(found @ fa.factor_correlation_ @ found.T) + noise, 1)


def test_a_model_with_one_noise_for_all_columns_is_told_of_the_others(tmp_path: Path):
    x = DRAWS.normal(size=(80, 4)) * [1, 100, 100, 100]
    write_report(PPCA(2).fit(x), x, tmp_path / "r.html")
    assert "try factor analysis, which has one for each" in read_page(tmp_path / "r.html").text


def test_a_detector_around_a_model_with_holes(tmp_path: Path):
    detector = OutlierDetector(FactorAnalysis(2, noise_floor=0.05), contamination=0.1).fit(HOLES)
    write_report(detector, HOLES, tmp_path / "r.html", labels=np.arange(80) % 2, labels_mark_outliers=True)
    text = read_page(tmp_path / "r.html").text
    assert "beyond the detector's threshold" in text
    assert "A row is scored by its observed cells only" in text


def test_rows_without_any_cell_at_all(tmp_path: Path):
    ppca = PPCA(2).fit(FULL)
    write_report(ppca, np.full((5, 4), np.nan), tmp_path / "r.html")
    text = read_page(tmp_path / "r.html").text
    assert "20 cells (100%) are missing" in text
    assert "Left out: not a cell of these rows is known." in text
    images = PPCA(3, dequantize=True).fit(IMAGES)
    write_report(images, np.full((5, 3, 4), np.nan), tmp_path / "images.html")


def test_a_column_that_nobody_observed_has_no_marginal(tmp_path: Path):
    x = FULL.copy()
    x[:, 1] = np.nan
    ppca = PPCA(2).fit(FULL)
    write_report(ppca, x, tmp_path / "r.html")
    assert "Histograms of 3 columns" in alts(read_page(tmp_path / "r.html"))
    assert independent_columns(ppca, x) is not None
