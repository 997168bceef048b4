r"""Expectation maximization for mixtures of factor analyzers with missing cells (models: ``mixture``, ``linear_gaussian``).

E-step, for a row with the cells o observed, cluster k (A, m: equations (3) and (4) of ``linear_gaussian``):

    r_k      = p(y = k given x_o)                                                                                (1)
    E[z z^T] = A_k^{-1} + m_k m_k^T,      zeta = (z, 1)                                                          (2)

Sums over rows, by cluster k and cell j:   M_kj = \sum_{n: j observed} r_nk E[zeta zeta^T],  c_kj = \sum r_nk x_nj E[zeta],
s_kj = \sum r_nk x_nj^2. M_kj is the same for all j where no cell is missing, and A_k depends on the pattern of the holes only:
A_k is factorized once per distinct pattern, and the rest are matrix products.

M-step: each cell is a regression on the factors (the mean is its constant), then the noise is what is left:

    (w_kj, mu_kj) = M_kj^{-1} c_kj,      psi_kj = [ s_kj - (w_kj, mu_kj)^T c_kj ] / N_kj                         (3)
    pi_k = N_k / N                                                                                               (4)

psi is pooled over cells (isotropic noise) or clusters (shared), and clipped at its floor: the objective is unimodal in psi, so
that the clipped value is the best one allowed. Missing cells are not imputed: only z is latent, so that few steps are needed. The
factors' own mean nu and covariance Phi are estimated too and absorbed, W <- W Phi^{1/2}, mu <- mu + W nu. This parameter
expansion keeps every step monotone and saves many steps.

With ``latent_dim`` 0 this is EM for mixtures of diagonal or spherical Gaussians; with one cluster it is factor analysis (or
probabilistic PCA) of data with holes.

References: Z. Ghahramani, G. E. Hinton, "The EM algorithm for mixtures of factor analyzers", 1996; C. Liu, D. B. Rubin,
Y. N. Wu, "Parameter expansion to accelerate EM: the PX-EM algorithm", Biometrika 1998.
"""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from lowerbound.data.patterns import Chunk
from lowerbound.models.linear_gaussian import LinearGaussian
from lowerbound.models.mixture import Mixture
from lowerbound.nn.constants import LOG_TWO_PI
from lowerbound.nn.linear_algebra import solve_positive_definite, times_cholesky, whiten
from lowerbound.objectives.expectation_maximization import AbstractExpectationMaximization, AbstractStatistics

_EMPTY = 1e-8  # weight below which sums say nothing
_RIDGE = 1e-13  # of a regression's diagonal, so that cells seen in fewer rows than factors keep a solution


class FactorStatistics(AbstractStatistics):
    """Sums over rows. Where no cell is missing, all cells share one M, and the axis of cells has length 1."""

    log_evidence: Float[Array, ""]
    weight: Float[Array, ""]
    factors: Float[Array, "components augmented augmented"]  # sum of r E[zeta zeta^T] over all rows
    second: Float[Array, "components cells augmented augmented"]  # M
    cross: Float[Array, "components features augmented"]  # c
    square: Float[Array, "components features"]  # s


