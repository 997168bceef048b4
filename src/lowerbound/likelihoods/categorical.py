r"""Categorical likelihood: x_j in {0, …, C_j - 1}, p(x_j = c given z) = softmax(outputs_j)_c, independent over cells given z.

    log p(x given z) = \sum_j log softmax(outputs_j)_{x_j}

Every cell has a number of codes of its own, C_j. A network gives as many logits as the largest of them; the logits of codes that
a cell does not have count as minus infinity.
"""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Bool, Float, Int, Shaped

from lowerbound.data.datum import Datum
from lowerbound.likelihoods.likelihood import AbstractLikelihood, Floor, weighted_mean
from lowerbound.likelihoods.support import Support

_IMPOSSIBLE = -1e30  # a logit whose probability is 0; minus infinity would make gradients NaN


class Categorical(AbstractLikelihood):
    r"""Mass on category codes 0 … C_j - 1 per cell; as many outputs as the largest C_j, the logits.

    Attributes
    ----------
    n_codes
        (\*event), or () where all cells have as many: number of codes, at least 1.
    most_codes
        The largest of them.
    """

    n_codes: Int[Array | np.ndarray, "*event"]
    most_codes: int = eqx.field(static=True)
    base_measure: ClassVar[str] = "counting measure on category codes"
    support: ClassVar[Support] = "codes"
    floor: ClassVar[Floor | None] = None

    @property
    def n_outputs(self) -> int:
        """One logit for each code of the cell that has most of them."""
        return self.most_codes

    def distribution(self, outputs: Float[Array, "outputs *event"]) -> dist.Distribution:
        """Categorical over the first axis of ``outputs``."""
        return dist.CategoricalLogits(jnp.moveaxis(self._logits(outputs), 0, -1))

    def _logits(self, outputs: Float[Array, "outputs *event"]) -> Float[Array, "outputs *event"]:
        code = jnp.arange(self.n_outputs).reshape(-1, *(1 for _ in outputs.shape[1:]))
        return jnp.where(code < jnp.asarray(self.n_codes), outputs, _IMPOSSIBLE)

    def log_prob(self, outputs: Float[Array, "outputs *event"], datum: Datum) -> Float[Array, ""]:
        """The sum at the top of this file, over observed cells."""
        return datum.log_prob(self.log_prob_per_cell(outputs, datum.values))

    def log_prob_per_cell(
        self, outputs: Float[Array, "outputs *event"], values: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        """Log probability of each cell's code."""
        return self.distribution(outputs).log_prob(values.astype(int))

    def mean(self, outputs: Float[Array, "outputs *event"]) -> Float[Array, "*event"]:
        """The most probable code: codes have no mean."""
        return jnp.argmax(self._logits(outputs), axis=0).astype(jnp.float32)

    def variance(self, outputs: Float[Array, "outputs *event"]) -> Float[Array, "*event"]:
        """NaN: codes have none."""
        return jnp.full(outputs.shape[1:], jnp.nan, outputs.dtype)

    def probabilities(self, outputs: Float[Array, "outputs *event"]) -> Float[Array, "outputs *event"]:
        """Probability of each code, codes along the first axis."""
        return jax.nn.softmax(self._logits(outputs), axis=0)

    def mean_of_mixture(
        self, outputs: Float[Array, "components outputs *event"], weight: Float[Array, " components"]
    ) -> Float[Array, "*event"]:
        """The code whose mean probability is highest."""
        probabilities = weighted_mean(jax.vmap(self.probabilities)(outputs), weight)
        return jnp.argmax(probabilities, axis=0).astype(jnp.float32)

    def cdf(self, outputs: Float[Array, "outputs *event"], values: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """Total probability of the codes up to the value."""
        code = jnp.arange(self.n_outputs).reshape(-1, *(1 for _ in values.shape))
        return jnp.sum(jnp.where(code <= values, self.probabilities(outputs), 0.0), axis=0)

    def features(self, values: Float[Array, "*event"]) -> Float[Array, "*event categories"]:
        """One-hot, codes along the last axis."""
        return jax.nn.one_hot(values.astype(jnp.int32), self.n_outputs)

    def at_floor(self, outputs: Float[Array, "outputs *event"]) -> Bool[Array, "*event"]:
        """Never: the log mass is finite for finite logits."""
        return jnp.zeros(outputs.shape[1:], bool)

    def unsupported(self, values: Shaped[np.ndarray, "n *event"]) -> Bool[np.ndarray, "n *event"]:
        """Cells that are not one of the codes of their column."""
        return (values < 0) | (values >= np.asarray(self.n_codes)) | (values != np.floor(values))

    def support_of_cell(self, cell: tuple[int, ...], *, event_shape: tuple[int, ...]) -> str:
        """Codes of the cell's column, in words."""
        n_codes = np.broadcast_to(np.asarray(self.n_codes), event_shape)[cell]
        return f"integer codes 0 to {n_codes - 1} in this column, as in fit"
