r"""Chunks of rows for expectation maximization: values with zeros for holes, weights, and the distinct patterns of holes.

Some quantities depend on a row's pattern alone, such as the covariance of its posterior. They are computed once per distinct
pattern of a chunk; quantities that depend on values are computed once per row:

    patterns   (P, features), 1 where a cell was observed, distinct within the chunk       None: no cell is missing in any row
    pattern    (rows,), number of each row's pattern                                       None: row i has pattern i

The second form is for data in which (nearly) every row has a pattern of its own. All chunks of a data set have one shape: rows
are padded with weight 0, patterns with ones.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Int

from lowerbound.data.batches import bucket
from lowerbound.data.moments import Reader

_FEWEST_ROWS, _FEWEST_PATTERNS = 64, 16  # so that small tables of the same columns share compiled code
_COARSE = (
    512  # rows, or patterns, below which numbers are rounded up to a power of two: padding costs less than compiling
)


class Chunk(eqx.Module):
    """Rows in model units; see the module for ``patterns`` and ``pattern``."""

    values: Float[Array | np.ndarray, "*stack rows features"]
    weight: Float[Array | np.ndarray, "*stack rows"]
    patterns: Float[Array | np.ndarray, "*stack patterns features"] | None = None
    pattern: Int[Array | np.ndarray, "*stack rows"] | None = None


class ChunkShape(NamedTuple):
    """Number and size of the chunks of a data set: ``n_chunks`` of ``rows`` rows, with at most ``patterns`` patterns.

    ``patterns`` is 0 where no cell is missing, and ``rows`` where each row is taken to have its own.
    """

    n_chunks: int
    rows: int
    patterns: int


def plan_chunks(read: Reader, n_rows: int, *, most_rows: int, complete: bool) -> ChunkShape:
    """Number and size of equal chunks of at most ``most_rows`` rows; the patterns of holes are counted.

    >>> x = np.array([[1.0, np.nan], [2.0, np.nan], [3.0, 4.0]])
    >>> plan_chunks(lambda rows: x[rows], 3, most_rows=2, complete=False)
    ChunkShape(n_chunks=2, rows=2, patterns=2)
    """
    n_chunks = -(-n_rows // most_rows)
    rows = min(max(_rounded(-(-n_rows // n_chunks)), _FEWEST_ROWS), most_rows)
    n_chunks = -(-n_rows // rows)
    if complete:
        return ChunkShape(n_chunks, rows, 0)
    most = 1
    for part in _parts(n_rows, rows):
        distinct = np.unique(np.packbits(~np.isnan(read(part)), axis=1), axis=0)
        most = max(most, len(distinct) + 1)  # one for the rows of padding
        if most > rows // 2:
            return ChunkShape(n_chunks, rows, rows)
    return ChunkShape(n_chunks, rows, min(max(_rounded(most), _FEWEST_PATTERNS), rows))


def chunks(
    read: Reader,
    n_rows: int,
    shape: ChunkShape,
    *,
    weight: Float[np.ndarray, " n"],
    to_model: Callable[[Float[np.ndarray, "rows features"]], Float[np.ndarray, "rows features"]],
) -> Iterator[Chunk]:
    """Chunks of the rows, one after another, NumPy float64.

    Parameters
    ----------
    read, n_rows
        Reader of rows, NaN where a cell is missing, and their number.
    shape
        From :func:`plan_chunks`.
    weight
        Weight of each row.
    to_model
        Map from the user's units to the model's; NaN stays NaN.
    """
    for part in _parts(n_rows, shape.rows):
        values = to_model(read(part))
        padding = shape.rows - len(values)
        values = np.pad(values, ((0, padding), (0, 0)))
        weights = np.pad(weight[part], (0, padding)).astype(np.float64)
        if shape.patterns == 0:
            yield Chunk(values, weights)
            continue
        observed = ~np.isnan(values)
        values = np.where(observed, values, 0.0)
        if shape.patterns == shape.rows:
            yield Chunk(values, weights, observed.astype(np.float64))
            continue
        _, first, pattern = np.unique(np.packbits(observed, axis=1), axis=0, return_index=True, return_inverse=True)
        distinct = observed[first].astype(np.float64)
        missing = max(0, shape.patterns - len(distinct))
        yield Chunk(values, weights, np.pad(distinct, ((0, missing), (0, 0)), constant_values=1.0), pattern.reshape(-1))


def stacked(parts: Iterator[Chunk]) -> Chunk:
    """Chunks stacked along a leading axis."""
    whole: Chunk = jax.tree.map(lambda *leaves: np.stack(leaves), *parts)
    return whole


def _rounded(n: int) -> int:
    return bucket(n) if n > _COARSE else 1 << (n - 1).bit_length()


def _parts(n_rows: int, rows: int) -> list[slice]:
    return [slice(start, min(start + rows, n_rows)) for start in range(0, n_rows, rows)]
