"""Checks of data at the border: one clear error, naming owner, constraint, value and remedy, and columns by their names."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Shaped
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, validate_data

from lowerbound.data.frames import Frame, LabelledFrame, cell_label, column_label, columns_of
from lowerbound.data.moments import LARGEST
from lowerbound.data.row_chunks import row_chunks
from lowerbound.findings.fitted import feature_names
from lowerbound.interface.capabilities import IMPUTING_ESTIMATORS
from lowerbound.interface.cells import to_numbers

_CELLS_SHOWN = 3
_LEAST_SINGLE = 1e-30  # far enough above where float32 ends
_ROUNDED = 1e-6  # of a standard deviations' product: what printing a matrix leaves
_SYMMETRIC = 1e-12  # how far from symmetry, and above 1, correlations may be


def check_rows(estimator: BaseEstimator, X: Any, *, reset: bool) -> Shaped[np.ndarray, "n *event"]:
    r"""X as a numeric array (n, \\*event) with its dtype kept; sets or checks the shape that ``fit`` saw.

    It is finite, but for NaN where the estimator takes missing cells.

    Parameters
    ----------
    estimator
        Owner of ``n_features_in_``, ``feature_names_in_`` and ``input_shape_``.
    X
        (n, features) array or data frame, or (n, height, width[, channels]) images.
    reset
        True in ``fit``.
    """
    owner = type(estimator).__name__
    if not issparse(X):  # which scikit-learn refuses in its own words
        _check_holder(owner, X)
    names = columns_of(X) or feature_names(estimator)
    array = to_numbers(X, owner=owner, names=names)
    if array.ndim == 0 and array.dtype.kind == "O":
        raise ValueError(
            f"X of {owner} must be an array or a data frame; got an object of type {type(X).__name__}. Give one, rows first."
        )
    if array.ndim < 2:
        raise ValueError(
            f"X of {owner} must have two or more dimensions, rows first; got shape {array.shape}. Reshape your data: "
            "X.reshape(-1, 1) if it is one feature, X.reshape(1, -1) if it is one row."
        )
    array = check_array(
        array,
        dtype="numeric",
        ensure_all_finite=False,
        ensure_min_samples=2 if reset else 1,
        allow_nd=True,
        input_name="X",
        estimator=owner,
    )
    if array.ndim == 2:
        named = isinstance(X, Frame) and hasattr(X, "__getitem__")  # else scikit-learn could not ask it for its columns
        validate_data(estimator, X if named else array, reset=reset, skip_check_array=True)
    elif reset:
        estimator.n_features_in_ = int(np.prod(array.shape[1:]))
    if reset:
        estimator.input_shape_ = array.shape[1:]
        if array.size == 0:
            raise ValueError(f"X of {owner} must have at least one cell per row; got shape {array.shape}.")
    elif array.shape[1:] != estimator.input_shape_:
        raise ValueError(
            f"X of {owner} must have rows of shape {estimator.input_shape_}, as in fit; got {array.shape[1:]}."
        )
    _check_finite(owner, array, names, missing=estimator.takes_missing, computes_in=estimator.computes_in)
    if reset:
        _check_rows_are_rows(owner, X, array, covariance=hasattr(estimator, "fit_covariance"))
        _check_not_tiny(estimator, array, names)
    return array


def _check_holder(owner: str, X: Any) -> None:
    """Raise for what holds rows, but not as an array or a data frame does, with the way to one."""
    if isinstance(X, str | os.PathLike):
        found, remedy = f"the path {os.fspath(X)!r}", "Read the file first, as with pandas.read_csv or numpy.load."
    elif isinstance(X, Mapping):
        found, remedy = f"a {type(X).__name__}", "Make one: pandas.DataFrame(X)."
    elif isinstance(X, list | tuple) and len(X) and isinstance(X[0], Mapping):
        found, remedy = f"a list of {type(X[0]).__name__}", "Make one: pandas.DataFrame(X)."
    elif isinstance(X, Iterator | set | frozenset):
        found, remedy = f"a {type(X).__name__}", "Make a list of rows in their order: list(X)."
    elif hasattr(X, "collect") and hasattr(X, "columns"):
        found, remedy = f"a {type(X).__name__}, which has not been computed", "Compute it first: X.collect()."
    else:
        names = columns_of(X) or []
        twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
        if twice is None:
            return
        raise ValueError(f"columns of X of {owner} must have different names; got {twice!r} twice. Rename or drop one.")
    raise ValueError(f"X of {owner} must be an array or a data frame; got {found}. {remedy}")


def check_covariance(estimator: Any, S: Any) -> Float[np.ndarray, "d d"]:
    """S as a covariance matrix, float64 and exactly symmetrical; sets the names and the number of the columns."""
    owner = f"S of {type(estimator).__name__}.fit_covariance"
    names = columns_of(S)
    array = np.asarray(to_numbers(S, owner=type(estimator).__name__, names=names), np.float64)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not array.size:
        raise ValueError(f"{owner} must be a square matrix; got shape {array.shape}. Give rows to fit.")
    if isinstance(S, LabelledFrame) and list(S.index) not in (list(S.columns), list(range(len(array)))):
        first = next(i for i, (a, b) in enumerate(zip(S.index, S.columns, strict=True)) if a != b)
        raise ValueError(
            f"{owner} must have the same labels on rows and columns; got {S.index[first]!r} and {S.columns[first]!r} at place "
            f"{first}. Sort both alike."
        )
    if not np.isfinite(array).all():
        raise ValueError(
            f"{owner} must be finite; got NaN or infinity. Leave out columns that were never seen together."
        )
    size = np.sqrt(np.abs(np.diagonal(array)))
    if np.any(np.diagonal(array) < 0) or np.any(np.abs(array - array.T) > _ROUNDED * size * size[:, None]):
        row, column = np.unravel_index(np.argmax(np.abs(array - array.T)), array.shape)
        raise ValueError(
            f"{owner} must be symmetric, with variances on its diagonal; got {array[row, column]:g} and {array[column, row]:g} "
            f"in cells [{row}, {column}] and [{column}, {row}], and at least {np.diagonal(array).min():g} on the diagonal."
        )
    array = 0.5 * (array + array.T)
    unit = np.where(size > 0, size, 1.0)
    least = float(np.linalg.eigvalsh(array / unit / unit[:, None])[0])
    if least < -_ROUNDED * len(array):
        raise ValueError(
            f"{owner} must be positive semidefinite; got an eigenvalue of {least:.3g} of its correlations. Matrices whose cells "
            "were computed from different rows are often not: compute it from complete rows, or fit the rows, holes included."
        )
    validate_data(estimator, S if isinstance(S, Frame) else array, reset=True, skip_check_array=True)
    estimator.input_shape_ = array.shape[1:]
    return array


def check_latents(estimator: BaseEstimator, Z: Any, *, latent_dim: int, dtype: str = "float32") -> np.ndarray:
    """Z as a finite array (n, latent_dim) of that dtype."""
    owner = type(estimator).__name__
    array = check_array(Z, dtype=np.dtype(dtype), input_name="Z", estimator=owner)
    if array.shape[1] != latent_dim:
        raise ValueError(f"Z of {owner} must have latent_dim = {latent_dim} columns; got {array.shape[1]}.")
    return array


def check_weight(owner: str, sample_weight: Any, *, n_rows: int) -> np.ndarray:
    """sample_weight as (n,) float64: finite, not negative, not all zero; ones for None, a single number for all rows."""
    if sample_weight is None:
        return np.ones(n_rows)
    weight = np.asarray(sample_weight)
    if weight.dtype.kind not in "biuf" or weight.shape not in ((), (n_rows,)):
        raise ValueError(
            f"sample_weight of {owner} must be {n_rows} numbers, one for each row of X; got dtype {weight.dtype} and shape "
            f"{weight.shape}."
        )
    weight = np.broadcast_to(weight.astype(np.float64), (n_rows,)).copy()
    bad = ~np.isfinite(weight) | (weight < 0)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"sample_weight of {owner} must be finite and not negative; got sample_weight[{row}] = {weight[row]:g}. Leave rows "
            "out by a weight of 0."
        )
    if not weight.any():
        raise ValueError(f"sample_weight of {owner} must be positive for some row; got zeros only.")
    return weight


def _check_rows_are_rows(owner: str, X: Any, array: Shaped[np.ndarray, "n *event"], *, covariance: bool) -> None:
    """Raise for a matrix of correlations or covariances: symmetric, as those are, or with the same labels on both sides.

    Whole numbers are spared (as many codes of one cell each as cells are the identity matrix), and so are labels that are mere
    numbers.
    """
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        return
    labels = list(X.columns) if isinstance(X, LabelledFrame) else []
    labelled = bool(labels) and all(isinstance(label, str) for label in labels) and list(X.index) == labels
    if not labelled and not _is_covariance(array):
        return
    found = "the same labels on rows and columns" if labelled else "a symmetric matrix like those"
    raise ValueError(
        f"X of {owner} must hold rows of data, not their correlations or covariances; got {found}, {len(array)} x {len(array)}. "
        f"Give the rows that it was computed from{', or the matrix to fit_covariance' if covariance else ''}."
    )


def _is_covariance(square: Shaped[np.ndarray, "d d"]) -> bool:
    """Whether the cells are symmetric, none above the root of the product of its two on the diagonal, and not all whole."""
    variance = np.diagonal(square)
    if len(square) < 3 or square.dtype.kind != "f" or not np.all(variance > 0) or np.all(square == np.round(square)):
        return False
    unit = np.sqrt(variance)
    correlation = square / unit / unit[:, None]
    within = np.all(np.abs(correlation) <= 1 + _SYMMETRIC) and not np.all(correlation == 1)
    return bool(within and np.all(np.abs(correlation - correlation.T) <= _SYMMETRIC))


def _check_finite(
    owner: str,
    array: Shaped[np.ndarray, "n *event"],
    names: Sequence[Any] | None,
    *,
    missing: bool,
    computes_in: Literal["float32", "float64"],
) -> None:
    """Raise for infinities, for NaN unless it means missing, and for numbers beyond what the computations hold."""
    if array.dtype.kind != "f":
        return
    limit = LARGEST if computes_in == "float64" else float(np.finfo(np.float32).max)
    for rows in row_chunks(len(array), int(np.prod(array.shape[1:], dtype=int))):
        chunk = array[rows]
        with np.errstate(all="ignore"):
            flat = chunk.reshape(-1)
            squares = float(np.dot(flat, flat))
        if squares <= min(limit, LARGEST) ** 2:
            continue  # a finite sum of squares: one quick look at every cell
        # fmin and fmax pass over NaN
        lowest, highest = np.fmin.reduce(chunk, axis=None), np.fmax.reduce(chunk, axis=None)
        if missing and np.isnan(lowest):
            continue
        if np.isfinite(lowest) and np.isfinite(highest):
            if max(-float(lowest), float(highest)) > limit:
                cell = np.argwhere(np.abs(chunk) > limit)[0]
                raise ValueError(
                    f"X of {owner} must be within the range of {'1e150' if computes_in == 'float64' else 'float32'}; got "
                    f"{cell_label((int(cell[0]) + rows.start, *map(int, cell[1:])), names)} = {chunk[tuple(cell)]:g}. Rescale X."
                )
            if missing or not np.isnan(chunk.min()):
                continue
        _raise_not_finite(owner, array, names, missing=missing)


def _check_not_tiny(estimator: Any, array: Shaped[np.ndarray, "n *event"], names: Sequence[Any] | None) -> None:
    """Raise for columns of numbers so small that the computations would take them for zeros; columns of zeros are none."""
    if array.dtype.kind != "f":
        return
    as_they_are = estimator.computes_in == "float32" and not getattr(estimator, "standardize", True)
    least = _LEAST_SINGLE if as_they_are else 1 / LARGEST
    size = np.zeros(array.shape[1:])
    for rows in row_chunks(len(array), int(size.size)):
        np.fmax(size, np.fmax.reduce(np.abs(array[rows]), axis=0), out=size)
    tiny = np.argwhere((size > 0) & (size < least))
    if len(tiny):
        column = tuple(tiny[0].tolist())
        remedy = "Rescale X, or set standardize=True." if as_they_are else "Rescale X."
        raise ValueError(
            f"X of {type(estimator).__name__} must have columns that reach {least:g} in size, or are zero; got at most "
            f"{size[column]:g} in column {column_label(column, names)}. {remedy}"
        )


def _raise_not_finite(
    owner: str, array: Shaped[np.ndarray, "n *event"], names: Sequence[Any] | None, *, missing: bool
) -> None:
    bad = np.isinf(array) if missing else ~np.isfinite(array)
    cells = np.argwhere(bad)
    shown = ", ".join(f"{cell_label(cell, names)} = {array[tuple(cell)]}" for cell in cells[:_CELLS_SHOWN].tolist())
    rows = len(np.unique(cells[:, 0]))
    constraint = "finite, or NaN where a cell is missing" if missing else "finite (no NaN, no inf)"
    remedy = (
        "Mark what is not known as NaN, or clip it."
        if missing
        else f"This model takes no missing cells: impute them with {IMPUTING_ESTIMATORS}, or drop these rows."
    )
    raise ValueError(
        f"X of {owner} must be {constraint}; got {len(cells)} such cells in {rows} rows, first {shown}. {remedy}"
    )
