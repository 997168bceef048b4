r"""Prior of clusters with latents of their own, p(y) p(z given y), y one of K clusters.

    p(y = k) = pi_k,    z given y = k ~ inner prior                                                              (1)

A draw is one vector of K (1 + L) numbers, the code: y as a one-hot vector, then K blocks of L latents, of which only block y is
not zero,

    code = ( y_1 … y_K,  y_1 z_1,  …,  y_K z_K ).                                                                (2)
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.priors.prior import AbstractPrior


class ClusterPrior(AbstractPrior):
    """Density (1) of codes (2).

    Attributes
    ----------
    log_weight
        log pi, (K,).
    latents
        Prior of z in each cluster.

    Examples
    --------
    >>> from lowerbound.priors.standard_normal import StandardNormal
    >>> prior = ClusterPrior(jnp.log(jnp.array([0.25, 0.75])), StandardNormal(1))
    >>> prior.latent_dim, prior.moments()[0].tolist()
    (4, [0.25, 0.75, 0.0, 0.0])
    """

    log_weight: Float[Array | np.ndarray, " clusters"]
    latents: AbstractPrior

    @property
    def n_clusters(self) -> int:
        """Number K of clusters."""
        return len(self.log_weight)

    @property
    def latent_dim(self) -> int:
        """Length of the code: K (1 + L)."""
        return self.n_clusters * (1 + self.latents.latent_dim)

    def log_prob(self, z: Float[Array, " code"]) -> Float[Array, ""]:
        """Log p(y) + log p(z given y) of a code; for a soft code its mean over y."""
        y, latents = split_code(z, self.n_clusters)
        return jnp.sum(y * (self.log_weight + jax.vmap(self.latents.log_prob)(latents)))

    def moments(self) -> tuple[Float[Array, " code"], Float[Array, " code"]]:
        """Mean and variance of each number of the code."""
        weight, (mean, variance) = jnp.exp(self.log_weight), self.latents.moments()
        of_latents = weight[:, None] * mean
        spread = weight[:, None] * (variance + mean**2) - of_latents**2
        return (
            jnp.concatenate([weight, of_latents.reshape(-1)]),
            jnp.concatenate([weight * (1 - weight), spread.reshape(-1)]),
        )

    def sample(self, *, key: PRNGKeyArray) -> Float[Array, " code"]:
        """One code."""
        cluster_key, latent_key = jax.random.split(key)
        k = jax.random.categorical(cluster_key, jnp.asarray(self.log_weight))
        z = self.latents.sample(key=latent_key)
        y = jax.nn.one_hot(k, self.n_clusters, dtype=self.log_weight.dtype)
        return code_of(y, jnp.broadcast_to(z, (self.n_clusters, *z.shape)))


def code_of(y: Float[Array, " clusters"], latents: Float[Array, "clusters latent"]) -> Float[Array, " code"]:
    """The code (2) of cluster memberships and the latents in each cluster."""
    return jnp.concatenate([y, (y[:, None] * latents).reshape(-1)])


def split_code(
    code: Float[Array, " code"], n_clusters: int
) -> tuple[Float[Array, " clusters"], Float[Array, "clusters latent"]]:
    """(y, z_1 … z_K) of a code (2); the latents of clusters of weight 0 are 0."""
    y, blocks = code[:n_clusters], code[n_clusters:].reshape(n_clusters, len(code) // n_clusters - 1)
    return y, blocks / jnp.where(y == 0, 1.0, y)[:, None]
