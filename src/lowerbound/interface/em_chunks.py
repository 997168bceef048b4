"""Chunks of weighted rows in model units, as the loop of expectation maximization takes them: in memory, or as a stream."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from lowerbound.data.patterns import Chunk, chunks, plan_chunks, stacked
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.interface.weighted_rows import WeightedRows

_STREAMED_BYTES = 2 * 2**30  # float64 size above which chunks are read anew at every pass
_CELLS_PER_CHUNK = 2**20


def em_chunks(rows: WeightedRows, preprocessing: Preprocessing, *, numbers_per_row: int) -> Any:
    """Chunks for ``fit.em.fit_em``: stacked, or a function that streams them where they would fill the memory.

    Parameters
    ----------
    rows
        Rows in the user's units.
    preprocessing
        From :meth:`WeightedRows.preprocessing`.
    numbers_per_row
        Most numbers that the E-step keeps of a row: it bounds the rows of a chunk.
    """
    most = int(np.clip(_CELLS_PER_CHUNK // max(numbers_per_row, rows.n_features), 8, 65_536))
    shape = plan_chunks(rows.read, rows.n_rows, most_rows=most, complete=rows.complete)
    shift, scale = preprocessing.shift.reshape(-1), preprocessing.scale.reshape(-1)

    def stream() -> Iterator[Chunk]:
        return chunks(rows.read, rows.n_rows, shape, weight=rows.weight, to_model=lambda x: (x - shift) / scale)

    return stream if 8 * rows.n_rows * rows.n_features > _STREAMED_BYTES else stacked(stream())
