"""Row by row: the one way from a function of a datum to numbers for a data set, in compiled chunks of fixed shapes.

A row's randomness is ``fold_in(key, hash of the row)``: its number depends neither on its place nor on its company. Chunks are
padded to one of few sizes, so that other row counts share compiled code, and a row alone is computed by the same kernels as a
row among few.
"""

import math
from collections.abc import Callable, Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree, Shaped, UInt32

from lowerbound.data.dataset import Dataset
from lowerbound.data.datum import Datum
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.models.cost import model_cost
from lowerbound.models.model import AbstractModel
from lowerbound.nn.precision import precision_of

# function(model, datum, key=...) -> pytree of arrays. A module-level function or an equinox module: it is a static argument of
# the compiled chunk, and a lambda made anew at every call would compile anew.
RowFunction = Callable[..., PyTree]

_CHUNKS = (1, 4, 16, 64, 512, 4096)
_SMALL, _LARGE = 64, 512  # a chunk for tables of few rows, and where 4096 begin to pay

# Chunks of this many bytes stay near the cache: 512 MiB ran at two thirds of the speed (MNIST, 2 cores).
MEMORY_BUDGET = 128 * 2**20

# Randomness that belongs to the data (dequantization, binarization) is a function of the row alone, so that every model, seed
# and verb is held against the same bits.
_DATA_SEED = 0


@eqx.filter_jit
def _chunk(
    function: RowFunction,
    model: AbstractModel,
    preprocessing: Preprocessing,
    key: PRNGKeyArray,
    values: Shaped[Array, "rows *event"],
    observed: Bool[Array, "rows *event"] | None,
    condition: Float[Array, "rows condition"] | None,
    hashes: UInt32[Array, " rows"],
) -> PyTree:
    def one(values: Array, observed: Array | None, condition: Array | None, row_hash: Array) -> PyTree:
        data_key = jax.random.fold_in(jax.random.key(_DATA_SEED), row_hash)
        datum: Datum = preprocessing(values, observed, condition, key=data_key)
        return function(model, datum, key=jax.random.fold_in(key, row_hash))

    return jax.vmap(one)(values, observed, condition, hashes)


def bytes_per_draw(model: AbstractModel, event_shape: tuple[int, ...]) -> int:
    """Rough memory of one z on its way through the decoder: eight float32 arrays as wide as the widest."""
    return 32 * max(64, math.prod(event_shape), model_cost(model, event_shape).decode.widest)


def bytes_per_row(model: AbstractModel, dataset: Dataset, *, draws: int) -> int:
    """Rough memory of one datum: its way into latent space, or that of so many z at once back from there."""
    encode = 32 * model_cost(model, dataset.event_shape, holes=dataset.observed is not None).encode.widest
    return max(encode, draws * bytes_per_draw(model, dataset.event_shape))


def chunk_rows(n_rows: int, bytes_per_row: int, *, memory_budget: int = MEMORY_BUDGET) -> int:
    """Rows per compiled chunk: one of few sizes, the largest useful one within the budget.

    >>> [chunk_rows(n, 10_000) for n in (1, 64, 65, 600, 100_000)]
    [64, 64, 512, 512, 4096]
    >>> chunk_rows(100_000, 25_000_000)
    4
    """
    useful = _SMALL if n_rows <= _SMALL else _LARGE if n_rows <= 4 * _LARGE else _CHUNKS[-1]
    return max(size for size in _CHUNKS if size == 1 or (size <= useful and size * bytes_per_row <= memory_budget))


def iterate_rows(
    function: RowFunction, model: AbstractModel, dataset: Dataset, *, key: PRNGKeyArray, rows_per_chunk: int
) -> Iterator[PyTree]:
    """Results of consecutive chunks of rows, as NumPy pytrees; the device works on the next chunk meanwhile."""
    hashes = dataset.row_hashes()
    waiting: tuple[PyTree, int] | None = None
    for start in range(0, len(dataset), rows_per_chunk):
        rows = np.arange(start, start + rows_per_chunk)
        real = int(np.sum(rows < len(dataset)))
        rows[real:] = start  # padding: a valid row, cut off below
        part = dataset.take(rows)
        with precision_of(model):  # not around the yield: the caller has a precision of its own
            result = _chunk(
                function,
                model,
                dataset.preprocessing,
                key,
                jnp.asarray(part.values),
                None if part.observed is None else jnp.asarray(part.observed),
                None if part.condition is None else jnp.asarray(part.condition),
                jnp.asarray(hashes[rows]),
            )
        if waiting is not None:
            yield _fetch(*waiting)
        waiting = (result, real)
    if waiting is not None:
        yield _fetch(*waiting)


def map_rows(
    function: RowFunction, model: AbstractModel, dataset: Dataset, *, key: PRNGKeyArray, draws_per_row: int = 1
) -> PyTree:
    """function(model, datum, key=...) for every row, stacked: a pytree of NumPy arrays with n rows.

    Parameters
    ----------
    function
        A module-level function or an equinox module (see ``RowFunction``).
    model, dataset
        What it is applied to.
    key
        Base of the rows' randomness.
    draws_per_row
        How many z the function decodes at once for a row: bounds the chunk's memory.
    """
    rows_per_chunk = chunk_rows(len(dataset), bytes_per_row(model, dataset, draws=draws_per_row))
    chunks = list(iterate_rows(function, model, dataset, key=key, rows_per_chunk=rows_per_chunk))
    return jax.tree.map(lambda *parts: np.concatenate(parts), *chunks)


def _fetch(result: PyTree, real: int) -> PyTree:
    return jax.tree.map(lambda leaf: np.asarray(leaf)[:real], result)
