r"""Expectation maximization for mixtures of Gaussians with full covariances and missing cells (model: ``models.full_gaussian``).

E-step, for a row with the cells o observed, cluster k:

    r_k   = p(y = k given x_o)                                                                                   (1)
    x^_k  = E[x given x_o, k],    V_k = Cov[x given x_o, k]      zero for observed cells                         (2)

M-step, from the sums over rows:

    mu_k = \sum r x^ / N_k,   Sigma_k = \sum r ( x^ x^^T + V ) / N_k - mu_k mu_k^T,   pi_k = N_k / N             (3)

Eigenvalues of Sigma below the floor are raised to it: that is the best covariance allowed, since the maximum over matrices
with eigenvalues above a bound shares the eigenvectors of (3). Where clusters share their noise, their Sigma is the mean of all.
V depends on the pattern of the holes only: it is computed once per distinct pattern, with the identity in the place of missing
cells, so that shapes stay fixed.

Reference: Z. Ghahramani, M. I. Jordan, "Supervised learning from incomplete data via an EM approach", NIPS 1993.
"""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from lowerbound.data.patterns import Chunk
from lowerbound.models.full_gaussian import FullGaussian
from lowerbound.models.mixture import Mixture
from lowerbound.nn.constants import LOG_TWO_PI
from lowerbound.nn.linear_algebra import cholesky_with_floor, map_in_turn, whiten, whiten_by_cholesky
from lowerbound.objectives.expectation_maximization import AbstractExpectationMaximization, AbstractStatistics

_EMPTY = 1e-8  # weight below which sums say nothing


class GaussianStatistics(AbstractStatistics):
    """Sums over rows of r, r x^ and r (x^ x^^T + V), for each cluster."""

    log_evidence: Float[Array, ""]
    weight: Float[Array, ""]
    count: Float[Array, " components"]
    first: Float[Array, "components features"]
    second: Float[Array, "components features features"]


class FullGaussiansEM(AbstractExpectationMaximization[Mixture[FullGaussian], Chunk, GaussianStatistics]):
    """E-step and M-step of mixtures of full Gaussians.

    Attributes
    ----------
    shared_noise
        Whether all clusters have the same covariance.
    """

    shared_noise: bool = eqx.field(static=True)

    def statistics(self, model: Mixture[FullGaussian], chunk: Chunk) -> GaussianStatistics:
        """Sums of equations (1) and (2) over the rows, one cluster after another to bound the memory."""
        x = jnp.asarray(chunk.values)

        components = jax.tree.map(jnp.asarray, model.components)

        def of_cluster(part: FullGaussian) -> Array:
            return _complete(part, x) if chunk.patterns is None else _with_holes(part, x, chunk)[0]

        log_likelihood = jax.lax.map(of_cluster, components)
        log_joint = model.log_weight[:, None] + log_likelihood  # (components, rows)
        log_evidence = jax.nn.logsumexp(log_joint, axis=0)
        responsibility = jnp.exp(log_joint - log_evidence) * chunk.weight

        def sums(each: tuple[FullGaussian, Array]) -> tuple[Array, Array]:
            part, r = each
            if chunk.patterns is None:
                return r @ x, (x * r[:, None]).T @ x
            _, filled, spread = _with_holes(part, x, chunk)  # once more, rather than kept for all clusters
            by_pattern = r if chunk.pattern is None else jax.ops.segment_sum(r, chunk.pattern, num_segments=len(spread))
            return r @ filled, (filled * r[:, None]).T @ filled + jnp.tensordot(by_pattern, spread, axes=1)

        first, second = map_in_turn(sums, (components, responsibility), after=responsibility)
        return GaussianStatistics(
            log_evidence=jnp.sum(chunk.weight * log_evidence),
            weight=jnp.sum(chunk.weight),
            count=responsibility.sum(axis=1),
            first=first,
            second=second,
        )

    def maximize(self, model: Mixture[FullGaussian], statistics: GaussianStatistics) -> Mixture[FullGaussian]:
        """Model of equation (3); clusters without rows keep their parameters."""
        part, found = model.components, statistics
        count = jnp.maximum(found.count, _EMPTY)
        mean = found.first / count[:, None]
        covariance = found.second / count[:, None, None] - mean[:, :, None] * mean[:, None, :]
        if self.shared_noise:
            pooled = jnp.tensordot(count / jnp.sum(count), covariance, axes=1)
            covariance = jnp.broadcast_to(pooled, covariance.shape)
        alive = found.count > _EMPTY
        has_spread = jnp.ones_like(alive) if self.shared_noise else alive
        root = cholesky_with_floor(covariance, floor=part.variance_floor)
        components = replace(
            part,
            mean=jnp.where(alive[:, None], mean, part.mean),
            cholesky=jnp.where(has_spread[:, None, None], root, part.cholesky),
        )
        return replace(model, log_weight=jnp.log(count / jnp.sum(count)), components=components)

    def at_e_step(self, model: Mixture[FullGaussian], statistics: GaussianStatistics) -> Mixture[FullGaussian]:
        """Model of the E-step, unchanged."""
        return model

    def unconstrained(self, model: Mixture[FullGaussian]) -> PyTree:
        """Log weights, means, and Cholesky factors of the covariances."""
        return model.log_weight, model.components.mean, model.components.cholesky

    def with_unconstrained(self, model: Mixture[FullGaussian], parameters: PyTree) -> Mixture[FullGaussian]:
        """Model with these parameters: weights that sum to one, eigenvalues at or above their floor."""
        part = model.components
        log_weight, mean, cholesky = parameters
        root = cholesky_with_floor(cholesky @ jnp.swapaxes(cholesky, -1, -2), floor=part.variance_floor)
        components = replace(part, mean=mean, cholesky=root)
        return replace(model, log_weight=jax.nn.log_softmax(log_weight), components=components)


