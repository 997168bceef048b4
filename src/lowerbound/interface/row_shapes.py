"""Shapes of rows: what to say of data whose rows do not stack to one array."""

from typing import Any

import numpy as np

from lowerbound.data.frames import Frame


class MixedShapes(ValueError):
    """Rows that do not stack, or cells that are sequences."""


def mixed_shapes(X: Any, *, owner: str) -> str:
    """What to say of rows that differ in shape."""
    constraint, remedy = f"X of {owner} must have rows of one shape", "Crop, pad or resize them first."
    first: tuple[int, ...] | None = None
    for i, row in enumerate(X.to_numpy() if isinstance(X, Frame) else X):
        try:
            shape = np.shape(row) if not _holds_objects(row) else np.shape(np.stack(list(row)))
        except ValueError:
            return f"{constraint}, of numbers all through; row {i} is ragged. {remedy}"
        first = shape if first is None else first
        if shape != first:
            return f"{constraint}; got {first} in row 0 and {shape} in row {i}. {remedy}"
    return f"{constraint}, of numbers all through; got cells that are sequences. {remedy}"


def _holds_objects(row: Any) -> bool:
    return isinstance(row, np.ndarray) and row.dtype == object
