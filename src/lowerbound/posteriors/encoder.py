"""Amortized posterior: q(z given x) = N(mu(x), …) whose parameters a network gives for every datum (Kingma & Welling 2014).

This is the amortized rung of the ladder of E-steps: nothing is kept per row, the network's parameters are shared by all and
learned with the decoder's.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from lowerbound.data.datum import Datum
from lowerbound.likelihoods.likelihood import AbstractLikelihood
from lowerbound.posteriors.gaussian import AbstractGaussianPosterior, posterior_from_outputs

Family = Literal["diagonal", "full"]


def encoder_input(likelihood: AbstractLikelihood, datum: Datum) -> Float[Array, " features"]:
    """What an encoder network sees of a datum: the likelihood's features as one vector, missing cells as zeros."""
    features = likelihood.features(datum.values)
    if datum.observed is not None:
        # One-hot features have an axis more than the mask.
        mask = datum.observed.reshape(datum.observed.shape + (1,) * (features.ndim - datum.observed.ndim))
        features = jnp.where(mask, features, 0.0)
    return features.reshape(-1)


class AbstractEncoder(eqx.Module):
    """From a datum's features to its Gaussian posterior."""

    latent_dim: eqx.AbstractVar[int]

    @abstractmethod
    def __call__(self, features: Float[Array, " features"]) -> AbstractGaussianPosterior:
        """q(z given x) for one datum's features."""


class GaussianEncoder(AbstractEncoder):
    """Network from a datum's features to the free parameters of a Gaussian posterior.

    Attributes
    ----------
    network
        Vector of features -> vector of ``n_posterior_outputs(family, latent_dim)`` numbers.
    family
        "diagonal" or "full" covariance.
    """

    network: Callable[[Float[Array, " features"]], Float[Array, " outputs"]]
    latent_dim: int = eqx.field(static=True)
    family: Family = eqx.field(static=True)

    def __call__(self, features: Float[Array, " features"]) -> AbstractGaussianPosterior:
        """q(z given x) for one datum's features."""
        return posterior_from_outputs(self.family, self.latent_dim, self.network(features))