class FactorAnalyzersEM(AbstractExpectationMaximization[Mixture[LinearGaussian], Chunk, FactorStatistics]):
    """E-step and M-step of mixtures of factor analyzers; noise is isotropic where ``log_variance`` has no axis of cells.

    Attributes
    ----------
    shared_noise
        Whether all clusters have the same noise.
    """

    shared_noise: bool = eqx.field(static=True)

    def statistics(self, model: Mixture[LinearGaussian], chunk: Chunk) -> FactorStatistics:
        """Equations (1) and (2), summed over the rows."""
        part = model.components
        mean, loadings, log_variance = jnp.asarray(part.mean), jnp.asarray(part.loadings), _log_variance(part)
        x, n_factors = jnp.asarray(chunk.values), part.latent_dim
        inverse = jnp.exp(-log_variance)
        scaled = loadings * inverse[:, :, None]
        patterns = jnp.ones((1, x.shape[1]), x.dtype) if chunk.patterns is None else jnp.asarray(chunk.patterns)

        if chunk.patterns is None:
            gram = jnp.einsum("kdl,kdm->klm", scaled, loadings)[None]
        else:
            gram = jnp.einsum("pd,kdlm->pklm", patterns, scaled[:, :, :, None] * loadings[:, :, None, :])
        whitening = whiten(jnp.eye(n_factors, dtype=x.dtype) + gram)
        spread = whitening.inverse  # A^-1, (patterns, components, latent, latent)
        cells = LOG_TWO_PI + log_variance + mean**2 * inverse
        constant = -0.5 * (patterns @ cells.T + whitening.log_determinant)  # (patterns, components)
        offset = jnp.einsum("pd,kdl->pkl", patterns, mean[:, :, None] * scaled)

        pull = jnp.einsum("rd,kdl->rkl", x, scaled) - _of_rows(offset, chunk)
        factor = _times(pull, spread, chunk)  # m, (rows, components, latent)
        log_joint = model.log_weight + _of_rows(constant, chunk) + x @ (mean * inverse).T
        log_joint += 0.5 * (jnp.sum(pull * factor, axis=-1) - x**2 @ inverse.T)
        log_evidence = jax.nn.logsumexp(log_joint, axis=1)
        responsibility = jnp.exp(log_joint - log_evidence[:, None]) * chunk.weight[:, None]

        zeta = jnp.concatenate([factor, jnp.ones((*factor.shape[:2], 1), x.dtype)], axis=-1)
        weighted = responsibility[:, :, None] * zeta
        factors, second = _second_moments(weighted, zeta, responsibility, spread, patterns, chunk)
        return FactorStatistics(
            log_evidence=jnp.sum(chunk.weight * log_evidence),
            weight=jnp.sum(chunk.weight),
            factors=factors,
            second=second,
            cross=jnp.einsum("rd,rkl->kdl", x, weighted),
            square=responsibility.T @ x**2,
        )

    def maximize(self, model: Mixture[LinearGaussian], statistics: FactorStatistics) -> Mixture[LinearGaussian]:
        """Model of equations (3) and (4), expanded parameters absorbed; clusters and cells without rows keep theirs."""
        part, found = model.components, statistics
        seen = found.second[:, :, -1, -1]  # N_kj
        diagonal = jnp.diagonal(found.second, axis1=-2, axis2=-1)
        ridge = _RIDGE * (diagonal.max(axis=-1) + _EMPTY)
        regularized = found.second + ridge[:, :, None, None] * jnp.eye(part.latent_dim + 1, dtype=seen.dtype)
        coefficients = solve_positive_definite(regularized, _cells_last(found.cross, found.second))
        coefficients = _cells_first(coefficients, found.second)
        loadings, mean = coefficients[..., :-1], coefficients[..., -1]
        left = jnp.maximum(found.square - jnp.sum(coefficients * found.cross, axis=-1), 0.0)
        log_variance = self._pooled(left, jnp.broadcast_to(seen, left.shape), part)

        # Parameter expansion: N(nu, Phi) of the factors becomes N(0, I).
        total = jnp.maximum(found.factors[:, -1, -1], _EMPTY)
        nu = found.factors[:, :-1, -1] / total[:, None]
        phi = found.factors[:, :-1, :-1] / total[:, None, None] - nu[:, :, None] * nu[:, None, :]
        mean = mean + jnp.einsum("kdl,kl->kd", loadings, nu)
        loadings = times_cholesky(loadings, phi)

        alive = (seen > _EMPTY) & (found.factors[:, -1, -1] > _EMPTY)[:, None]  # (components, cells)
        components = replace(
            part,
            mean=jnp.where(alive, mean, part.mean),
            loadings=jnp.where(alive[:, :, None], loadings, part.loadings),
            log_variance=log_variance,
        )
        return replace(model, log_weight=jnp.log(total / jnp.sum(total)), components=components)

    def _pooled(
        self, left: Float[Array, "components features"], seen: Float[Array, "components features"], part: LinearGaussian
    ) -> Float[Array, "components *noise"]:
        """Log psi from the residual sums of squares; cells without rows keep theirs."""
        if part.log_variance.ndim == 1:
            left, seen = left.sum(axis=1), seen.sum(axis=1)
        if self.shared_noise:
            left, seen = (jnp.broadcast_to(each.sum(axis=0), each.shape) for each in (left, seen))
        variance = jnp.maximum(left / jnp.maximum(seen, _EMPTY), part.variance_floor)
        return jnp.where(seen > _EMPTY, jnp.log(variance), part.log_variance)

    def at_e_step(self, model: Mixture[LinearGaussian], statistics: FactorStatistics) -> Mixture[LinearGaussian]:
        """Model of the E-step, unchanged."""
        return model

    def unconstrained(self, model: Mixture[LinearGaussian]) -> PyTree:
        """Log weights, means, loadings and log psi."""
        return model.log_weight, model.components.mean, model.components.loadings, model.components.log_variance

    def with_unconstrained(self, model: Mixture[LinearGaussian], parameters: PyTree) -> Mixture[LinearGaussian]:
        """Model with these parameters: weights that sum to one, noise at or above its floor."""
        part = model.components
        log_weight, mean, loadings, log_variance = parameters
        log_variance = jnp.maximum(log_variance, jnp.log(part.variance_floor))
        components = replace(part, mean=mean, loadings=loadings, log_variance=log_variance)
        return replace(model, log_weight=jax.nn.log_softmax(log_weight), components=components)


