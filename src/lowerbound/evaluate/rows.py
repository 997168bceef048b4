"""Row by row: the one way from a function of a datum to numbers for a data set, in compiled chunks of fixed shapes.

A row's randomness is ``fold_in(key, hash of the row)``: its number depends neither on its place nor on its company. Chunks are
padded to one of few sizes, so that other row counts share compiled code, and a row alone is computed by the same kernels as a
row among few.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray, PyTree, UInt32

from lowerbound.data.dataset import Dataset
from lowerbound.data.datums import datum_of
from lowerbound.data.preprocessing import DATA_SEED, Preprocessing
from lowerbound.data.record import Record
from lowerbound.models.model import AbstractModel, infer
from lowerbound.nn.cost import cached_cost
from lowerbound.nn.precision import holds_double, precision_of

# function(model, datum, key=...) -> pytree of arrays. A module-level function or an equinox module: it is a static argument of
# the compiled chunk, and a lambda made anew at every call would compile anew.
RowFunction = Callable[..., PyTree]

_CHUNKS = (1, 4, 16, 64, 512, 4096)
_SMALL, _LARGE = 64, 512  # a chunk for tables of few rows, and where 4096 begin to pay

# Chunks of this many bytes stay near the cache: 512 MiB ran at two thirds of the speed (MNIST, 2 cores).
MEMORY_BUDGET = 128 * 2**20

_BYTES_PER_ENTRY = 32  # of the widest array: eight float32 arrays of its size are alive at a time, roughly
_NARROWEST = 64

_INFERENCE = 0x1FE2


def _apply(
    function: RowFunction,
    model: AbstractModel,
    preprocessing: Preprocessing,
    key: PRNGKeyArray,
    record: Record,
    hashes: UInt32[Array, " rows"],
) -> PyTree:
    """The function of every row of a chunk."""

    def one(record: Record, row_hash: Array) -> PyTree:
        data_key = jax.random.fold_in(jax.random.key(DATA_SEED), row_hash)
        row_key = jax.random.fold_in(key, row_hash)
        datum = infer(model, datum_of(preprocessing, record, key=data_key), key=jax.random.fold_in(row_key, _INFERENCE))
        return function(model, datum, key=row_key)

    return jax.vmap(one)(record, hashes)


_compiled = eqx.filter_jit(_apply)


@dataclass(frozen=True)
class _OneRow:
    """The program of a chunk of one row, as a function of what rows share and what each brings."""

    function: RowFunction

    def __call__(self, shared: tuple[AbstractModel, Preprocessing], record: Record) -> PyTree:
        return _apply(self.function, *shared, jax.random.key(0), record, jnp.zeros(1, jnp.uint32))


@dataclass(frozen=True)
class _OneItem:
    """The program of one item, as a function of the model and the item."""

    function: Callable[[Any, PRNGKeyArray, Any], PyTree]

    def __call__(self, model: AbstractModel, item: PyTree) -> PyTree:
        return self.function(model, jax.random.key(0), item)


def bytes_per_row(function: RowFunction, model: AbstractModel, dataset: Dataset) -> int:
    """Rough memory that one row takes, read from the row function's own program."""
    with precision_of(model):
        one = dataset.records(np.zeros(1, np.int64))
        found = cached_cost(_OneRow(function), (model, dataset.preprocessing), one)
    return _BYTES_PER_ENTRY * max(_NARROWEST, found.widest)


def bytes_of(function: Callable[[Any, PRNGKeyArray, Any], PyTree], model: AbstractModel, item: PyTree) -> int:
    """Rough memory that one item takes, read from the program of function(model, key, item)."""
    return _BYTES_PER_ENTRY * max(_NARROWEST, cached_cost(_OneItem(function), model, item).widest)


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
        with precision_of(model):  # not around the yield: the caller has a precision of its own
            record = dataset.records(rows).on_device()
            result = _compiled(function, model, dataset.preprocessing, key, record, jnp.asarray(hashes[rows]))
        if holds_double(model):
            jax.tree.map(
                lambda leaf: leaf.block_until_ready(), result
            )  # two programs that call LAPACK must not run at once (``nn.linear_algebra``)
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
    rows_per_chunk = chunk_rows(len(dataset), bytes_per_row(function, model, dataset))
    chunks = list(iterate_rows(function, model, dataset, key=key, rows_per_chunk=rows_per_chunk))
    return jax.tree.map(lambda *parts: np.concatenate(parts), *chunks)


def _fetch(result: PyTree, real: int) -> PyTree:
    return jax.tree.map(lambda leaf: np.asarray(leaf)[:real], result)
