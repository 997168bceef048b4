r"""Linear Gaussian models: probabilistic PCA and factor analysis, solved exactly, with any cells missing.

    z ~ N(0, I),    x given z ~ N(mu + W z, Psi)                                                                 (1)
    p(x) = N(mu, W W^T + Psi)                                                                                    (2)
    p(z given x) = N(m, A^{-1}),    A = I + W^T Psi^{-1} W,    m = A^{-1} W^T Psi^{-1} (x - mu)                  (3)

Psi = sigma^2 I gives probabilistic PCA, Psi diagonal factor analysis; without latents (1) is a spherical or diagonal Gaussian.
Where cells are missing, the rows of W, mu and Psi that belong to them are left out: since x given z factorizes over cells,
that is the exact marginal, and it costs no more than a weight of zero,

    A = I + \sum_{j observed} w_j w_j^T / psi_j.                                                                 (4)

The log evidence is computed from the residual e = x - mu - W m, a sum of squares without cancellation:

    log p(x) = -1/2 [ D log 2 pi + \sum_j log psi_j + log det A + \sum_j e_j^2 / psi_j + m^T m ]                 (5)

=================  =====================================================  =====================
symbol             meaning                                                shape
=================  =====================================================  =====================
x                  datum in model units, D cells observed                 (\*event), d cells
z                  factors                                                (latent,)
W                  ``loadings``                                           (d, latent)
mu                 ``mean``                                               (d,)
psi                ``variance`` of the noise                              (d,), or () for all
=================  =====================================================  =====================

q(z given x) is (3) itself: every bound built on it is log p(x), for every single z.

References: M. E. Tipping, C. M. Bishop, "Probabilistic principal component analysis", JRSS B 1999; D. B. Rubin, D. T. Thayer,
"EM algorithms for ML factor analysis", Psychometrika 1982.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from lowerbound.data.datum import Datum
from lowerbound.models.model import AbstractExactModel, AbstractGaussianPosteriorModel, Draw, ElboTerms, Predictive
from lowerbound.nn.constants import LOG_TWO_PI
from lowerbound.posteriors.gaussian import PrecisionGaussian, gaussian_from_precision
from lowerbound.priors.standard_normal import StandardNormal

_AT_FLOOR_MARGIN = 1.1


class LinearGaussian(AbstractExactModel, AbstractGaussianPosteriorModel):
    """p(x, z) of equation (1) with its exact posterior; leading axes of the arrays, if any, stack several models.

    Attributes
    ----------
    mean, loadings
        mu (d,) and W (d, latent), model units.
    log_variance
        log psi: (d,), or () where all cells share it.
    variance_floor
        The value that fitting does not let psi fall below.
    event_shape
        Shape of a datum, d cells in all.
    """

    mean: Float[Array | np.ndarray, "*stack features"]
    loadings: Float[Array | np.ndarray, "*stack features latent"]
    log_variance: Float[Array | np.ndarray, "*noise"]
    variance_floor: float = eqx.field(static=True)
    event_shape: tuple[int, ...] = eqx.field(static=True)

    @property
    def latent_dim(self) -> int:
        """Number of factors."""
        return int(self.loadings.shape[-1])

    @property
    def prior(self) -> StandardNormal:
        """p(z) of equation (1)."""
        return StandardNormal(self.latent_dim, np.dtype(self.mean.dtype))

    @property
    def variance(self) -> Float[Array, " features"]:
        """psi of each cell."""
        return jnp.broadcast_to(jnp.exp(self.log_variance), self.mean.shape)

    # ---- level one

    def log_joint(self, datum: Datum, z: Float[Array, " latent"]) -> Float[Array, ""]:
        """Log p(z) + log p(x_observed given z)."""
        return self.prior.log_prob(z) + self.log_likelihood(datum, z)

    def log_likelihood(self, datum: Datum, z: Float[Array, " latent"]) -> Float[Array, ""]:
        """Log p(x_observed given z)."""
        error = datum.values.reshape(-1) - self._mean_given(z)
        per_cell = -0.5 * (LOG_TWO_PI + jnp.log(self.variance) + error**2 / self.variance)
        return datum.log_prob(per_cell.reshape(self.event_shape))

    def encode(self, datum: Datum) -> Float[Array, " latent"]:
        """Posterior mean m, equation (3)."""
        return self.posterior(datum).mean

    def decode(
        self, z: Float[Array, " latent"], condition: Float[Array, " condition"] | None = None
    ) -> Float[Array, "*event"]:
        """E[x given z] = mu + W z."""
        return self._mean_given(z).reshape(self.event_shape)

    # ---- level two

    def posterior(self, datum: Datum) -> PrecisionGaussian:
        """p(z given x_observed), equations (3) and (4)."""
        weight = _seen(datum, self.variance) / self.variance
        if datum.observed is None:
            gram = (self.loadings * weight[:, None]).T @ self.loadings
        else:  # products of loadings are the same for all data, and their weighted sums one product for many of them
            gram = jnp.tensordot(weight, self.loadings[:, :, None] * self.loadings[:, None, :], axes=1)
        precision = jnp.eye(self.latent_dim, dtype=gram.dtype) + gram
        pull = (weight * (datum.values.reshape(-1) - self.mean)) @ self.loadings
        return gaussian_from_precision(precision, pull)

    def prior_moments(self) -> tuple[Float[Array, " latent"], Float[Array, " latent"]]:
        """Zeros and ones."""
        return self.prior.moments()

    def noise_scale(self, z: Float[Array, " latent"]) -> Float[Array, "*event"]:
        """Square root of psi; it does not depend on z."""
        return jnp.sqrt(self.variance).reshape(self.event_shape)

    def at_floor(self, z: Float[Array, " latent"]) -> Bool[Array, "*event"]:
        """True for cells whose psi is within 10 % of its floor; it does not depend on z."""
        return (self.variance <= self.variance_floor * _AT_FLOOR_MARGIN).reshape(self.event_shape)

    def draw(self, datum: Datum, *, key: PRNGKeyArray) -> Draw:
        """One z ~ p(z given x) with its log densities; the log weight is log p(x) for every z."""
        z, log_posterior = self.posterior(datum).draw(key=key)
        return Draw(z, self.prior.log_prob(z), self.log_likelihood(datum, z), log_posterior)

    def elbo_terms(self, datum: Datum, *, key: PRNGKeyArray) -> ElboTerms:
        """Log p(x given z) at one z ~ p(z given x), and KL(p(z given x) || p(z)); the KL is exact."""
        posterior = self.posterior(datum)
        return ElboTerms(self.log_likelihood(datum, posterior.draw(key=key).z), posterior.kl(self.prior))

    def sample(
        self, condition: Float[Array, " condition"] | None = None, *, key: PRNGKeyArray
    ) -> tuple[Float[Array, "*event"], Float[Array, " latent"]]:
        """One (x, z), equation (1)."""
        latent_key, data_key = jax.random.split(key)
        z = self.prior.sample(key=latent_key)
        return self._noisy(z, key=data_key).reshape(self.event_shape), z

    # ---- exact

    def log_evidence(self, datum: Datum) -> Float[Array, ""]:
        """Log p(x_observed), equation (5)."""
        posterior = self.posterior(datum)
        residual = datum.values.reshape(-1) - self._mean_given(posterior.mean)
        per_cell = -0.5 * (LOG_TWO_PI + jnp.log(self.variance) + residual**2 / self.variance)
        of_latents = jnp.sum(posterior.log_scale) - 0.5 * jnp.sum(posterior.mean**2)
        return datum.log_prob(per_cell.reshape(self.event_shape)) + of_latents

    def predictive(self, datum: Datum) -> Predictive:
        """Distribution of each cell, N(mu_j + w_j m, w_j A^-1 w_j^T + psi_j)."""
        posterior = self.posterior(datum)
        spread = self.loadings @ posterior.root  # (features, latent)
        mean, variance = self._mean_given(posterior.mean), self.variance + jnp.sum(spread**2, axis=1)
        shape = (1, *self.event_shape)
        return Predictive(jnp.zeros(1, mean.dtype), mean.reshape(shape), variance.reshape(shape))

    def complete(self, datum: Datum, *, key: PRNGKeyArray) -> Float[Array, "*event"]:
        """Missing cells drawn from (1) at one z ~ p(z given x_observed)."""
        latent_key, data_key = jax.random.split(key)
        drawn = self._noisy(self.posterior(datum).draw(key=latent_key).z, key=data_key).reshape(self.event_shape)
        return datum.values if datum.observed is None else jnp.where(datum.observed, datum.values, drawn)

    def _mean_given(self, z: Float[Array, " latent"]) -> Float[Array, " features"]:
        return jnp.asarray(self.mean) + self.loadings @ z

    def _noisy(self, z: Float[Array, " latent"], *, key: PRNGKeyArray) -> Float[Array, " features"]:
        noise = jax.random.normal(key, self.mean.shape, self.mean.dtype)
        return self._mean_given(z) + jnp.sqrt(self.variance) * noise


def _seen(datum: Datum, like: Float[Array, " features"]) -> Float[Array, " features"]:
    """1 for observed cells, 0 for missing ones."""
    if datum.observed is None:
        return jnp.ones(like.shape, like.dtype)
    return datum.observed.reshape(-1).astype(like.dtype)
