r"""Baseline: log p(x) of the best model whose columns know nothing of each other, fitted to the very rows it is held against.

Each column j has its own distribution of the model's family, at its maximum likelihood over the n rows:

    Gaussian      - \sum_j (1/2) log(2 pi e s_j^2),     s_j^2 the variance of column j
    Bernoulli     - \sum_j H(m_j),                      m_j its mean, H the binary entropy
    categorical   - \sum_j H(frequencies of its codes)
    Poisson       \sum_j [ m_j log m_j - m_j - mean log x_j! ]

nats per row. A model that is not above this line has learned nothing of how columns go together. The line is drawn in the
model's favour nowhere: it has seen the rows, the model (if they were held out) has not.
"""

from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.special import entr, gammaln

from lowerbound.report.measure import spreads, targets


def independent_columns(estimator: Any, rows: Any) -> float | None:
    """Mean over the rows of the baseline's log p(x), in nats and in the model's base measure.

    None where there is none: a model without density, or reals with a constant column, whose density has no bound.
    """
    if not hasattr(estimator, "log_evidence"):
        return None
    values = targets(estimator, rows).reshape(len(rows), -1)
    match estimator.likelihood:
        case "gaussian":
            return _gaussian(values, dequantized=estimator.preprocessing_.treatment == "dequantize")
        case "bernoulli":
            mean = values.mean(axis=0)
            return -float(np.sum(entr(mean) + entr(1 - mean)))
        case "categorical":
            return -float(sum(_entropy(column) for column in values.T))
        case "poisson":
            mean = values.mean(axis=0)
            return float(np.sum(-entr(mean) - mean - gammaln(values + 1).mean(axis=0)))
    return None


def _gaussian(values: Float[np.ndarray, "n cells"], *, dequantized: bool) -> float | None:
    variance = values.var(axis=0) + (1 / 12 if dequantized else 0.0)  # of U[0, 1)
    if not dequantized and not spreads(values).all():
        return None
    return -0.5 * float(np.sum(np.log(2 * np.pi * np.e * variance)))


def _entropy(codes: Float[np.ndarray, " n"]) -> float:
    counts = np.unique(codes, return_counts=True)[1]
    return float(np.sum(entr(counts / len(codes))))
