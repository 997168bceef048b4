"""Checks of hyperparameters and data at the border: one clear error, naming owner, constraint, value and remedy."""

import numbers
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Shaped
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, validate_data

from lowerbound.data.row_chunks import row_chunks

_CELLS_SHOWN = 3
_LARGEST_DOUBLE = 1e150  # whose square is a double still

_Function = TypeVar("_Function", bound=Callable[..., Any])


def no_type_check(function: _Function) -> _Function:
    """Keep run-time type checkers out of a function; unlike ``typing.no_type_check``, static ones go on.

    For ``__init__`` of estimators, which must take anything: scikit-learn's contract has hyperparameters checked in ``fit``.
    """
    function.__no_type_check__ = True  # type: ignore[attr-defined]  # the documented way (PEP 484)
    return function


def check_integer(owner: str, name: str, value: Any, *, minimum: int, maximum: int | None = None) -> int:
    """The value, if it is a whole number in [minimum, maximum]."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < minimum or (maximum is not None and value > maximum):
        upper = "" if maximum is None else f" and at most {maximum}"
        raise ValueError(f"{name} of {owner} must be a whole number, at least {minimum}{upper}; got {value!r}.")
    return int(value)


def check_number(
    owner: str,
    name: str,
    value: Any,
    *,
    minimum: int | float,
    maximum: int | float = np.inf,
    below: int | float = np.inf,
    above: bool = False,
) -> float:
    """The value, if it is a finite number at least ``minimum`` (or above it), at most ``maximum`` and below ``below``."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool) and np.isfinite(float(value))
    if not real or value < minimum or (above and value == minimum) or value > maximum or value >= below:
        lower = f"above {minimum}" if above else f"at least {minimum}"
        upper = ("" if np.isinf(maximum) else f" and at most {maximum}") + (
            "" if np.isinf(below) else f" and below {below}"
        )
        raise ValueError(f"{name} of {owner} must be a number {lower}{upper}; got {value!r}.")
    return float(value)


def check_choice(owner: str, name: str, value: Any, choices: Sequence[Any]) -> None:
    """Raise unless the value is one of the choices."""
    if not any(value is choice or (isinstance(value, str) and value == choice) for choice in choices):
        listed = " or ".join(repr(choice) for choice in choices)
        raise ValueError(f"{name} of {owner} must be {listed}; got {value!r}.")


def check_bool(owner: str, name: str, value: Any) -> None:
    """Raise unless the value is True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} of {owner} must be True or False; got {value!r}.")


def check_seed(owner: str, value: Any) -> None:
    """Raise unless ``value`` is a random_state of scikit-learn; nothing is drawn from it."""
    try:
        check_random_state(value)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"random_state of {owner} must be None, a whole number in [0, 2**32) or a numpy RandomState; got {value!r}."
        ) from error


def check_sizes(owner: str, name: str, value: Any) -> tuple[int, ...]:
    """The value as a tuple of layer widths, each at least 1."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise ValueError(f"{name} of {owner} must be a tuple of layer widths, such as (256, 256); got {value!r}.")
    return tuple(check_integer(owner, f"{name}[{i}]", width, minimum=1) for i, width in enumerate(value))


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
    if isinstance(X, str | os.PathLike):
        raise ValueError(
            f"X of {owner} must be an array or a data frame; got the path {os.fspath(X)!r}. Read the file first, as with "
            "pandas.read_csv or numpy.load."
        )
    options = {"dtype": "numeric", "ensure_all_finite": False, "ensure_min_samples": 2 if reset else 1}
    try:
        if getattr(X, "ndim", 2) > 2:
            array = check_array(X, allow_nd=True, input_name="X", estimator=owner, **options)
            if reset:
                estimator.n_features_in_ = int(np.prod(array.shape[1:]))
        else:
            array = validate_data(estimator, X, reset=reset, **options)
    except ValueError as error:
        if any(words in str(error) for words in ("could not convert", "convert string", "arrays of bytes/strings")):
            raise ValueError(_non_numeric(owner, X)) from error
        if "inhomogeneous" in str(error) or "array element with a sequence" in str(error):
            raise ValueError(_mixed_shapes(owner, X)) from error
        if "Expected 2D array" in str(error):
            raise ValueError(
                f"X of {owner} must have two or more dimensions, rows first; got shape {np.shape(X)}. Reshape your data: "
                "X.reshape(-1, 1) if it is one feature, X.reshape(1, -1) if it is one row."
            ) from error
        raise
    if array.dtype.kind not in "biuf":
        raise ValueError(f"X of {owner} must be numeric; got dtype {array.dtype}. Encode it as numbers first.")
    if reset:
        estimator.input_shape_ = array.shape[1:]
        if array.size == 0:
            raise ValueError(f"X of {owner} must have at least one cell per row; got shape {array.shape}.")
    elif array.shape[1:] != estimator.input_shape_:
        raise ValueError(
            f"X of {owner} must have rows of shape {estimator.input_shape_}, as in fit; got {array.shape[1:]}."
        )
    _check_finite(owner, array, missing=getattr(estimator, "takes_missing", False))
    return array


