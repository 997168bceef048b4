"""AbstractObjective: (model, minibatch, key, step) -> loss and metrics, the one interface between models and the loop.

A minibatch is a stacked pytree of datums with weights (1 for a real row, 0 for padding). ``step`` is traced, so warm-ups and
temperatures never recompile; an objective's numbers are array leaves, so that a grid search over them never does either.
"""

from abc import abstractmethod
from typing import Generic, TypeVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from lowerbound.data.datum import Datum
from lowerbound.models.model import AbstractModel

ModelType = TypeVar("ModelType", bound=AbstractModel, contravariant=True)

Metrics = dict[str, Float[Array, ""]]


class Batch(eqx.Module):
    """Minibatch of datums (leaves have a leading axis of rows), their weights and their row numbers in the data set."""

    datums: Datum
    weight: Float[Array, " rows"]
    row: Int[Array, " rows"]

    def mean(self, per_row: Float[Array, "rows *rest"]) -> Float[Array, "*rest"]:
        """Mean over the real rows; 0 for a minibatch without any (it then has weight 0 in every mean of means)."""
        return jnp.tensordot(self.weight, per_row, axes=1) / jnp.maximum(jnp.sum(self.weight), 1.0)


class AbstractObjective(eqx.Module, Generic[ModelType]):
    """A loss to minimize: minus a lower bound on log p(x), or a divergence."""

    @abstractmethod
    def __call__(
        self, model: ModelType, batch: Batch, key: PRNGKeyArray, step: Int[Array, ""]
    ) -> tuple[Float[Array, ""], Metrics]:
        """Loss, and the metrics to record (the same names at every step), all means over real rows."""
