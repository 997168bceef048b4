"""A short run whose last epochs were the best says that it is probably unfinished; a long or a turned one does not."""

import numpy as np

from lowerbound import VAE

X = np.random.default_rng(0).normal(size=(300, 2)) @ np.array([[1.0, 2.0, 0.5], [0.0, 1.0, -1.0]])


def status(**changed: object) -> str:
    options = {"hidden": (8,), "max_epochs": 10, "random_state": 0} | changed
    return VAE(**options).fit(X).status_.message


def test_a_short_run_that_still_learns_says_so() -> None:
    assert "Only 30 steps were taken and the last epochs were the best" in status()


def test_a_long_run_does_not() -> None:
    assert status(max_epochs=120, batch_size=16) == "ran all 120 epochs."
