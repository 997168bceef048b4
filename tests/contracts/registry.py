"""The one list of estimators that the contract tests run on: a new estimator is one line in ESTIMATORS.

An entry is a factory of a small, quick, seeded instance and what the estimator can do; tests choose their cases from it by the
capability that they need, so that no test names an estimator that it could find here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from lowerbound import VAE, Autoencoder, OutlierDetector

SMALL = {"hidden": (8,), "max_epochs": 2, "random_state": 0}

EMBEDDING = ("transform", "reconstruct")
PER_ROW = (*EMBEDDING, "outlier_scores")
DENSITY = ("score_samples", "score", "elbo", "posterior", "sample_posterior", "sample", "log_evidence", "health")
"""Verbs that a model without a density has not."""


def reals(n: int = 40, shape: tuple[int, ...] = (3,), *, seed: int = 0) -> np.ndarray:
    """Rows of correlated reals, in units far from one."""
    rng = np.random.default_rng(seed)
    size = int(np.prod(shape))
    mixed = rng.normal(size=(n, 2)) @ rng.normal(size=(2, size)) + 0.3 * rng.normal(size=(n, size))
    return (5 + 10 * mixed).reshape(n, *shape)


def bits(n: int = 40, shape: tuple[int, ...] = (3,), *, seed: int = 0) -> np.ndarray:
    """Rows of zeros and ones."""
    return (reals(n, shape, seed=seed) > 5).astype(np.float64)


def grey(n: int = 40, shape: tuple[int, ...] = (3,), *, seed: int = 0) -> np.ndarray:
    """Rows of grey levels, uint8."""
    return np.random.default_rng(seed).integers(0, 256, size=(n, *shape)).astype(np.uint8)


def counts(n: int = 40, shape: tuple[int, ...] = (3,), *, seed: int = 0) -> np.ndarray:
    """Rows of small counts, which are category codes too."""
    return np.random.default_rng(seed).poisson(2.0, size=(n, *shape)).astype(np.float64)


@dataclass(frozen=True)
class Entry:
    """One estimator in one configuration.

    Attributes
    ----------
    make
        Factory of an unfitted instance; takes hyperparameters to be set otherwise.
    rows
        (n, shape, seed=) -> data that it can be fitted to.
    latents
        Whether it embeds and decodes: transform, inverse_transform, reconstruct.
    density
        Whether it has the verbs of DENSITY.
    sklearn_checks
        Whether scikit-learn's own checks apply: reals in two dimensions.
    expected_failures
        scikit-learn checks that it fails, each with the reason.
    """

    make: Callable[..., BaseEstimator]
    rows: Callable[..., np.ndarray] = reals
    latents: bool = True
    density: bool = False
    sklearn_checks: bool = False
    expected_failures: dict[str, str] = field(default_factory=dict)

    @property
    def per_row(self) -> tuple[str, ...]:
        """Verbs that give one array with a number, or a row of numbers, for each row."""
        if not self.latents:
            return ("outlier_scores", "score_samples", "decision_function", "predict")
        return (*PER_ROW, "score_samples", "elbo") if self.density else PER_ROW


def _small(estimator: type[BaseEstimator], options: dict[str, Any], **changed: Any) -> BaseEstimator:
    return estimator(**(SMALL | options | changed))


def _detector(options: dict[str, Any], **changed: Any) -> BaseEstimator:
    return OutlierDetector(_small(VAE, {}), **(options | changed))


def _vae(rows: Callable[..., np.ndarray] = reals, *, checks: bool = False, **options: Any) -> Entry:
    return Entry(partial(_small, VAE, options), rows, density=True, sklearn_checks=checks)


ESTIMATORS: dict[str, Entry] = {
    "VAE": _vae(checks=True),
    "VAE full covariance": _vae(posterior_covariance="full"),
    "VAE network variance": _vae(variance="network", activation="tanh", objective="importance_weighted"),
    "VAE fixed variance": _vae(variance="fixed", noise_scale=0.5, kl="sampled", standardize=False),
    "VAE dequantized": _vae(grey, dequantize=True),
    "VAE bernoulli": _vae(bits, likelihood="bernoulli"),
    "VAE bernoulli dynamic": _vae(grey, likelihood="bernoulli", binarize="dynamic"),
    "VAE categorical": _vae(counts, likelihood="categorical"),
    "VAE poisson": _vae(counts, likelihood="poisson"),
    "Autoencoder": Entry(partial(_small, Autoencoder, {}), sklearn_checks=True),
    "OutlierDetector": Entry(partial(_detector, {}), latents=False, sklearn_checks=True),
}
"""Name of the case -> entry. The first case of a class stands under the class's own name."""


def cases(**capabilities: bool) -> list[str]:
    """Names of the entries that have exactly these capabilities."""
    return [
        name
        for name, entry in ESTIMATORS.items()
        if all(getattr(entry, capability) == wanted for capability, wanted in capabilities.items())
    ]
