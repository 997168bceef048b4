r"""Data without any observed cell: x says nothing of z there, so that the exact q(z given x) is the prior, whichever that is.

    q(z given x) = p(z),      log p(x) = log E_p(z)[1] = 0,      KL(q || p) = 0

A diagonal Gaussian prior is such a q itself. Of any other prior, q as one Gaussian has the moments, and z is drawn from the
prior: log p(z) - log q(z given x) is 0 for every single z, whatever the family of q. A datum without a mask is complete, and
costs nothing here.
"""

from typing import NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from lowerbound.data.datum import Datum
from lowerbound.posteriors.gaussian import AbstractGaussianPosterior
from lowerbound.priors.prior import AbstractPrior

Tree = TypeVar("Tree", bound=PyTree)


class LatentDraw(NamedTuple):
    """One z with log p(z) and log q(z given x) in nats."""

    z: Float[Array, " latent"]
    log_prior: Float[Array, ""]
    log_posterior: Float[Array, ""]


def unless_unobserved(datum: Datum, value: Tree, otherwise: Tree) -> Tree:
    """The first one; where the datum has no observed cell, the other."""
    if datum.observed is None:
        return value
    seen = datum.observed.any()
    chosen: Tree = jax.tree.map(
        lambda one, other: jnp.where(seen, one, jnp.asarray(other, one.dtype)), value, otherwise
    )
    return chosen


def posterior_or_prior(
    datum: Datum, posterior: AbstractGaussianPosterior, prior: AbstractPrior
) -> AbstractGaussianPosterior:
    """The posterior; where the datum has no observed cell, the Gaussian with the prior's mean and variances.

    Parameters
    ----------
    datum
        Whose posterior it is.
    posterior
        What an encoder says of it.
    prior
        p(z).
    """
    if datum.observed is None:
        return posterior
    mean, variance = prior.moments()
    uncorrelated = jax.tree.map(jnp.zeros_like, posterior)  # triangles of zeros
    of_prior = eqx.tree_at(lambda q: (q.mean, q.log_scale), uncorrelated, (mean, 0.5 * jnp.log(variance)))
    return unless_unobserved(datum, posterior, of_prior)


def draw_or_prior(
    datum: Datum, posterior: AbstractGaussianPosterior, prior: AbstractPrior, *, key: PRNGKeyArray
) -> LatentDraw:
    """One z ~ q(z given x) with its log densities; where the datum has no observed cell, z ~ p(z), and both are log p(z)."""
    z, log_posterior = posterior.draw(key=key)
    if datum.observed is not None:
        z = unless_unobserved(datum, z, prior.sample(key=key))
    log_prior = prior.log_prob(z)
    return LatentDraw(z, log_prior, unless_unobserved(datum, log_posterior, log_prior))
