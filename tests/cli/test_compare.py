"""lowerbound compare: the numbers of the library for the saved models, as a table and as JSON, and bad input in one line."""

import json
import math
import warnings
from pathlib import Path

import numpy as np
import pytest

from lowerbound import VAE, EvidenceWarning, OutlierDetector, compare, load


@pytest.fixture(scope="module")
def wider(tmp_path_factory: pytest.TempPathFactory, rows: np.ndarray) -> Path:
    """A detector around a VAE whose third column was constant."""
    folder = tmp_path_factory.mktemp("models") / "wider"
    flat = rows.copy()
    flat[:, 2] = 1.0
    OutlierDetector(VAE(2, hidden=(8,), max_epochs=2, random_state=1)).fit(flat).save(folder)
    return folder


def test_it_prints_the_comparison_of_the_saved_models(run, vae: Path, autoencoder: Path, wider: Path, data: Path, rows):
    models = [load(vae), load(autoencoder), load(wider).estimator_]
    names = [str(vae), str(autoencoder), str(wider)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvidenceWarning)
        expected = compare(models, rows, names=names, n_samples=50)
    ran = run("compare", vae, autoencoder, wider, data, "--samples", 50)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"{expected}\n"
    assert "1 column (2), constant in the training rows" in ran.out
    assert "is left blank: its encoder is deterministic" in " ".join(ran.out.split())  # long names wrap


def test_json_has_the_full_numbers_and_no_nan(run, vae: Path, autoencoder: Path, data: Path, rows: np.ndarray):
    ran = run("compare", vae, autoencoder, data, "--samples", 20, "--json")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out, parse_constant=pytest.fail)
    expected = compare([load(vae), load(autoencoder)], rows, n_samples=20)
    assert found["n_rows"] == len(rows)
    assert found["best"] == str(vae)
    assert found["base_measure"] == "Lebesgue measure"
    first, second = found["entries"]
    assert first["value"] == expected.entries[0].value
    assert first["standard_error"] == expected.entries[0].standard_error
    assert math.isnan(expected.entries[1].value)
    assert second["value"] is None
    assert second["reason"] == expected.entries[1].reason


def test_a_named_set_means_its_test_rows(run, tmp_path: Path):
    VAE(2, hidden=(), max_epochs=1, dequantize=True).fit(np.random.default_rng(0).integers(0, 17, (9, 64))).save(
        tmp_path / "m"
    )
    for split, n_rows in (((), 359), (("--split", "train"), 1438)):
        ran = run("compare", tmp_path / "m", "digits", *split, "--samples", 2, "--json")
        assert json.loads(ran.out)["n_rows"] == n_rows, ran.err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "MODEL must be given. See `lowerbound compare --help`."),
        (("VAE",), "MODEL must be given."),
        (("VAE", "absent", "DATA"), "path of load must be a saved model; there is nothing at 'absent'"),
        (("VAE", "VAE", "DATA"), "names of compare must differ; got"),
        (("VAE", "absent.npy"), "file absent.npy must exist; got none."),
        (("VAE", "DATA", "--samples", 0), "n_samples of compare must be a whole number, at least 1; got 0."),
        (("VAE", "DATA", "--split", "test"), "--split must go with a name in the catalogue"),
        (("VAE", "NARROW", "DATA"), "estimators of compare must be fitted to rows of one shape; got (3,) for"),
    ],
)
def test_bad_input_is_one_line(run, vae: Path, data: Path, tmp_path: Path, rows: np.ndarray, words: tuple, reason: str):
    if "NARROW" in words:
        VAE(1, hidden=(), max_epochs=1).fit(rows[:, :2]).save(tmp_path / "narrow")
    places = {"VAE": vae, "DATA": data, "NARROW": tmp_path / "narrow"}
    ran = run("compare", *(places.get(word, word) for word in words))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Error: ")
    assert ran.err.count("\n") == 1
    assert reason in ran.err
