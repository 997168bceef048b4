r"""Squared error of a deterministic autoencoder: mean over rows of || x - mu(m(x)) ||^2, summed over observed cells."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from lowerbound.data.datum import Datum
from lowerbound.models.model import AbstractModel
from lowerbound.objectives.objective import AbstractObjective, Batch, Metrics


class SquaredError(AbstractObjective[AbstractModel]):
    """Squared reconstruction error per row, in model units."""

    def __call__(
        self, model: AbstractModel, batch: Batch, key: PRNGKeyArray, step: Int[Array, ""]
    ) -> tuple[Float[Array, ""], Metrics]:
        """Loss; the one metric is the same number under its own name."""

        def row(datum: Datum) -> Float[Array, ""]:
            error = jnp.square(datum.values - model.decode(model.encode(datum), datum.condition))
            return jnp.sum(error if datum.observed is None else jnp.where(datum.observed, error, 0.0))

        error = batch.mean(jax.vmap(row)(batch.datums))
        return error, {"squared_error": error}
