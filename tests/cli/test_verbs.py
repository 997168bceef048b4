"""evaluate, encode, sample and outliers give the numbers of the estimator that they load."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from lowerbound import VAE, EvidenceWarning, OutlierDetector, load
from lowerbound.cli.evaluate import cautions, root_mean_square_error
from lowerbound.data.files import read_array, read_table


def test_evaluate_prints_the_estimators_numbers(run, vae: Path, data: Path, rows: np.ndarray):
    ran = run("evaluate", vae, data, "--samples", 50, "--json")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    estimator = load(vae)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvidenceWarning)
        evidence = estimator.log_evidence(rows, n_samples=50)
    assert found["log_evidence"] == evidence.value
    assert found["standard_error"] == evidence.standard_error
    assert found["sampling_error"] == evidence.sampling_error
    assert found["base_measure"] == "Lebesgue measure"
    assert found["effective_sample_size_smallest"] == evidence.effective_sample_size.min()
    assert found["pareto_k_share_above_0.7"] == np.mean(evidence.pareto_k > 0.7)
    assert found["elbo"] == pytest.approx(estimator.elbo(rows).mean())
    error = np.sqrt(np.mean((rows - estimator.reconstruct(rows)) ** 2))
    assert found["root_mean_square_error"] == pytest.approx(error)
    assert found["advice"] == list(estimator.health(rows).advice)
    table = run("evaluate", vae, data, "--samples", 50).out
    assert f"{evidence.value:.3f} ± {evidence.standard_error:.3f}" in table
    for sentence in found["advice"]:
        assert sentence in table


def test_too_few_samples_are_said_to_be_so():
    measured = {"log_evidence": -1.0, "pareto_k_share_above_0.7": float("nan"), "advice": ["All is well."]}
    assert cautions(measured)[0].startswith("Caution: too few --samples")
    assert cautions(measured | {"pareto_k_share_above_0.7": 0.2})[0].startswith("Caution: Pareto k-hat is above 0.7")
    assert cautions(measured | {"pareto_k_share_above_0.7": 0.1}) == ["Latent space: All is well."]


def test_evaluate_of_an_autoencoder_is_its_reconstruction_error(run, autoencoder: Path, data: Path, rows: np.ndarray):
    found = json.loads(run("evaluate", autoencoder, data, "--json").out)
    error = np.sqrt(np.mean((rows - load(autoencoder).reconstruct(rows)) ** 2))
    assert found["root_mean_square_error"] == pytest.approx(error)
    assert "log_evidence" not in found
    assert "Autoencoder has no density" in run("evaluate", autoencoder, data).out


def test_reconstruction_errors_of_bits_are_in_bits():
    greys = np.random.default_rng(0).integers(0, 256, size=(40, 3)).astype(np.uint8)
    bits = VAE(likelihood="bernoulli", binarize="dynamic", hidden=(8,), max_epochs=1, random_state=0).fit(greys)
    expected = np.sqrt(np.mean((greys / 255 - bits.reconstruct(greys)) ** 2))
    assert root_mean_square_error(bits, greys) == pytest.approx(expected)
    assert 0 < expected < 1


@pytest.mark.parametrize("name", ["codes.npy", "codes.npz", "codes.csv", "codes.parquet"])
def test_encode_writes_the_posterior_means(run, vae: Path, data: Path, rows: np.ndarray, tmp_path: Path, name: str):
    out = tmp_path / name
    ran = run("encode", vae, data, "--out", out)
    assert (ran.code, ran.err) == (0, "")
    np.testing.assert_allclose(read_array(out), load(vae).transform(rows), rtol=1e-6)
    if name.endswith((".csv", ".parquet")):
        assert read_table(out).columns == ("z0", "z1")
    again = run("encode", vae, data, "--out", out)
    assert again.err == f"Error: --out must be new; {out} exists. Add --overwrite to replace it.\n"
    assert run("encode", vae, data, "--out", out, "--overwrite").code == 0


@pytest.mark.parametrize(("split", "n_rows"), [((), 359), (("--split", "test"), 359), (("--split", "train"), 1438)])
def test_a_named_set_means_its_test_rows(run, vae: Path, tmp_path: Path, monkeypatch, split: tuple, n_rows: int):
    monkeypatch.setattr(VAE, "transform", lambda self, X: X[:, :2])
    ran = run("encode", vae, "digits", *split, "--out", tmp_path / "z.npy")
    assert f"Wrote {n_rows} rows" in ran.out


def test_sample_writes_draws_and_their_latents(run, vae: Path, tmp_path: Path):
    x, z = load(vae).sample(20, random_state=5, return_latents=True)
    words = ("sample", vae, "--n", 20, "--seed", 5, "--out", tmp_path / "x.csv", "--latents", tmp_path / "z.npy")
    ran = run(*words)
    assert (ran.code, ran.err) == (0, "")
    np.testing.assert_allclose(read_array(tmp_path / "x.csv"), x, rtol=1e-6)
    np.testing.assert_array_equal(read_array(tmp_path / "z.npy"), z)
    assert run(*words[:-1], tmp_path / "x.csv", "--overwrite").code == 2


def test_samples_have_the_names_of_the_columns(run, rows: np.ndarray, tmp_path: Path):
    lines = ["height,width,depth", *(",".join(map(str, row)) for row in rows)]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    run("fit", "vae", tmp_path / "rows.csv", "--out", tmp_path / "m", "--hidden", 8, "--epochs", 1, "-q")
    assert run("sample", tmp_path / "m", "--n", 3, "--out", tmp_path / "x.parquet").code == 0
    assert read_table(tmp_path / "x.parquet").columns == ("height", "width", "depth")


@pytest.mark.parametrize("method", ["kl", "elbo", "reconstruction"])
def test_outliers_lists_the_largest_scores_first(run, vae: Path, data: Path, rows: np.ndarray, tmp_path: Path, method):
    scores = load(vae).outlier_scores(rows, method=method)
    ran = run("outliers", vae, data, "--method", method, "--top", 4, "--out", tmp_path / "scores.csv")
    assert (ran.code, ran.err) == (0, "")
    listed = [line.split() for line in ran.out.splitlines()[1:5]]
    assert listed == [[str(row), f"{scores[row]:.3f}"] for row in np.argsort(-scores)[:4]]
    table = read_table(tmp_path / "scores.csv")
    assert table.columns == ("score",)
    np.testing.assert_allclose(table.values[:, 0], scores, rtol=1e-5)


def test_outliers_by_log_evidence(run, vae: Path, data: Path):
    ran = run("outliers", vae, data, "--method", "log_evidence", "--top", 40)
    assert ran.code == 0
    assert sorted(int(line.split()[0]) for line in ran.out.splitlines()[1:41]) == list(range(40))


def test_a_saved_detector_scores_by_its_own_method(run, data: Path, rows: np.ndarray, tmp_path: Path):
    vae = VAE(hidden=(8,), max_epochs=1, random_state=0)
    detector = OutlierDetector(vae, method="reconstruction", contamination=0.2).fit(rows)
    detector.save(tmp_path / "detector")
    ran = run("outliers", tmp_path / "detector", data, "--top", 1)
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[1].split()[0] == str(np.argmax(detector.outlier_scores(rows)))
