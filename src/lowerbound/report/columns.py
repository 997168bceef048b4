"""Columns of rows in which cells may be missing (NaN): their means and standard deviations over the cells that are there."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float


def as_numbers(rows: Any) -> Float[np.ndarray, "n *event"]:
    """An array or data frame as float64, NaN where a cell is missing."""
    return np.asarray(
        rows.to_numpy(np.float64, na_value=np.nan) if hasattr(rows, "iloc") and hasattr(rows, "to_numpy") else rows,
        np.float64,
    )


def means(values: Float[np.ndarray, "n *event"]) -> Float[np.ndarray, "*event"]:
    """Mean of each column over its cells; NaN for a column without any.

    >>> means(np.array([[1.0, np.nan], [3.0, np.nan]])).tolist()
    [2.0, nan]
    """
    known = ~np.isnan(values)
    n_known = known.sum(axis=0)
    total = values.sum(axis=0, where=known)
    return np.where(n_known > 0, total / np.maximum(n_known, 1), np.nan)


def deviations(values: Float[np.ndarray, "n *event"]) -> Float[np.ndarray, "*event"]:
    """Standard deviation of each column over its cells, dividing by their number; NaN for a column without any."""
    return np.sqrt(means(np.square(values - means(values))))


def spreads(values: Float[np.ndarray, "n *event"]) -> Bool[np.ndarray, "*event"]:
    """True for the columns that take more than one value, up to rounding."""
    known = ~np.isnan(values)
    largest = np.max(np.abs(values), axis=0, where=known, initial=0.0)
    return above_rounding(np.where(known.any(axis=0), deviations(values), 0.0), largest)


def above_rounding(deviation: Float[np.ndarray, "*event"], largest: Float[np.ndarray, "*event"]) -> np.ndarray:
    """Whether a standard deviation is more than the rounding of values as large as these."""
    return np.asarray(deviation > 1e-12 * np.maximum(largest, np.finfo(np.float64).tiny))
