"""AbstractPosterior: q(z given x) of one datum, as a distribution that can be drawn from and whose log density is known."""

from abc import abstractmethod
from typing import NamedTuple

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.priors.prior import AbstractDiagonalGaussianPrior


class PosteriorDraw(NamedTuple):
    """z and log q(z given x) in nats."""

    z: Float[Array, " latent"]
    log_prob: Float[Array, ""]


class AbstractPosterior(eqx.Module):
    """A density over the latents of one datum."""

    @abstractmethod
    def draw(self, *, key: PRNGKeyArray) -> PosteriorDraw:
        """One reparameterized draw with its log density."""

    @abstractmethod
    def log_prob(self, z: Float[Array, " latent"]) -> Float[Array, ""]:
        """Log q(z given x) in nats."""

    @abstractmethod
    def kl(self, prior: AbstractDiagonalGaussianPrior) -> Float[Array, " latent"]:
        """KL(q || prior) in nats, by latent dimension, in closed form; from a prior of another kind a model samples it."""
