"""Data frames, of pandas, polars or any other library that looks the same: what is asked of them, through their own methods."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Shaped


@runtime_checkable
class Frame(Protocol):
    """A data frame: named columns of cells, as of polars."""

    @property
    def columns(self) -> Any:
        """Names of the columns."""

    def to_numpy(self) -> np.ndarray:
        """The cells."""


@runtime_checkable
class LabelledFrame(Frame, Protocol):
    """A data frame whose rows have labels too, as of pandas."""

    @property
    def index(self) -> Any:
        """Labels of the rows."""

    @property
    def dtypes(self) -> Any:
        """Type of each column."""

    @property
    def iloc(self) -> Any:
        """Columns and rows by position."""


def like(X: Any, numbers: Shaped[np.ndarray, "n *event"]) -> Any:
    """The numbers as a data frame with the labels of X, if that is one; else as they are."""
    match X:
        case LabelledFrame():
            return type(X)(numbers, index=X.index, columns=X.columns)  # type: ignore[call-arg]
        case Frame():
            return type(X)(numbers, schema=list(X.columns))  # type: ignore[call-arg]
        case _:
            return numbers


def take(X: Any, which: Any) -> Any:
    """Some rows of an array or data frame, by position."""
    return X.iloc[which] if isinstance(X, LabelledFrame) else X[which]


def as_numbers(X: Any) -> Float[np.ndarray, "n *event"]:
    """Array or data frame of numbers as float64, NaN where a cell is missing."""
    match X:
        case LabelledFrame():
            cells = X.to_numpy(np.float64, na_value=np.nan)  # type: ignore[call-arg]
        case Frame():
            cells = X.to_numpy()  # a missing cell is None among objects
        case _:
            cells = X
    return np.asarray(cells, np.float64)


def columns_of(X: Any) -> list[Any] | None:
    """Names of the columns of X; None if it is no data frame."""
    return list(X.columns) if isinstance(X, Frame) else None


def cell_label(cell: Sequence[Any], names: Sequence[Any] | None) -> str:
    """A cell in words, such as X[3, 'height']: its row, and its column by name where there are names."""
    return f"X[{int(cell[0])}, {column_label(cell[1:], names).strip('()')}]"


def column_label(column: Sequence[Any], names: Sequence[Any] | None) -> str:
    """A column in words: its name in quotes, or its position."""
    if names is not None and len(column) == 1:
        return repr(names[int(column[0])])
    at = ", ".join(str(int(part)) for part in column)
    return at if len(column) == 1 else f"({at})"
