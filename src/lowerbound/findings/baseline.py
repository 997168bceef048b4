r"""Baseline: log p(x) of the best model whose columns know nothing of each other, fitted to the very rows it is held against.

Each column j has its own distribution of the model's family, at its maximum likelihood over the n rows:

    reals         - \sum_j (1/2) log(2 pi e s_j^2),     s_j^2 the variance of column j
    bits          - \sum_j H(m_j),                      m_j its mean, H the binary entropy
    codes         - \sum_j H(frequencies of its codes)
    counts        \sum_j [ m_j log m_j - m_j - mean log x_j! ]

nats per row. Of dequantized grey levels, columns that fill their range are more probable under the uniform law over the range of
all levels, -log(range), and take that. A model that is not above this line has learned nothing of how columns go together. Grey
levels that the model binarizes by chance, and those that it dequantizes, enter in expectation over that chance.

The baseline has seen the rows, the model (if they were held out) has not: with k free parameters the line is too high by about
k / (2 n), the difference between the best parameters for these rows and the true ones. A Gaussian column has two parameters, a
Bernoulli or Poisson one has one, a categorical one has one for each of its codes but the last; constant columns have none.

Missing cells are left out of the fit of their column and of the sum over the columns of their row: each row's value is log p of
its observed cells, as the model's is.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from scipy.special import gammaln, xlog1py, xlogy

from lowerbound.evaluate.evidence import Evidence
from lowerbound.findings.cells import chunks_of, targets
from lowerbound.findings.columns import CellMoments, category_counts, moments
from lowerbound.findings.fitted import FittedEstimator, has_density

_TOLD = 2.0  # standard errors from which on a difference counts


@dataclass(frozen=True)
class IndependentColumns:
    """Log p(x) of each row under independent columns.

    Attributes
    ----------
    per_row
        (n,), nats in the model's base measure.
    n_parameters
        Numbers that were fitted to these rows.
    """

    per_row: Float[np.ndarray, " n"]
    n_parameters: int

    @property
    def value(self) -> float:
        """Mean over the rows."""
        return float(self.per_row.mean())

    @property
    def optimism(self) -> float:
        """Nats by which the value is too high, for having been fitted to these rows: k / (2 n)."""
        return self.n_parameters / (2 * len(self.per_row))


@dataclass(frozen=True)
class Baseline:
    """A model held against independent columns on the same rows, in nats per row.

    Attributes
    ----------
    value
        Mean of log p(x) under independent columns.
    optimism
        Nats by which that is too high, for having been fitted to these rows.
    gain, gain_standard_error
        Mean difference of the model's log p(x) to it, paired by row, and its standard error; NaN where log p(x) is infinite.
    """

    value: float
    optimism: float
    gain: float
    gain_standard_error: float

    @property
    def outcome(self) -> Literal["better", "worse", "undecided", "unknown"]:
        """Whether the model is better or worse by more than chance.

        It is called worse only where it is so against a baseline without the advantage of having been fitted to these rows.
        """
        if math.isnan(self.gain):
            return "unknown"
        if self.gain > _TOLD * self.gain_standard_error:
            return "better"
        return "worse" if self.gain + self.optimism < -_TOLD * self.gain_standard_error else "undecided"


def baseline(columns: IndependentColumns | None, evidence: Evidence) -> Baseline | None:
    """The record of the comparison; None without a baseline."""
    if columns is None:
        return None
    gain = error = math.nan
    if math.isfinite(evidence.value):
        difference = evidence.per_row - columns.per_row
        gain = float(difference.mean())
        error = float(difference.std(ddof=1) / math.sqrt(len(difference))) if len(difference) > 1 else math.nan
    return Baseline(columns.value, columns.optimism, gain, error)


def independent_columns(
    estimator: FittedEstimator, rows: Any, *, found: CellMoments | None = None
) -> IndependentColumns | None:
    """Log p(x) under independent columns, with distributions of the kind of the model's.

    None where there is none: a model without density, or reals with a constant column, whose density has no bound.

    Parameters
    ----------
    estimator, rows
        A fitted estimator and rows as in its ``fit``.
    found
        Moments of the rows, where they are known already.
    """
    if not has_density(estimator):
        return None
    found = moments(estimator, rows) if found is None else found
    match estimator.support_:
        case "reals":
            return _gaussian(estimator, rows, found)
        case "codes":
            return _categorical(estimator, rows)
        case "bits":
            per_row = _summed(estimator, rows, partial(_log_mass_of_bits, mean=found.mean))
        case "counts":
            per_row = _summed(estimator, rows, partial(_log_mass_of_counts, mean=found.mean))
    return IndependentColumns(per_row, int(found.varies.sum()))


_LogDensity = Callable[[Float[np.ndarray, "n cells"]], Float[np.ndarray, "n cells"]]


def _log_mass_of_bits(
    x: Float[np.ndarray, "n cells"], *, mean: Float[np.ndarray, " cells"]
) -> Float[np.ndarray, "n cells"]:
    return np.asarray(xlogy(x, mean) + xlog1py(1 - x, -mean))


def _log_mass_of_counts(
    x: Float[np.ndarray, "n cells"], *, mean: Float[np.ndarray, " cells"]
) -> Float[np.ndarray, "n cells"]:
    return np.asarray(xlogy(x, mean) - mean - gammaln(x + 1))


def _summed(estimator: FittedEstimator, rows: Any, log_density: _LogDensity) -> Float[np.ndarray, " n"]:
    """Sum over the observed cells of each row."""
    parts = []
    for some in chunks_of(rows, estimator.n_features_in_):
        values = targets(estimator, some).reshape(len(some), -1)
        parts.append(np.sum(log_density(values), axis=1, where=~np.isnan(values)))
    return np.concatenate(parts)


def _gaussian(estimator: FittedEstimator, rows: Any, found: CellMoments) -> IndependentColumns | None:
    dequantized = estimator.preprocessing_.meaning.uniform_noise
    noise = 1 / 12 if dequantized else 0.0  # the variance of U[0, 1)
    known = found.count > 0
    if not known.any() or not (dequantized or found.varies[known].all()):
        return None
    variance = found.variance + noise
    log_scale = np.log(2 * np.pi * variance)
    mean_log_density = -0.5 * (log_scale + 1)  # the squares are of mean 1, being taken in these variances
    uniform = -math.inf
    if dequantized:
        low, high = math.inf, -math.inf
        for some in chunks_of(rows, estimator.n_features_in_):
            levels = targets(estimator, some)
            low = float(np.min(levels, where=~np.isnan(levels), initial=low))
            high = float(np.max(levels, where=~np.isnan(levels), initial=high))
        uniform = -math.log(high - low + 1)
    gaussian = ~(mean_log_density <= uniform)

    def log_density(x: Float[np.ndarray, "n cells"]) -> Float[np.ndarray, "n cells"]:
        square = (np.square(x - found.mean) + noise) / variance
        return np.where(gaussian, -0.5 * (log_scale + square), uniform)

    return IndependentColumns(_summed(estimator, rows, log_density), 2 * int(found.varies.sum()))


def _categorical(estimator: FittedEstimator, rows: Any) -> IndependentColumns:
    counts = category_counts(estimator, rows)
    with np.errstate(divide="ignore"):  # codes that do not occur are not asked for
        log_share = np.log(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))

    def log_mass(x: Float[np.ndarray, "n cells"]) -> Float[np.ndarray, "n cells"]:
        return log_share[np.arange(x.shape[1]), np.where(np.isnan(x), 0, x).astype(np.int64)]

    n_parameters = int(np.maximum((counts > 0).sum(axis=1) - 1, 0).sum())
    return IndependentColumns(_summed(estimator, rows, log_mass), n_parameters)
