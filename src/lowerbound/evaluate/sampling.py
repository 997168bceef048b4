"""Sampling and decoding: draws of x from the model, of z from the posterior, and means of x for given z, in fixed chunks.

Draw i of a call depends on (key, i) only: asking for more draws leaves the first ones as they were.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from lowerbound.data.dataset import Dataset
from lowerbound.data.datum import Datum
from lowerbound.evaluate.rows import bytes_of, chunk_rows, map_rows
from lowerbound.models.model import AbstractDensityModel, AbstractGenerativeModel, AbstractModel
from lowerbound.nn.precision import precision_of

# function(model, key, item) -> pytree of arrays; a module-level function.
ItemFunction = Callable[[Any, PRNGKeyArray, Any], PyTree]


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
    return map_rows(PosteriorDraws(n_draws), model, dataset, key=key)


def decode(
    model: AbstractModel,
    latents: Float[np.ndarray, "n latent"],
    condition: Float[np.ndarray, "n condition"] | None = None,
) -> Float[np.ndarray, "n *event"]:
    """E[x given z, c] in model units for each row of latents."""
    return _map_items(_decode, model, (latents, condition), key=jax.random.key(0))


def sample(
    model: AbstractGenerativeModel,
    n_samples: int,
    condition: Float[np.ndarray, "n condition"] | None = None,
    *,
    key: PRNGKeyArray,
) -> tuple[Float[np.ndarray, "n *event"], Float[np.ndarray, "n latent"]]:
    """``n_samples`` independent (x, z) from p(x, z given c), x in model units."""
    return _map_items(_sample, model, (np.arange(n_samples, dtype=np.uint32), condition), key=key)


def _decode(model: AbstractModel, key: PRNGKeyArray, item: tuple[Array, Array | None]) -> Float[Array, "*event"]:
    return model.decode(*item)


def _sample(
    model: AbstractGenerativeModel, key: PRNGKeyArray, item: tuple[Array, Array | None]
) -> tuple[Float[Array, "*event"], Float[Array, " latent"]]:
    number, condition = item
    return model.sample(condition, key=jax.random.fold_in(key, number))


@eqx.filter_jit
def _chunk(function: ItemFunction, model: AbstractModel, key: PRNGKeyArray, items: PyTree) -> PyTree:
    return jax.vmap(lambda item: function(model, key, item))(items)


def _map_items(function: ItemFunction, model: AbstractModel, items: PyTree, *, key: PRNGKeyArray) -> PyTree:
    """function(model, key, item) for every item of the arrays, stacked: chunks of fixed size, the last one padded."""
    n_items = len(jax.tree.leaves(items)[0])
    with precision_of(model):
        one = jax.tree.map(lambda leaf: leaf[0], items)
        size = chunk_rows(n_items, bytes_of(function, model, one))
        parts = []
        for start in range(0, n_items, size):
            rows = np.minimum(np.arange(start, start + size), n_items - 1)
            taken = jax.tree.map(lambda leaf, rows=rows: jnp.asarray(leaf[rows]), items)
            found = _chunk(function, model, key, taken)
            real = min(size, n_items - start)
            parts.append(jax.tree.map(lambda leaf, real=real: np.asarray(leaf)[:real], found))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
