r"""Amortized posterior: q(z given x) = N(mu(x), …) whose parameters a network gives for every datum (Kingma & Welling 2014).

This is the amortized rung of the ladder of E-steps: nothing is kept per row, the network's parameters are shared by all and
learned with the decoder's.

A network that was made for data with missing cells sees, beside each value, whether it was observed: one channel more for images,
one number more for each cell of a table. Missing values are zeros to it. Of a row without any observed cell the model asks its
prior instead (``posteriors.unobserved``).
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


def encoder_features(likelihood: AbstractLikelihood, datum: Datum, *, with_mask: bool) -> Float[Array, "*features"]:
    r"""What an encoder sees of a datum: the likelihood's features, zeros where a cell is missing.

    Parameters
    ----------
    likelihood
        Gives the features.
    datum
        Shape (\*event).
    with_mask
        Whether a last axis holds the features and then 1 for each observed cell, 0 for each missing one.
    """
    features = likelihood.features(datum.values)
    if datum.observed is not None:
        # One-hot features have an axis more than the mask.
        mask = datum.observed.reshape(datum.observed.shape + (1,) * (features.ndim - datum.observed.ndim))
        features = jnp.where(mask, features, 0.0)
    if not with_mask:
        return features
    seen = jnp.ones(datum.values.shape, bool) if datum.observed is None else datum.observed
    pixels = seen.shape[: min(2, seen.ndim)]  # of an image; the cells of a table
    return jnp.concatenate([features.reshape(*pixels, -1), seen.reshape(*pixels, -1).astype(features.dtype)], axis=-1)


class AbstractEncoder(eqx.Module):
    """Map from a datum to its Gaussian posterior."""

    latent_dim: eqx.AbstractVar[int]
    with_mask: eqx.AbstractVar[bool]

    @abstractmethod
    def of_features(self, features: Float[Array, " features"]) -> AbstractGaussianPosterior:
        """q(z given x) for one datum's features, as a vector."""

    def __call__(self, likelihood: AbstractLikelihood, datum: Datum) -> AbstractGaussianPosterior:
        """q(z given x_observed) of a datum with an observed cell."""
        return self.of_features(encoder_features(likelihood, datum, with_mask=self.with_mask).reshape(-1))


class GaussianEncoder(AbstractEncoder):
    """Network from a datum's features to the free parameters of a Gaussian posterior.

    Attributes
    ----------
    network
        Vector of features -> vector of ``n_posterior_outputs(family, latent_dim)`` numbers.
    family
        "diagonal" or "full" covariance.
    with_mask
        Whether the network sees which cells were observed.
    """

    network: Callable[[Float[Array, " features"]], Float[Array, " outputs"]]
    latent_dim: int = eqx.field(static=True)
    family: Family = eqx.field(static=True)
    with_mask: bool = eqx.field(static=True)

    def of_features(self, features: Float[Array, " features"]) -> AbstractGaussianPosterior:
        """q(z given x) for one datum's features."""
        return posterior_from_outputs(self.family, self.latent_dim, self.network(features))
