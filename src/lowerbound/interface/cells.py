"""Cells: what X may hold, in lists, arrays, masked arrays and data frames alike, and how it becomes an array of numbers.

==================================  ================================================================================
a cell that is                      becomes
==================================  ================================================================================
a number, or True or False          itself
NaN, None, pandas.NA, or masked     NaN: a missing cell
text, a date, a duration, a         an error that names the column, shows the cell and says what to do. Numbers written
category, or anything else          as text are text.
==================================  ================================================================================

The type of a cell decides, never what its text looks like. Arrays of numbers are passed on as they are, not copied.
"""

import datetime
import numbers
import sys
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn

import numpy as np
from jaxtyping import Shaped
from scipy.sparse import issparse

from lowerbound.data.frames import Frame, LabelledFrame, column_label
from lowerbound.interface.row_shapes import MixedShapes, mixed_shapes

NUMERIC_KINDS = "biuf"
"""Kinds of NumPy's dtypes that count as numbers."""

_COLUMNS_SHOWN = 5
_CHARACTERS_SHOWN = 30


class _Refused(NamedTuple):
    """What a cell must not be, and what to do with it."""

    words: str
    remedy: str


_TEXT = _Refused("text", "Encode (OneHotEncoder, OrdinalEncoder) or drop it.")
_NUMBERS_AS_TEXT = _Refused("numbers written as text", "Convert it, as by X.astype(float).")
_CATEGORIES = _Refused(
    "categories", "Encode (OneHotEncoder, OrdinalEncoder) or drop it, or convert codes by astype(float)."
)
_DATES = _Refused("dates", "Convert it to the time since one of them, in a unit, or drop it.")
_DURATIONS = _Refused("durations", "Convert it to a number of one unit, such as seconds, or drop it.")
_COMPLEX = _Refused("complex numbers", "Split it into real and imaginary part.")
_TOO_LARGE = _Refused("integers beyond the range of float64", "Rescale it.")

_REFUSED_TYPES: tuple[tuple[tuple[type, ...], _Refused], ...] = (
    ((str, bytes), _TEXT),
    ((datetime.date, datetime.time, np.datetime64), _DATES),
    ((datetime.timedelta, np.timedelta64), _DURATIONS),
)
_REFUSED_KINDS = {"U": _TEXT, "S": _TEXT, "T": _TEXT, "M": _DATES, "m": _DURATIONS, "c": _COMPLEX}
_SEQUENCES = (list, tuple, np.ndarray)


class ForeignCellError(ValueError, TypeError):
    """A cell that is neither a number nor missing, text or a time: a TypeError too, as scikit-learn's contract has it."""


class _Culprit(NamedTuple):
    """A column that does not become numbers, and a cell that shows it."""

    refused: _Refused
    column: str
    cell: Any


def to_numbers(X: Any, *, owner: str, names: Sequence[Any] | None = None) -> Any:
    r"""X as an array of numbers (n, \\*event), NaN where a cell is missing.

    Sparse matrices, complex arrays and arrays of fewer than two dimensions are passed on: ``check_rows`` refuses them.

    Parameters
    ----------
    X
        An array, masked array, nested list, or data frame.
    owner
        Name of the estimator, for errors.
    names
        Names of the columns, where X has none itself.

    Raises
    ------
    ValueError
        For text, dates, durations and categories, by column, and for rows of several shapes.
    ForeignCellError
        For a cell that is an object of another kind, such as a dictionary.
    """
    if issparse(X):
        return X
    try:
        if isinstance(X, Frame):
            names = list(X.columns)
            if names and hasattr(X, "__getitem__"):
                return _of_frame(X, owner=owner)
            X = X.to_numpy()
        array = _unmasked(X)
        if array.dtype.kind == "O" and array.ndim == 1 and any(isinstance(row, _SEQUENCES) for row in array):
            raise MixedShapes
        if array.dtype.kind in NUMERIC_KINDS + "c" or array.ndim < 2 or not array.size:
            return array
        flat = array.reshape(len(array), -1)
        labels = [column_label(np.unravel_index(j, array.shape[1:]), names) for j in range(flat.shape[1])]
        return _of_columns(flat.T, labels, owner=owner).reshape(array.shape)
    except MixedShapes as error:
        raise ValueError(mixed_shapes(X, owner=owner)) from error


def _unmasked(X: Any) -> np.ndarray:
    """An array, masked array or nested list as an array, with NaN under the mask; text stays apart from numbers."""
    if isinstance(X, list | tuple) and any(isinstance(row, np.ma.MaskedArray) for row in X):
        X = np.ma.array(X)
    if isinstance(X, np.ma.MaskedArray):
        if not np.any(np.ma.getmaskarray(X)):
            return np.asarray(X.data)
        if X.dtype.kind == "f":
            return np.asarray(X.filled(np.nan))
        return np.asarray(np.ma.filled(X.astype(np.float64 if X.dtype.kind in NUMERIC_KINDS else object), np.nan))
    try:
        array = np.asarray(X)
    except ValueError as error:
        raise MixedShapes from error
    if array.dtype.kind in "USMm" and not isinstance(X, np.ndarray):
        return np.asarray(X, object)  # NumPy would turn the numbers of a list into text
    return array


