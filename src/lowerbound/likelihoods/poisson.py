r"""Poisson likelihood: counts x_j in {0, 1, 2, …} with rate exp(output_j), independent over cells given z.

    log p(x given z) = \sum_j x_j r_j - exp(r_j) - log x_j!,     r = decoder(z), held within +-20 so that exp stays finite

For large counts these terms cancel: at x = 10^7 float32 would leave an error of tens of nats. With u = r - log x and Stirling's
series for log x!, what is left is small by itself,

    log p(x) = - x (exp(u) - 1 - u) - (1/2) log(2 pi x) - 1 / (12 x),     x >= 16 (the next term is below 10^-6)
"""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax.scipy.special import gammaincc
from jaxtyping import Array, Bool, Float, Shaped

from lowerbound.data.datum import Datum
from lowerbound.likelihoods.likelihood import AbstractLikelihood, Floor, weighted_mean
from lowerbound.likelihoods.support import Support

LARGEST_LOG_RATE = 20.0
_LARGEST_COUNT = 1e8  # well below the largest rate, exp(20)
_STIRLING_FROM = 16.0
_FLOOR = Floor(
    "rate",
    "its numerical bound (exp of -20 or 20). Columns of zeros, or of very large counts, do this: leave them out or rescale them.",
    depends_on_z=True,
)


class Poisson(AbstractLikelihood):
    """Mass on counts per cell; one output, the log rate."""

    n_outputs: ClassVar[int] = 1
    base_measure: ClassVar[str] = "counting measure on {0, 1, 2, ...}"
    support: ClassVar[Support] = "counts"
    floor: ClassVar[Floor | None] = _FLOOR

    def distribution(self, outputs: Float[Array, "outputs *event"]) -> dist.Distribution:
        """Poisson with rate exp(outputs[0])."""
        return dist.Poisson(self.mean(outputs))

    def log_prob(self, outputs: Float[Array, "outputs *event"], datum: Datum) -> Float[Array, ""]:
        """The sum at the top of this file, over observed cells."""
        return datum.log_prob(self.log_prob_per_cell(outputs, datum.values))

    def log_prob_per_cell(
        self, outputs: Float[Array, "outputs *event"], values: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        """x r - exp(r) - log x!, by Stirling's series for large x."""
        count, log_rate = values, self._log_rate(outputs)
        large = jnp.maximum(count, _STIRLING_FROM)
        u = log_rate - jnp.log(large)
        stirling = -large * (jnp.expm1(u) - u) - 0.5 * jnp.log(2 * math.pi * large) - 1 / (12 * large)
        small = jnp.minimum(count, _STIRLING_FROM)
        direct = small * log_rate - jnp.exp(log_rate) - jax.lax.lgamma(small + 1)
        return jnp.where(count >= _STIRLING_FROM, stirling, direct)

    def _log_rate(self, outputs: Float[Array, "outputs *event"]) -> Float[Array, "*event"]:
        return jnp.clip(outputs[0], -LARGEST_LOG_RATE, LARGEST_LOG_RATE)

    def mean(self, outputs: Float[Array, "outputs *event"]) -> Float[Array, "*event"]:
        """The rate."""
        return jnp.exp(self._log_rate(outputs))

    def variance(self, outputs: Float[Array, "outputs *event"]) -> Float[Array, "*event"]:
        """The rate: that of a Poisson distribution."""
        return self.mean(outputs)

    def mean_of_mixture(
        self, outputs: Float[Array, "components outputs *event"], weight: Float[Array, " components"]
    ) -> Float[Array, "*event"]:
        """Weighted mean of the components' means."""
        return weighted_mean(jax.vmap(self.mean)(outputs), weight)

    def cdf(self, outputs: Float[Array, "outputs *event"], values: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """Upper incomplete gamma function Q(floor(x) + 1, rate); 0 below 0."""
        whole = jnp.floor(values)
        return jnp.where(values < 0, 0.0, gammaincc(jnp.maximum(whole, 0.0) + 1, self.mean(outputs)))

    def features(self, values: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """log(1 + count): counts span orders of magnitude."""
        return jnp.log1p(values)

    def at_floor(self, outputs: Float[Array, "outputs *event"]) -> Bool[Array, "*event"]:
        """Cells whose log rate is held at +-20."""
        return jnp.abs(outputs[0]) >= LARGEST_LOG_RATE

    def unsupported(self, values: Shaped[np.ndarray, "n *event"]) -> Bool[np.ndarray, "n *event"]:
        """Cells that are negative, not whole, or beyond the largest rate."""
        return (values < 0) | (values != np.floor(values)) | (values > _LARGEST_COUNT)

    def support_of_cell(self, cell: tuple[int, ...], *, event_shape: tuple[int, ...]) -> str:
        """Support in words, that of every cell."""
        return f"counts 0, 1, 2, ... up to {_LARGEST_COUNT:.0e}"
