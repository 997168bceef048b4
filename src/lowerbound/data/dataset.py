"""Dataset: rows that were checked once, stored small, with their holes, conditions and preprocessing.

Arrays go in at the border (estimators, the command line); compiled functions only ever see blocks and chunks of a Dataset, in
which every value is finite.
"""

import zlib
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt32

from lowerbound.data.preprocessing import Preprocessing
from lowerbound.data.standardize import row_chunks


@dataclass(frozen=True)
class Dataset:
    r"""n rows ready for compiled functions.

    Attributes
    ----------
    values
        (n, \\*event) stored rows: float32 in model units, or uint8/bool as they came; finite.
    preprocessing
        How a stored row becomes a :class:`~lowerbound.data.datum.Datum`.
    observed
        (n, \\*event), True where a cell was observed; None where all were.
    condition
        (n, n_conditions) or None.
    hashes
        (n,) hash of each row as the user gave it, from :func:`hash_rows`; None hashes the stored values when asked.
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

    def take(self, rows: Shaped[np.ndarray, "*shape"]) -> "Dataset":
        """The dataset of the given rows, in the given order (an index array of any shape, or a boolean mask)."""
        return replace(
            self,
            values=self.values[rows],
            observed=None if self.observed is None else self.observed[rows],
            condition=None if self.condition is None else self.condition[rows],
            hashes=None if self.hashes is None else self.hashes[rows],
        )

    def row_hashes(self) -> UInt32[np.ndarray, " n"]:
        """Hash of each row's content: ``hashes``, or that of the stored values."""
        return hash_rows(self.values) if self.hashes is None else self.hashes


def hash_rows(
    values: Shaped[np.ndarray, "n *event"], *, dtype: type[np.float32] | type[np.float64] = np.float32
) -> UInt32[np.ndarray, " n"]:
    """A 32-bit hash of each row's content (CRC-32 of its bytes as ``dtype``).

    A row's random numbers in evaluation come from ``fold_in(key, hash)``: they depend neither on the row's place nor on its
    company, and equal rows get equal numbers. Rows are converted first, so that 1, 1.0 and True agree; hashed before they are
    standardized, they get the same numbers from every model, which then answer for the same dequantized or binarized data.
    Models that compute in float64 tell rows apart that are equal in float32.
    """
    hashes = np.zeros(len(values), np.uint32)
    for rows in row_chunks(len(values), int(np.prod(values.shape[1:], dtype=int))):
        chunk = np.ascontiguousarray(values[rows], dtype) + np.zeros(1, dtype)  # -0.0 becomes 0.0
        if values.dtype.kind == "f":
            chunk[np.isnan(chunk)] = np.nan  # one NaN of the many, where cells are missing
        hashes[rows] = [zlib.crc32(row) for row in chunk]
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
