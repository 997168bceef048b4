"""Fixtures of findings and reports: bits as images, a table with hostile column names, codes without a density."""

import numpy as np
import pytest
from pandas import DataFrame

from lowerbound import VAE, Autoencoder

HOSTILE = '<script>alert("x")</script>'
SMALL = {"hidden": (8,), "max_epochs": 60, "learning_rate": 0.02, "random_state": 0}


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    """(60, 5, 4) grey levels: a bright upper or a bright lower half."""
    draws = np.random.default_rng(0)
    shade = np.where(draws.integers(0, 2, 60)[:, None] == 1, [220, 220, 20, 20, 20], [20, 20, 20, 220, 220])
    return np.clip(shade[:, :, None] + draws.integers(-20, 20, (60, 5, 4)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def table() -> DataFrame:
    """60 rows of three columns in units far apart, one of them with a name that is HTML."""
    draws = np.random.default_rng(1)
    z = draws.normal(size=(60, 1))
    x = z @ np.array([[1.0, 100.0, -0.01]]) + draws.normal(size=(60, 3)) * [0.2, 20.0, 0.002]
    return DataFrame(x, columns=["height", HOSTILE, "a & b"])


@pytest.fixture(scope="session")
def image_vae(images: np.ndarray) -> VAE:
    return VAE(3, likelihood="bernoulli", binarize="dynamic", **SMALL).fit(images)


@pytest.fixture(scope="session")
def table_vae(table: DataFrame) -> VAE:
    return VAE(2, **SMALL).fit(table)


@pytest.fixture(scope="session")
def autoencoder(images: np.ndarray) -> Autoencoder:
    return Autoencoder(2, standardize=False, **SMALL).fit(images)
