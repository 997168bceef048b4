"""The one list of estimators that the contract tests run on: a new estimator is one line in ESTIMATORS.

An entry is a factory of a small, quick, seeded instance and what the estimator can do; tests choose their cases by the
capability that they need. The instances learn enough that importance sampling can be trusted: a warning is an error here.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import jax
import numpy as np
from sklearn.base import BaseEstimator

from lowerbound import VAE, Autoencoder, OutlierDetector

SMALL = {"hidden": (8,), "max_epochs": 100, "learning_rate": 0.03, "random_state": 0}

DENSITY = ("posterior", "sample_posterior", "sample", "log_evidence", "score_samples", "score", "elbo", "health")
"""Verbs that a model without a density has not."""


def reals(n: int = 40, shape: tuple[int, ...] = (3,), *, seed: int = 0) -> np.ndarray:
    """Rows of correlated reals, in units far from one."""
    rng = np.random.default_rng(seed)
    size = int(np.prod(shape))
    mixed = rng.normal(size=(n, 2)) @ rng.normal(size=(2, size)) + 0.3 * rng.normal(size=(n, size))
    return (5 + 10 * mixed).reshape(n, *shape)


def images(n: int = 40, shape: tuple[int, ...] = (5, 6), *, seed: int = 0) -> np.ndarray:
    """Rows of correlated reals in the shape of small images."""
    return reals(n, shape, seed=seed)


def grey(n: int = 40, shape: tuple[int, ...] = (3,), *, seed: int = 0) -> np.ndarray:
    """Rows of grey levels, uint8."""
    return np.random.default_rng(seed).integers(0, 256, size=(n, *shape)).astype(np.uint8)


def counts(n: int = 40, shape: tuple[int, ...] = (3,), *, seed: int = 0) -> np.ndarray:
    """Rows of small counts, which are category codes too."""
    return np.random.default_rng(seed).integers(0, 4, size=(n, *shape)).astype(np.float64)


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
    expected_failures
        What of scikit-learn's checks it fails, each with the reason, by name; None where they do not apply (not for reals).
    """

    make: Callable[..., BaseEstimator]
    rows: Callable[..., np.ndarray] = reals
    latents: bool = True
    density: bool = False
    expected_failures: dict[str, str] | None = None

    @property
    def sklearn_checks(self) -> bool:
        """Whether scikit-learn's own checks apply."""
        return self.expected_failures is not None

    def per_row(self, estimator: BaseEstimator, X: np.ndarray) -> dict[str, np.ndarray]:
        """What every verb says of the rows of X, one array with n rows for each."""
        if not self.latents:
            names = ("outlier_scores", "score_samples", "decision_function", "predict")
        else:
            names = ("transform", "reconstruct", "outlier_scores") + ("score_samples", "elbo") * self.density
        found = {name: getattr(estimator, name)(X) for name in names}
        if self.density:
            posterior = estimator.posterior(X)
            found |= {f"posterior.{name}": part for name, part in posterior._asdict().items() if part is not None}
            found["sample_posterior"] = estimator.sample_posterior(X, 2)
        return found

    def answers(self, estimator: BaseEstimator, X: np.ndarray) -> dict[str, np.ndarray]:
        """What every verb says, per row or not: two estimators that agree on all of it are one."""
        found = self.per_row(estimator, X)
        if self.latents:
            found["inverse_transform"] = estimator.inverse_transform(found["transform"])
        if self.density:
            evidence = estimator.log_evidence(X, n_samples=200)
            found["sample"], found["sample latents"] = estimator.sample(5, return_latents=True)
            found["standard_error"] = evidence.per_row_standard_error
            found["pareto_k"] = evidence.pareto_k
            found["active_units"] = np.array(estimator.health(X).active_units)
        return found


def _small(estimator: type[BaseEstimator], options: dict[str, Any], **changed: Any) -> BaseEstimator:
    return estimator(**(SMALL | options | changed))


def _detector(**changed: Any) -> BaseEstimator:
    return OutlierDetector(VAE(**(SMALL | changed)))


def _vae(
    rows: Callable[..., np.ndarray] = reals, *, expected_failures: dict[str, str] | None = None, **options: Any
) -> Entry:
    return Entry(partial(_small, VAE, options), rows, density=True, expected_failures=expected_failures)


ESTIMATORS: dict[str, Entry] = {
    "VAE": _vae(expected_failures={}),
    "VAE full covariance": _vae(posterior_covariance="full", variance="fixed", noise_scale=0.5, kl="sampled"),
    "VAE network variance": _vae(variance="network", activation="tanh", objective="importance_weighted"),
    "VAE dequantized": _vae(grey, dequantize=True),
    "VAE bernoulli": _vae(grey, likelihood="bernoulli", binarize="dynamic"),
    "VAE categorical": _vae(counts, likelihood="categorical"),
    "VAE poisson": _vae(counts, likelihood="poisson", warmup_epochs=2, free_bits=0.01),
    "VAE conv": _vae(
        images,
        network="conv",
        channels=(2, 3),
        hidden=(16,),
        posterior_covariance="full",
        variance="fixed",
        noise_scale=1.0,
    ),
    "Autoencoder conv": Entry(partial(_small, Autoencoder, {"network": "conv", "channels": (4,)}), images),
    "Autoencoder": Entry(partial(_small, Autoencoder, {}), expected_failures={}),
    "OutlierDetector": Entry(_detector, latents=False, expected_failures={}),
}
"""Name of the case -> entry."""


def cases(**capabilities: bool) -> list[str]:
    """Names of the entries that have exactly these capabilities."""
    return [
        name
        for name, entry in ESTIMATORS.items()
        if all(getattr(entry, capability) == wanted for capability, wanted in capabilities.items())
    ]


@cache
def fitted(name: str) -> BaseEstimator:
    """The named estimator fitted to its rows, once for all tests: look, do not change it."""
    return ESTIMATORS[name].make().fit(ESTIMATORS[name].rows())


def assert_same_answers(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    """Both to the last bit, dtypes included."""
    assert list(one) == list(other)
    for verb, answer in one.items():
        assert answer.dtype == other[verb].dtype, verb
        np.testing.assert_array_equal(answer, other[verb], err_msg=verb)


@contextmanager
def compilations() -> Iterator[Counter[str]]:
    """Counter of what XLA compiles meanwhile, by the name of the function."""
    found: Counter[str] = Counter()

    def listen(event: str, duration: float, **about: Any) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            found[about.get("fun_name", "unnamed")] += 1

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield found
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