def _complete(part: FullGaussian, x: Float[Array, "rows features"]) -> Float[Array, " rows"]:
    """Log p_k of rows without holes."""
    whitening = whiten_by_cholesky(jnp.asarray(part.cholesky))
    whitened = x @ whitening.matrix.T - whitening.matrix @ part.mean
    return -0.5 * (LOG_TWO_PI * x.shape[1] + whitening.log_determinant + jnp.sum(whitened**2, axis=1))


def _with_holes(part: FullGaussian, x: Float[Array, "rows features"], chunk: Chunk) -> tuple[Array, Array, Array]:
    """Log p_k of the observed cells, the rows with their missing cells at (2), and V of each pattern."""
    seen = jnp.asarray(chunk.patterns)
    covariance = part.covariance
    masked = (
        covariance * seen[:, :, None] * seen[:, None, :] + jnp.eye(x.shape[1], dtype=x.dtype) * (1 - seen)[:, None, :]
    )
    found = whiten(masked)
    whitening, constant = found.matrix, -0.5 * (LOG_TWO_PI * seen.sum(axis=1) + found.log_determinant)
    between = covariance * seen[:, None, :] * (1 - seen)[:, :, None]  # Sigma_mo
    pulled = between @ jnp.swapaxes(whitening, 1, 2)  # Sigma_mo times the root
    spread = covariance * (1 - seen)[:, :, None] * (1 - seen)[:, None, :] - pulled @ jnp.swapaxes(pulled, 1, 2)

    if chunk.pattern is not None:
        whitening, constant, pulled, seen = (each[chunk.pattern] for each in (whitening, constant, pulled, seen))
    whitened = jnp.einsum("rij,rj->ri", whitening, seen * (x - part.mean))
    expected = jnp.asarray(part.mean) + jnp.einsum("rij,rj->ri", pulled, whitened)
    filled = jnp.where(seen > 0, x, expected)
    return constant - 0.5 * jnp.sum(whitened**2, axis=1), filled, spread
