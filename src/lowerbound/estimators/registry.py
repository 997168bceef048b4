"""The list of estimators: which names a saved model, or the command line, may stand for. A new estimator is one line here."""

import os

from sklearn.base import BaseEstimator

from lowerbound.estimators.autoencoder import Autoencoder
from lowerbound.estimators.factor_analysis import FactorAnalysis
from lowerbound.estimators.linear_autoencoder import LinearAutoencoder
from lowerbound.estimators.mixture_of_factor_analyzers import MixtureOfFactorAnalyzers
from lowerbound.estimators.outlier_detector import OutlierDetector
from lowerbound.estimators.ppca import PPCA
from lowerbound.estimators.vae import VAE
from lowerbound.interface.saving import load_estimator

ESTIMATORS: dict[str, type[BaseEstimator]] = {
    "PPCA": PPCA,
    "FactorAnalysis": FactorAnalysis,
    "MixtureOfFactorAnalyzers": MixtureOfFactorAnalyzers,
    "LinearAutoencoder": LinearAutoencoder,
    "VAE": VAE,
    "Autoencoder": Autoencoder,
    "OutlierDetector": OutlierDetector,
}


def load(
    path: str | os.PathLike[str],
) -> PPCA | FactorAnalysis | MixtureOfFactorAnalyzers | LinearAutoencoder | VAE | Autoencoder | OutlierDetector:
    """The estimator that ``save`` wrote at ``path``; runs no code from the folder.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    SavedModelError
        If it is no saved model, truncated, altered, or from a newer format.
    """
    return load_estimator(path, classes=ESTIMATORS)
