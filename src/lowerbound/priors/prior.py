"""AbstractPrior: p(z) over one datum's latent vector, a part of models beside posterior, decoder and likelihood."""

from abc import abstractmethod

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray


class AbstractPrior(eqx.Module):
    """A density over latent vectors; final subclasses are the distributions."""

    @property
    @abstractmethod
    def latent_dim(self) -> int:
        """Dimension of z."""

    @abstractmethod
    def log_prob(self, z: Float[Array, " latent"]) -> Float[Array, ""]:
        """Log p(z) in nats."""

    @abstractmethod
    def moments(self) -> tuple[Float[Array, " latent"], Float[Array, " latent"]]:
        """Mean and variance of each latent."""

    @abstractmethod
    def sample(self, *, key: PRNGKeyArray) -> Float[Array, " latent"]:
        """One z ~ p(z)."""


class AbstractDiagonalGaussianPrior(AbstractPrior):
    """N(mean, diag exp(2 log_scale)): the KL divergence of a Gaussian from it is known, dimension by dimension."""

    @property
    @abstractmethod
    def mean(self) -> Float[Array, " latent"]:
        """Mean of each latent."""

    @property
    @abstractmethod
    def log_scale(self) -> Float[Array, " latent"]:
        """Logarithm of each latent's standard deviation."""
