r"""Amortized posterior with one covariance for all data, that of factor analysis: q(z given x) = N(V (x - mu), Sigma).

    q(z given x) = N(V (x - mu), Sigma),   Sigma = L L^T;     V, mu and L shared by all x                          (1)
    z ~ N(0, I),   x given z ~ N(W z + b, Psi),   Psi = diag s^2                                                   (2)

=============  =========================================  ===========================
symbol         meaning                                    shape
=============  =========================================  ===========================
V              ``weight``                                 (latent, features)
mu             ``center``                                 (features,)
L              lower triangular: exp of ``log_scale`` on  (latent,) and
               its diagonal, ``below`` under it           (latent (latent - 1) / 2,)
=============  =========================================  ===========================

The exact posterior of (2) has the form of (1), with mu = b, Sigma = (I + W^T Psi^{-1} W)^{-1} and V = Sigma W^T Psi^{-1}. So the
bound of (2) with this encoder is tight at its maximum: fitted by gradient, both together are factor analysis. That holds for
complete data; with missing cells V and Sigma depend on which cells are observed, and the bound has a gap.

Only V mu enters (1): mu is determined up to what V maps to 0.

Reference: D. B. Rubin, D. T. Thayer, "EM algorithms for ML factor analysis", Psychometrika 47, 1982.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.nn.mlp import MLP
from lowerbound.posteriors.encoder import AbstractEncoder
from lowerbound.posteriors.gaussian import FullCovarianceGaussian


class SharedCovarianceEncoder(AbstractEncoder):
    """N(V (x - mu), L L^T), equation (1).

    Examples
    --------
    >>> import jax
    >>> encoder = SharedCovarianceEncoder.untrained(4, 2, key=jax.random.key(0))
    >>> encoder.of_features(jax.numpy.ones(4)).covariance().tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    weight: Float[Array, "latent features"]
    center: Float[Array, " features"]
    log_scale: Float[Array, " latent"]
    below: Float[Array, " below"]
    latent_dim: int = eqx.field(static=True)
    with_mask: bool = eqx.field(static=True)

    @classmethod
    def untrained(cls, n_features: int, latent_dim: int, *, key: PRNGKeyArray) -> "SharedCovarianceEncoder":
        """Parameters at which learning starts: V like the layer of a network, mu = 0, Sigma = I."""
        return cls(
            weight=MLP(n_features, latent_dim, hidden=(), activation="relu", key=key).layers[0].weight,
            center=jnp.zeros(n_features, jnp.float32),
            log_scale=jnp.zeros(latent_dim, jnp.float32),
            below=jnp.zeros(latent_dim * (latent_dim - 1) // 2, jnp.float32),
            latent_dim=latent_dim,
            with_mask=False,
        )

    def of_features(self, features: Float[Array, " features"]) -> FullCovarianceGaussian:
        """q(z given x) for one datum's features."""
        zeros = jnp.zeros((self.latent_dim, self.latent_dim), self.below.dtype)
        lower = zeros.at[jnp.tril_indices(self.latent_dim, -1)].set(self.below)
        return FullCovarianceGaussian(self.weight @ (features - self.center), self.log_scale, lower)
