r"""The evidence lower bound, with beta, warm-up and free bits.

    ELBO(x) = E_q[log p(x given z)] - KL(q(z given x) || p(z))   <=  log p(x)                                   (1)

    loss    = - mean_x E_q[log p(x given z)]  +  beta_t \sum_i max(free_bits, mean_x KL_i(x))                   (2)
    beta_t  = beta * min(1, step / warmup_steps)                                                                (3)

The expectation is taken at one reparameterized z per datum. The KL is in closed form, by latent dimension i, or ("sampled")
log q(z given x) - log p(z) at the same z: same mean; at the exact posterior the bound is then log p(x) for every z. Free bits
act on the minibatch mean of each dimension's KL, in nats (Kingma et al. 2016, eq. 15). The metric ``bound`` is (1), whatever
the weights: a lower bound on log p(x) at every step.

References: Kingma & Welling, ICLR 2014; Higgins et al., "beta-VAE", ICLR 2017; Sønderby et al., "Ladder variational
autoencoders", NIPS 2016 (warm-up); D. P. Kingma et al., "Improved variational inference with inverse autoregressive flow",
NIPS 2016 (free bits).
"""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from lowerbound.models.model import AbstractDensityModel
from lowerbound.objectives.objective import AbstractObjective, Batch, Metrics

KLTerm = Literal["closed_form", "sampled"]


class ELBO(AbstractObjective[AbstractDensityModel]):
    """Minus the bound of equation (1), weighted as in (2) and (3).

    Parameters
    ----------
    beta
        Weight of the KL, at least 0; 1 gives a bound on log p(x).
    warmup_steps
        Number of steps over which the weight grows from 0 to beta; 0 for none.
    free_bits
        Nats of KL per latent dimension that cost nothing; closed form only.
    kl
        "closed_form" or "sampled".
    """

    beta: Float[Array, ""]
    warmup_steps: Float[Array, ""]
    free_bits: Float[Array, ""]
    kl: KLTerm = eqx.field(static=True)

    def __init__(
        self,
        *,
        beta: int | float = 1.0,
        warmup_steps: int = 0,
        free_bits: int | float = 0.0,
        kl: KLTerm = "closed_form",
    ) -> None:
        self.beta = jnp.asarray(beta, jnp.float32)
        self.warmup_steps = jnp.asarray(warmup_steps, jnp.float32)
        self.free_bits = jnp.asarray(free_bits, jnp.float32)
        self.kl = kl

    def __call__(
        self, model: AbstractDensityModel, batch: Batch, key: PRNGKeyArray, step: Int[Array, ""]
    ) -> tuple[Float[Array, ""], Metrics]:
        """Loss of equation (2); metrics bound, log_likelihood, kl in nats per row."""
        keys = jax.random.split(key, batch.weight.shape[0])
        if self.kl == "closed_form":
            terms = jax.vmap(lambda datum, key: model.elbo_terms(datum, key=key))(batch.datums, keys)
            log_likelihood, kl = batch.mean(terms.log_likelihood), batch.mean(terms.kl)
        else:
            draws = jax.vmap(lambda datum, key: model.draw(datum, key=key))(batch.datums, keys)
            log_likelihood = batch.mean(draws.log_likelihood)
            kl = batch.mean(draws.log_posterior - draws.log_prior)
        warmed = jnp.minimum(1.0, step.astype(jnp.float32) / jnp.maximum(self.warmup_steps, 1e-9))
        beta = jnp.where(self.warmup_steps > 0, self.beta * warmed, self.beta)  # equation (3)
        free_bits = self.free_bits.astype(kl.dtype)
        paid = jnp.sum(jnp.where(free_bits > 0, jnp.maximum(kl, free_bits), kl))
        loss = -log_likelihood + beta.astype(kl.dtype) * paid
        total = jnp.sum(kl)
        return loss, {"bound": log_likelihood - total, "log_likelihood": log_likelihood, "kl": total}
