"""The fitted estimator as findings see it: what every estimator has, and what only some have.

Whether a verb is there is asked of ``absent_verbs()``, never of a class: an estimator in a file of a stranger's own is seen like
those of this library. What is no verb, such as loadings or names of columns, is recognized by the attributes that a protocol
lists.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeGuard, runtime_checkable

import numpy as np

from lowerbound.data.preprocessing import Preprocessing
from lowerbound.evaluate.evidence import Evidence
from lowerbound.evaluate.health import Health
from lowerbound.evaluate.outliers import OutlierMethod
from lowerbound.fit.result import Status
from lowerbound.likelihoods.likelihood import AbstractLikelihood


@runtime_checkable
class StatesAbsentVerbs(Protocol):
    """Whatever says which verbs it lacks."""

    def absent_verbs(self) -> Mapping[str, str]:
        """Verb -> reason."""


def offers(estimator: StatesAbsentVerbs, verb: str) -> bool:
    """Whether the estimator, as it is set, has the verb."""
    return verb not in estimator.absent_verbs()


@runtime_checkable
class FittedEstimator(StatesAbsentVerbs, Protocol):
    """What every fitted estimator has."""

    takes_missing: bool
    outlier_methods: tuple[OutlierMethod, ...]
    latent_dim: int
    random_state: Any
    preprocessing_: Preprocessing
    status_: Status
    history_: Mapping[str, np.ndarray]
    best_epoch_: int
    n_iter_: int
    input_shape_: tuple[int, ...]
    n_features_in_: int
    seed_: int

    @property
    def likelihood_(self) -> AbstractLikelihood:
        """p(x given z)."""

    @property
    def n_parameters_(self) -> int:
        """Number of free parameters."""

    def transform(self, X: Any) -> np.ndarray:
        """Code of each row."""

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """Decoded codes, X-shaped."""

    def reconstruct(self, X: Any) -> np.ndarray:
        """Decoded code of each row, X-shaped."""

    def outlier_scores(self, X: Any, *, method: OutlierMethod | None = None) -> np.ndarray:
        """Score of each row; larger is more outlying."""


@runtime_checkable
class DensityEstimator(FittedEstimator, Protocol):
    """A fitted estimator with p(x)."""

    @property
    def base_measure_(self) -> str:
        """What p(x) is a density or mass with respect to."""

    def log_evidence(self, X: Any, *, n_samples: int = 1000) -> Evidence:
        """Log p(x) of the rows."""

    def elbo(self, X: Any) -> np.ndarray:
        """Bound of each row."""


@runtime_checkable
class SamplingEstimator(FittedEstimator, Protocol):
    """A fitted estimator from whose p(x) rows can be drawn."""

    def sample(self, n_samples: int = 1, *, return_latents: bool = False) -> Any:
        """New rows; with their codes on request."""


@runtime_checkable
class HealthEstimator(DensityEstimator, Protocol):
    """A fitted estimator whose q(z given x) is one Gaussian."""

    def health(self, X: Any) -> Health:
        """State of the latent space on the rows."""


@runtime_checkable
class ClusterEstimator(FittedEstimator, Protocol):
    """A fitted mixture."""

    @property
    def weights_(self) -> np.ndarray:
        """Share of each cluster, falling."""

    @property
    def means_(self) -> np.ndarray:
        """Mean of each cluster, (clusters, features)."""

    def predict_proba(self, X: Any) -> np.ndarray:
        """p(cluster given x) of each row."""


@runtime_checkable
class ImputingEstimator(FittedEstimator, Protocol):
    """A fitted estimator that fills missing cells."""

    def impute(self, X: Any) -> Any:
        """X with missing cells filled."""

    def imputation(self, X: Any) -> Any:
        """Moments of missing cells."""


def has_density(estimator: FittedEstimator) -> TypeGuard[DensityEstimator]:
    """Whether the model has p(x)."""
    return offers(estimator, "log_evidence")


def can_sample(estimator: FittedEstimator) -> TypeGuard[SamplingEstimator]:
    """Whether rows can be drawn from p(x)."""
    return offers(estimator, "sample")


def has_health(estimator: FittedEstimator) -> TypeGuard[HealthEstimator]:
    """Whether the latent space can be checked against its prior."""
    return offers(estimator, "health")


def has_clusters(estimator: FittedEstimator) -> TypeGuard[ClusterEstimator]:
    """Whether rows belong to clusters, so that a code is more than a place."""
    return offers(estimator, "predict_proba")


def can_impute(estimator: FittedEstimator) -> TypeGuard[ImputingEstimator]:
    """Whether missing cells can be filled, with their moments."""
    return offers(estimator, "impute") and offers(estimator, "imputation")


def reason_against(estimator: FittedEstimator, verb: str) -> str:
    """A sentence on why the estimator lacks the verb.

    Such as "Autoencoder has no density: its encoder is deterministic …" for "log_evidence".
    """
    return f"{type(estimator).__name__} {_LACKS[verb]}: {estimator.absent_verbs()[verb]}"


_LACKS: Mapping[str, str] = {
    "log_evidence": "has no density",
    "sample": "cannot be sampled",
    "health": "has no health check",
}


def outlier_method(estimator: FittedEstimator, method: OutlierMethod | None) -> OutlierMethod:
    """The outlier score asked for; of None, the one that the fitted estimator takes by itself."""
    return method or estimator.outlier_methods[0]


# ---- what is no verb


@runtime_checkable
class NamedFeatures(Protocol):
    """An estimator whose training rows had names."""

    feature_names_in_: np.ndarray


@runtime_checkable
class ConstantFeatures(Protocol):
    """An estimator that marked the features without spread in its training rows."""

    constant_features_: np.ndarray


@runtime_checkable
class TimedFit(Protocol):
    """An estimator that knows how long its fit took."""

    fit_seconds_: float


@runtime_checkable
class Clusters(Protocol):
    """An estimator with a number of clusters among its hyperparameters."""

    n_clusters: int


@runtime_checkable
class LinearFactors(FittedEstimator, Protocol):
    """A fitted density that is linear in its factors: x = W z + mean + noise."""

    @property
    def loadings_(self) -> np.ndarray:
        """W, (features, latent)."""

    @property
    def noise_variance_(self) -> np.ndarray | float:
        """Noise variance of each column, or one for all."""


@runtime_checkable
class RotatedFactors(LinearFactors, Protocol):
    """Linear factors that may have been rotated, and may correlate then."""

    rotation: str | None

    @property
    def factor_correlation_(self) -> np.ndarray:
        """(latent, latent)."""


@runtime_checkable
class LinearCodes(FittedEstimator, Protocol):
    """A fitted model without density whose decoder is linear."""

    components_: np.ndarray


def feature_names(estimator: Any) -> Sequence[str] | None:
    """Names of the features in the training rows; None where they had none."""
    return [str(name) for name in estimator.feature_names_in_] if isinstance(estimator, NamedFeatures) else None


def column_names(estimator: FittedEstimator) -> Sequence[str]:
    """Names of the columns, those of the training rows where they had some; x0, x1, … otherwise."""
    names = feature_names(estimator)
    return [f"x{j}" for j in range(estimator.n_features_in_)] if names is None else names


def fit_seconds(estimator: Any) -> float:
    """Seconds that the fit took; NaN where unknown."""
    return float(estimator.fit_seconds_) if isinstance(estimator, TimedFit) else float("nan")
