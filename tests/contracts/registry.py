"""The one list of estimators that the contract tests run on: a new estimator is one line in ESTIMATORS.

An entry is a factory of a small, quick, seeded instance and what the estimator can do; tests choose their cases by the
capability that they need. The instances learn enough that importance sampling can be trusted: a warning is an error here.
"""

import importlib.util
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from sklearn.base import BaseEstimator

from lowerbound import (
    PPCA,
    VAE,
    Autoencoder,
    FactorAnalysis,
    LinearAutoencoder,
    MixtureOfFactorAnalyzers,
    OutlierDetector,
)

OWN_MODEL = Path(__file__).resolve().parents[2] / "examples" / "own_model.py"


def _import_own_model() -> Any:
    """The stranger's file, as its user imports it: it registers its estimator."""
    if "own_model" not in sys.modules:
        spec = importlib.util.spec_from_file_location("own_model", OWN_MODEL)
        assert spec is not None
        assert spec.loader is not None
        sys.modules["own_model"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["own_model"])
    return sys.modules["own_model"]


VampVAE = _import_own_model().VampVAE

SMALL = {"hidden": (8,), "max_epochs": 100, "learning_rate": 0.03, "random_state": 0}

STOPPED_EARLY = r"ignore:fit of \w+. stopped after max_iter:sklearn.exceptions.ConvergenceWarning"
"""Filter for tests whose fits end by ``max_iter`` on purpose."""

DENSITY = ("posterior", "sample_posterior", "sample", "log_evidence", "score_samples", "score", "elbo", "health")
"""Verbs that a model without a density has not."""

GAUSSIAN = ("posterior", "health")
"""Those among them that need a posterior with a mean and a covariance."""


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


def with_holes(X: np.ndarray) -> np.ndarray:
    """The table with the largest cell of every row missing: where, is a matter of the row alone."""
    return np.where(X.max(axis=1, keepdims=True) > X, X, np.nan)


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
    gaussian
        Whether it has those of GAUSSIAN too.
    exact
        Whether log p(x) is computed without sampling.
    missing
        Whether NaN is a missing cell rather than an error.
    clusters
        Whether it has clusters to predict.
    seeded
        Whether its fit depends on random_state; None where other seeds may end at the same maximum.
    dtype
        Of its numbers.
    code_dim
        Columns of ``transform``.
    n_epochs
        Epochs of its fit; None where the fit stops by itself.
    quick
        Hyperparameters that make it learn less.
    retuned
        Hyperparameters whose change must compile nothing.
    accepted
        Hyperparameter -> values out of range for other estimators, which this one takes.
    expected_failures
        What of scikit-learn's checks it fails, each with the reason, by name; None where they do not apply (not for reals, or
        another configuration of a class that is checked).
    """

    make: Callable[..., BaseEstimator]
    rows: Callable[..., np.ndarray] = reals
    latents: bool = True
    density: bool = False
    gaussian: bool = False
    exact: bool = False
    missing: bool = False
    clusters: bool = False
    seeded: bool | None = True
    dtype: str = "float32"
    code_dim: int = 2
    n_epochs: int | None = SMALL["max_epochs"]
    quick: Mapping[str, Any] = field(default_factory=lambda: {"max_epochs": 2})
    retuned: Mapping[str, Any] = field(default_factory=lambda: {"learning_rate": 0.02})
    accepted: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    expected_failures: dict[str, str] | None = None

    @property
    def sklearn_checks(self) -> bool:
        """Whether scikit-learn's own checks apply."""
        return self.expected_failures is not None

    @property
    def imputes(self) -> bool:
        """Whether missing cells can be filled: they are taken, and have a distribution."""
        return self.missing and self.density

    @property
    def owner(self) -> str:
        """Name of the class that checks the data, and is named in its errors."""
        made = self.make()
        return type(getattr(made, "estimator", made)).__name__

    @property
    def absent(self) -> dict[str, str]:
        """Verbs that it has not, each with a word of the reason."""
        if not self.density:
            return dict.fromkeys(DENSITY, "density") if self.latents else {}
        return {} if self.gaussian else dict.fromkeys(GAUSSIAN, "not one Gaussian")

    def per_row(self, estimator: BaseEstimator, X: np.ndarray) -> dict[str, np.ndarray]:
        """What the verbs say of the rows of X, one array with n rows for each: all verbs for the entry that stands for its class,
        a short list for its variants."""
        if not self.latents:
            names = ("outlier_scores", "score_samples", "decision_function", "predict")
        else:
            names = ("transform", "reconstruct", "outlier_scores") + ("score_samples",) * self.density
        whole = self.sklearn_checks
        names += ("elbo",) * (whole and self.latents and self.density)
        found = {name: getattr(estimator, name)(X) for name in names}
        if self.gaussian and whole:
            posterior = estimator.posterior(X)
            found |= {f"posterior.{name}": part for name, part in posterior._asdict().items() if part is not None}
        if self.density:
            found["sample_posterior"] = estimator.sample_posterior(X, 2)
        if self.clusters:
            found |= {name: getattr(estimator, name)(X) for name in ("predict", "predict_proba")}
        if self.missing and self.latents and whole:
            found["transform of holes"] = estimator.transform(with_holes(X))
        if self.imputes and whole:  # of variants: tests/estimators/test_vae_missing_cells.py
            holes = with_holes(X)
            found["score_samples of holes"] = estimator.score_samples(holes)
            found["impute"] = estimator.impute(holes)
            found["impute draws"] = estimator.impute(holes, n_draws=2)
            found |= {f"imputation.{name}": part for name, part in estimator.imputation(holes)._asdict().items()}
        return found

    def answers(self, estimator: BaseEstimator, X: np.ndarray) -> dict[str, np.ndarray]:
        """What the verbs of ``per_row`` say, and those that are not of rows: two estimators that agree on all of it are one."""
        found = self.per_row(estimator, X)
        if self.latents:
            found["inverse_transform"] = estimator.inverse_transform(found["transform"])
        if self.density:
            found["sample"], found["sample latents"] = estimator.sample(5, return_latents=True)
        if self.density and self.sklearn_checks:
            evidence = estimator.log_evidence(X, n_samples=200)
            found["standard_error"] = evidence.per_row_standard_error
            found["pareto_k"] = evidence.pareto_k
        if self.gaussian and self.sklearn_checks:
            found["active_units"] = np.array(estimator.health(X).active_units)
        return found


