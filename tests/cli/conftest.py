"""A command line in this process, and small fitted models for it to read."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from lowerbound import PPCA, VAE, Autoencoder, LinearAutoencoder
from lowerbound.cli import main
from lowerbound.data.files import write_array

N_ROWS = 40


class Ran(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run the command line with these words; the exit code and both streams, which are pipes, beside a narrow terminal."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("LOWERBOUND_DATA", raising=False)  # no test of commands needs the folder, or its absence

    def run(*words: object) -> Ran:
        with pytest.raises(SystemExit) as exit:
            main([str(word) for word in words])
        captured = capsys.readouterr()
        return Ran(int(exit.value.code), captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def rows() -> np.ndarray:
    """(40, 3): a line in three dimensions, with noise."""
    draws = np.random.default_rng(0)
    return draws.normal(size=(N_ROWS, 1)) @ np.array([[1.0, -2.0, 0.5]]) + 0.1 * draws.normal(size=(N_ROWS, 3))


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory, rows: np.ndarray) -> Path:
    file = tmp_path_factory.mktemp("data") / "rows.npy"
    write_array(file, rows)
    return file


@pytest.fixture(scope="session")
def vae(tmp_path_factory: pytest.TempPathFactory, rows: np.ndarray) -> Path:
    folder = tmp_path_factory.mktemp("models") / "vae"
    VAE(latent_dim=2, hidden=(8,), max_epochs=3, random_state=0).fit(rows).save(folder)
    return folder


@pytest.fixture(scope="session")
def autoencoder(tmp_path_factory: pytest.TempPathFactory, rows: np.ndarray) -> Path:
    folder = tmp_path_factory.mktemp("models") / "autoencoder"
    Autoencoder(latent_dim=1, hidden=(8,), max_epochs=3, random_state=0).fit(rows).save(folder)
    return folder


@pytest.fixture(scope="session")
def ppca(tmp_path_factory: pytest.TempPathFactory, rows: np.ndarray) -> Path:
    folder = tmp_path_factory.mktemp("models") / "ppca"
    PPCA(latent_dim=1, random_state=0).fit(rows).save(folder)
    return folder


@pytest.fixture(scope="session")
def linear(tmp_path_factory: pytest.TempPathFactory, rows: np.ndarray) -> Path:
    folder = tmp_path_factory.mktemp("models") / "linear"
    LinearAutoencoder(latent_dim=1, random_state=0).fit(rows).save(folder)
    return folder
