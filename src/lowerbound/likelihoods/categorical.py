r"""Categorical likelihood: x_j in {0, …, C - 1}, p(x_j = c given z) = softmax(outputs_j)_c, independent over cells given z.

log p(x given z) = \sum_j log softmax(outputs_j)_{x_j}
"""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Bool, Float, Shaped

from lowerbound.data.datum import Datum
from lowerbound.likelihoods.likelihood import AbstractLikelihood, Floor, Support, sum_observed


class Categorical(AbstractLikelihood):
    """Mass on category codes 0 … C - 1 per cell; C outputs, the logits."""

    n_categories: int = eqx.field(static=True)
    base_measure: ClassVar[str] = "counting measure on category codes"
    support: ClassVar[Support] = "codes"
    floor: ClassVar[Floor | None] = None

    @property
    def n_outputs(self) -> int:
        """One logit per category."""
        return self.n_categories

    def distribution(self, outputs: Float[Array, "outputs *event"]) -> dist.Distribution:
        """Categorical over the first axis of ``outputs``."""
        return dist.CategoricalLogits(jnp.moveaxis(outputs, 0, -1))

    def log_prob(self, outputs: Float[Array, "outputs *event"], datum: Datum) -> Float[Array, ""]:
        """The sum at the top of this file, over observed cells."""
        return sum_observed(self.distribution(outputs).log_prob(datum.values.astype(int)), datum)

    def mean(self, outputs: Float[Array, "outputs *event"]) -> Float[Array, "*event"]:
        """The most probable code: codes have no mean."""
        return jnp.argmax(outputs, axis=0).astype(jnp.float32)

    def features(self, values: Float[Array, "*event"]) -> Float[Array, "*event categories"]:
        """One-hot, codes along the last axis."""
        return jax.nn.one_hot(values.astype(jnp.int32), self.n_categories)

    def at_floor(self, outputs: Float[Array, "outputs *event"]) -> Bool[Array, "*event"]:
        """Never: the log mass is finite for finite logits."""
        return jnp.zeros(outputs.shape[1:], bool)

    def unsupported(self, values: Shaped[np.ndarray, "n *event"]) -> tuple[Bool[np.ndarray, "n *event"], str]:
        """Cells that are not one of the codes."""
        outside = (values < 0) | (values >= self.n_categories) | (values != np.floor(values))
        return outside, f"integer codes 0 to {self.n_categories - 1}"
