r"""Variational autoencoder: a continuous mixture p(x) = ∫ N(z; 0, I) p(x given z; theta) dz, with an encoder q(z given x; phi).

    z ~ p(z) = N(0, I),      x given z ~ likelihood(decoder(z))                                                 (1)
    q(z given x) = N(mu(x), diag sigma^2(x))   or   N(mu(x), L(x) L(x)^T)                                       (2)
    log p(x) >= E_q[log p(x given z)] - KL(q(z given x) || p(z))                                                (3)

Cells may be missing: likelihood and encoder leave them out, and x stands for the observed cells in all of these.

=================  =====================================================  =====================
symbol             meaning                                                shape
=================  =====================================================  =====================
x                  datum in model units                                   (\*event)
z                  latents                                                (latent_dim,)
mu, sigma, L       encoder outputs                                        (latent_dim,), …
=================  =====================================================  =====================

Exact special case: with a linear decoder W z + b and Gaussian noise of scales s, p(x) = N(b, W W^T + diag s^2) and the true
posterior is N(A^{-1} W^T S^{-1} (x - b), A^{-1}), A = I + W^T S^{-1} W, S = diag s^2: a full-covariance encoder that is
linear contains it, so that (3) is tight; a diagonal one is short by KL(q || p(z given x)), least where it equals
(1/2) (\sum_i log A_ii - log det A). The tests hold every bound against this case.

References: D. P. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014; D. J. Rezende, S. Mohamed, D. Wierstra,
"Stochastic backpropagation and approximate inference in deep generative models", ICML 2014.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from lowerbound.data.datum import Datum
from lowerbound.likelihoods.likelihood import AbstractLikelihood
from lowerbound.models.decoder import Decoder
from lowerbound.models.model import AbstractGaussianPosteriorModel, AbstractImputingModel, Draw, ElboTerms
from lowerbound.posteriors.encoder import AbstractEncoder
from lowerbound.posteriors.gaussian import AbstractGaussianPosterior
from lowerbound.posteriors.unobserved import draw_or_prior, posterior_or_prior, unless_unobserved
from lowerbound.priors.prior import AbstractDiagonalGaussianPrior


class VAE(AbstractGaussianPosteriorModel, AbstractImputingModel):
    """p(x, z) of equation (1) with the q(z given x) of equation (2)."""

    prior: AbstractDiagonalGaussianPrior
    encoder: AbstractEncoder
    decoder: Decoder
    likelihood: AbstractLikelihood

    @property
    def latent_dim(self) -> int:
        """Dimension of z."""
        return self.prior.latent_dim

    def log_joint(self, datum: Datum, z: Float[Array, " latent"]) -> Float[Array, ""]:
        """Log p(z) + log p(x_observed given z)."""
        return self.prior.log_prob(z) + self.log_likelihood(datum, z)

    def log_likelihood(self, datum: Datum, z: Float[Array, " latent"]) -> Float[Array, ""]:
        """Log p(x_observed given z)."""
        return self.likelihood.log_prob(self.outputs(z), datum)

    def posterior(self, datum: Datum) -> AbstractGaussianPosterior:
        """q(z given x), equation (2); the prior where x has no observed cell."""
        return posterior_or_prior(datum, self.encoder(self.likelihood, datum), self.prior)

    def prior_moments(self) -> tuple[Float[Array, " latent"], Float[Array, " latent"]]:
        """Mean and variance of each latent under p(z)."""
        return self.prior.moments()

    def encode(self, datum: Datum) -> Float[Array, " latent"]:
        """mu(x)."""
        return self.posterior(datum).mean

    def outputs(
        self, z: Float[Array, " latent"], condition: Float[Array, " condition"] | None = None
    ) -> Float[Array, "outputs *event"]:
        """The decoder at z."""
        return self.decoder(z)

    def decode(
        self, z: Float[Array, " latent"], condition: Float[Array, " condition"] | None = None
    ) -> Float[Array, "*event"]:
        """E[x given z]."""
        return self.likelihood.mean(self.outputs(z))

    def noise_scale(self, z: Float[Array, " latent"]) -> Float[Array, "*event"]:
        """Standard deviation of the likelihood at z."""
        return jnp.sqrt(self.likelihood.variance(self.outputs(z)))

    def at_floor(self, z: Float[Array, " latent"]) -> Bool[Array, "*event"]:
        """Cells whose likelihood rests on its floor at z."""
        return self.likelihood.at_floor(self.outputs(z))

    def draw(self, datum: Datum, *, key: PRNGKeyArray) -> Draw:
        """One z ~ q(z given x) with log p(z), log p(x given z), log q(z given x)."""
        z, log_prior, log_posterior = draw_or_prior(datum, self.posterior(datum), self.prior, key=key)
        return Draw(z, log_prior, self.log_likelihood(datum, z), log_posterior)

    def elbo_terms(self, datum: Datum, *, key: PRNGKeyArray) -> ElboTerms:
        """The two terms of equation (3), the expectation at one z ~ q."""
        posterior = self.posterior(datum)
        z = posterior.draw(key=key).z
        kl = posterior.kl(self.prior)
        return ElboTerms(self.log_likelihood(datum, z), unless_unobserved(datum, kl, jnp.zeros_like(kl)))

    def sample(
        self, condition: Float[Array, " condition"] | None = None, *, key: PRNGKeyArray
    ) -> tuple[Float[Array, "*event"], Float[Array, " latent"]]:
        """One (x, z), equation (1)."""
        latent_key, data_key = jax.random.split(key)
        z = self.prior.sample(key=latent_key)
        return self.likelihood.sample(self.outputs(z), key=data_key), z
