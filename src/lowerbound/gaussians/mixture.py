r"""Mixture of K Gaussian densities: equations (1) to (4) of ``models.mixture``, for many rows. One alone is a mixture of K = 1.

r_k = pi_k p_k(x) / p(x),    p(x) = \sum_k pi_k p_k(x)                                                       (1)
code = ( r_1 … r_K,  r_1 m_1, …, r_K m_K ),  or m alone where there are no clusters to tell                  (2)
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from lowerbound.gaussians.full import FullGaussians
from lowerbound.gaussians.linear import LinearGaussians, LinearGiven
from lowerbound.gaussians.rows import Rows

Components = LinearGaussians | FullGaussians


@dataclass(frozen=True)
class GaussianMixture:
    r"""A fitted exact model in NumPy float64, model units.

    Attributes
    ----------
    log_weight
        log pi, (K,).
    components
        The K densities.
    clustered
        Whether a code says the cluster too, equation (2); else K is 1, and it is the factors alone.
    event_shape
        Shape of a row, d cells in all.
    """

    log_weight: Float[np.ndarray, " k"]
    components: Components
    clustered: bool
    event_shape: tuple[int, ...]

    @property
    def latent_dim(self) -> int:
        """Length of a code."""
        factors = self.components.latent_dim
        return len(self.log_weight) * (1 + factors) if self.clustered else factors

    def given(self, rows: Rows) -> "Given":
        """What the mixture says of the rows."""
        return Given(self, rows)

    def decode(self, codes: Float[np.ndarray, "n code"]) -> Float[np.ndarray, "n d"]:
        """E[x given z], linear in the code; components of weight 0 do not count."""
        if not self.clustered:
            return np.asarray(self.components.decode(codes[None])[0])
        weight, blocks = codes[:, : len(self.log_weight)].T, codes[:, len(self.log_weight) :]
        factors = blocks.reshape(len(codes), len(self.log_weight), self.components.latent_dim).transpose(1, 0, 2)
        factors = factors / np.where(weight == 0, 1.0, weight)[..., None]
        return np.einsum("kn,knd->nd", weight, self.components.decode(factors))

    def sample(
        self, n_samples: int, generator: np.random.Generator
    ) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n code"]]:
        """Draws (x, code); more draws of a generator begin with the same ones."""
        of_clusters, of_cells = generator.spawn(2)
        factors, d = self.components.latent_dim, self.components.mean.shape[1]
        standard = of_cells.standard_normal((n_samples, factors + d))
        cluster = self._clusters(of_clusters.random(n_samples), np.exp(self.log_weight)[:, None])
        x, z = np.empty((n_samples, d)), np.empty((n_samples, factors))
        for one in range(len(self.log_weight)):
            of_one = cluster == one if len(self.log_weight) > 1 else slice(None)
            x[of_one], z[of_one] = self.components.sample(one, standard[of_one])
        return x, self.code(cluster, z)

    def code(
        self, cluster: Int[np.ndarray, "*rows"], z: Float[np.ndarray, "*rows latent"]
    ) -> Float[np.ndarray, "*rows code"]:
        """The codes, (*rows, code), of known clusters and the factors in them."""
        if not self.clustered:
            return z
        y = (cluster[..., None] == np.arange(len(self.log_weight))).astype(np.float64)
        blocks = y[..., None] * z[..., None, :]
        return np.concatenate([y, blocks.reshape(*y.shape[:-1], y.shape[-1] * z.shape[-1])], axis=-1)

    @staticmethod
    def _clusters(uniform: Float[np.ndarray, "..."], probability: Float[np.ndarray, "k ..."]) -> Int[np.ndarray, "..."]:
        """A cluster for each uniform number, by the probabilities of the clusters along the first axis."""
        cumulative = np.cumsum(probability, axis=0)
        return np.asarray(np.minimum(np.sum(uniform * cumulative[-1] >= cumulative, axis=0), len(probability) - 1))


class Given:
    """What a mixture says of n rows: posteriors, evidence, missing cells."""

    def __init__(self, mixture: GaussianMixture, rows: Rows) -> None:
        self._mixture, self._rows = mixture, rows
        self._parts = mixture.components.given(rows)

    @cached_property
    def _log_joint(self) -> Float[np.ndarray, "k n"]:
        return self._mixture.log_weight[:, None] + self._parts.log_evidence

    @cached_property
    def log_evidence(self) -> Float[np.ndarray, " n"]:
        """log p(x_observed) in nats and the user's units."""
        if len(self._mixture.log_weight) == 1:
            return np.asarray(self._log_joint[0])
        largest = self._log_joint.max(axis=0)
        return np.asarray(largest + np.log(np.sum(np.exp(self._log_joint - largest), axis=0)))

    @cached_property
    def log_responsibility(self) -> Float[np.ndarray, "k n"]:
        """log r of equation (1)."""
        return self._log_joint - self.log_evidence

    @cached_property
    def responsibility(self) -> Float[np.ndarray, "k n"]:
        """r of equation (1)."""
        return np.exp(self.log_responsibility)

    def encode(self) -> Float[np.ndarray, "n code"]:
        """Posterior mean of the code (2)."""
        if not self._mixture.clustered:
            return np.asarray(self._parts.mean[0])
        r = self.responsibility.T
        blocks = r[..., None] * self._parts.mean.transpose(1, 0, 2)
        return np.concatenate([r, blocks.reshape(len(r), r.shape[1] * blocks.shape[2])], axis=1)

    def reconstruct(self) -> Float[np.ndarray, "n d"]:
        """E[x given z] at the posterior mean of the code."""
        return np.einsum("kn,knd->nd", self.responsibility, self._mixture.components.decode(self._parts.mean))

    def moments_of_factors(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean (n, latent), standard deviation (n, latent) and covariance (n, latent, latent) of z, of one component."""
        assert isinstance(self._parts, LinearGiven)
        covariance = self._parts.covariance()[:, 0]
        return self.encode(), np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)), covariance

    def log_likelihood(self) -> Float[np.ndarray, " n"]:
        """log p(x_observed given z) at the code, for a soft code its mean over the clusters."""
        return np.einsum("kn,kn->n", self.responsibility, self._parts.log_likelihood)

    def kl(self) -> Float[np.ndarray, " n"]:
        """KL(q(z given x) || p(z)): that of the clusters, and the mean of those of their factors."""
        of_clusters = self.log_responsibility - self._mixture.log_weight[:, None]
        of_clusters = np.where(self.responsibility > 0, of_clusters, 0.0)
        return np.einsum("kn,kn->n", self.responsibility, of_clusters + self._parts.kl)

    def draw(
        self, uniform: Float[np.ndarray, "n draws"], standard: Float[np.ndarray, "n draws latent"]
    ) -> Float[np.ndarray, "n draws code"]:
        """Draws of the code from q(z given x)."""
        cluster = self._clusters(uniform)
        z = np.zeros_like(standard)
        for k in range(len(self.responsibility)):
            z = np.where((cluster == k)[..., None], self._parts.draw_latents(k, standard), z)
        return self._mixture.code(cluster, z)

    def complete(
        self, uniform: Float[np.ndarray, "n draws"], standard: Float[np.ndarray, "n draws numbers"]
    ) -> Float[np.ndarray, "n draws d"]:
        """Draws of every cell given the observed ones; observed cells are to be put back."""
        cluster = self._clusters(uniform)
        x = np.zeros((*cluster.shape, self._rows.values.shape[1]))
        for k in range(len(self.responsibility)):
            if (cluster == k).any():
                x = np.where((cluster == k)[..., None], self._parts.draw_cells(k, standard), x)
        return x

    @property
    def missing(self) -> Bool[np.ndarray, "n d"]:
        """True for missing cells."""
        observed = self._rows.observed
        return np.zeros(self._rows.values.shape, np.bool_) if observed is None else ~observed

    def with_observed(self, drawn: Float[np.ndarray, "n draws d"]) -> Float[np.ndarray, "n draws d"]:
        """The draws, with the observed cells in their places."""
        return np.where(self.missing[:, None], drawn, self._rows.values[:, None])

    def _clusters(self, uniform: Float[np.ndarray, "n draws"]) -> Int[np.ndarray, "n draws"]:
        return self._mixture._clusters(uniform, self.responsibility[..., None])

    def means(self) -> Float[np.ndarray, "n d"]:
        """Mean of every cell given the observed ones."""
        return np.einsum("kn,knd->nd", self.responsibility, self._parts.means())

    def moments(self) -> tuple[Float[np.ndarray, "k n d"], Float[np.ndarray, "k n d"]]:
        """Mean and variance of every cell given the observed ones under each component, of weight ``responsibility``."""
        return self._parts.moments()


def lost_clusters(
    log_weight: Float[Any, " clusters"], *, total_weight: float, latent_dim: int
) -> Bool[np.ndarray, " clusters"]:
    """True for clusters with too few rows to estimate their spread: fewer than L + 2, or 2 for full covariances."""
    return np.exp(np.asarray(log_weight)) * total_weight < latent_dim + 2
