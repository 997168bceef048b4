"""Reports as files: whole, self-contained, well-formed and escaped; with the numbers of the estimator's own verbs."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from pandas import DataFrame

from lowerbound import VAE, Autoencoder, EvidenceWarning, OutlierDetector
from lowerbound.report import write, write_report
from tests.fitted_models import HOSTILE
from tests.report.page import Page, read_page

ANCHORS = ["verdict", "likelihood", "training", "reconstructions", "samples", "latents", "outliers", "health", "making"]


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory, image_vae, table_vae, autoencoder, detector, images, table) -> dict:
    """One report of each kind, by name: the page and its size in bytes."""
    folder = tmp_path_factory.mktemp("reports")
    marks = np.arange(60) % 3 == 0
    hostile = np.array([f"<b>{i % 2}</b>" for i in range(60)])
    command = "lowerbound report 'my model' DATA"
    write_report(image_vae, images, folder / "images.html", labels=np.arange(60) % 5, n_samples=50, command=command)
    write_report(
        table_vae, table, folder / "table.html", labels=hostile, n_samples=50, title=HOSTILE, data_name=HOSTILE
    )
    write_report(autoencoder, images, folder / "codes.html", n_rows=20, saved_versions={"jax": "0.0.1"})
    write_report(
        detector, table, folder / "detector.html", labels=marks.astype(int), labels_mark_outliers=True, n_samples=50
    )
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == ["codes.html", "detector.html", "images.html", "table.html"]
    return {file.stem: (read_page(file), file.stat().st_size) for file in files}


KINDS = ["images", "table", "codes", "detector"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_needs_nothing_else_and_runs_nothing(pages: dict, kind: str):
    page, size = pages[kind]
    assert size < 3e6
    tags = {tag for tag, _ in page.elements}
    assert tags.isdisjoint({"script", "link", "iframe", "object", "embed", "form", "base"})
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href", "srcset", "action", "poster"):
            if name in attributes:
                assert re.match(r"data:image/(png|svg\+xml);base64,[A-Za-z0-9+/=]+$|#", attributes[name] or "")


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_for_every_reader(pages: dict, kind: str):
    page: Page = pages[kind][0]
    for image in page.all("img"):
        assert image["alt"]
        assert int(image["width"] or 0) > 0
        assert int(image["height"] or 0) > 0
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for attributes in page.all("a")]
    assert links == [f"#{anchor}" for anchor in ANCHORS]
    for reference in [
        *(link[1:] for link in links),
        *(attributes["aria-labelledby"] for attributes in page.all("nav")),
    ]:
        assert reference in ids
    assert len(page.all("h1")) == 1
    assert page.all("html") == [{"lang": "en"}]
    assert all(attributes.get("scope") in ("col", "row") for attributes in page.all("th"))


def test_the_style_loads_nothing(image_vae: VAE, images: np.ndarray, tmp_path: Path):
    write_report(image_vae, images, tmp_path / "r.html", n_samples=50)
    style = re.findall(r"<style>(.*?)</style>", (tmp_path / "r.html").read_text("utf-8"), re.DOTALL)
    assert len(style) == 1
    assert not re.search(r"url\(|@import|@font-face|https?:", style[0])


def test_hostile_names_are_text(pages: dict):
    page: Page = pages["table"][0]
    assert HOSTILE in page.text
    assert "<b>0</b>" in page.text
    assert not page.all("b")
    assert "a & b" in page.text


def test_the_numbers_are_those_of_the_verbs(pages: dict, table_vae: VAE, table: DataFrame):
    text = pages["table"][0].text
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvidenceWarning)
        evidence = table_vae.log_evidence(table, n_samples=50)
    value, error = re.search(r"log p\(x\) ([−\d.]+) ± ([\d.]+) nats per row mean over 60 rows", text).groups()
    assert float(value.replace("−", "-")) == pytest.approx(evidence.value, abs=0.6 * 10.0 ** -len(value.split(".")[1]))
    assert float(error) == pytest.approx(evidence.standard_error, rel=0.1)
    elbo = table_vae.elbo(table).mean()
    assert f"ELBO {elbo:.2f} nats".replace("-", "−") in text
    assert f"gap {evidence.value - elbo:.2f} nats" in text
    health = table_vae.health(table)
    assert f"active latents {health.active_units} of 2" in text
    for sentence in health.advice:
        assert text.count(sentence) >= 2  # in the verdict and in its own section
    for kl in health.kl_per_dimension:
        assert f"{kl:.2f} nats" in text
    scores = table_vae.outlier_scores(table)
    oddest = int(np.argmax(scores))
    assert f"farthest from their reconstruction {oddest} {scores[oddest]:.4g}"[:45] in text
    for line in table_vae.status_.message.split("\n"):  # how the fit ended, and each note
        assert line in text


def test_sections_that_do_not_apply_say_why(pages: dict):
    text = pages["codes"][0].text
    assert "Left out: Autoencoder cannot be sampled: its encoder is deterministic" in text
    assert "Left out: Autoencoder has no health check: its encoder is deterministic" in text
    assert "Autoencoder has no density: its encoder is deterministic" in text
    assert "What remains is how well rows come back from their codes." in text
    assert "ELBO nats" not in text


def test_a_page_without_density_leads_with_what_comes_back(pages: dict, autoencoder: Autoencoder, images: np.ndarray):
    x = images[np.round(np.linspace(0, 59, 20)).astype(int)].astype(float)
    error = np.mean((x - autoencoder.reconstruct(x)) ** 2)
    text = pages["codes"][0].text
    assert f"reconstruction error {np.sqrt(error):.4g} units of x root mean square over 20 rows" in text
    assert (
        f"Of the variance of the pixels over these rows, {1 - error / x.var(axis=0).mean():.0%} is reconstructed."
        in text
    )


def test_images_are_shown_and_tables_are_not(pages: dict):
    alts = {kind: " ".join(image["alt"] for image in page.all("img")) for kind, (page, _) in pages.items()}
    for words in (
        "Training curves",
        "5 images and their reconstructions",
        "images drawn",
        "along",
        "least outlying images",
    ):
        assert words in alts["images"]
    assert "15 by 15 decoded images over the plane of codes" in alts["codes"]
    assert "images" not in alts["table"]
    assert "Histograms of 3 columns, rows and samples" in alts["table"]


def test_rows_keep_their_numbers_at_a_stride(pages: dict, autoencoder: Autoencoder, images: np.ndarray):
    text = pages["codes"][0].text
    assert "20 rows of 60, evenly spaced" in text
    numbers = np.round(np.linspace(0, 59, 20)).astype(int)
    scores = autoencoder.outlier_scores(images[numbers])
    assert f"row score {numbers[np.argmax(scores)]} " in text


def test_a_detector_brings_its_method_and_threshold(pages: dict, detector: OutlierDetector, table: DataFrame):
    text = pages["detector"][0].text
    assert "Scored by elbo" in text
    n_outliers = int(np.sum(detector.predict(table) == -1))
    assert f"{n_outliers} of 60 rows are beyond the detector's threshold" in text
    assert "Held against the labels, the area under the ROC curve is" in text


def test_labels_are_classes_unless_said_to_mark_outliers(image_vae, images, tmp_path):
    write_report(image_vae, images, tmp_path / "page.html", labels=np.arange(60) % 2, n_samples=50)
    text = read_page(tmp_path / "page.html").text
    assert "inlier" not in text
    assert "ROC" not in text
    for labels in (None, np.arange(60) % 3):
        with pytest.raises(ValueError, match="labels of write_report must be 0, or 1 for an outlier"):
            write_report(image_vae, images, tmp_path / "other.html", labels=labels, labels_mark_outliers=True)


def test_how_it_was_made(pages: dict):
    text = pages["images"][0].text
    assert "lowerbound report 'my model' DATA" in text
    assert "VAE( latent_dim=3, likelihood='bernoulli', binarize='dynamic', hidden=(8,), max_epochs=60," in text
    codes = pages["codes"][0].text
    assert "model saved with" in codes
    assert "0.0.1" in codes
    assert "model saved with" not in text


def test_rows_that_are_pictures_in_another_shape(table_vae: VAE, table: DataFrame, tmp_path: Path):
    write_report(table_vae, table, tmp_path / "r.html", n_samples=50, images=lambda rows: rows[:, None, :])
    alts = " ".join(image["alt"] for image in read_page(tmp_path / "r.html").all("img"))
    assert "60 images" not in alts
    assert "10 images and their reconstructions" in alts


def test_the_same_report_twice_is_the_same_but_for_its_date(image_vae: VAE, images: np.ndarray, tmp_path: Path):
    texts = []
    for name in ("one.html", "two.html"):
        write_report(image_vae, images, tmp_path / name, n_samples=50)
        texts.append(re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "", (tmp_path / name).read_text("utf-8")))
    assert texts[0] == texts[1]


def test_those_who_wait_hear_what_is_being_made(table_vae: VAE, table: DataFrame, tmp_path: Path):
    heard: list[str] = []
    write_report(table_vae, table, tmp_path / "r.html", n_samples=50, progress=heard.append)
    assert heard == [
        "measures", "likelihood", "training", "reconstructions", "samples", "latent space", "outliers", "health",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "options", "reason"),
    [
        ("report", {}, r"path of write_report must end in \.html or \.htm"),
        ("folder.html", {}, "must be a file; .*folder.html is a folder"),
        ("old.html", {}, "must be new; .*old.html exists. Set overwrite=True"),
        ("absent/r.html", {}, "must be in a folder that exists"),
        (
            "r.html",
            {"labels": np.zeros(59)},
            r"labels of write_report must be one for each row of X = 60; got shape \(59,\)",
        ),
        ("r.html", {"labels": np.zeros((60, 2))}, r"got shape \(60, 2\)"),
        ("r.html", {"n_rows": 1}, "n_rows of write_report must be a whole number, at least 2; got 1"),
        ("r.html", {"n_samples": 0}, "n_samples of VAE must be a whole number, at least 1; got 0"),
        ("r.html", {"images": lambda rows: rows}, r"images of write_report must make images of rows, .* got \(2, 3\)"),
    ],
)
def test_bad_input_is_refused_and_leaves_nothing(
    table_vae: VAE, table: DataFrame, tmp_path: Path, path: str, options: dict, reason: str
):
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "old.html").write_text("old")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=reason):
        write_report(table_vae, table, tmp_path / path, **{"n_samples": 50} | options)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "old.html").read_text() == "old"


def test_rows_that_do_not_fit_are_refused(table_vae: VAE, image_vae: VAE, table: DataFrame, tmp_path: Path):
    with pytest.raises(ValueError, match="at least 2 rows; got 1"):
        write_report(table_vae, table.iloc[:1], tmp_path / "r.html")
    with pytest.raises(ValueError, match=r"X of VAE must have rows of shape \(5, 4\), as in fit; got \(4, 5\)"):
        write_report(image_vae, np.zeros((9, 4, 5)), tmp_path / "r.html")
    with pytest.raises(ValueError, match="feature names should match"):
        write_report(table_vae, table.iloc[:, :2], tmp_path / "r.html")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_while_writing_keeps_the_old_report(table_vae: VAE, table: DataFrame, tmp_path: Path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    target = tmp_path / "r.html"
    target.write_text("old")
    monkeypatch.setattr(write.os, "fsync", full)
    with pytest.raises(OSError, match=r"r.html must be writable; got: No space left on device"):
        write_report(table_vae, table, target, n_samples=50, overwrite=True)
    assert target.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["r.html"]


def test_progress_names_every_step_in_its_order(image_vae, images, tmp_path: Path):
    steps: list[str] = []
    write_report(image_vae, images, tmp_path / "r.html", n_samples=50, n_rows=20, progress=steps.append)
    assert steps[0] == "measures"
    assert steps.index("training") < steps.index("samples") < steps.index("outliers") < steps.index("health")
    assert len(set(steps)) == len(steps)
