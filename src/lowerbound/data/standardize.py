r"""Standardization: y = (x - shift) / scale per feature, an affine change of units whose log-determinant is carried.

If y has density p_Y, then x has density p_Y((x - shift) / scale) / scale: in nats, log p(x) = log p(y) - sum of log scale. A
constant feature has no scale; it keeps scale 1 and is named, since a density on it is meaningless.

Data comes in as NumPy arrays (n, \\*event) of any real dtype; what goes out is float64 NumPy, one number per feature.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Shaped

_CHUNK_CELLS = 4_000_000


class Standardization(NamedTuple):
    """Location and scale of each feature, in the user's units.

    Attributes
    ----------
    shift
        Mean of each feature over the rows.
    scale
        Standard deviation (dividing by n) of each feature; 1 where the feature is constant.
    constant
        True where a feature takes one value only (up to rounding).
    """

    shift: Float[np.ndarray, "*event"]
    scale: Float[np.ndarray, "*event"]
    constant: Bool[np.ndarray, "*event"]


def row_chunks(n_rows: int, cells_per_row: int) -> list[slice]:
    """Consecutive slices of rows of at most about four million cells each, so that host work needs little memory."""
    rows = max(1, _CHUNK_CELLS // max(1, cells_per_row))
    return [slice(start, min(start + rows, n_rows)) for start in range(0, n_rows, rows)]


def measure(values: Shaped[np.ndarray, "n *event"], *, extra_variance: float = 0.0) -> Standardization:
    """Mean and standard deviation of each feature, in two passes of float64 over chunks of rows.

    Parameters
    ----------
    values
        Finite data, rows first.
    extra_variance
        Added to every variance before the root: 1/12 for grey levels that uniform dequantization will spread.

    Examples
    --------
    >>> import numpy as np
    >>> measured = measure(np.array([[0.0, 5.0], [2.0, 5.0]]))
    >>> measured.shift.tolist(), measured.scale.tolist(), measured.constant.tolist()
    ([1.0, 5.0], [1.0, 1.0], [False, True])
    """
    n = len(values)
    chunks = row_chunks(n, int(np.prod(values.shape[1:], dtype=int)))
    mean = np.zeros(values.shape[1:], np.float64)
    for rows in chunks:
        mean += np.sum(values[rows], axis=0, dtype=np.float64) / n
    variance = np.full(values.shape[1:], extra_variance, np.float64)
    for rows in chunks:
        variance += np.sum(np.square(values[rows] - mean), axis=0) / n
    # The mean of n equal numbers is off by rounding, which must not pass for spread.
    constant = np.sqrt(variance) <= 1e-12 * np.maximum(np.abs(mean), np.finfo(np.float64).tiny)
    return Standardization(shift=mean, scale=np.where(constant, 1.0, np.sqrt(variance)), constant=constant)