def _mixed_shapes(owner: str, X: Any) -> str:
    """What to say of rows that differ in shape."""
    constraint, remedy = f"X of {owner} must have rows of one shape", "Crop, pad or resize them first."
    first: tuple[int, ...] | None = None
    for i, row in enumerate(X.to_numpy() if hasattr(X, "to_numpy") else X):
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


def _check_finite(owner: str, array: Shaped[np.ndarray, "n *event"], *, missing: bool) -> None:
    """Raise for infinities, for NaN unless it means missing, and for numbers beyond what the computations hold."""
    if array.dtype.kind != "f":
        return
    limit = _LARGEST_DOUBLE if missing else float(np.finfo(np.float32).max)
    for rows in row_chunks(len(array), int(np.prod(array.shape[1:], dtype=int))):
        chunk = array[rows]
        with np.errstate(all="ignore"):
            flat = chunk.reshape(-1)
            squares = float(np.dot(flat, flat))
        if squares <= min(limit, _LARGEST_DOUBLE) ** 2:
            continue  # a finite sum of squares: one quick look at every cell
        # fmin and fmax pass over NaN
        lowest, highest = np.fmin.reduce(chunk, axis=None), np.fmax.reduce(chunk, axis=None)
        if missing and np.isnan(lowest):
            continue
        if np.isfinite(lowest) and np.isfinite(highest):
            largest = max(-float(lowest), float(highest))
            if largest > limit:
                raise ValueError(
                    f"X of {owner} must be within the range of {'1e150' if missing else 'float32'}; got {largest:g} in size. "
                    "Rescale X."
                )
            if missing or not np.isnan(chunk.min()):
                continue
        _raise_not_finite(owner, array, missing=missing)


def _raise_not_finite(owner: str, array: Shaped[np.ndarray, "n *event"], *, missing: bool) -> None:
    bad = np.isinf(array) if missing else ~np.isfinite(array)
    cells = np.argwhere(bad)
    shown = ", ".join(f"X[{', '.join(map(str, cell))}] = {array[tuple(cell)]}" for cell in cells[:_CELLS_SHOWN])
    rows = len(np.unique(cells[:, 0]))
    constraint = "finite, or NaN where a cell is missing" if missing else "finite (no NaN, no inf)"
    remedy = (
        "Mark what is not known as NaN, or clip it."
        if missing
        else "This model takes no missing cells: impute them (PPCA, FactorAnalysis and MixtureOfFactorAnalyzers can), or drop "
        "these rows."
    )
    raise ValueError(
        f"X of {owner} must be {constraint}; got {len(cells)} such cells in {rows} rows, first {shown}. {remedy}"
    )


def _non_numeric(owner: str, X: Any) -> str:
    """The message for data that does not become numbers, naming the columns."""
    names = list(X.columns) if hasattr(X, "columns") else list(range(np.shape(X)[1]))
    table = np.asarray(X, dtype=object)
    culprits = []
    for j, name in enumerate(names):
        try:
            table[:, j].astype(np.float64)
        except (TypeError, ValueError):
            culprits.append(repr(name))
    return (
        f"X of {owner} must be numeric; got text in column {', '.join(culprits[:5])}"
        f"{' and others' if len(culprits) > 5 else ''}. Encode (OneHotEncoder, OrdinalEncoder) or drop it."
    )
