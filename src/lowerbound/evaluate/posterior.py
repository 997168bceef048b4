"""Moments of q(z given x) for rows: mean, marginal scale, and the covariance where it is not diagonal."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.data.dataset import Dataset
from lowerbound.data.datum import Datum
from lowerbound.evaluate.rows import map_rows
from lowerbound.models.model import AbstractGaussianPosteriorModel, AbstractModel
from lowerbound.posteriors.gaussian import DiagonalGaussian


def _encode(model: AbstractModel, datum: Datum, *, key: PRNGKeyArray) -> Float[Array, " latent"]:
    return model.encode(datum)


def _moments(
    model: AbstractGaussianPosteriorModel, datum: Datum, *, key: PRNGKeyArray
) -> tuple[Float[Array, " latent"], Float[Array, " latent"], Float[Array, "latent latent"] | None]:
    posterior = model.posterior(datum)
    covariance = None if isinstance(posterior, DiagonalGaussian) else posterior.covariance()
    return posterior.mean, jnp.sqrt(posterior.variance()), covariance


def encode(model: AbstractModel, dataset: Dataset, *, key: PRNGKeyArray) -> Float[np.ndarray, "n latent"]:
    """Posterior mean, or code, of each row."""
    return map_rows(_encode, model, dataset, key=key)


def posterior_moments(
    model: AbstractGaussianPosteriorModel, dataset: Dataset, *, key: PRNGKeyArray
) -> tuple[Float[np.ndarray, "n latent"], Float[np.ndarray, "n latent"], Float[np.ndarray, "n latent latent"] | None]:
    """Mean, marginal standard deviation, and covariance (None for diagonal posteriors) of each row."""
    return map_rows(_moments, model, dataset, key=key)
