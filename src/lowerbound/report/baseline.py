r"""Baseline: log p(x) of the best model whose columns know nothing of each other, fitted to the very rows it is held against.

Each column j has its own distribution of the model's family, at its maximum likelihood over the n rows:

    Gaussian      - \sum_j (1/2) log(2 pi e s_j^2),     s_j^2 the variance of column j
    Bernoulli     - \sum_j H(m_j),                      m_j its mean, H the binary entropy
    categorical   - \sum_j H(frequencies of its codes)
    Poisson       \sum_j [ m_j log m_j - m_j - mean log x_j! ]

nats per row. Of dequantized grey levels, columns that fill their range are more probable under the uniform law over the range of
all levels, -log(range), and take that. A model that is not above this line has learned nothing of how columns go together. Grey
levels that the model binarizes by chance, and those that it dequantizes, enter in expectation over that chance.

The baseline has seen the rows, the model (if they were held out) has not: with k free parameters the line is too high by about
k / (2 n), the difference between the best parameters for these rows and the true ones. A Gaussian column has two parameters, a
Bernoulli or Poisson one has one, a categorical one has one for each of its codes but the last; constant columns have none.

Missing cells are left out of the fit of their column and of the sum over the columns of their row: each row's value is log p of
its observed cells, as the model's is.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import gammaln, xlog1py, xlogy

from lowerbound.report.columns import deviations, means, spreads
from lowerbound.report.measure import targets


@dataclass(frozen=True)
class Baseline:
    """Log p(x) under independent columns.

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


def independent_columns(estimator: Any, rows: Any) -> Baseline | None:
    """The baseline for these rows, with distributions of the kind of the model's.

    None where there is none: a model without density, or reals with a constant column, whose density has no bound.
    """
    if not hasattr(estimator, "log_evidence"):
        return None
    values = targets(estimator, rows).reshape(len(rows), -1)
    varies, mean = spreads(values), means(values)
    match getattr(estimator, "likelihood", "gaussian"):  # the exactly solvable models have no other
        case "gaussian":
            return _gaussian(values, varies, dequantized=estimator.preprocessing_.treatment == "dequantize")
        case "bernoulli":
            per_row = np.sum(xlogy(values, mean) + xlog1py(1 - values, -mean), axis=1)
            return Baseline(per_row, int(varies.sum()))
        case "categorical":
            return _categorical(values)
        case "poisson":
            per_row = np.sum(xlogy(values, mean) - mean - gammaln(values + 1), axis=1)
            return Baseline(per_row, int(varies.sum()))
    return None


def _gaussian(
    values: Float[np.ndarray, "n cells"], varies: Bool[np.ndarray, " cells"], *, dequantized: bool
) -> Baseline | None:
    noise = 1 / 12 if dequantized else 0.0  # the variance of U[0, 1)
    known = ~np.isnan(values)
    if not known.any() or not (dequantized or varies[known.any(axis=0)].all()):
        return None
    variance = np.square(deviations(values)) + noise
    square = (np.square(values - means(values)) + noise) / variance
    log_density = -0.5 * (np.log(2 * np.pi * variance) + square)
    if dequantized:
        uniform = -np.log(values[known].max() - values[known].min() + 1)
        log_density = np.where(means(log_density) > uniform, log_density, uniform)
    return Baseline(log_density.sum(axis=1, where=known), 2 * int(varies.sum()))


def _categorical(values: Float[np.ndarray, "n cells"]) -> Baseline:
    per_row, n_parameters = np.zeros(len(values)), 0
    for column in values.T:
        codes, row, counts = np.unique(column, return_inverse=True, return_counts=True)
        per_row += np.log(counts / len(values))[row]
        n_parameters += len(codes) - 1
    return Baseline(per_row, n_parameters)
