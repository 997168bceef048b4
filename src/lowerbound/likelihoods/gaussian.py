r"""Gaussian likelihoods: x_j = m_j(z) + s_j N(0, 1), independent over cells given z; three choices of the noise scale s.

    log p(x given z) = - \sum_j [ (x_j - m_j)^2 / (2 s_j^2) + log s_j + (1/2) log 2 pi ]

=======================  =======================  ==================================================================
class                    s_j                      model
=======================  =======================  ==================================================================
FixedScaleGaussian       a given number           least squares, in units of the noise
FeatureScaleGaussian     one learned per cell     factor analysis, when the mean is linear
NetworkScaleGaussian     s_j(z) from the network  the continuous mixture of N(mu(t), diag sigma^2(t))
=======================  =======================  ==================================================================

A Gaussian density is unbounded as s -> 0. Learned log-scales approach log(floor) smoothly, log s = log f + softplus(r - log f),
so that a gradient always leads back; ``at_floor`` names the cells that rest there (within 10 %).
"""

import math
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Bool, Float, Shaped

from lowerbound.data.datum import Datum
from lowerbound.likelihoods.likelihood import AbstractLikelihood, Floor, weighted_mean
from lowerbound.likelihoods.support import LEBESGUE, Support

SCALE_FLOOR = 1e-3
_LARGEST_LOG_SCALE = 20.0
_AT_FLOOR_MARGIN = math.log(1.1)
_FLOOR_ADVICE = (
    f"its floor of {SCALE_FLOOR:g} (in units of the data the model sees, standardized by default): the density is bounded by "
    "that floor only. Discrete or duplicated columns do this: dequantize them or leave them out."
)


def _floored_log_scale(free_log_scale: Float[Array, "*event"]) -> Float[Array, "*event"]:
    """Log s >= log(SCALE_FLOOR), smooth; capped above so that exp cannot overflow."""
    log_floor = math.log(SCALE_FLOOR)
    return jnp.minimum(log_floor + jax.nn.softplus(free_log_scale - log_floor), _LARGEST_LOG_SCALE)


def _rests_on_floor(free_log_scale: Float[Array, "*event"]) -> Bool[Array, "*event"]:
    return _floored_log_scale(free_log_scale) < math.log(SCALE_FLOOR) + _AT_FLOOR_MARGIN


class AbstractGaussian(AbstractLikelihood):
    """Density on the reals whose mean is ``outputs[0]``; final subclasses say where the noise scale comes from."""

    base_measure: ClassVar[str] = LEBESGUE
    support: ClassVar[Support] = "reals"

    def log_prob(self, outputs: Float[Array, "outputs *event"], datum: Datum) -> Float[Array, ""]:
        """The sum at the top of this file, over observed cells."""
        return datum.log_prob(self.log_prob_per_cell(outputs, datum.values))

    def log_prob_per_cell(
        self, outputs: Float[Array, "outputs *event"], values: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        """Log N(x_j; m_j, s_j^2)."""
        return self.distribution(outputs).log_prob(values)

    def mean(self, outputs: Float[Array, "outputs *event"]) -> Float[Array, "*event"]:
        """The mean."""
        return outputs[0]

    def variance(self, outputs: Float[Array, "outputs *event"]) -> Float[Array, "*event"]:
        """s^2."""
        return self.distribution(outputs).variance * jnp.ones_like(outputs[0])

    def mean_of_mixture(
        self, outputs: Float[Array, "components outputs *event"], weight: Float[Array, " components"]
    ) -> Float[Array, "*event"]:
        """Weighted mean of the components' means."""
        return weighted_mean(jax.vmap(self.mean)(outputs), weight)

    def cdf(self, outputs: Float[Array, "outputs *event"], values: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """Standard normal distribution function of (x - m) / s."""
        return self.distribution(outputs).cdf(values)

    def features(self, values: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """The values as they are (standardized, as a rule)."""
        return values

    def unsupported(self, values: Shaped[np.ndarray, "n *event"]) -> Bool[np.ndarray, "n *event"]:
        """Cells that are not finite."""
        return ~np.isfinite(values)

    def support_of_cell(self, cell: tuple[int, ...], *, event_shape: tuple[int, ...]) -> str:
        """Support in words, that of every cell."""
        return "finite numbers"


class FixedScaleGaussian(AbstractGaussian):
    """Density on the reals with a given noise scale (model units); one output per cell, the mean."""

    noise_scale: float = eqx.field(static=True)
    n_outputs: ClassVar[int] = 1
    floor: ClassVar[Floor | None] = None

    def distribution(self, outputs: Float[Array, "outputs *event"]) -> dist.Distribution:
        """Normal with mean ``outputs[0]``."""
        return dist.Normal(outputs[0], self.noise_scale)

    def at_floor(self, outputs: Float[Array, "outputs *event"]) -> Bool[Array, "*event"]:
        """Never: nothing is learned."""
        return jnp.zeros(outputs.shape[1:], bool)


class FeatureScaleGaussian(AbstractGaussian):
    """Density on the reals with one learned noise scale per cell, shared by all rows; one output per cell, the mean."""

    free_log_scale: Float[Array, "*event"]
    n_outputs: ClassVar[int] = 1
    floor: ClassVar[Floor | None] = Floor("noise scale", _FLOOR_ADVICE, depends_on_z=False)

    @property
    def scale(self) -> Float[Array, "*event"]:
        """Noise scale per cell, model units, at least SCALE_FLOOR."""
        return jnp.exp(_floored_log_scale(self.free_log_scale))

    def distribution(self, outputs: Float[Array, "outputs *event"]) -> dist.Distribution:
        """Normal with mean ``outputs[0]`` and the learned scale."""
        return dist.Normal(outputs[0], self.scale)

    def at_floor(self, outputs: Float[Array, "outputs *event"]) -> Bool[Array, "*event"]:
        """Cells whose noise scale rests on SCALE_FLOOR."""
        return _rests_on_floor(self.free_log_scale)


class NetworkScaleGaussian(AbstractGaussian):
    """Density on the reals with mean and noise scale from the network; two outputs per cell: mean, free log scale."""

    n_outputs: ClassVar[int] = 2
    floor: ClassVar[Floor | None] = Floor("noise scale", _FLOOR_ADVICE, depends_on_z=True)

    def distribution(self, outputs: Float[Array, "outputs *event"]) -> dist.Distribution:
        """Normal with mean ``outputs[0]`` and floored scale from ``outputs[1]``."""
        return dist.Normal(outputs[0], jnp.exp(_floored_log_scale(outputs[1])))

    def at_floor(self, outputs: Float[Array, "outputs *event"]) -> Bool[Array, "*event"]:
        """Cells whose noise scale rests on SCALE_FLOOR at this z."""
        return _rests_on_floor(outputs[1])
