"""A diagonal Gaussian prior other than N(0, I): what a learned prior or other units of the latents come to."""

import math

import jax
import jax.numpy as jnp

from lowerbound.priors.prior import AbstractDiagonalGaussianPrior


class ShiftedNormal(AbstractDiagonalGaussianPrior):
    """N(center, diag exp(2 log_width))."""

    center: jax.Array
    log_width: jax.Array

    @property
    def latent_dim(self):
        return len(self.center)

    @property
    def mean(self):
        return self.center

    @property
    def log_scale(self):
        return self.log_width

    def log_prob(self, z):
        whitened = (z - self.center) * jnp.exp(-self.log_width)
        return -jnp.sum(0.5 * whitened**2 + 0.5 * math.log(2 * math.pi) + self.log_width)

    def moments(self):
        return self.center, jnp.exp(2 * self.log_width)

    def sample(self, *, key):
        return self.center + jnp.exp(self.log_width) * jax.random.normal(key, self.center.shape)
