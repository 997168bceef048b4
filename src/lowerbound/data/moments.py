r"""Moments of rows that carry weights and may have missing cells (NaN), in chunks that need little memory.

    mean_j       = \sum_n w_n x_nj / \sum_n w_n                          over the rows where cell j was observed        (1)
    variance_j   = \sum_n w_n (x_nj - mean_j)^2 / \sum_n w_n             the same rows; second pass                      (2)
    covariance   = \sum_n w_n (x_n - mean)(x_n - mean)^T / \sum_n w_n    rows without missing cells                      (3)

Rows come as NumPy arrays (n, features) of any real dtype; sums are float64. Large covariances are sums of float32 products
of centred blocks: half the time, off by about 1e-7 of the standard deviations' products. Where the smallest eigenvalue of the
correlations says that this could matter, it is done again in float64.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Shaped

from lowerbound.data.row_chunks import row_chunks

LARGEST = 1e150
"""Largest number that is computed with: its square is a double still, as is that of its inverse."""

_MANY_PRODUCTS = 4e9  # multiplications from which on single precision is worth its check
_SAFE_EIGENVALUE = 1e-3  # of the correlations
_FAR = 1e3  # ranges from 0, from which on sums of a million cells would lose digits of their mean
_SAMPLED = 64  # rows

Reader = Callable[[slice], Float[np.ndarray, "rows features"]]
"""Function from a slice of row numbers to these rows as float64, NaN where missing."""


def reader(values: Shaped[np.ndarray, "n *event"]) -> Reader:
    """The rows of an array as float64 vectors, converted a slice at a time."""
    # Row by row in memory, whatever the order it came in: sums then round the same way for a data frame and its array.
    return lambda rows: np.ascontiguousarray(values[rows], np.float64).reshape(rows.stop - rows.start, -1)


def has_missing(values: Shaped[np.ndarray, "n *event"]) -> bool:
    """Whether any cell is NaN.

    >>> has_missing(np.array([[1.0, np.nan]])), has_missing(np.array([[1, 2]]))
    (True, False)
    """
    if values.dtype.kind != "f":
        return False
    chunks = row_chunks(len(values), int(np.prod(values.shape[1:], dtype=int)))
    # The smallest number is NaN where any is: one pass without a mask.
    return any(bool(np.isnan(np.min(values[rows]))) for rows in chunks if values[rows].size)


def count_observed(values: Shaped[np.ndarray, "n *event"]) -> Float[np.ndarray, "*event"]:
    """Number of rows in which each cell was observed (not NaN).

    >>> count_observed(np.array([[1.0, np.nan], [2.0, 3.0]])).tolist()
    [2.0, 1.0]
    """
    if not has_missing(values):
        return np.full(values.shape[1:], float(len(values)))
    total = np.zeros(values.shape[1:])
    for rows in row_chunks(len(values), int(np.prod(values.shape[1:], dtype=int))):
        total += np.sum(~np.isnan(values[rows]), axis=0)
    return total


def means(
    read: Reader, n_rows: int, n_features: int, *, weight: Float[np.ndarray, " n"] | None = None
) -> tuple[Float[np.ndarray, " features"], Float[np.ndarray, " features"], bool]:
    """Equation (1) per column, the weight of the rows in which it was observed, and whether no cell is missing.

    Columns that were never observed have mean 0, and a weight of 0 that tells. Without weights every row counts once.

    Examples
    --------
    >>> x = np.array([[0.0, np.nan], [2.0, 3.0]])
    >>> mean, seen, complete = means(reader(x), 2, 2, weight=np.ones(2))
    >>> mean.tolist(), seen.tolist(), complete
    ([1.0, 3.0], [2.0, 1.0], False)
    """
    total, seen, complete, origin = np.zeros(n_features), np.zeros(n_features), True, None
    for rows in row_chunks(n_rows, n_features):
        x, w = read(rows), None if weight is None else weight[rows]
        if origin is None:
            origin = _origin(x)
        if origin.any():
            x = x - origin
        part = _weighted_sum(w, x)
        if np.isnan(part).any():  # a sum is NaN where a cell is: no need to look at each
            observed = ~np.isnan(x)
            total += _weighted_sum(w, np.where(observed, x, 0.0))
            seen += _weighted_sum(w, observed)
            complete = False
        else:
            total += part
            seen += len(x) if w is None else w.sum()
    mean = total / np.where(seen > 0, seen, 1.0)
    return mean if origin is None else mean + origin, seen, complete


def _origin(x: Shaped[np.ndarray, "rows features"]) -> Float[np.ndarray, " features"]:
    """Numbers to count from: a cell of each column that is far from 0 against its range in a few rows, and 0 for others.

    A sum of n such cells rounds to parts of n times their size: 10^6 rows of 10^12 +- 1 would have a mean that is off by 3.
    """
    some = x[:: max(1, len(x) // _SAMPLED)]
    lowest, highest = np.fmin.reduce(some, axis=0), np.fmax.reduce(some, axis=0)  # NaN where no cell was observed
    return np.where(np.abs(lowest) > _FAR * (highest - lowest), lowest, 0.0)


def variances(
    read: Reader, n_rows: int, *, weight: Float[np.ndarray, " n"] | None = None, mean: Float[np.ndarray, " features"]
) -> Float[np.ndarray, " features"]:
    """Equation (2) per column, over observed cells; 0 for columns that were never observed.

    Examples
    --------
    >>> x = np.array([[0.0, np.nan], [2.0, 3.0]])
    >>> variances(reader(x), 2, weight=np.ones(2), mean=np.array([1.0, 3.0])).tolist()
    [1.0, 0.0]
    """
    total, seen = np.zeros(len(mean)), np.zeros(len(mean))
    for rows in row_chunks(n_rows, len(mean)):
        square, w = np.square(read(rows) - mean), None if weight is None else weight[rows]
        observed = ~np.isnan(square)
        total += _weighted_sum(w, np.where(observed, square, 0.0))
        seen += _weighted_sum(w, observed)
    return np.asarray(total / np.where(seen > 0, seen, 1.0))


def _weighted_sum(
    weight: Float[np.ndarray, " rows"] | None, x: Shaped[np.ndarray, "rows features"]
) -> Float[np.ndarray, " features"]:
    """Sum over rows of each column, times the weights where there are some."""
    total: np.ndarray = x.sum(axis=0, dtype=np.float64) if weight is None else weight @ x
    return total


def no_spread(variance: Float[np.ndarray, "*event"], mean: Float[np.ndarray, "*event"]) -> Bool[np.ndarray, "*event"]:
    """True for columns that take one value only: the mean of n equal numbers is off by rounding, which is no spread."""
    return np.sqrt(variance) <= 1e-13 * np.maximum(np.abs(mean), np.finfo(np.float64).tiny)


def covariance(
    read: Reader, n_rows: int, *, weight: Float[np.ndarray, " n"], mean: Float[np.ndarray, " features"]
) -> Float[np.ndarray, "features features"]:
    """Equation (3), exactly symmetrical; rows without missing cells, weights not all zero.

    Examples
    --------
    >>> x = np.array([[0.0, 0.0], [2.0, 4.0]])
    >>> covariance(reader(x), 2, weight=np.ones(2), mean=np.array([1.0, 2.0])).tolist()
    [[1.0, 2.0], [2.0, 4.0]]
    """
    if n_rows * float(len(mean)) ** 2 >= _MANY_PRODUCTS:
        found = _mean_of_products(read, n_rows, weight=weight, mean=mean, dtype=np.float32)
        if np.isfinite(found).all() and _well_conditioned(found):
            return found
    return _mean_of_products(read, n_rows, weight=weight, mean=mean, dtype=np.float64)


def _mean_of_products(
    read: Reader,
    n_rows: int,
    *,
    weight: Float[np.ndarray, " n"],
    mean: Float[np.ndarray, " features"],
    dtype: type[np.float32] | type[np.float64],
) -> Float[np.ndarray, "features features"]:
    total = np.zeros((len(mean), len(mean)))
    equal = bool(np.ptp(weight) == 0)
    unit = None  # a power of two for each column, where squares would leave the range of single precision
    for rows in row_chunks(n_rows, len(mean)):
        x = read(rows)
        if dtype is np.float32:
            size = np.abs(x[:64] - mean).max(axis=0)
            size[size == 0] = 1.0
            if unit is None and (size.min() < 1e-10 or size.max() > 1e10):
                unit = np.exp2(np.round(np.log2(size)))
        if unit is not None:
            x = x / unit
        y = np.subtract(x, mean if unit is None else mean / unit, out=np.empty(x.shape, dtype), casting="same_kind")
        if not equal:
            y *= np.sqrt(weight[rows])[:, None].astype(dtype)
        block = y.T @ y  # numpy hands a product with its own transpose to syrk: half the work
        total += block if unit is None else unit[:, None] * block * unit
    return np.asarray(total / (n_rows if equal else weight.sum()))


def _well_conditioned(matrix: Float[np.ndarray, "features features"]) -> bool:
    """Whether the smallest eigenvalue of the correlations of varying columns is above what float32 products can spoil."""
    varies = np.diag(matrix) > 0
    deviation = np.sqrt(np.diag(matrix)[varies])
    correlation = matrix[np.ix_(varies, varies)] / deviation / deviation[:, None]
    correlation[np.diag_indices_from(correlation)] -= _SAFE_EIGENVALUE
    try:
        np.linalg.cholesky(correlation)  # not SciPy's: its threads and those of NumPy's products hold each other up
    except np.linalg.LinAlgError:
        return False
    return True
