r"""Gaussian with a full covariance: the component of the classical mixture, with any cells missing.

    x ~ N(mu, Sigma),    Sigma = L L^T                                                                           (1)
    x_o ~ N(mu_o, Sigma_oo)                                                          observed cells o            (2)
    x_m given x_o ~ N(mu_m + Sigma_mo Sigma_oo^{-1} (x_o - mu_o), Sigma_mm - Sigma_mo Sigma_oo^{-1} Sigma_om)    (3)

Shapes stay fixed whatever is missing: the rows and columns of missing cells in Sigma are replaced by those of the identity, S,
which leaves det Sigma_oo and the quadratic form as they are. A draw from (3) needs no root of its covariance: with x* from (1),
x*_m + Sigma_mo Sigma_oo^{-1} (x_o - x*_o) has that distribution (Matheron's rule).

There are no latents: z is empty, log p(x given z) = log p(x), and the posterior is known trivially.

Reference: C. M. Bishop, "Pattern recognition and machine learning", 2006, section 2.3.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from lowerbound.data.datum import Datum
from lowerbound.models.model import AbstractExactModel, AbstractGaussianPosteriorModel, Draw, ElboTerms, Predictive
from lowerbound.nn.constants import LOG_TWO_PI
from lowerbound.nn.linear_algebra import cholesky_factor, solve_triangular, whiten_by_cholesky
from lowerbound.posteriors.gaussian import PrecisionGaussian, gaussian_from_precision
from lowerbound.priors.standard_normal import StandardNormal


class FullGaussian(AbstractExactModel, AbstractGaussianPosteriorModel):
    """p(x) of equation (1); leading axes of the arrays, if any, stack several models.

    Attributes
    ----------
    mean, cholesky
        mu (d,) and L (d, d), lower triangular, model units.
    variance_floor
        The value that fitting does not let an eigenvalue of Sigma fall below.
    event_shape
        Shape of a datum, d cells in all.
    """

    mean: Float[Array | np.ndarray, "*stack features"]
    cholesky: Float[Array | np.ndarray, "*stack features features"]
    variance_floor: float = eqx.field(static=True)
    event_shape: tuple[int, ...] = eqx.field(static=True)

    @property
    def latent_dim(self) -> int:
        """Number of latents: 0."""
        return 0

    @property
    def prior(self) -> StandardNormal:
        """Prior on the empty vector."""
        return StandardNormal(0, np.dtype(self.mean.dtype))

    @property
    def covariance(self) -> Float[Array, "features features"]:
        """Sigma."""
        return jnp.asarray(self.cholesky) @ self.cholesky.T

    def log_joint(self, datum: Datum, z: Float[Array, " latent"]) -> Float[Array, ""]:
        """Log p(x_observed): z is empty."""
        return self.log_evidence(datum)

    def log_likelihood(self, datum: Datum, z: Float[Array, " latent"]) -> Float[Array, ""]:
        """Log p(x_observed): z is empty."""
        return self.log_evidence(datum)

    def encode(self, datum: Datum) -> Float[Array, " latent"]:
        """The empty vector."""
        return jnp.zeros(0, self.mean.dtype)

    def decode(
        self, z: Float[Array, " latent"], condition: Float[Array, " condition"] | None = None
    ) -> Float[Array, "*event"]:
        """mu."""
        return jnp.asarray(self.mean).reshape(self.event_shape)

    def posterior(self, datum: Datum) -> PrecisionGaussian:
        """Distribution on the empty vector."""
        return gaussian_from_precision(jnp.zeros((0, 0), self.mean.dtype), jnp.zeros(0, self.mean.dtype))

    def prior_moments(self) -> tuple[Float[Array, " latent"], Float[Array, " latent"]]:
        """Moments of no latents."""
        return self.prior.moments()

    def noise_scale(self, z: Float[Array, " latent"]) -> Float[Array, "*event"]:
        """Standard deviation of each cell."""
        return jnp.sqrt(jnp.sum(self.cholesky**2, axis=1)).reshape(self.event_shape)

    def at_floor(self, z: Float[Array, " latent"]) -> Bool[Array, "*event"]:
        """True for cells whose variance given all other cells is within 10 % of the floor."""
        precision = jnp.sum(whiten_by_cholesky(jnp.asarray(self.cholesky)).matrix ** 2, axis=0)
        return (1 / precision <= self.variance_floor * 1.1).reshape(self.event_shape)

    def draw(self, datum: Datum, *, key: PRNGKeyArray) -> Draw:
        """Empty z of log density 0, with log p(x)."""
        zero = jnp.zeros((), self.mean.dtype)
        return Draw(self.encode(datum), zero, self.log_evidence(datum), zero)

    def elbo_terms(self, datum: Datum, *, key: PRNGKeyArray) -> ElboTerms:
        """Log p(x), and no KL."""
        return ElboTerms(self.log_evidence(datum), jnp.zeros(0, self.mean.dtype))

    def sample(
        self, condition: Float[Array, " condition"] | None = None, *, key: PRNGKeyArray
    ) -> tuple[Float[Array, "*event"], Float[Array, " latent"]]:
        """One x, equation (1), and the empty z."""
        x = jnp.asarray(self.mean) + self.cholesky @ jax.random.normal(key, self.mean.shape, self.mean.dtype)
        return x.reshape(self.event_shape), jnp.zeros(0, self.mean.dtype)

    def log_evidence(self, datum: Datum) -> Float[Array, ""]:
        """Log p(x_observed), equation (2)."""
        cholesky, whitened, _ = self._whitened(datum)
        # By the chain rule: cell j given the observed ones before it. Missing cells have a root of 1 and add nothing.
        per_cell = -0.5 * (LOG_TWO_PI + whitened**2) - jnp.log(jnp.abs(jnp.diagonal(cholesky)))
        return datum.log_prob(per_cell.reshape(self.event_shape))

    def predictive(self, datum: Datum) -> Predictive:
        """Mean and variance of (3) for missing cells, and of the marginals of (1) for observed cells, as if measured anew."""
        shape = (1, *self.event_shape)
        covariance = self.covariance
        if datum.observed is None:
            mean, variance = jnp.asarray(self.mean), jnp.diagonal(covariance)
            return Predictive(jnp.zeros(1, mean.dtype), mean.reshape(shape), variance.reshape(shape))
        cholesky, whitened, seen = self._whitened(datum)
        between = covariance * (1 - seen)[:, None] * seen  # Sigma_mo, zero elsewhere
        pulled = (
            between @ whiten_by_cholesky(cholesky, after=whitened).matrix.T
        )  # its square: Sigma_mo Sigma_oo^-1 Sigma_om
        mean = jnp.asarray(self.mean) + pulled @ whitened
        variance = jnp.diagonal(covariance) - jnp.sum(pulled**2, axis=1)
        return Predictive(jnp.zeros(1, mean.dtype), mean.reshape(shape), variance.reshape(shape))

    def complete(self, datum: Datum, *, key: PRNGKeyArray) -> Float[Array, "*event"]:
        """Missing cells drawn from (3), jointly, by Matheron's rule."""
        if datum.observed is None:
            return datum.values
        cholesky, whitened, seen = self._whitened(datum)
        whitening = whiten_by_cholesky(cholesky, after=whitened).matrix
        values, drawn = datum.values.reshape(-1), self.sample(key=key)[0].reshape(-1)
        shift = self.covariance @ (seen * (whitening.T @ (whitening @ (seen * (values - drawn)))))
        return jnp.where(seen > 0, values, drawn + shift).reshape(self.event_shape)

    def _whitened(
        self, datum: Datum
    ) -> tuple[Float[Array, "features features"], Float[Array, " features"], Float[Array, " features"]]:
        """Root of S (Sigma_oo, and the identity for missing cells), its inverse times x - mu, and 1 for observed cells."""
        if datum.observed is None:
            cholesky, seen = jnp.asarray(self.cholesky), jnp.ones(self.mean.shape, self.mean.dtype)
        else:
            seen = datum.observed.reshape(-1).astype(self.mean.dtype)
            cholesky = cholesky_factor(self.covariance * seen * seen[:, None] + jnp.diag(1 - seen))
        deviation = seen * (datum.values.reshape(-1) - self.mean)
        return cholesky, solve_triangular(cholesky, deviation, lower=True), seen
