"""Standard normal prior, p(z) = N(z; 0, I)."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.nn.constants import LOG_TWO_PI
from lowerbound.priors.prior import AbstractDiagonalGaussianPrior


class StandardNormal(AbstractDiagonalGaussianPrior):
    """N(0, I) in ``n_dimensions`` dimensions; nothing to learn.

    Attributes
    ----------
    n_dimensions
        Dimension of z.
    dtype
        Of its numbers: that of the model's, float64 for models solved exactly.

    Examples
    --------
    >>> prior = StandardNormal(2)
    >>> round(float(prior.log_prob(jnp.zeros(2))), 4), prior.sample(key=jax.random.key(0)).shape
    (-1.8379, (2,))
    """

    n_dimensions: int = eqx.field(static=True)
    dtype: np.dtype[Any] = eqx.field(static=True, default=np.dtype(np.float32))

    @property
    def latent_dim(self) -> int:
        """Dimension of z."""
        return self.n_dimensions

    @property
    def mean(self) -> Float[Array, " latent"]:
        """Zeros."""
        return jnp.zeros(self.n_dimensions, self.dtype)

    @property
    def log_scale(self) -> Float[Array, " latent"]:
        """Zeros."""
        return jnp.zeros(self.n_dimensions, self.dtype)

    def log_prob(self, z: Float[Array, " latent"]) -> Float[Array, ""]:
        """Log N(z; 0, I)."""
        return -0.5 * jnp.sum(z**2 + LOG_TWO_PI)

    def moments(self) -> tuple[Float[Array, " latent"], Float[Array, " latent"]]:
        """Zeros and ones."""
        return jnp.zeros(self.n_dimensions, self.dtype), jnp.ones(self.n_dimensions, self.dtype)

    def sample(self, *, key: PRNGKeyArray) -> Float[Array, " latent"]:
        """One z ~ N(0, I)."""
        return jax.random.normal(key, (self.n_dimensions,), self.dtype)
