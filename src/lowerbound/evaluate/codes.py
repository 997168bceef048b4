"""Codes worth decoding: a grid that covers the prior's mass evenly, and walks along one latent dimension at a time.

The grid takes its coordinates at evenly spaced probabilities, z = Phi^-1(u) with Phi the standard normal distribution function,
as in figure 4 of Kingma and Welling (2014): each cell stands for the same share of the prior.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri

MARGIN = 0.05
"""Probability beyond the outermost coordinates of a grid, on each side."""


def quantiles(n: int, *, margin: float = MARGIN) -> Float[np.ndarray, " n"]:
    """Standard normal quantiles of n probabilities, evenly spaced from ``margin`` to 1 - ``margin``; 0 alone for n = 1.

    Examples
    --------
    >>> quantiles(3).round(3)
    array([-1.645,  0.   ,  1.645])
    """
    _check_grid(n, margin, owner="quantiles", name="n")
    probabilities = np.linspace(margin, 1 - margin, n) if n > 1 else np.array([0.5])
    z = ndtri(probabilities)
    return 0.5 * (z - z[::-1])  # symmetrical to the last bit


def quantile_grid(n_side: int, *, margin: float = MARGIN) -> Float[np.ndarray, "codes 2"]:
    """Codes (z_1, z_2) on a square grid of standard normal quantiles, shape (n_side * n_side, 2).

    Their order is that of an image, row by row from the top left: the first row has the largest z_2, the left column the
    smallest z_1.

    Parameters
    ----------
    n_side
        Codes along each side, at least 1.
    margin
        Probability beyond the outermost coordinates, in (0, 0.5): 0.05 spans -1.645 to 1.645.

    Examples
    --------
    >>> quantile_grid(2, margin=0.16).round(2).tolist()
    [[-0.99, 0.99], [0.99, 0.99], [-0.99, -0.99], [0.99, -0.99]]
    """
    _check_grid(n_side, margin, owner="quantile_grid", name="n_side")
    z = quantiles(n_side, margin=margin)
    return np.stack([np.tile(z, n_side), np.repeat(z[::-1], n_side)], axis=1)


def traversal_codes(
    center: Float[np.ndarray, " latent"],
    dimensions: Sequence[int],
    *,
    values: Sequence[float | int] | Float[np.ndarray, " values"],
) -> Float[np.ndarray, "dimensions values latent"]:
    """The center with one coordinate replaced: entry [i, j] has values[j] at dimensions[i]; the center's dtype.

    Parameters
    ----------
    center
        The code walked through, as a rule zeros (the prior's mean) or a row's posterior mean.
    dimensions
        Latent dimensions, from 0.
    values
        What their coordinates become, one after another.

    Raises
    ------
    ValueError
        For a dimension that the center does not have, none at all, or no values.

    Examples
    --------
    >>> traversal_codes(np.zeros(3), [2], values=[-1.0, 1.0]).tolist()
    [[[0.0, 0.0, -1.0], [0.0, 0.0, 1.0]]]
    """
    latent_dim = len(center)
    if len(dimensions) == 0 or not all(0 <= dimension < latent_dim for dimension in dimensions):
        raise ValueError(
            f"dimensions of traversal_codes must be one or more numbers from 0 to {latent_dim - 1}; got {list(dimensions)}."
        )
    if len(values) == 0:
        raise ValueError("values of traversal_codes must be one or more numbers; got none.")
    codes = np.tile(center, (len(dimensions), len(values), 1))
    for i, dimension in enumerate(dimensions):
        codes[i, :, dimension] = values
    return codes


def most_active(activity: Float[np.ndarray, " latent"], *, n: int | None = None) -> list[int]:
    """Latent dimensions by falling activity (or KL), the first n of them; equal ones in their order.

    Parameters
    ----------
    activity
        One number per dimension, larger is busier: ``activity`` or ``kl_per_dimension`` of a ``Health``.
    n
        How many at most; None takes all.

    Examples
    --------
    >>> most_active(np.array([0.01, 0.9, 0.4]), n=2)
    [1, 2]
    """
    if n is not None and n < 1:
        raise ValueError(f"n of most_active must be at least 1; got {n}.")
    return [int(dimension) for dimension in np.argsort(-activity, kind="stable")[:n]]


def _check_grid(n: int, margin: float, *, owner: str, name: str) -> None:
    if n < 1:
        raise ValueError(f"{name} of {owner} must be at least 1; got {n}.")
    if not 0.0 < margin < 0.5:
        raise ValueError(f"margin of {owner} must be above 0 and below 0.5; got {margin}.")