def _small(estimator: type[BaseEstimator], options: dict[str, Any], **changed: Any) -> BaseEstimator:
    return estimator(**(SMALL | options | changed))


def _seeded(estimator: type[BaseEstimator], options: dict[str, Any], **changed: Any) -> BaseEstimator:
    return estimator(**({"random_state": 0} | options | changed))


def _detector(**changed: Any) -> BaseEstimator:
    return OutlierDetector(VAE(**(SMALL | changed)))


def _vae(
    rows: Callable[..., np.ndarray] = reals, *, expected_failures: dict[str, str] | None = None, **options: Any
) -> Entry:
    about = {"density": True, "gaussian": True, "missing": True, "expected_failures": expected_failures}
    return Entry(partial(_small, VAE, options), rows, **about)


EXACT: dict[str, Any] = {
    "density": True,
    "exact": True,
    "missing": True,
    "dtype": "float64",
    "n_epochs": None,
    "quick": {"max_iter": 10},
    "retuned": {"tol": 1e-5, "max_iter": 50},
}
"""What all the exactly solvable models can do."""


def _linear_gaussian(estimator: type[BaseEstimator], options: dict[str, Any], **about: Any) -> Entry:
    return Entry(partial(_seeded, estimator, options), **(EXACT | {"gaussian": True, "seeded": False} | about))


def _mixture(code_dim: int, *, expected_failures: dict[str, str] | None = None, **options: Any) -> Entry:
    return Entry(
        partial(_seeded, MixtureOfFactorAnalyzers, options),
        code_dim=code_dim,
        clusters=True,
        seeded=None,
        accepted={"latent_dim": (0,)},
        expected_failures=expected_failures,
        **EXACT,
    )


def _linear_autoencoder(options: dict[str, Any], **about: Any) -> Entry:
    defaults = {"max_epochs": SMALL["max_epochs"], "learning_rate": SMALL["learning_rate"]}
    return Entry(partial(_seeded, LinearAutoencoder, defaults | options), **about)


ESTIMATORS: dict[str, Entry] = {
    "PPCA": _linear_gaussian(PPCA, {}, n_epochs=1, expected_failures={}),
    "PPCA em": _linear_gaussian(PPCA, {"method": "em", "standardize": True}),
    "FactorAnalysis": _linear_gaussian(FactorAnalysis, {}, expected_failures={}),
    "FactorAnalysis varimax": _linear_gaussian(FactorAnalysis, {"rotation": "varimax"}),
    "FactorAnalysis promax": _linear_gaussian(FactorAnalysis, {"rotation": "promax"}),
    "MixtureOfFactorAnalyzers": _mixture(4, latent_dim=1, expected_failures={}),
    "MixtureOfFactorAnalyzers isotropic": _mixture(6, noise="isotropic", shared_noise=True, n_init=2),
    "MixtureOfFactorAnalyzers full": _mixture(3, n_clusters=3, latent_dim=0, noise="full"),
    "LinearAutoencoder": _linear_autoencoder({}, n_epochs=1, seeded=False, expected_failures={}),
    "LinearAutoencoder gradient": _linear_autoencoder({"method": "gradient"}),
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
    "VampVAE": Entry(
        partial(_small, VampVAE, {"n_pseudo_inputs": 1}),
        density=True,
        gaussian=True,
        missing=True,
        expected_failures={},
    ),
    "Autoencoder conv": Entry(
        partial(_small, Autoencoder, {"network": "conv", "channels": (4,)}), images, missing=True
    ),
    "Autoencoder": Entry(partial(_small, Autoencoder, {}), missing=True, expected_failures={}),
    "OutlierDetector": Entry(_detector, latents=False, missing=True, expected_failures={}),
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
