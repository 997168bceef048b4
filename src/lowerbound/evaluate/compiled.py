"""Verbs of a model, in compiled chunks of rows: what estimators ask of a fitted model that JAX computes.

``evaluate.closed_form`` has the same verbs for the exactly solvable models, without JAX. Keys come as NumPy arrays.
"""

from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from lowerbound.data.dataset import Dataset
from lowerbound.data.threefry import Key
from lowerbound.evaluate import (
    importance_sampling,
    imputation,
    latent_health,
    outliers,
    posterior,
    reconstruction,
    sampling,
)
from lowerbound.evaluate.evidence import Evidence
from lowerbound.evaluate.health import Health
from lowerbound.evaluate.imputed import Cells, Completed, Means, Moments
from lowerbound.evaluate.outlier_methods import OutlierMethod
from lowerbound.evaluate.rows import map_rows
from lowerbound.models.model import AbstractExactModel
from lowerbound.nn.keys import as_key


class CompiledVerbs:
    """What the estimators ask of a fitted model, answered by compiled functions of its rows."""

    def __init__(self, model: Any) -> None:
        self._model = model

    @property
    def exact(self) -> bool:
        """Whether log p(x) is known, rather than sampled."""
        return isinstance(self._model, AbstractExactModel)

    def encode(self, dataset: Dataset, *, key: Key) -> Float[np.ndarray, "n latent"]:
        """Posterior mean or code of each row."""
        return posterior.encode(self._model, dataset, key=as_key(key))

    def decode(
        self, latents: Float[np.ndarray, "n latent"], condition: Float[np.ndarray, "n condition"] | None
    ) -> Float[np.ndarray, "n *event"]:
        """E[x given z, c] in model units."""
        return sampling.decode(self._model, latents, condition)

    def reconstruct(self, dataset: Dataset, *, key: Key) -> Float[np.ndarray, "n *event"]:
        """E[x given z] at each row's code, model units."""
        return reconstruction.reconstruct(self._model, dataset, key=as_key(key))

    def posterior(self, dataset: Dataset, *, key: Key) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Mean, marginal standard deviation, and covariance (None where diagonal) of z given x for each row."""
        return posterior.posterior_moments(self._model, dataset, key=as_key(key))

    def sample_posterior(self, dataset: Dataset, *, n_draws: int, key: Key) -> Float[np.ndarray, "n draws latent"]:
        """Draws z ~ q(z given x) of each row."""
        return sampling.sample_posterior(self._model, dataset, n_draws=n_draws, key=as_key(key))

    def sample(
        self, n_samples: int, condition: Float[np.ndarray, "n condition"] | None, *, key: Key
    ) -> tuple[Float[np.ndarray, "n *event"], Float[np.ndarray, "n latent"]]:
        """Draws (x, z) ~ p(x, z given c), x in model units."""
        return sampling.sample(self._model, n_samples, condition, key=as_key(key))

    def log_evidence(self, dataset: Dataset, *, n_samples: int, base_measure: str, key: Key) -> Evidence:
        """log p(x) of each row: exact, or by importance sampling."""
        return importance_sampling.log_evidence(
            self._model, dataset, n_samples=n_samples, base_measure=base_measure, key=as_key(key)
        )

    def elbo(self, dataset: Dataset, *, n_samples: int, key: Key) -> Float[np.ndarray, " n"]:
        """Evidence lower bound of each row."""
        return importance_sampling.elbo(self._model, dataset, n_samples=n_samples, key=as_key(key))

    def outlier_scores(
        self, dataset: Dataset, *, method: OutlierMethod, n_samples: int, key: Key
    ) -> Float[np.ndarray, " n"]:
        """The score of each row by the named method, as in ``evaluate.outliers``."""
        return outliers.outlier_scores(self._model, dataset, method=method, n_samples=n_samples, key=as_key(key))

    def log_responsibility(self, dataset: Dataset, *, key: Key) -> Float[np.ndarray, "n clusters"]:
        """log p(cluster given x_observed) of each row."""
        return map_rows(_log_responsibility, self._model, dataset, key=as_key(key))

    def health(self, dataset: Dataset, *, key: Key) -> Health:
        """State of the latent space on the rows."""
        return latent_health.health(self._model, dataset, key=as_key(key))

    def predictive_means(self, dataset: Dataset, *, n_samples: int, key: Key) -> Means:
        """Mean of each cell given the observed cells of its row."""
        found = self.predictive_moments(dataset, n_samples=n_samples, key=key)
        return Means(found.mean, found.weights)

    def predictive_moments(self, dataset: Dataset, *, n_samples: int, key: Key) -> Moments:
        """Mean and variance of each cell given the observed cells of its row."""
        return imputation.predictive_moments(self._model, dataset, n_samples=n_samples, key=as_key(key))

    def predictive_cells(self, dataset: Dataset, *, coverage: float, n_samples: int, key: Key) -> Cells:
        """Moments of each cell, and the central interval that holds it with probability ``coverage``."""
        return imputation.predictive_cells(
            self._model, dataset, coverage=coverage, n_samples=n_samples, key=as_key(key)
        )

    def completed(self, dataset: Dataset, *, n_draws: int, n_samples: int, key: Key) -> Completed:
        """Joint draws of the missing cells of each row, beside its observed ones, model units."""
        return imputation.completed(self._model, dataset, n_draws=n_draws, n_samples=n_samples, key=as_key(key))


def _log_responsibility(model: Any, datum: Any, *, key: Any) -> jax.Array:
    found: jax.Array = model.log_responsibility(datum)
    return found
