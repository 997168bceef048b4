"""Bad input: exit code 2, one line on standard error that names what is wrong, and nothing left behind."""

from pathlib import Path

import numpy as np
import pytest

from lowerbound.cli import entry

OUT = "OUT"


def bad_inputs() -> list:
    fit, out = ("fit", "vae", "DATA", "--quiet", "--max-epochs", 1), ("--out", OUT)
    return [
        (("fit", "vea", "DATA", *out), "MODEL of fit must be vae, autoencoder, linear_autoencoder, ppca, fa"),
        (("fit", "vea", "DATA", *out), "; got 'vea'."),
        (("fit", "vea", "DATA", *out), "Did you mean vae?"),
        (("fit", "vae", "DATA"), "--out must be given. See `lowerbound fit vae --help`."),
        (("fit", "vae", *out), "DATA must be given. See `lowerbound fit vae --help`."),
        (("fti",), "No such command 'fti'. Did you mean 'fit'? See `lowerbound --help`."),
        (("fit", "vae", "DATA", *out, "--laten-dim", 3), "No such option: --laten-dim. Did you mean --latent-dim?"),
        ((*fit, *out, "--latent-dim", "two"), "--latent-dim must be a whole number; got 'two'."),
        ((*fit, *out, "--latent-dim", 0), "latent_dim of VAE must be a whole number, at least 1 and at most"),
        ((*fit, *out, "--hidden", "8,x"), "--hidden must be whole numbers separated by commas"),
        ((*fit, *out, "--channels", "8;4"), "--channels must be whole numbers separated by commas"),
        ((*fit, *out, "--network", "conv"), "X of VAE must hold images"),
        ((*fit, *out, "--hidden", "0"), "hidden[0] of VAE must be a whole number, at least 1; got 0."),
        ((*fit, *out, "--beta", -1), "beta of VAE must be a number at least 0; got -1.0."),
        ((*fit, *out, "--binarize", "dynamic"), "binarize of VAE must be None for likelihood='gaussian'"),
        ((*fit, *out, "--likelihood", "bernoulli"), "of VAE must"),
        ((*fit, *out, "--dequantize"), "integer grey levels 0 to 255 for dequantize=True"),
        ((*fit, *out, "--split", "test"), "--split must go with a name in the catalogue"),
        (("fit", "vae", "DATA", *out, "--epochs", 5), "No such option: --epochs. Did you mean --max-epochs or"),
        (("fit", "vae", "DATA", *out, "--lr", 0.1), "No such option: --lr. Did you mean --learning-rate?"),
        (("fit", "fa", "DATA", *out, "--n-components", 2), "No such option: --n-components. Did you mean --latent-dim?"),
        (("fit", "vae", "DATA", *out, "--likelihood", "gauss"), "got 'gauss'. Did you mean gaussian?"),
        (("fit", "vae", "DATA", *out, "--patience", "never"), "--patience must be a whole number or none; got 'never'."),
        (("fit", "vae", "DATA", *out, "--max-gradient-norm", "x"), "--max-gradient-norm must be a number or none; got 'x'."),
        (("fit", "autoencoder", "DATA", *out, "--beta", 2), "No such option: --beta. See `lowerbound fit autoencoder --help`."),
        (("fit", "ppca", "DATA", *out, "--max-epochs", 2), "No such option: --max-epochs."),
        (("fit", "fa", "DATA", *out, "--n-clusters", 2), "No such option: --n-clusters."),
        (("fit", "ppca", "DATA", *out, "--latent-dim", 4), "latent_dim of PPCA must be at most n_features = 3; got 4."),
        (("fit", "ppca", "DATA", *out, "--method", "gradient"), "--method must be closed_form or em; got 'gradient'."),
        (("fit", "mfa", "DATA", *out, "--noise", "full", "-q"), "must be 0 for noise='full'"),
        (("fit", "linear_autoencoder", "HOLES", *out, "-q"), "of LinearAutoencoder must be finite (no NaN, no inf)"),
        (("fit", "vae", "INFINITE", *out, "-q"), "X of VAE must be finite"),
        (("fit", "vae", "TEXT", *out, "-q"), "must be numeric; got other values in 'name' ('ann')"),
        (("fit", "vae", "FLAT", *out, "-q"), "must have rows of cells, (n, features) or (n, height, width)"),
        (("fit", "vae", "mnits", *out, "-q"), "got 'mnits'. Did you mean 'mnist'?"),
        (("fit", "vae", "absent.npy", *out, "-q"), "file absent.npy must exist; got none."),
        (("fit", "vae", "rows.xyz", *out, "-q"), "extension of rows.xyz must be one of"),
        (("evaluate", "absent", "DATA"), "path of load must be a saved model; there is nothing at 'absent'"),
        (("evaluate", "BROKEN", "DATA"), "cannot be read: model.json is truncated or not JSON"),
        (("evaluate", "VAE", "WIDE"), "X has 5 features, but VAE is expecting 3 features as input"),
        (("evaluate", "VAE", "DATA", "--samples", 0), "n_samples of VAE must be a whole number, at least 1; got 0."),
        (("encode", "VAE", "DATA", "--out", "z.xls"), "--out must end in one of .npz, .npy, .csv, .parquet; got z.xls"),
        (("encode", "VAE", "DATA", "--out", "absent/z.npy"), "must be in a folder that exists"),
        (("encode", "VAE", "DATA", "--out", "folder.npy"), "--out must be a file; folder.npy is a folder."),
        (("sample", "AUTOENCODER", "--out", "x.npy"), "sample of Autoencoder is absent: its encoder is deterministic"),
        (("sample", "VAE", "--n", 0, "--out", "x.npy"), "n_samples of VAE must be a whole number, at least 1; got 0."),
        (("outliers", "AUTOENCODER", "DATA", "--method", "kl"), "method of Autoencoder must be 'reconstruction'"),
        (("outliers", "VAE", "DATA", "--method", "magic"), "'elbo', 'reconstruction'; got 'magic'."),
        (("outliers", "VAE", "DATA", "--top", 0), "--top must be greater than or equal to 1."),
        (("impute", "LINEAR", "DATA", "--out", "x.csv"), "impute of LinearAutoencoder is absent: it takes complete rows only."),
        (("impute", "PPCA", "DATA", "--out", "x.csv", "--draws", 2), "--out must be a .npy or .npz file for --draws"),
        (("impute", "PPCA", "DATA", "--out", "x.npy", "--draws", 0), "n_draws of PPCA must be a whole number, at least 1"),
        (("impute", "PPCA", "DATA", "--out", "x.npy", "--random-state", 1), "--random-state must go with --draws; got 1."),
        (("impute", "PPCA", "DATA", "--out", "x.npy", "--coverage", 0.9), "--coverage must go with --intervals; got 0.9."),
        (
            ("impute", "PPCA", "DATA", "--out", "x.npy", "--intervals", "i.csv", "--coverage", 1),
            "coverage of PPCA must be a number above 0 and below 1; got 1.0.",
        ),
        (("impute", "PPCA", "DATA", "--out", "x.csv", "--intervals", "x.csv"), "--intervals must be another file than"),
        (("impute", "PPCA", "WIDE", "--out", "x.csv"), "X has 5 features, but PPCA is expecting 3 features as input"),
        (("--module", "absent.py", "data"), "--module must be a file or an importable module; there is no file absent.py."),
        (("--module", "absent.models", "data"), "there is no module 'absent'. Give the path of its .py file."),
        (("--module", "json", "data"), "--module must register an estimator; json registers none. Call lowerbound.register("),
        (("data", "digts"), "Did you mean 'digits'?"),
        (("demo", "--out", "folder.npy/file"), "--out must be a folder; folder.npy/file is a file."),
    ]  # fmt: skip