def _log_variance(part: LinearGaussian) -> Float[Array, "components features"]:
    log_variance = jnp.asarray(part.log_variance)
    return jnp.broadcast_to(log_variance.reshape(len(log_variance), -1), part.mean.shape)


def _of_rows(per_pattern: Float[Array, "patterns *rest"], chunk: Chunk) -> Float[Array, "rows *rest"]:
    """Values of each row's pattern, by row; one row that broadcasts where there is one pattern."""
    return per_pattern if chunk.pattern is None else per_pattern[chunk.pattern]


def _times(
    pull: Float[Array, "rows components latent"],
    spread: Float[Array, "patterns components latent latent"],
    chunk: Chunk,
) -> Float[Array, "rows components latent"]:
    """Product of A^{-1} and each row's vector."""
    if chunk.patterns is None:
        return jnp.einsum("rkl,klm->rkm", pull, spread[0])
    return jnp.einsum("rkl,rklm->rkm", pull, _of_rows(spread, chunk))


def _second_moments(
    weighted: Float[Array, "rows components augmented"],
    zeta: Float[Array, "rows components augmented"],
    responsibility: Float[Array, "rows components"],
    spread: Float[Array, "patterns components latent latent"],
    patterns: Float[Array, "patterns features"],
    chunk: Chunk,
) -> tuple[Float[Array, "components augmented augmented"], Float[Array, "components cells augmented augmented"]]:
    """Sums of r E[zeta zeta^T] over all rows, and for each cell over the rows in which it was observed."""
    padded = jnp.pad(spread, ((0, 0), (0, 0), (0, 1), (0, 1)))
    if chunk.patterns is None:
        factors = jnp.einsum("rki,rkj->kij", weighted, zeta) + responsibility.sum(axis=0)[:, None, None] * padded[0]
        return factors, factors[:, None]
    own = weighted[..., :, None] * zeta[..., None, :]
    if chunk.pattern is not None:
        own = jax.ops.segment_sum(own, chunk.pattern, num_segments=len(patterns))
        responsibility = jax.ops.segment_sum(responsibility, chunk.pattern, num_segments=len(patterns))
    by_pattern = own + responsibility[:, :, None, None] * padded
    return by_pattern.sum(axis=0), jnp.einsum("pd,pkij->kdij", patterns, by_pattern)


def _cells_last(
    cross: Float[Array, "components features augmented"], second: Float[Array, "components cells augmented augmented"]
) -> Float[Array, "components cells augmented columns"]:
    """Right-hand sides beside their matrices: one column each, or all of them where the cells share M."""
    return cross[..., None] if second.shape[1] == cross.shape[1] else jnp.swapaxes(cross, 1, 2)[:, None]


def _cells_first(
    solved: Float[Array, "components cells augmented columns"],
    second: Float[Array, "components cells augmented augmented"],
) -> Float[Array, "components features augmented"]:
    """Inverse of :func:`_cells_last`."""
    return (
        solved[..., 0]
        if solved.shape[1] == second.shape[1] and solved.shape[-1] == 1
        else jnp.swapaxes(solved[:, 0], 1, 2)
    )
