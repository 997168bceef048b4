r"""Gaussian posteriors of one datum: draws, log q(z), and the KL divergence from a Gaussian prior N(m, diag s^2) in closed form.

========================  ==============================  ============================================================
class                     q(z given x)                    z from eps ~ N(0, I)
========================  ==============================  ============================================================
DiagonalGaussian          N(mu, diag sigma^2)             z = mu + sigma * eps
FullCovarianceGaussian    N(mu, L L^T)                    z = mu + L eps,  L = mask * L' + diag sigma (lower triangular)
PrecisionGaussian         N(mu, (C C^T)^{-1})             z = mu + R eps,  R = C^{-T},  C lower triangular
========================  ==============================  ============================================================

All have log q(z given x) = - \sum_i (eps_i^2 / 2 + log(2 pi) / 2 + log sigma_i), from eps and the log-determinant alone: no
solve, no cancellation. And all have a KL that is a sum over latent dimensions,

    KL_i = ( (\Sigma_ii + (mu_i - m_i)^2) / s_i^2 - 1 ) / 2 - log sigma_i + log s_i,        \Sigma_ii = \sum_j L_ij^2,

since sigma_i^2 = L_ii^2 is the variance of z_i given z_1 … z_{i-1}: the term is E KL( q(z_i given z_<i, x) || p(z_i) ), and the
chain rule adds the terms to the whole (from the last latent to the first where the precision is factorized).

Reference: D. P. Kingma, M. Welling, "An introduction to variational autoencoders", 2019, sections 2.5 and 2.5.1.
"""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.nn.constants import LOG_TWO_PI
from lowerbound.nn.linear_algebra import solve_triangular, whiten
from lowerbound.posteriors.posterior import AbstractPosterior, PosteriorDraw
from lowerbound.priors.prior import AbstractDiagonalGaussianPrior

# exp(±10): scales from 5e-5 to 2e4 in units of the prior. An encoder fed with outliers must not overflow.
_LARGEST_LOG_SCALE = 10.0


class AbstractGaussianPosterior(AbstractPosterior):
    """N(mean, covariance) over the latents of one datum."""

    mean: eqx.AbstractVar[Float[Array, " latent"]]
    log_scale: eqx.AbstractVar[Float[Array, " latent"]]

    @abstractmethod
    def displace(self, noise: Float[Array, " latent"]) -> Float[Array, " latent"]:
        """L times noise: the deviation of a draw from the mean."""

    @abstractmethod
    def whiten(self, deviation: Float[Array, " latent"]) -> Float[Array, " latent"]:
        """Inverse of ``displace``: the noise of which a deviation from the mean is made."""

    @abstractmethod
    def variance(self) -> Float[Array, " latent"]:
        """Marginal variance of each latent."""

    @abstractmethod
    def covariance(self) -> Float[Array, "latent latent"]:
        """The covariance matrix."""

    def draw(self, *, key: PRNGKeyArray) -> PosteriorDraw:
        """One reparameterized draw with its log density."""
        noise = jax.random.normal(key, self.mean.shape, self.mean.dtype)
        return PosteriorDraw(self.mean + self.displace(noise), self._log_prob_of(noise))

    def log_prob(self, z: Float[Array, " latent"]) -> Float[Array, ""]:
        """Log q(z given x) in nats."""
        return self._log_prob_of(self.whiten(z - self.mean))

    def _log_prob_of(self, noise: Float[Array, " latent"]) -> Float[Array, ""]:
        return -jnp.sum(0.5 * noise**2 + 0.5 * LOG_TWO_PI + self.log_scale)

    def kl(self, prior: AbstractDiagonalGaussianPrior) -> Float[Array, " latent"]:
        """KL(q || prior) in nats, by latent dimension; the sum is exact for every family (see the module)."""
        mean, log_scale = (part.astype(self.mean.dtype) for part in (prior.mean, prior.log_scale))
        second_moment = self.variance() + (self.mean - mean) ** 2
        return 0.5 * (second_moment * jnp.exp(-2 * log_scale) - 1) - self.log_scale + log_scale


