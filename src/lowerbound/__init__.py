"""lowerbound: latent variable models, fitted by maximizing a lower bound on the evidence, with scikit-learn's manners.

    >>> import numpy as np
    >>> from lowerbound import VAE
    >>> X = np.random.default_rng(0).normal(size=(100, 4))
    >>> vae = VAE(latent_dim=2, hidden=(16,), max_epochs=3, random_state=0).fit(X)
    >>> vae.transform(X).shape
    (100, 2)
"""

import os

from lowerbound.estimators.autoencoder import Autoencoder
from lowerbound.estimators.outlier_detector import OutlierDetector
from lowerbound.estimators.saving import load_estimator
from lowerbound.estimators.vae import VAE
from lowerbound.evaluate.evidence import Evidence, EvidenceWarning
from lowerbound.persist import SavedModelError

__version__ = "0.1.0"

__all__ = ["VAE", "Autoencoder", "Evidence", "EvidenceWarning", "OutlierDetector", "SavedModelError", "load"]


def load(path: str | os.PathLike[str]) -> VAE | Autoencoder | OutlierDetector:
    """The estimator that ``save`` wrote at ``path``; runs no code from the folder.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    SavedModelError
        If it is no saved model, truncated, altered, or from a newer format.
    """
    classes = {cls.__name__: cls for cls in (VAE, Autoencoder, OutlierDetector)}
    return load_estimator(path, classes=classes)