@pytest.mark.parametrize(("words", "reason"), bad_inputs(), ids=lambda value: value if isinstance(value, str) else "")
def test_bad_input_is_one_line(
    run, vae, autoencoder, ppca, linear, data, tmp_path: Path, monkeypatch, words: tuple, reason: str
):
    monkeypatch.chdir(tmp_path)
    files = {
        "HOLES": np.array([[1.0, np.nan], [2.0, 3.0], [0.0, 1.0]]),
        "INFINITE": np.array([[1.0, np.inf], [2.0, 3.0], [0.0, 1.0]]),
        "FLAT": np.arange(5.0),
        "WIDE": np.ones((4, 5)),
    }
    for name, array in files.items():
        np.save(tmp_path / f"{name}.npy", array)
    (tmp_path / "text.csv").write_text("name,age\nann,3\nbob,4\n")
    for folder in ("broken", "folder.npy"):
        (tmp_path / folder).mkdir()
    for file in ("broken/model.json", "folder.npy/file"):
        (tmp_path / file).write_text("{")
    before = sorted(map(str, tmp_path.rglob("*")))
    places = {name: f"{name}.npy" for name in files}
    places |= {"VAE": vae, "AUTOENCODER": autoencoder, "PPCA": ppca, "LINEAR": linear}
    places |= {"DATA": data, "TEXT": "text.csv", "BROKEN": "broken", OUT: "m"}
    ran = run(*(places.get(word, word) for word in words))
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("Error: ")
    assert ran.err.count("\n") == 1
    assert ran.err.endswith("\n")
    assert reason in ran.err
    assert sorted(map(str, tmp_path.rglob("*"))) == before


@pytest.mark.parametrize("error", [TypeError("internal"), KeyError("internal"), AttributeError("internal")])
def test_internal_errors_keep_their_traceback(monkeypatch, error: Exception):
    def broken(*words: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(entry, "app", broken)
    with pytest.raises(type(error), match="internal"):
        entry.main(["data"])


def test_system_errors_name_the_file(monkeypatch, capsys):
    def full(*words: object, **options: object) -> None:
        raise OSError(28, "No space left on device", "model")

    monkeypatch.setattr(entry, "app", full)
    with pytest.raises(SystemExit, match="2"):
        entry.main(["data"])
    assert capsys.readouterr().err == "Error: model: No space left on device.\n"
