"""Cells of rows as numbers, in the units in which a model reconstructs them, and what these units are.

Columns of a table have units of their own, which no mean may mix. Pixels, grey levels and bits have one unit. Category codes are
no numbers at all: they are equal, or not.
"""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from lowerbound.data.frames import Frame, as_numbers, take
from lowerbound.data.row_chunks import row_chunks
from lowerbound.findings.fitted import FittedEstimator

Cell = Literal["column", "pixel", "cell"]
"""What one number of a row is called; those of an image in colour are cells, three to a pixel."""


def as_rows(X: Any) -> Any:
    """A data frame as it is, everything else as an array; masked cells become NaN."""
    if isinstance(X, Frame):
        return X
    if isinstance(X, np.ma.MaskedArray):
        return np.where(np.ma.getmaskarray(X), np.nan, X.data)
    return np.asarray(X)


def share_of_missing(rows: Any) -> float:
    """Share of the cells that are missing (NaN)."""
    if not isinstance(rows, Frame) and np.asarray(rows).dtype.kind in "biu":
        return 0.0
    return float(np.mean(np.isnan(as_numbers(rows)))) if len(rows) else 0.0


def targets(estimator: FittedEstimator, rows: Any) -> Float[np.ndarray, "n *event"]:
    """The rows in the units in which the model reconstructs: grey levels that it binarizes as shares of white, or as bits.

    NaN where a cell is missing.
    """
    values = as_numbers(rows)
    preprocessing = estimator.preprocessing_
    if preprocessing.meaning.grey_as_share:
        values = values / preprocessing.white_level
    if preprocessing.treatment == "threshold":
        values = np.where(np.isnan(values), np.nan, values > 0.5)
    return values


def chunks_of(rows: Any, n_cells: int) -> Iterator[Any]:
    """The rows, some at a time, so that they need little memory as float64; of no rows, one chunk without any."""
    for part in row_chunks(len(rows), n_cells) or [slice(0, 0)]:
        yield take(rows, part)


def columns_have_units(estimator: FittedEstimator) -> bool:
    """Whether the cells of a row are columns of a table with units of their own, rather than pixels, grey levels or bits."""
    of_one_unit = estimator.preprocessing_.meaning.one_unit or estimator.support_ == "bits"
    return len(estimator.input_shape_) == 1 and not of_one_unit


def common_unit(estimator: FittedEstimator) -> str:
    """The one unit of all cells, in words."""
    if estimator.preprocessing_.meaning.uniform_noise:
        return "grey levels"
    return "probabilities, 0 to 1" if estimator.support_ == "bits" else "units of x"


def are_images(shape: tuple[int, ...]) -> bool:
    """Whether rows of this shape can be shown: (height, width), or the same with 1 or 3 channels."""
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))


def cell_of(shape: tuple[int, ...]) -> Cell:
    """What a number of a row of this shape is called.

    >>> cell_of((4,)), cell_of((8, 8)), cell_of((8, 8, 1)), cell_of((8, 8, 3))
    ('column', 'pixel', 'pixel', 'cell')
    """
    if not are_images(shape):
        return "column"
    return "cell" if len(shape) == 3 and shape[2] == 3 else "pixel"
