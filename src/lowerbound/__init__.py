"""lowerbound: latent variable models, fitted by maximizing a lower bound on the evidence, with scikit-learn's manners.

>>> import numpy as np
>>> from lowerbound import VAE
>>> X = np.random.default_rng(0).normal(size=(100, 4))
>>> vae = VAE(latent_dim=2, hidden=(16,), max_epochs=3, random_state=0).fit(X)
>>> vae.transform(X).shape
(100, 2)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lowerbound.estimators.autoencoder import Autoencoder
    from lowerbound.estimators.compare import compare
    from lowerbound.estimators.factor_analysis import FactorAnalysis
    from lowerbound.estimators.linear_autoencoder import LinearAutoencoder
    from lowerbound.estimators.mixture_of_factor_analyzers import MixtureOfFactorAnalyzers
    from lowerbound.estimators.outlier_detector import OutlierDetector
    from lowerbound.estimators.ppca import PPCA
    from lowerbound.estimators.registry import load
    from lowerbound.estimators.vae import VAE
    from lowerbound.evaluate.comparison import Comparison
    from lowerbound.evaluate.evidence import Evidence, EvidenceWarning
    from lowerbound.persist import SavedModelError

__version__ = "0.1.0"

__all__ = [
    "PPCA",
    "VAE",
    "Autoencoder",
    "Comparison",
    "Evidence",
    "EvidenceWarning",
    "FactorAnalysis",
    "LinearAutoencoder",
    "MixtureOfFactorAnalyzers",
    "OutlierDetector",
    "SavedModelError",
    "compare",
    "load",
]

# Loaded on first use (PEP 562): `lowerbound --help` needs no JAX.
_HOMES = {
    "Autoencoder": "lowerbound.estimators.autoencoder",
    "compare": "lowerbound.estimators.compare",
    "FactorAnalysis": "lowerbound.estimators.factor_analysis",
    "LinearAutoencoder": "lowerbound.estimators.linear_autoencoder",
    "MixtureOfFactorAnalyzers": "lowerbound.estimators.mixture_of_factor_analyzers",
    "OutlierDetector": "lowerbound.estimators.outlier_detector",
    "PPCA": "lowerbound.estimators.ppca",
    "load": "lowerbound.estimators.registry",
    "VAE": "lowerbound.estimators.vae",
    "Comparison": "lowerbound.evaluate.comparison",
    "Evidence": "lowerbound.evaluate.evidence",
    "EvidenceWarning": "lowerbound.evaluate.evidence",
    "SavedModelError": "lowerbound.persist",
}
_SUBMODULES = ("plots", "report")  # `lowerbound.plots` without an import of its own


def __getattr__(name: str) -> Any:
    """The public name, imported on first use."""
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names, for completion."""
    return sorted([*__all__, "__version__"])
