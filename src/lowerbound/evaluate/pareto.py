r"""Pareto k-hat: the shape of the tail of importance weights, hence how far an importance-sampling estimate can be trusted.

The M = min(S / 5, 3 sqrt(S)) largest of S weights, above the next one, are fitted by a generalized Pareto distribution with
shape k: moments of order 1/k and higher are infinite. k below 0.5: the variance is finite; up to 0.7: usable; above: the
estimate and its standard error are not to be trusted at this number of draws.

The fit is the quasi-Bayesian mean of Zhang & Stephens, computed for all rows at once, with the weak prior of PSIS (ten
observations at 0.5).

References: A. Vehtari et al., "Pareto smoothed importance sampling", JMLR 2024; J. Zhang, M. A. Stephens, "A new and efficient
estimation method for the generalized Pareto distribution", Technometrics 2009.
"""

import numpy as np
from jaxtyping import Float

# Smaller tails say nothing about their shape.
_SMALLEST_TAIL = 5


def fit_generalized_pareto(excesses: Float[np.ndarray, "rows tail"]) -> Float[np.ndarray, " rows"]:
    """Shape k of a generalized Pareto distribution for each row of ascending, positive excesses over a threshold."""
    tail = excesses.shape[1]
    n_grid = 30 + int(np.sqrt(tail))
    quartile = excesses[:, int(tail / 4 + 0.5) - 1]
    grid = 1 - np.sqrt(n_grid / (np.arange(1, n_grid + 1) - 0.5))
    b = grid / (3 * quartile[:, None]) + 1 / excesses[:, -1:]  # (rows, grid)
    k = np.mean(np.log1p(-b[:, :, None] * excesses[:, None, :]), axis=2)
    profile = tail * (np.log(-b / k) - k - 1)
    weights = 1 / np.exp(np.clip(profile[:, None, :] - profile[:, :, None], -700, 700)).sum(axis=2)
    b_mean = np.sum(b * weights, axis=1) / weights.sum(axis=1)
    shape = np.mean(np.log1p(-b_mean[:, None] * excesses), axis=1)
    return (shape * tail + 0.5 * 10) / (tail + 10)


def pareto_k(log_weights: Float[np.ndarray, "rows samples"]) -> Float[np.ndarray, " rows"]:
    """k-hat of each row's importance weights; NaN below 25 samples.

    It is 0 where the largest weights are equal, and inf where a few of them are all there is.

    Parameters
    ----------
    log_weights
        log w, any normalization.
    """
    n_samples = log_weights.shape[1]
    tail = int(min(0.2 * n_samples, 3 * np.sqrt(n_samples)))
    if tail < _SMALLEST_TAIL:
        return np.full(len(log_weights), np.nan)
    largest = np.sort(np.partition(log_weights, n_samples - tail - 1, axis=1)[:, -tail - 1 :], axis=1)
    weights = np.exp((largest - largest[:, -1:]).astype(np.float64))
    excesses = weights[:, 1:] - weights[:, :1]
    # Next to the largest weight (1), the others may vanish below any float: the heaviest of tails. Where the largest is hardly
    # above the others, only rounding and ties leave nothing to fit.
    quartile = excesses[:, int(tail / 4 + 0.5) - 1]
    fitted = (excesses[:, -1] > 1e-12) & (quartile > 1e-290)
    shape = np.where(excesses[:, -1] > 0.5, np.inf, 0.0)
    if fitted.any():
        shape[fitted] = fit_generalized_pareto(np.maximum(excesses[fitted], 1e-300))
    return shape
