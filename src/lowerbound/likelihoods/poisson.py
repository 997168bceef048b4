r"""Poisson likelihood: counts x_j in {0, 1, 2, …} with rate exp(output_j), independent over cells given z.

log p(x given z) = \sum_j x_j r_j - exp(r_j) - log x_j!,     r = decoder(z), held within +-20 so that exp stays finite
"""

from typing import ClassVar

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Bool, Float, Shaped

from lowerbound.data.datum import Datum
from lowerbound.likelihoods.likelihood import AbstractLikelihood, sum_observed

LARGEST_LOG_RATE = 20.0


class Poisson(AbstractLikelihood):
    """Mass on counts per cell; one output, the log rate."""

    n_outputs: ClassVar[int] = 1
    base_measure: ClassVar[str] = "counting measure on {0, 1, 2, ...}"

    def distribution(self, outputs: Float[Array, "outputs *event"]) -> dist.Distribution:
        """Poisson with rate exp(outputs[0])."""
        return dist.Poisson(self.mean(outputs))

    def log_prob(self, outputs: Float[Array, "outputs *event"], datum: Datum) -> Float[Array, ""]:
        """The sum at the top of this file, over observed cells."""
        return sum_observed(self.distribution(outputs).log_prob(datum.values), datum)

    def mean(self, outputs: Float[Array, "outputs *event"]) -> Float[Array, "*event"]:
        """The rate."""
        return jnp.exp(jnp.clip(outputs[0], -LARGEST_LOG_RATE, LARGEST_LOG_RATE))

    def features(self, values: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """log(1 + count): counts span orders of magnitude."""
        return jnp.log1p(values)

    def at_floor(self, outputs: Float[Array, "outputs *event"]) -> Bool[Array, "*event"]:
        """Cells whose log rate is held at +-20."""
        return jnp.abs(outputs[0]) >= LARGEST_LOG_RATE

    def unsupported(self, values: Shaped[np.ndarray, "n *event"]) -> tuple[Bool[np.ndarray, "n *event"], str]:
        """Cells that are negative, not whole, or infinite."""
        return (values < 0) | (values != np.floor(values)) | np.isinf(values), "counts 0, 1, 2, ..."
