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
plain EM takes thousands.

References: D. N. Lawley, A. E. Maxwell, "Factor analysis as a statistical method", 1971; C. Liu, D. B. Rubin, "The ECME
algorithm", Biometrika 1994.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import cho_solve
from jaxtyping import Array, Float

from lowerbound.models.linear_gaussian import LOG_TWO_PI, LinearGaussian
from lowerbound.objectives.expectation_maximization import AbstractExpectationMaximization, AbstractStatistics

_SMALLEST_SIGNAL = 1e-14  # of an eigenvalue above the noise: a direction that is off may come back


class CovarianceChunk(eqx.Module):
    """All rows at once: their covariance around ``mean`` (weights divided out), and the sum of their weights."""

    matrix: Float[Array | np.ndarray, "*stack features features"]
    weight: Float[Array | np.ndarray, "*stack"]


class CovarianceStatistics(AbstractStatistics):
    """E-step: the loadings that (1) was computed with, and diag E[(x - W z)(x - W z)^T] as the M-step needs it."""

    log_evidence: Float[Array, ""]
    weight: Float[Array, ""]
    loadings: Float[Array, "features latent"]
    left: Float[Array, " features"]


class CovarianceEM(AbstractExpectationMaximization[LinearGaussian, CovarianceChunk, CovarianceStatistics]):
    """Steps of factor analysis from a covariance; noise is isotropic where ``log_variance`` has no axis of cells."""

    def statistics(self, model: LinearGaussian, chunk: CovarianceChunk) -> CovarianceStatistics:
        """The E-step, with W at its best in the space around the one before."""
        s, weight, variance = jnp.asarray(chunk.matrix), jnp.asarray(chunk.weight), model.variance
        scale = jnp.sqrt(variance)
        whitened = model.loadings / scale[:, None]
        across = (s @ (whitened / scale[:, None])) / scale[:, None]  # B V
        basis, _ = jnp.linalg.qr(jnp.concatenate([whitened, across], axis=1))
        image = (s @ (basis / scale[:, None])) / scale[:, None]  # B Q
        values, vectors = jnp.linalg.eigh(basis.T @ image)
        values, vectors = values[::-1][: model.latent_dim], vectors[:, ::-1][:, : model.latent_dim]
        signal = jnp.sqrt(jnp.maximum(values - 1, _SMALLEST_SIGNAL))
        unit = (basis @ vectors) * signal  # Psi^-1/2 W
        turned = (image @ vectors) * signal  # B Psi^-1/2 W
        precision = jnp.eye(model.latent_dim, dtype=s.dtype) + unit.T @ unit
        cholesky = jnp.linalg.cholesky(precision)
        moved = cho_solve((cholesky, True), turned.T).T  # Psi^-1/2 S beta^T
        inverse = cho_solve((cholesky, True), jnp.eye(model.latent_dim, dtype=s.dtype))
        second = inverse + cho_solve((cholesky, True), unit.T @ moved)  # E[z z^T] = A^-1 + beta S beta^T
        trace = jnp.sum(jnp.diagonal(s) / variance) - jnp.sum(unit * moved)
        log_determinant = jnp.sum(jnp.log(variance)) + 2 * jnp.sum(jnp.log(jnp.diagonal(cholesky)))
        left = jnp.diagonal(s) / variance - 2 * jnp.sum(unit * moved, axis=1) + jnp.sum((unit @ second) * unit, axis=1)
        return CovarianceStatistics(
            log_evidence=-0.5 * weight * (len(s) * LOG_TWO_PI + log_determinant + trace),
            weight=weight,
            loadings=unit * scale[:, None],
            left=left * variance,
        )

    def maximize(self, model: LinearGaussian, statistics: CovarianceStatistics) -> LinearGaussian:
        """Equation (3), and the loadings that it is best for."""
        left = statistics.left if model.log_variance.ndim else statistics.left.mean()
        return self._with(model, statistics.loadings, jnp.log(jnp.maximum(left, model.variance_floor)))

    def settled(self, model: LinearGaussian, statistics: CovarianceStatistics) -> LinearGaussian:
        """The noise as it was, with the loadings that the E-step found for it."""
        return self._with(model, statistics.loadings, jnp.asarray(model.log_variance))

    def free(self, model: LinearGaussian) -> Float[Array, "*noise"]:
        """Log psi."""
        return jnp.asarray(model.log_variance)

    def with_free(self, model: LinearGaussian, free: Float[Array, "*noise"]) -> LinearGaussian:
        """Noise at or above its floor."""
        return self._with(model, jnp.asarray(model.loadings), jnp.maximum(free, jnp.log(model.variance_floor)))

    def _with(
        self, model: LinearGaussian, loadings: Float[Array, "features latent"], log_variance: Float[Array, "*noise"]
    ) -> LinearGaussian:
        return LinearGaussian(model.mean, loadings, log_variance, model.variance_floor, model.event_shape)
