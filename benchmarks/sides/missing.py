"""Tables with holes, and what is reported of a model fitted to one: the same for every side.

`synthetic`: rows of a factor model, each cell missing with the same probability, independently. `breast_cancer`: scikit-learn's
table, standardized with all its rows, half of its cells taken away by NumPy's legacy generator seeded with 1234 (the protocol
of MIWAE's notebooks). Both are missing completely at random, and the truth is known.
"""

from argparse import Namespace

import numpy as np
from linear import Parameters, factor_data, imputed, mean_log_likelihood

BREAST_CANCER_SHARE = 0.5
BREAST_CANCER_SEED = 1234


def table(options: Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Complete rows, and the same with NaN where a cell is missing."""
    if options.data == "breast_cancer":
        return breast_cancer()
    rows, _ = factor_data(options.rows, options.features, options.latents, seed=options.seed)
    holes = np.random.default_rng(options.seed + 1).random(rows.shape) < options.missing
    return rows, np.where(holes, np.nan, rows)


def breast_cancer() -> tuple[np.ndarray, np.ndarray]:
    """569 rows of 30 standardized features, complete and with half of their cells missing."""
    from sklearn.datasets import load_breast_cancer

    raw = load_breast_cancer().data
    rows = (raw - raw.mean(axis=0)) / raw.std(axis=0)
    holed = rows.ravel().copy()
    n_missing = int(BREAST_CANCER_SHARE * rows.size)
    holed[np.random.RandomState(BREAST_CANCER_SEED).choice(rows.size, n_missing, replace=False)] = np.nan
    return rows, holed.reshape(rows.shape)


def mean_squared_error(filled: np.ndarray, rows: np.ndarray, holed: np.ndarray) -> float:
    """Over the cells that were taken away."""
    missing = np.isnan(holed)
    return float(np.mean((filled[missing] - rows[missing]) ** 2))


def quality(parameters: Parameters, rows: np.ndarray, holed: np.ndarray) -> dict[str, float]:
    """Mean log p(observed cells) per row in nats, and squared error of the conditional means on the missing cells."""
    return {
        "log_likelihood": mean_log_likelihood(holed, parameters),
        "mse": mean_squared_error(imputed(holed, parameters), rows, holed),
    }
