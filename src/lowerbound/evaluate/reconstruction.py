"""Reconstruction: what the model makes of a datum's code, and how far that is from the datum."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.data.dataset import Dataset
from lowerbound.data.datum import Datum
from lowerbound.evaluate.rows import map_rows
from lowerbound.models.model import AbstractModel


def _reconstruct(model: AbstractModel, datum: Datum, *, key: PRNGKeyArray) -> Float[Array, "*event"]:
    return model.decode(model.encode(datum), datum.condition)


def _squared_error(model: AbstractModel, datum: Datum, *, key: PRNGKeyArray) -> Float[Array, ""]:
    error = jnp.square(datum.values - model.decode(model.encode(datum), datum.condition))
    observed = jnp.ones_like(error) if datum.observed is None else datum.observed.astype(error.dtype)
    return jnp.sum(error * observed) / jnp.maximum(jnp.sum(observed), 1.0)


def _log_likelihood_at_code(model: AbstractModel, datum: Datum, *, key: PRNGKeyArray) -> Float[Array, ""]:
    return model.log_likelihood(datum, model.encode(datum))


def reconstruct(model: AbstractModel, dataset: Dataset, *, key: PRNGKeyArray) -> Float[np.ndarray, "n *event"]:
    """E[x given z] at the encoded z, in model units."""
    return map_rows(_reconstruct, model, dataset, key=key)


def squared_error(model: AbstractModel, dataset: Dataset, *, key: PRNGKeyArray) -> Float[np.ndarray, " n"]:
    """Mean over observed cells of (x - reconstruction)^2, in model units, for each row."""
    return map_rows(_squared_error, model, dataset, key=key)


def log_likelihood_at_code(model: AbstractModel, dataset: Dataset, *, key: PRNGKeyArray) -> Float[np.ndarray, " n"]:
    """Log p(x given z) at the encoded z, in nats, for each row."""
    return map_rows(_log_likelihood_at_code, model, dataset, key=key)
