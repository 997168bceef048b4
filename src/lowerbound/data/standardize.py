r"""Standardization: y = (x - shift) / scale per feature, an affine change of units whose log-determinant is carried.

If y has density p_Y, then x has density p_Y((x - shift) / scale) / scale: in nats, log p(x) = log p(y) - sum of log scale. A
constant feature has no scale; it keeps scale 1 and is named, since a density on it is meaningless.

This is the one place where shift, scale and constant features are decided, from moments over the observed cells
(``data.moments``), with weights or without. Only the linear autoencoder has a scale of its own (``data.principal_axes.center``).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Shaped

from lowerbound.data.moments import means, no_spread, reader, variances


class Standardization(NamedTuple):
    """Location and scale of each feature, in the user's units.

    Attributes
    ----------
    shift
        Mean of each feature over its observed cells.
    scale
        Standard deviation (dividing by n) of each feature, 1 where the feature is constant; or one number for all.
    constant
        True where a feature takes one value only (up to rounding).
    seen
        Weight of the rows in which the feature was observed; without weights their number.
    """

    shift: Float[np.ndarray, "*event"]
    scale: Float[np.ndarray, "*event"]
    constant: Bool[np.ndarray, "*event"]
    seen: Float[np.ndarray, "*event"]


def standardization(
    mean: Float[np.ndarray, "*event"],
    variance: Float[np.ndarray, "*event"],
    *,
    seen: Float[np.ndarray, "*event"],
    per_feature: bool = True,
) -> Standardization:
    """Shift, scale and constant features that follow from the moments.

    Parameters
    ----------
    mean, variance, seen
        Moments of each feature, and the weight behind them.
    per_feature
        A scale for each feature; else one for all, the root of the mean variance of those that vary, which leaves isotropic
        noise isotropic.

    Examples
    --------
    >>> found = standardization(np.array([1.0, 5.0]), np.array([4.0, 0.0]), seen=np.ones(2))
    >>> found.scale.tolist(), found.constant.tolist()
    ([2.0, 1.0], [False, True])
    """
    constant = no_spread(variance, mean)
    if per_feature:
        scale = np.where(constant, 1.0, np.sqrt(variance))
    else:
        scale = np.full(mean.shape, 1.0 if constant.all() else np.sqrt(variance[~constant].mean()))
    return Standardization(mean, scale, constant, seen)


def measure(values: Shaped[np.ndarray, "n *event"], *, extra_variance: float = 0.0) -> Standardization:
    """Standardization of each feature, from two passes of float64 over chunks of rows; missing cells (NaN) are left out.

    Parameters
    ----------
    values
        Rows first; NaN where a cell is missing.
    extra_variance
        Added to every variance before the root: 1/12 for grey levels that uniform dequantization will spread.

    Examples
    --------
    >>> measured = measure(np.array([[0.0, 5.0], [2.0, 5.0], [np.nan, 5.0]]))
    >>> measured.shift.tolist(), measured.scale.tolist(), measured.constant.tolist()
    ([1.0, 5.0], [1.0, 1.0], [False, True])
    """
    event, n_features = values.shape[1:], int(np.prod(values.shape[1:], dtype=int))
    read = reader(values)
    mean, seen, _ = means(read, len(values), n_features)
    variance = variances(read, len(values), mean=mean) + extra_variance
    return standardization(mean.reshape(event), variance.reshape(event), seen=seen.reshape(event))