class DiagonalGaussian(AbstractGaussianPosterior):
    """N(mean, diag exp(2 log_scale))."""

    mean: Float[Array, " latent"]
    log_scale: Float[Array, " latent"]

    def displace(self, noise: Float[Array, " latent"]) -> Float[Array, " latent"]:
        """Sigma times noise."""
        return jnp.exp(self.log_scale) * noise

    def whiten(self, deviation: Float[Array, " latent"]) -> Float[Array, " latent"]:
        """The deviation over sigma."""
        return jnp.exp(-self.log_scale) * deviation

    def variance(self) -> Float[Array, " latent"]:
        """sigma^2."""
        return jnp.exp(2 * self.log_scale)

    def covariance(self) -> Float[Array, "latent latent"]:
        """Diagonal of sigma^2."""
        return jnp.diag(self.variance())


class FullCovarianceGaussian(AbstractGaussianPosterior):
    """N(mean, L L^T) with L = strictly lower part + diag exp(log_scale)."""

    mean: Float[Array, " latent"]
    log_scale: Float[Array, " latent"]
    lower: Float[Array, "latent latent"]

    @property
    def cholesky(self) -> Float[Array, "latent latent"]:
        """L: the strictly lower triangle of ``lower``, with sigma on the diagonal."""
        return jnp.tril(self.lower, -1) + jnp.diag(jnp.exp(self.log_scale))

    def displace(self, noise: Float[Array, " latent"]) -> Float[Array, " latent"]:
        """L times noise."""
        return self.cholesky @ noise

    def whiten(self, deviation: Float[Array, " latent"]) -> Float[Array, " latent"]:
        """Solution e of L e = deviation."""
        return solve_triangular(self.cholesky, deviation, lower=True)

    def variance(self) -> Float[Array, " latent"]:
        """Row sums of L^2."""
        return jnp.sum(self.cholesky**2, axis=1)

    def covariance(self) -> Float[Array, "latent latent"]:
        """L times its transpose."""
        return self.cholesky @ self.cholesky.T


class PrecisionGaussian(AbstractGaussianPosterior):
    """N(mean, R R^T) with R = strictly upper part + diag exp(log_scale), R = C^-T: the form in which exact posteriors come.

    exp(log_scale_i) is the standard deviation of z_i given z_{i+1} … z_L.
    """

    mean: Float[Array, " latent"]
    log_scale: Float[Array, " latent"]
    upper: Float[Array, "latent latent"]

    @property
    def root(self) -> Float[Array, "latent latent"]:
        """R, upper triangular: the inverse of the precision's Cholesky factor, transposed."""
        return jnp.triu(self.upper, 1) + jnp.diag(jnp.exp(self.log_scale))

    def displace(self, noise: Float[Array, " latent"]) -> Float[Array, " latent"]:
        """R times noise."""
        return self.root @ noise

    def whiten(self, deviation: Float[Array, " latent"]) -> Float[Array, " latent"]:
        """Solution e of R e = deviation."""
        return solve_triangular(self.root, deviation, lower=False)

    def variance(self) -> Float[Array, " latent"]:
        """Row sums of R^2."""
        return jnp.sum(self.root**2, axis=1)

    def covariance(self) -> Float[Array, "latent latent"]:
        """R times its transpose."""
        return self.root @ self.root.T


def gaussian_from_precision(
    precision: Float[Array, "latent latent"], pull: Float[Array, " latent"]
) -> PrecisionGaussian:
    """N(P^-1 pull, P^-1) for a positive definite precision P."""
    whitening = whiten(precision)
    root = whitening.matrix.T
    return PrecisionGaussian(root @ (root.T @ pull), -whitening.log_diagonal, root)


def n_posterior_outputs(family: str, latent_dim: int) -> int:
    """Numbers that an encoder network has to give: mean and log scale, and the strict lower triangle for "full"."""
    return 2 * latent_dim + (latent_dim * (latent_dim - 1) // 2 if family == "full" else 0)


def posterior_from_outputs(
    family: str, latent_dim: int, outputs: Float[Array, " outputs"]
) -> DiagonalGaussian | FullCovarianceGaussian:
    """The posterior whose free parameters are ``outputs``: mean, log scale (held within +-10), strict lower triangle."""
    mean, log_scale, below = jnp.split(outputs, [latent_dim, 2 * latent_dim])
    log_scale = jnp.clip(log_scale, -_LARGEST_LOG_SCALE, _LARGEST_LOG_SCALE)
    if family == "diagonal":
        return DiagonalGaussian(mean, log_scale)
    lower = jnp.zeros((latent_dim, latent_dim), outputs.dtype).at[jnp.tril_indices(latent_dim, -1)].set(below)
    return FullCovarianceGaussian(mean, log_scale, lower)
