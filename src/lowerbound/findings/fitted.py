"""The fitted estimator as findings see it: what every estimator has, and what only some have.

Whether a verb is there is asked of ``absent_verbs()``, never of a class: an estimator in a file of a stranger's own is seen like
those of this library. What is no verb, such as loadings, is an attribute of every estimator, None where it has none: the defaults
are those of :class:`~lowerbound.interface.base.LatentVariableEstimator`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard, runtime_checkable

import numpy as np

from lowerbound.data.preprocessing import Preprocessing
from lowerbound.evaluate.evidence import Evidence
from lowerbound.evaluate.health import Health
from lowerbound.evaluate.outlier_methods import OutlierMethod
from lowerbound.fit.result import Status
from lowerbound.likelihoods.support import Support


@runtime_checkable
class StatesAbsentVerbs(Protocol):
    """Whatever says which verbs it lacks."""

    def absent_verbs(self) -> Mapping[str, str]:
        """Verb -> reason."""


def offers(estimator: StatesAbsentVerbs, verb: str) -> bool:
    """Whether the estimator, as it is set, has the verb."""
    return verb not in estimator.absent_verbs()


@dataclass(frozen=True)
class LinearFactors:
    """A density that is linear in its factors: x = W z + mean + noise, in the units of x.

    Attributes
    ----------
    loadings
        W, (features, latent).
    noise_variance
        Noise variance of each column, or one for all.
    correlation
        Correlation of the factors, (latent, latent).
    rotation
        Name of the rotation that made the factors; None for none.
    """

    loadings: np.ndarray
    noise_variance: np.ndarray | float
    correlation: np.ndarray
    rotation: str | None


@dataclass(frozen=True)
class ClusterParameters:
    """Share of the rows of each cluster, (clusters,), and mean, (clusters, features), in the units of reconstructions."""

    weights: np.ndarray
    means: np.ndarray


@runtime_checkable
class FittedEstimator(StatesAbsentVerbs, Protocol):
    """What every fitted estimator has."""

    takes_missing: bool
    outlier_methods: tuple[OutlierMethod, ...]
    decodes_linearly: bool
    maximizes_evidence: bool
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
    fit_seconds_: float
    constant_features_: np.ndarray | None

    @property
    def linear_factors_(self) -> LinearFactors | None:
        """Loadings and noise."""

    @property
    def cluster_parameters_(self) -> ClusterParameters | None:
        """Weights and means of the clusters."""

    @property
    def support_(self) -> Support:
        """What a cell may be."""

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
    """A fitted estimator whose rows belong to clusters."""

    def predict_proba(self, X: Any) -> np.ndarray:
        """p(cluster given x) of each row."""


@runtime_checkable
class FillingEstimator(FittedEstimator, Protocol):
    """A fitted estimator that fills missing cells."""

    def impute(self, X: Any) -> Any:
        """X with missing cells filled."""

    def imputation(self, X: Any, *, n_samples: int = 1000) -> Any:
        """Moments of missing cells, and how far they can be trusted."""


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


def can_impute(estimator: FittedEstimator) -> TypeGuard[FillingEstimator]:
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


def feature_names(estimator: Any) -> list[str] | None:
    """Names of the features in the training rows; None where they had none, for which scikit-learn has no attribute."""
    names = vars(estimator).get("feature_names_in_")
    return None if names is None else [str(name) for name in names]


def column_names(estimator: FittedEstimator) -> Sequence[str]:
    """Names of the columns, those of the training rows where they had some; x0, x1, … otherwise."""
    names = feature_names(estimator)
    return [f"x{j}" for j in range(estimator.n_features_in_)] if names is None else names


def was_validated(estimator: FittedEstimator) -> bool:
    """Whether the kept epoch was chosen on rows that were held out for that."""
    return "validation_loss" in estimator.history_
