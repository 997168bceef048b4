r"""Expectation maximization for factor analysis and probabilistic PCA of complete rows, from their covariance S alone.

With C = W W^T + Psi and nothing missing, the mean of log p(x) over the rows is

    -1/2 [ d log 2 pi + log det C + tr C^{-1} S ]                                                                (1)

so that no pass over the rows is needed once S is known. With B = Psi^{-1/2} S Psi^{-1/2}, the best W for a given Psi is

    W = Psi^{1/2} U (Lambda - I)^{1/2},    Lambda, U the L largest eigenvalues of B and their vectors            (2)

A step is an expectation/conditional-maximization one:

    E   W: Rayleigh-Ritz for (2) in the space of [V, B V], V = Psi^{-1/2} W. It holds the W before, so (1) cannot fall.
        m-weights beta = (I + W^T Psi^{-1} W)^{-1} W^T Psi^{-1}, and the expected statistics S beta^T, E[z z^T]
    M   Psi = diag( S - 2 W beta S + W E[z z^T] W^T ), its mean where the noise is isotropic, clipped at its floor   (3)

Only log Psi is a free parameter that the loop extrapolates: W follows it. (2) and (3) together converge in tens of steps where
plain EM takes thousands. But (3) moves psi_j by psi_j^2 times twice its gradient only, so that a noise on its way to zero (a
Heywood case) never arrives. Up to 128 columns, each psi_j in turn is put where (1) is highest, all else held, and clipped:

    CM  psi_j <- psi_j + ( [P S P]_jj - P_jj ) / P_jj^2,    P = C^{-1}, updated by a rank of one                     (4)

References: D. N. Lawley, A. E. Maxwell, "Factor analysis as a statistical method", 1971; C. Liu, D. B. Rubin, "The ECME
algorithm", Biometrika 1994; J. Zhao, P. L. H. Yu, Q. Jiang, "ML estimation for factor analysis: EM or non-EM?", Statistics and
Computing 2008.
"""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from lowerbound.models.linear_gaussian import LinearGaussian
from lowerbound.nn.constants import LOG_TWO_PI
from lowerbound.nn.linear_algebra import rayleigh_ritz, whiten
from lowerbound.objectives.expectation_maximization import AbstractExpectationMaximization, AbstractStatistics

_SMALLEST_SIGNAL = 1e-14  # of an eigenvalue above the noise: a direction that is off may come back


class CovarianceChunk(eqx.Module):
    """Sufficient statistics of complete rows: their covariance S about the mean, and the sum of their weights."""

    matrix: Float[Array | np.ndarray, "*stack features features"]
    weight: Float[Array | np.ndarray, "*stack"]


class CovarianceStatistics(AbstractStatistics):
    """Results of an E-step: the loadings that (1) was computed with, and the noise variances of (3) or (4)."""

    log_evidence: Float[Array, ""]
    weight: Float[Array, ""]
    loadings: Float[Array, "features latent"]
    variance: Float[Array, " features"]


class CovarianceEM(AbstractExpectationMaximization[LinearGaussian, CovarianceChunk, CovarianceStatistics]):
    """Steps of factor analysis from a covariance; noise is isotropic where ``log_variance`` has no axis of cells.

    Attributes
    ----------
    few_columns
        Most columns for which the noise moves by (4), whose work is cubic; with more columns it moves by (3).
    """

    few_columns: int = eqx.field(static=True, default=128)

    def statistics(self, model: LinearGaussian, chunk: CovarianceChunk) -> CovarianceStatistics:
        """E-step, with the best W in the space of [V, B V]."""
        s, weight, variance = jnp.asarray(chunk.matrix), jnp.asarray(chunk.weight), model.variance
        scale = jnp.sqrt(variance)
        whitened = jnp.asarray(model.loadings) / scale[:, None]

        def times_b(columns: Float[Array, "features columns"]) -> Float[Array, "features columns"]:
            return (s @ (columns / scale[:, None])) / scale[:, None]

        span = jnp.concatenate([whitened, times_b(whitened)], axis=1)
        best = rayleigh_ritz(times_b, span, n_pairs=model.latent_dim)
        signal = jnp.sqrt(jnp.maximum(best.values - 1, _SMALLEST_SIGNAL))
        unit = best.vectors * signal  # Psi^-1/2 W
        whitening = whiten(jnp.eye(model.latent_dim, dtype=s.dtype) + unit.T @ unit)
        inverse = whitening.inverse  # A^-1
        moved = best.images * signal @ inverse  # Psi^-1/2 S beta^T
        second = inverse + inverse @ (unit.T @ moved)  # E[z z^T] = A^-1 + beta S beta^T
        trace = jnp.sum(jnp.diagonal(s) / variance) - jnp.sum(unit * moved)
        log_determinant = jnp.sum(jnp.log(variance)) + whitening.log_determinant
        if model.log_variance.ndim and len(s) <= self.few_columns:
            precision_of_x = jnp.eye(len(s), dtype=s.dtype) - unit @ inverse @ unit.T  # times scale on both sides
            floor = model.variance_floor / variance
            better = _one_by_one(s / scale / scale[:, None], precision_of_x, floor=floor)
        else:
            better = jnp.diagonal(s) / variance - 2 * jnp.sum(unit * moved, axis=1)
            better += jnp.sum((unit @ second) * unit, axis=1)
        return CovarianceStatistics(
            log_evidence=-0.5 * weight * (len(s) * LOG_TWO_PI + log_determinant + trace),
            weight=weight,
            loadings=unit * scale[:, None],
            variance=better * variance,
        )

    def maximize(self, model: LinearGaussian, statistics: CovarianceStatistics) -> LinearGaussian:
        """Model with the loadings and the clipped variances of the E-step."""
        variance = statistics.variance if model.log_variance.ndim else statistics.variance.mean()
        return self._with(model, statistics.loadings, jnp.log(jnp.maximum(variance, model.variance_floor)))

    def at_e_step(self, model: LinearGaussian, statistics: CovarianceStatistics) -> LinearGaussian:
        """Model with the loadings that the E-step found for the present noise."""
        return self._with(model, statistics.loadings, jnp.asarray(model.log_variance))

    def unconstrained(self, model: LinearGaussian) -> Float[Array, "*noise"]:
        """Log psi."""
        return jnp.asarray(model.log_variance)

    def with_unconstrained(self, model: LinearGaussian, parameters: Float[Array, "*noise"]) -> LinearGaussian:
        """Model with this noise, at or above its floor."""
        return self._with(model, jnp.asarray(model.loadings), jnp.maximum(parameters, jnp.log(model.variance_floor)))

    def _with(
        self, model: LinearGaussian, loadings: Float[Array, "features latent"], log_variance: Float[Array, "*noise"]
    ) -> LinearGaussian:
        return replace(model, loadings=loadings, log_variance=log_variance)


def _one_by_one(
    s: Float[Array, "features features"],
    precision: Float[Array, "features features"],
    *,
    floor: Float[Array, " features"],
) -> Float[Array, " features"]:
    """Equation (4) for one column after another, in units in which psi is 1 before."""

    def move(j: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        psi, p = carry
        column = p[:, j]
        own = column[j]
        better = jnp.maximum(psi[j] + (column @ s @ column - own) / own**2, floor[j])
        step = better - psi[j]
        p = p - step / (1 + step * own) * jnp.outer(column, column)
        return psi.at[j].set(better), p

    return jax.lax.fori_loop(0, len(s), move, (jnp.ones(len(s), s.dtype), precision))[0]
