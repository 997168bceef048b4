"""The exactly solvable estimators on one small table, and what NumPy says of a fitted one in the user's units.

All tables have the same shape, so that fits share what was compiled.
"""

from functools import cache

import numpy as np

from lowerbound import PPCA, FactorAnalysis, MixtureOfFactorAnalyzers
from tests.gaussians import Textbook, textbook

N_ROWS, N_FEATURES = 120, 6

MODELS = {
    "PPCA": lambda **changed: PPCA(2, **changed),
    "PPCA standardized": lambda **changed: PPCA(2, method="em", standardize=True, **changed),
    "FactorAnalysis": lambda **changed: FactorAnalysis(2, **changed),
    "FactorAnalysis promax": lambda **changed: FactorAnalysis(2, rotation="promax", **changed),
    "mixture diagonal": lambda **changed: _mixture({"latent_dim": 1}, changed),
    "mixture isotropic shared": lambda **changed: _mixture(
        {"latent_dim": 1, "noise": "isotropic", "shared_noise": True}, changed
    ),
    "mixture full": lambda **changed: _mixture({"latent_dim": 0, "noise": "full"}, changed),
}
"""Name -> factory that takes hyperparameters to be set otherwise."""

LINEAR = tuple(name for name in MODELS if not name.startswith("mixture"))


def _mixture(options, changed):
    return MixtureOfFactorAnalyzers(2, **({"random_state": 0} | options | changed))


def rows(n_rows=N_ROWS, *, seed=0):
    """Rows of two clusters that share a factor, in units of their own for each column; and the cluster of each."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n_rows) % 5 < 2).astype(int)
    centre = np.array([7.0, -7.0, 6.0, 0.0, 5.0, 0.0]) * labels[:, None]
    factor = rng.normal(size=(n_rows, 1)) * np.array([0.0, 1.0, 1.0, -2.0, 1.5, 2.0])
    X = centre + factor + rng.normal(size=(n_rows, N_FEATURES)) * np.array([1.0, 0.8, 0.6, 0.9, 0.7, 0.8])
    return np.array([5.0, -20.0, 0.0, 100.0, 1.0, 0.0]) + X * np.array([1.0, 5.0, 0.2, 20.0, 3.0, 1.0]), labels


def with_holes(X, *, share=0.2, seed=1):
    """The table with cells missing at random, all of the second row among them."""
    missing = np.random.default_rng(seed).random(X.shape) < share
    missing[0], missing[1] = False, True
    return np.where(missing, np.nan, X)


@cache
def fitted(name, *, holes=True):
    """The named model, fitted to rows with holes or without, once for all tests: look, do not change it."""
    X, _ = rows()
    return MODELS[name]().fit(with_holes(X) if holes else X)


def in_user_units(estimator):
    """pi, mu and C of a fitted estimator: from its public attributes, or for a mixture from its model."""
    if hasattr(estimator, "loadings_"):
        correlation = getattr(estimator, "factor_correlation_", np.eye(estimator.loadings_.shape[1]))
        covariance = estimator.loadings_ @ correlation @ estimator.loadings_.T
        noise = np.broadcast_to(estimator.noise_variance_, estimator.mean_.shape)
        return Textbook(np.ones(1), estimator.mean_[None], (covariance + np.diag(noise))[None])
    scale = estimator.preprocessing_.scale.reshape(-1)
    inside = textbook(estimator.model_)
    return Textbook(estimator.weights_, estimator.means_, inside.covariance * scale * scale[:, None])


def column_scale(estimator):
    """Standard deviation of each column: what errors in the user's units are held against."""
    found = in_user_units(estimator)
    return np.sqrt(np.einsum("k,kjj->j", found.weight, found.covariance))


def log_evidence(estimator, X):
    """Log p(x_observed) of each row in the user's units, by brute force: in units of the columns, less their logarithms."""
    truth, unit, seen = in_user_units(estimator), column_scale(estimator), ~np.isnan(X)
    scaled = Textbook(truth.weight, truth.mean / unit, truth.covariance / unit / unit[:, None])
    return scaled.log_evidence(X / unit, seen) - seen @ np.log(unit)
