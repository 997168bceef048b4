"""`report` writes what Python writes, with the labels and the command; bad input leaves nothing."""

import shlex
from pathlib import Path

import numpy as np
import pytest

from lowerbound import load
from lowerbound.cli.files import read_labels
from lowerbound.data.catalog import load_named


@pytest.fixture(scope="module")
def digits_vae(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from lowerbound import VAE

    folder = tmp_path_factory.mktemp("models") / "digits"
    rows = load_named("digits").x_train[:200]
    VAE(2, likelihood="poisson", hidden=(8,), max_epochs=1, random_state=0).fit(rows).save(folder)
    return folder


def test_a_report_of_a_named_set(run, digits_vae: Path, tmp_path: Path):
    out = tmp_path / "digits.html"
    words = ("report", digits_vae, "digits", "--out", out, "--image-shape", "8,8", "--rows", 50, "--samples", 30)
    ran = run(*words)
    assert (ran.code, ran.out) == (0, f"Wrote {out}: open it in a browser.\n"), ran.err
    page = out.read_text(encoding="utf-8")
    assert "<h1>VAE on digits (test rows)</h1>" in page
    assert "50 rows of 359, evenly spaced" in page
    assert f"lowerbound {shlex.join(map(str, words))}" in page
    assert "Colours are the labels" in page
    assert "decoded images over the plane of codes" in page
    assert "model saved with" in page
    again = run(*words)
    assert (again.code, again.err) == (
        2,
        f"Error: --out must be new; {out} exists. Add --overwrite to replace it.\n",
    )


def test_a_report_of_a_table_with_labels_of_its_own(run, vae: Path, data: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("y.npy", np.arange(40) % 2)
    ran = run("report", vae, data, "--labels", "y.npy", "--method", "elbo", "--samples", 30)
    assert ran.code == 0, ran.err
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Scored by elbo" in page
    assert "Colours are the labels" in page


def test_labels_mark_outliers_where_that_is_said(run, vae: Path, data: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outliers").mkdir()  # a folder of that name is no set of the catalogue
    np.save(tmp_path / "outliers" / "y.npy", np.arange(40) % 2)
    words = ("report", vae, data, "--labels", "outliers/y.npy", "--samples", 30)
    assert run(*words, "--out", "classes.html").code == 0
    assert "Held against the labels" not in (tmp_path / "classes.html").read_text(encoding="utf-8")
    assert run(*words, "--out", "marks.html", "--labels-mark-outliers").code == 0
    assert "Held against the labels" in (tmp_path / "marks.html").read_text(encoding="utf-8")


def test_labels_come_from_files_and_names(tmp_path: Path):
    digits = load_named("digits")
    (tmp_path / "y.csv").write_text("species\nsetosa\nvirginica\n")
    np.savez(tmp_path / "a.npz", y=np.arange(3), x=np.zeros(3))
    options = {"split": None, "default": "test"}
    assert read_labels(str(tmp_path / "y.csv"), data="rows.npy", **options).tolist() == ["setosa", "virginica"]
    assert read_labels(f"{tmp_path / 'a.npz'}:y", data="rows.npy", **options).tolist() == [0, 1, 2]
    np.testing.assert_array_equal(read_labels("digits", data="rows.npy", **options), digits.y_test)
    np.testing.assert_array_equal(read_labels(None, data="digits", **options), digits.y_test)
    np.testing.assert_array_equal(read_labels(None, data="digits", split="train", default="test"), digits.y_train)
    assert read_labels(None, data="rows.npy", **options) is None


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("report", "VAE"), "DATA must be given: a report needs rows."),
        (("report", "VAE", "DATA", "--out", "folder"), "--out must end in one of .html, .htm; got folder"),
        (("report", "VAE", "DATA", "--out", "folder.html"), "--out must be a file; folder.html is a folder"),
        (("report", "VAE", "DATA", "--out", "absent/r.html"), "--out must be in a folder that exists"),
        (("report", "absent", "DATA"), "path of load must be a saved model"),
        (("report", "VAE", "WIDE"), "X has 5 features, but VAE is expecting 3 features as input"),
        (("report", "VAE", "ONE"), "X of write_report must have at least 2 rows; got 1"),
        (("report", "VAE", "DATA", "--labels", "SHORT"), "labels of write_report must be one for each row of X = 40"),
        (("report", "VAE", "DATA", "--labels", "absent.csv"), "file absent.csv must exist; got none"),
        (("report", "VAE", "DATA", "--labels", "two.csv"), "--labels must be a table of one column"),
        (("report", "VAE", "DATA", "--labels", "digts"), "Did you mean 'digits'?"),
        (("report", "VAE", "DATA", "--rows", 1), "--rows must be greater than or equal to 2."),
        (("report", "VAE", "DATA", "--samples", 0), "--samples must be greater than or equal to 1."),
        (
            ("report", "VAE", "DATA", "--method", "magic"),
            "--method must be one of 'kl', 'log_evidence', 'elbo', 'reconstruction'; got 'magic'.",
        ),
        (
            ("report", "VAE", "DATA", "--image-shape", "2,2"),
            "--image-shape must be HEIGHT,WIDTH or HEIGHT,WIDTH,CHANNELS",
        ),
        (("report", "VAE", "DATA", "--split", "test"), "--split must go with a name in the catalogue"),
        (("report", "AUTOENCODER", "DATA", "--method", "kl"), "method of Autoencoder must be 'reconstruction'"),
        (("reconstruct", "VAE", "DATA", "--out", "x.txt"), "--out must end in one of"),
        (("reconstruct", "VAE", "DATA", "--out", "x.npy", "--picture", "x.png"), "--picture must go with images"),
        (("reconstruct", "VAE", "DATA", "--out", "x.npy", "--picture", "x.gif"), "--picture must end in one of"),
        (("outliers", "VAE", "DATA", "--picture", "x.png"), "--picture must go with images"),
        (("outliers", "VAE", "DATA", "--picture", "two.csv/x.png"), "--picture must be in a folder; "),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_is_one_line(run, vae, autoencoder, data, tmp_path: Path, monkeypatch, words: tuple, reason: str):
    monkeypatch.chdir(tmp_path)
    for name, array in {"WIDE": np.ones((4, 5)), "ONE": np.ones((1, 3)), "SHORT": np.arange(39)}.items():
        np.save(tmp_path / f"{name}.npy", array)
    (tmp_path / "two.csv").write_text("a,b\n1,2\n")
    for folder in ("folder", "folder.html"):
        (tmp_path / folder).mkdir()
    places = {"DATA": data, "VAE": vae, "AUTOENCODER": autoencoder}
    places |= {name: f"{name}.npy" for name in ("WIDE", "ONE", "SHORT")}
    before = sorted(tmp_path.rglob("*"))
    ran = run(*(places.get(word, word) for word in words))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Error: ")
    assert ran.err.count("\n") == 1
    assert reason in ran.err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_report_of_a_detector(run, data: Path, rows: np.ndarray, tmp_path: Path):
    from lowerbound import VAE, OutlierDetector

    detector = OutlierDetector(VAE(hidden=(8,), max_epochs=1, random_state=0), method="elbo").fit(rows)
    detector.save(tmp_path / "detector")
    ran = run("report", tmp_path / "detector", data, "--out", tmp_path / "r.html", "--samples", 30)
    assert ran.code == 0, ran.err
    assert "4 of 40 rows are beyond the detector&#39;s threshold" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert load(tmp_path / "detector").method == "elbo"