def _of_frame(X: Frame, *, owner: str) -> np.ndarray:
    names = [repr(name) for name in X.columns]
    if not isinstance(X, LabelledFrame):
        series = [X[name] for name in X.columns]  # type: ignore[index]
        columns = [np.asarray(one.to_numpy()) for one in series]
        types = [str(getattr(one, "dtype", "")).partition("(")[0] for one in series]
        coded = {j: next(iter(columns[j]), None) for j, name in enumerate(types) if name in ("Categorical", "Enum")}
        return _of_columns(columns, names, owner=owner, categories=coded)
    dtypes = list(X.dtypes)
    if all(isinstance(dtype, np.dtype) and dtype.kind in NUMERIC_KINDS for dtype in dtypes):
        return np.asarray(X.to_numpy(dtype=np.result_type(*dtypes)))  # type: ignore[call-arg]
    if all(dtype.kind in NUMERIC_KINDS for dtype in dtypes):  # pandas' nullable types among them
        return np.asarray(X.to_numpy(dtype=np.float64, na_value=np.nan))  # type: ignore[call-arg]
    pandas = sys.modules["pandas"]  # a frame with labels is pandas' own, or made like it on top of pandas
    categorical = [j for j, dtype in enumerate(dtypes) if isinstance(dtype, pandas.CategoricalDtype)]
    coded = {j: X.iloc[0, j] if len(X.index) else None for j in categorical}
    columns = [np.asarray(X.iloc[:, j].to_numpy()) for j in range(len(names))]
    return _of_columns(columns, names, owner=owner, categories=coded)


def _of_columns(
    columns: Iterable[np.ndarray],
    names: Sequence[str],
    *,
    owner: str,
    categories: Mapping[int, Any] = MappingProxyType({}),
) -> np.ndarray:
    """The columns side by side, in their common type; one error for all that are no numbers."""
    found: list[np.ndarray] = []
    culprits = []
    for j, (column, name) in enumerate(zip(columns, names, strict=True)):
        coded = j in categories
        made = _Culprit(_CATEGORIES, name, categories[j]) if coded else _numbers(column, name, owner)
        if isinstance(made, _Culprit):
            culprits.append(made)
        else:
            found.append(made)
    if culprits:
        raise ValueError(f"X of {owner} must be numeric; got {_listed(culprits)}")
    return np.stack(found, axis=1)


def _numbers(column: Shaped[np.ndarray, " n"], name: str, owner: str) -> np.ndarray | _Culprit:
    """The column as numbers, or why it is none."""
    if column.dtype.kind in NUMERIC_KINDS:
        return column
    if column.dtype.kind != "O":
        refused = _REFUSED_KINDS.get(column.dtype.kind)
        if refused is None:
            raise ValueError(f"X of {owner} must be numeric; got dtype {column.dtype}. Take its fields as columns.")
        return _culprit(refused, name, column)
    missing = _missing_types()
    types = dict.fromkeys(map(type, column))
    for kind in types:
        if kind in missing or issubclass(kind, (numbers.Real, np.bool_, Decimal)):
            continue
        own = np.array([isinstance(cell, kind) for cell in column])
        if issubclass(kind, _SEQUENCES):
            raise MixedShapes
        if issubclass(kind, numbers.Complex):
            return _Culprit(_COMPLEX, name, column[own][0])
        refused = next((refused for kinds, refused in _REFUSED_TYPES if issubclass(kind, kinds)), None)
        if refused is not None:
            return _culprit(refused, name, column[own])
        _raise_for_object(column[own][0], name, owner)
    if missing & types.keys():
        column = np.array([np.nan if type(cell) in missing else cell for cell in column], object)
    try:
        return column.astype(np.float64)
    except OverflowError:
        return _Culprit(_TOO_LARGE, name, max(column, key=abs))


def _missing_types() -> set[type]:
    """Types of the values that mark a missing cell, NaN apart."""
    pandas = sys.modules.get("pandas")  # nobody has its NA who has not imported it
    return {type(None), type(np.ma.masked)} | (set() if pandas is None else {type(pandas.NA)})


def _culprit(refused: _Refused, name: str, cells: np.ndarray) -> _Culprit:
    """The column with its first cell; of text, with the first that could not be converted either, if there is one."""
    if refused is _TEXT:
        for cell in cells:
            try:
                np.asarray([cell]).astype(np.float64)
            except ValueError:
                return _Culprit(_TEXT, name, cell)
        refused = _NUMBERS_AS_TEXT
    return _Culprit(refused, name, cells[0])


def _listed(culprits: Sequence[_Culprit]) -> str:
    """Culprits by what they hold, each with its cell, and the remedies."""
    kinds = list(dict.fromkeys(culprit.refused for culprit in culprits))
    parts = []
    for kind in kinds:
        own = [culprit for culprit in culprits if culprit.refused is kind]
        shown = ", ".join(f"{culprit.column} ({_shown(culprit.cell)})" for culprit in own[:_COLUMNS_SHOWN])
        parts.append(f"{kind.words} in column {shown}{' and others' if len(own) > _COLUMNS_SHOWN else ''}")
    remedies = [kind.remedy if len(kinds) == 1 else f"{kind.words.capitalize()}: {kind.remedy}" for kind in kinds]
    return f"{'; '.join(parts)}. {' '.join(remedies)}"


def _shown(cell: Any) -> str:
    words = repr(str(cell)) if isinstance(cell, str) else str(cell)
    return words if len(words) <= _CHARACTERS_SHOWN else f"{words[:_CHARACTERS_SHOWN]}…"


def _raise_for_object(cell: Any, name: str, owner: str) -> NoReturn:
    try:
        float(cell)
        reason = f"no number but a {type(cell).__name__}"
    except (TypeError, ValueError) as error:
        reason = str(error)
    raise ForeignCellError(
        f"X of {owner} must be numeric; got {_shown(cell)} in column {name} ({reason}). Take it apart, or drop it."
    )
