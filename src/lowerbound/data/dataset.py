"""Dataset: rows that were checked once, as the user gave them, with what turns them into datums.

Arrays go in at the border (estimators, the command line). Rows are converted when they are taken, a block or chunk at a time: an
array in memory, a memory-mapped one and one of another dtype take the same way, and none is copied whole. What goes out are
records, in which every value is finite.
"""

import zlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt32

from lowerbound.data.moments import has_missing
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.data.record import Record
from lowerbound.data.row_chunks import row_chunks


@dataclass(frozen=True)
class Dataset:
    r"""n rows, to be taken as records.

    Attributes
    ----------
    values
        (n, \\*event) rows in the user's units and dtype; NaN where a cell is missing.
    preprocessing
        How a row becomes a record, and a record a :class:`~lowerbound.data.datum.Datum`.
    observed
        (n, \\*event), False where a cell counts as missing whatever it holds; None where only NaN is missing.
    condition
        (n, n_conditions) or None.
    hashes
        (n,) hash of each row's content; None hashes the rows when asked.
    """

    values: Shaped[np.ndarray, "n *event"]
    preprocessing: Preprocessing
    # Lengths are compared below, with an error of their own.
    observed: Bool[np.ndarray, "_ *event"] | None = None
    condition: Float[np.ndarray, "_ *condition"] | None = None
    hashes: UInt32[np.ndarray, "_ *shape"] | None = None

    def __post_init__(self) -> None:
        for name, part in (("observed", self.observed), ("condition", self.condition)):
            if part is not None and len(part) != len(self.values):
                raise ValueError(
                    f"{name} of Dataset must have one row per row of values = {len(self.values)}; got {len(part)}."
                )

    def __len__(self) -> int:
        return len(self.values)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return self.values.shape[1:]

    @cached_property
    def complete(self) -> bool:
        """Whether every cell of every row was observed."""
        return self.observed is None and not has_missing(self.values)

    def records(self, rows: Int[np.ndarray, "*rows"]) -> Record:
        """Records of the rows of these numbers, an index array of any shape."""
        values = self.values[rows]
        observed = None if self.complete else _observed(values, None if self.observed is None else self.observed[rows])
        condition = None if self.condition is None else self.condition[rows]
        return Record(self.preprocessing.store(values, observed), observed, condition)

    def in_model_units(
        self, part: slice
    ) -> tuple[Float[np.ndarray, "n *event"], Bool[np.ndarray, "n *event"] | None, Float[np.ndarray, " n"]]:
        """Float64 cells of a slice of rows (0 where missing), the mask of observed ones (or None), and the log-determinants."""
        taken = self if part == slice(0, len(self)) else self.take(part)
        observed = None if self.complete else _observed(taken.values, taken.observed)
        y, log_determinant = self.preprocessing.in_model_units(taken.values, observed, taken.row_hashes)
        return y, observed, log_determinant

    @property
    def observed_cells(self) -> Bool[np.ndarray, "n *event"]:
        """True for observed cells of all rows."""
        return _observed(self.values, self.observed)

    def take(self, rows: Shaped[np.ndarray, "*shape"] | slice) -> "Dataset":
        """The dataset of the given rows, in the given order (row numbers, a boolean mask, or a slice)."""
        return replace(
            self,
            values=self.values[rows],
            observed=None if self.observed is None else self.observed[rows],
            condition=None if self.condition is None else self.condition[rows],
            hashes=None if self.hashes is None else self.hashes[rows],
        )

    def without(self, hidden: Bool[np.ndarray, "*event"]) -> "Dataset":
        """The dataset with the hidden cells unobserved in every row, beside those that are so already."""
        seen = np.broadcast_to(~hidden, self.values.shape)
        return replace(self, observed=seen if self.observed is None else self.observed & seen)

    def row_hashes(self) -> UInt32[np.ndarray, " n"]:
        """Hash of each row's content, its condition included, in the precision in which the model tells rows apart."""
        if self.hashes is not None:
            return self.hashes
        return hash_rows(self.values, self.condition, dtype=self.preprocessing.hash_dtype)


def _observed(
    values: Shaped[np.ndarray, "*shape"], marked: Bool[np.ndarray, "*shape"] | None
) -> Bool[np.ndarray, "*shape"]:
    """True for cells that are neither NaN nor marked as missing."""
    observed = ~np.isnan(values) if values.dtype.kind == "f" else np.ones(values.shape, np.bool_)
    return observed if marked is None else observed & marked


def hash_rows(
    values: Shaped[np.ndarray, "n *event"],
    condition: Float[np.ndarray, "n *condition"] | None = None,
    *,
    dtype: type[np.float32] | type[np.float64] = np.float32,
) -> UInt32[np.ndarray, " n"]:
    """A 32-bit hash of each row's content (CRC-32 of its bytes as ``dtype``, and those of its condition if there is one).

    A row's random numbers in evaluation come from ``fold_in(key, hash)``: they depend neither on the row's place nor on its
    company, and equal rows get equal numbers. Rows are converted first, so that 1, 1.0 and True agree; hashed before they are
    standardized, they get the same numbers from every model, which then answer for the same dequantized or binarized data.
    Models that compute in float64 tell rows apart that are equal in float32.
    """
    hashes = np.zeros(len(values), np.uint32)
    for part in (values,) if condition is None else (values, condition):
        for rows in row_chunks(len(part), int(np.prod(part.shape[1:], dtype=int))):
            chunk = np.ascontiguousarray(part[rows], dtype) + np.zeros(1, dtype)  # -0.0 becomes 0.0
            if part.dtype.kind == "f":
                chunk[np.isnan(chunk)] = np.nan  # one NaN of the many, where cells are missing
            hashes[rows] = [zlib.crc32(row, int(before)) for row, before in zip(chunk, hashes[rows], strict=True)]
    return hashes


def split_rows(n_rows: int, *, fraction: float, minimum_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Training and validation rows: sorted indices, chosen by ``seed`` alone.

    Parameters
    ----------
    fraction
        Share of the rows kept for validation, in [0, 1).
    minimum_rows
        Below this many rows nothing is kept.
    """
    held = min(round(fraction * n_rows), n_rows - 1) if n_rows >= minimum_rows else 0
    order = np.random.default_rng((seed, 0x5EED)).permutation(n_rows)
    return np.sort(order[held:]), np.sort(order[:held])
