"""`fit` on the command line is `fit` in Python: the same options, the same numbers; and its exit codes."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from lowerbound import VAE, Autoencoder, load
from lowerbound.data.catalog import load_named
from lowerbound.fit import loop
from lowerbound.fit.progress import Reporter

SMALL = ("--hidden", "8", "--max-epochs", 3, "--quiet")


def test_fit_saves_what_python_fits(run, data: Path, rows: np.ndarray, tmp_path: Path):
    out = tmp_path / "new" / "model"
    ran = run("fit", "vae", data, "--out", out, *SMALL, "--latent-dim", 1, "--batch-size", 16, "--random-state", 3)
    assert (ran.code, ran.err) == (0, "")
    assert "Status: ran all 3 epochs." in ran.out
    twin = VAE(latent_dim=1, hidden=(8,), max_epochs=3, batch_size=16, random_state=3).fit(rows)
    np.testing.assert_array_equal(load(out).transform(rows), twin.transform(rows))
    assert not load(out).verbose


def test_images_go_from_a_file_to_a_convolutional_model(run, tmp_path: Path):
    images = np.random.default_rng(1).integers(0, 256, size=(30, 6, 9, 3)).astype(np.uint8)
    np.save(tmp_path / "images.npy", images)
    out = tmp_path / "model"
    options = ("--network", "conv", "--channels", "2,3", "--hidden", "8", "--dequantize", "--max-epochs", 2, "--quiet")
    assert run("fit", "vae", tmp_path / "images.npy", "--out", out, *options).code == 0
    twin = VAE(network="conv", channels=(2, 3), hidden=(8,), dequantize=True, max_epochs=2, random_state=0).fit(images)
    np.testing.assert_array_equal(load(out).transform(images), twin.transform(images))
    ran = run(
        "reconstruct", out, tmp_path / "images.npy", "--out", tmp_path / "again.npy", "--picture", tmp_path / "p.png"
    )
    assert ran.code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "again.npy"), twin.reconstruct(images))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict, object]]:
    """Hyperparameters and rows that arrive at VAE.fit, which stops there."""
    seen = []

    def fit(self: VAE, X: object) -> None:
        seen.append((self.get_params(), X))
        raise ValueError("seen")

    monkeypatch.setattr(VAE, "fit", fit)
    return seen


def test_every_option_reaches_its_hyperparameter(run, asked: list, data: Path, rows: np.ndarray, tmp_path: Path):
    options = {
        "latent_dim": 3, "likelihood": "bernoulli", "variance": "network", "binarize": "dynamic",
        "posterior_covariance": "full", "activation": "tanh", "objective": "importance_weighted",
        "n_importance_samples": 4, "beta": 0.5, "warmup_epochs": 1, "free_bits": 0.25, "batch_size": 32,
        "learning_rate": 0.002, "validation_fraction": 0.2, "patience": 7, "network": "conv",
    }  # fmt: skip
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    switches = (
        "--no-standardize",
        "--dequantize",
        "--hidden",
        "8,4",
        "--channels",
        "4,2",
        "--max-epochs",
        2,
        "--random-state",
        9,
    )
    run("fit", "vae", data, "--out", tmp_path / "m", *switches, *words)
    expected = options | {
        "standardize": False, "dequantize": True, "hidden": (8, 4), "channels": (4, 2),
        "max_epochs": 2, "random_state": 9, "verbose": True,
    }  # fmt: skip
    found, X = asked[0]
    assert {name: found[name] for name in expected} == expected
    np.testing.assert_array_equal(X, rows)


def test_options_left_out_leave_the_estimators_defaults(run, asked: list, data: Path, tmp_path: Path):
    run("fit", "vae", data, "--out", tmp_path / "m")
    assert asked[0][0] == VAE(random_state=0, verbose=True).get_params()
    run("fit", "vae", data, "--out", tmp_path / "m", "--patience", "none", "--quiet", "--hidden", "")
    assert asked[1][0] == VAE(random_state=0, patience=None, hidden=()).get_params()


@pytest.mark.parametrize(("split", "part"), [((), "x_train"), (("--split", "test"), "x_test")])
def test_a_named_set_means_its_training_rows(run, asked: list, tmp_path: Path, split: tuple, part: str):
    run("fit", "vae", "digits", "--out", tmp_path / "m", *split)
    np.testing.assert_array_equal(asked[0][1], getattr(load_named("digits"), part))


def test_autoencoder_and_the_names_of_columns(run, rows: np.ndarray, tmp_path: Path):
    lines = ["height,width,depth", *(",".join(map(str, row)) for row in rows)]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    ran = run("fit", "autoencoder", tmp_path / "rows.csv", "--out", tmp_path / "m", *SMALL, "--hidden", "")
    assert ran.code == 0, ran.err
    fitted = load(tmp_path / "m")
    assert isinstance(fitted, Autoencoder)
    assert list(fitted.feature_names_in_) == ["height", "width", "depth"]
    assert fitted.hidden == ()


def test_progress_goes_to_standard_error(run, data: Path, tmp_path: Path):
    ran = run("fit", "vae", data, "--out", tmp_path / "m", "--hidden", 8, "--max-epochs", 2)
    assert ran.code == 0
    assert "2/2 " in ran.err
    assert "2/2 " not in ran.out


def test_an_interrupted_fit_is_saved_and_said_so(run, data: Path, rows: np.ndarray, tmp_path: Path, monkeypatch):
    class Interrupting(Reporter):
        def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
            if epoch == 3:
                signal.raise_signal(signal.SIGINT)

    @contextmanager
    def reporter(*, verbose: bool, max_epochs: int, n_rows: int) -> Iterator[Reporter]:
        yield Interrupting()

    monkeypatch.setattr(loop, "reporter", reporter)
    ran = run("fit", "vae", data, "--out", tmp_path / "m", "--hidden", 8, "--max-epochs", 1000, "--quiet")
    assert ran.code == 130
    assert ran.err.startswith("Warning: stopped by Ctrl-C in epoch")
    assert "Saved" in ran.out
    assert load(tmp_path / "m").status_.code == "interrupted"
    assert load(tmp_path / "m").transform(rows).shape == (len(rows), 2)


def test_a_loss_that_explodes_warns_and_exits_with_1(run, rows: np.ndarray, tmp_path: Path):
    np.save(tmp_path / "x.npy", 1e30 * rows)
    ran = run("fit", "vae", tmp_path / "x.npy", "--out", tmp_path / "m", *SMALL, "--no-standardize")
    assert ran.code == 1
    assert ran.err.startswith("Warning: the loss was not finite at the very first step")
    assert load(tmp_path / "m").status_.code == "non_finite"


def test_a_saved_model_is_replaced_only_on_demand(run, data: Path, tmp_path: Path):
    out = tmp_path / "m"
    assert run("fit", "vae", data, "--out", out, *SMALL).code == 0
    before = (out / "model.json").read_bytes()
    ran = run("fit", "vae", data, "--out", out, *SMALL, "--random-state", 1)
    assert ran.code == 2
    assert ran.err == f"Error: --out must be new; {out} is a saved model. Add --overwrite to replace it.\n"
    assert (out / "model.json").read_bytes() == before
    assert run("fit", "vae", data, "--out", out, *SMALL, "--random-state", 1, "--overwrite").code == 0
    assert (out / "model.json").read_bytes() != before


@pytest.mark.parametrize("kind", ["a folder", "a file", "below a file"])
def test_fit_never_starts_where_it_could_not_save(run, data: Path, tmp_path: Path, monkeypatch, kind: str):
    monkeypatch.setattr(VAE, "fit", lambda self, X: pytest.fail("it started"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    out = {"a folder": "folder", "a file": "file", "below a file": "file/model"}[kind]
    ran = run("fit", "vae", data, "--out", tmp_path / out, *SMALL)
    assert ran.code == 2
    assert ran.err.startswith("Error: --out must be ")
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]
