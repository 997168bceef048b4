"""Sampling and decoding: draws of x from the model, of z from the posterior, and means of x for given z, in fixed chunks.

Draw i of a call depends on (key, i) only: asking for more draws leaves the first ones as they were.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from lowerbound.data.dataset import Dataset
from lowerbound.data.datum import Datum
from lowerbound.evaluate.rows import bytes_per_draw, chunk_rows, map_rows
from lowerbound.models.model import AbstractDensityModel, AbstractModel
from lowerbound.nn.precision import precision_of


class PosteriorDraws(eqx.Module):
    """Row function: ``n_draws`` independent z ~ q(z given x)."""

    n_draws: int = eqx.field(static=True)

    def __call__(self, model: AbstractDensityModel, datum: Datum, *, key: PRNGKeyArray) -> Float[Array, "draws latent"]:
        """The draws for one datum."""
        return jax.vmap(lambda key: model.draw(datum, key=key).z)(jax.random.split(key, self.n_draws))


def sample_posterior(
    model: AbstractDensityModel, dataset: Dataset, *, n_draws: int, key: PRNGKeyArray
) -> Float[np.ndarray, "n draws latent"]:
    """Z ~ q(z given x), ``n_draws`` for each row."""
    return map_rows(PosteriorDraws(n_draws), model, dataset, key=key, draws_per_row=n_draws)


def _decode(model: AbstractModel, z: Float[Array, " latent"]) -> Float[Array, "*event"]:
    return model.decode(z)


def _sample(
    model: AbstractDensityModel, numbered: tuple[PRNGKeyArray, Array]
) -> tuple[Float[Array, "*event"], Float[Array, " latent"]]:
    key, number = numbered
    return model.sample(key=jax.random.fold_in(key, number))


@eqx.filter_jit
def _apply(function: Callable[[Any, PyTree], PyTree], model: AbstractModel, inputs: PyTree, axes: PyTree) -> PyTree:
    return jax.vmap(lambda item: function(model, item), in_axes=(axes,))(inputs)


def _padded_chunks(n_rows: int, bytes_per_row: int) -> list[tuple[np.ndarray, int]]:
    """Row numbers of each chunk, padded to a fixed length, and how many of them are real."""
    size = chunk_rows(n_rows, bytes_per_row)
    chunks = []
    for start in range(0, n_rows, size):
        rows = np.arange(start, start + size)
        chunks.append((np.minimum(rows, n_rows - 1), min(size, n_rows - start)))
    return chunks


def decode(
    model: AbstractModel, latents: Float[np.ndarray, "n latent"], *, event_shape: tuple[int, ...]
) -> Float[np.ndarray, "n *event"]:
    """E[x given z] in model units for each row of latents."""
    parts = []
    for rows, real in _padded_chunks(len(latents), bytes_per_draw(model, event_shape)):
        with precision_of(model):
            parts.append(np.asarray(_apply(_decode, model, latents[rows], 0))[:real])
    return np.concatenate(parts)


def sample(
    model: AbstractDensityModel, n_samples: int, *, event_shape: tuple[int, ...], key: PRNGKeyArray
) -> tuple[Float[np.ndarray, "n *event"], Float[np.ndarray, "n latent"]]:
    """``n_samples`` independent (x, z) from p(x, z), x in model units."""
    xs, zs = [], []
    for rows, real in _padded_chunks(n_samples, bytes_per_draw(model, event_shape)):
        with precision_of(model):
            x, z = _apply(_sample, model, (key, rows.astype(np.uint32)), (None, 0))
        xs.append(np.asarray(x)[:real])
        zs.append(np.asarray(z)[:real])
    return np.concatenate(xs), np.concatenate(zs)
