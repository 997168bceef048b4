"""evaluate, encode, reconstruct, sample and outliers give the numbers of the estimator that they load."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas
import pytest

from lowerbound import VAE, Autoencoder, EvidenceWarning, OutlierDetector, load
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
    error = np.sqrt(np.mean(((rows - estimator.reconstruct(rows)) / rows.std(axis=0)) ** 2))
    assert found["root_mean_square_error"] == pytest.approx(error)
    assert found["root_mean_square_error_unit"] == "standard deviations of each column over these rows"
    assert found["advice"] == list(estimator.health(rows).advice)
    table = run("evaluate", vae, data, "--samples", 50).out
    assert f"{evidence.value:.3f} ± {evidence.standard_error:.3f}" in table
    for sentence in found["advice"]:
        assert sentence in table


def test_evaluate_of_an_autoencoder_is_its_reconstruction_error(run, autoencoder: Path, data: Path, rows: np.ndarray):
    found = json.loads(run("evaluate", autoencoder, data, "--json").out)
    error = np.sqrt(np.mean(((rows - load(autoencoder).reconstruct(rows)) / rows.std(axis=0)) ** 2))
    assert found["root_mean_square_error"] == pytest.approx(error)
    assert "log_evidence" not in found
    assert "Autoencoder has no density" in run("evaluate", autoencoder, data).out


@pytest.mark.parametrize("name", ["codes.npy", "codes.npz", "codes.csv", "codes.parquet"])
def test_encode_writes_the_posterior_means(run, vae: Path, data: Path, rows: np.ndarray, tmp_path: Path, name: str):
    out = tmp_path / name
    ran = run("encode", vae, data, "--out", out)
    assert (ran.code, ran.err) == (0, "")
    np.testing.assert_allclose(read_array(out), load(vae).transform(rows), rtol=1e-6)
    if name.endswith((".csv", ".parquet")):
        assert read_table(out).columns == ("z1", "z2")
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
    words = (
        "sample",
        vae,
        "--n",
        20,
        "--random-state",
        5,
        "--out",
        tmp_path / "x.csv",
        "--latents",
        tmp_path / "z.npy",
    )
    ran = run(*words)
    assert (ran.code, ran.err) == (0, "")
    np.testing.assert_allclose(read_array(tmp_path / "x.csv"), x, rtol=1e-6)
    np.testing.assert_array_equal(read_array(tmp_path / "z.npy"), z)
    assert run(*words[:-1], tmp_path / "x.csv", "--overwrite").code == 2


def test_samples_have_the_names_of_the_columns(run, rows: np.ndarray, tmp_path: Path):
    lines = ["height,width,depth", *(",".join(map(str, row)) for row in rows)]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    run("fit", "vae", tmp_path / "rows.csv", "--out", tmp_path / "m", "--hidden", 8, "--max-epochs", 1, "-q")
    assert run("sample", tmp_path / "m", "--n", 3, "--out", tmp_path / "x.parquet").code == 0
    assert read_table(tmp_path / "x.parquet").columns == ("height", "width", "depth")


@pytest.mark.parametrize("method", ["kl", "elbo", "reconstruction"])
def test_outliers_lists_the_largest_scores_first(run, vae: Path, data: Path, rows: np.ndarray, tmp_path: Path, method):
    scores = load(vae).outlier_scores(rows, method=method)
    ran = run("outliers", vae, data, "--method", method, "--top", 4, "--out", tmp_path / "scores.csv")
    assert (ran.code, ran.err) == (0, "")
    listed = [line.split() for line in ran.out.splitlines()[1:5]]
    assert listed == [[str(row), f"{scores[row]:.3f}"] for row in np.argsort(-scores)[:4]]
    lines = (tmp_path / "scores.csv").read_text().splitlines()
    assert lines[0] == f"row,{method}"
    assert lines[1].startswith("0,")  # a whole number
    table = read_table(tmp_path / "scores.csv")
    np.testing.assert_array_equal(table.values[:, 0], np.arange(len(rows)))
    np.testing.assert_allclose(table.values[:, 1], scores, rtol=1e-5)


def test_scores_in_npy_are_one_per_row_and_in_parquet_keep_their_types(run, vae: Path, data: Path, tmp_path: Path):
    scores = load(vae).outlier_scores(read_array(data))
    for name in ("scores.npy", "scores.npz", "scores.parquet"):
        assert run("outliers", vae, data, "--out", tmp_path / name).code == 0
    for name in ("scores.npy", "scores.npz"):
        np.testing.assert_array_equal(read_array(tmp_path / name), scores)
    table = pandas.read_parquet(tmp_path / "scores.parquet")
    assert {column: str(dtype) for column, dtype in table.dtypes.items()} == {"row": "int64", "kl": "float32"}
    np.testing.assert_array_equal(table["kl"], scores)


@pytest.mark.parametrize("name", ["back.npy", "back.csv"])
def test_reconstruct_writes_the_reconstructions(
    run, vae: Path, data: Path, rows: np.ndarray, tmp_path: Path, name: str
):
    ran = run("reconstruct", vae, data, "--out", tmp_path / name)
    assert (ran.code, ran.out, ran.err) == (0, f"Wrote 40 rows to {tmp_path / name}\n", "")
    np.testing.assert_allclose(read_array(tmp_path / name), load(vae).reconstruct(rows), rtol=1e-5)


def test_images_are_reconstructed_and_drawn(run, tmp_path: Path):
    images = np.random.default_rng(0).integers(0, 256, size=(12, 4, 3)).astype(np.uint8)
    np.save(tmp_path / "x.npy", images)
    fitted = Autoencoder(2, hidden=(), max_epochs=1, random_state=0).fit(images)
    fitted.save(tmp_path / "m")
    out, picture, odd = tmp_path / "back.npz", tmp_path / "back.png", tmp_path / "odd.png"
    ran = run("reconstruct", tmp_path / "m", tmp_path / "x.npy", "--out", out, "--picture", picture)
    assert ran.out == f"Wrote 12 rows to {out}, a picture to {picture}\n", ran.err
    np.testing.assert_allclose(read_array(out), fitted.reconstruct(images), rtol=1e-5)
    assert run("outliers", tmp_path / "m", tmp_path / "x.npy", "--picture", odd).code == 0
    for file in (picture, odd):
        assert file.read_bytes().startswith(b"\x89PNG")
    refused = run("reconstruct", tmp_path / "m", tmp_path / "x.npy", "--out", tmp_path / "back.csv")
    assert refused.err.startswith("Error: --out must be a .npy or .npz file for rows of shape (4, 3)")


def test_rows_with_two_channels_are_no_pictures(run, tmp_path: Path, monkeypatch):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(12, 4, 3, 2)))
    Autoencoder(2, hidden=(), max_epochs=1).fit(np.load(tmp_path / "x.npy")).save(tmp_path / "m")
    for verb, broken in (("reconstruct", "reconstruct"), ("outliers", "outlier_scores")):
        monkeypatch.setattr(Autoencoder, broken, None)  # refused before the work
        words = (tmp_path / "m", tmp_path / "x.npy", "--out", tmp_path / "o.npy", "--picture", tmp_path / "o.png")
        ran = run(verb, *words)
        assert ran.code == 2
        assert "--picture must go with images" in ran.err
        assert "rows of this model have shape (4, 3, 2)" in ran.err


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
