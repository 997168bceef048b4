"""Row by row: the one way from a function of a datum to numbers for a data set, in compiled chunks of fixed shapes.

A row's randomness is ``fold_in(key, hash of the row)``: its number depends neither on its place nor on its company. Chunks are
padded to one of few sizes, so that other row counts share compiled code, and a row alone is computed by the same kernels as a
row among few.
"""

from collections.abc import Callable, Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree, Shaped, UInt32

from lowerbound.data.dataset import Dataset
from lowerbound.data.datum import Datum
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.models.model import AbstractModel

# function(model, datum, key=...) -> pytree of arrays. A module-level function or an equinox module: it is a static argument of
# the compiled chunk, and a lambda made anew at every call would compile anew.
RowFunction = Callable[..., PyTree]

_CHUNKS = (64, 512, 4096)
_CHUNK_CELLS = 4_000_000


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
        data_key, function_key = jax.random.split(jax.random.fold_in(key, row_hash))
        datum: Datum = preprocessing(values, observed, condition, key=data_key)
        return function(model, datum, key=function_key)

    return jax.vmap(one)(values, observed, condition, hashes)


def chunk_rows(n_rows: int, cells_per_row: int) -> int:
    """Rows per compiled chunk: the smallest size that holds all rows, within about four million cells."""
    fitting = [size for size in _CHUNKS if size * cells_per_row <= _CHUNK_CELLS] or [
        max(1, _CHUNK_CELLS // cells_per_row)
    ]
    return next((size for size in fitting if size >= n_rows), fitting[-1])


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


def map_rows(function: RowFunction, model: AbstractModel, dataset: Dataset, *, key: PRNGKeyArray) -> PyTree:
    """function(model, datum, key=...) for every row, stacked: a pytree of NumPy arrays with n rows.

    Parameters
    ----------
    function
        A module-level function or an equinox module (see ``RowFunction``).
    model, dataset
        What it is applied to.
    key
        Base of the rows' randomness.
    """
    rows_per_chunk = chunk_rows(len(dataset), int(np.prod(dataset.event_shape, dtype=int)))
    chunks = list(iterate_rows(function, model, dataset, key=key, rows_per_chunk=rows_per_chunk))
    return jax.tree.map(lambda *parts: np.concatenate(parts), *chunks)


def _fetch(result: PyTree, real: int) -> PyTree:
    return jax.tree.map(lambda leaf: np.asarray(leaf)[:real], result)
