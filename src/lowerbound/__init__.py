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

from lowerbound.estimators.registry import BUILT_IN
from lowerbound.estimators.registry import register as register
from lowerbound.version import __version__ as __version__

if TYPE_CHECKING:  # the names below, for those who read types and run nothing; a test holds both equal
    from lowerbound.estimators.autoencoder import Autoencoder as Autoencoder
    from lowerbound.estimators.compare import compare as compare
    from lowerbound.estimators.factor_analysis import FactorAnalysis as FactorAnalysis
    from lowerbound.estimators.linear_autoencoder import LinearAutoencoder as LinearAutoencoder
    from lowerbound.estimators.loading import load as load
    from lowerbound.estimators.mixture_of_factor_analyzers import MixtureOfFactorAnalyzers as MixtureOfFactorAnalyzers
    from lowerbound.estimators.outlier_detector import OutlierDetector as OutlierDetector
    from lowerbound.estimators.ppca import PPCA as PPCA
    from lowerbound.estimators.vae import VAE as VAE
    from lowerbound.evaluate.comparison import Comparison as Comparison
    from lowerbound.evaluate.evidence import Evidence as Evidence
    from lowerbound.evaluate.evidence import EvidenceWarning as EvidenceWarning
    from lowerbound.persist import SavedModelError as SavedModelError

# Loaded on first use (PEP 562): `lowerbound --help` needs no JAX.
_HOMES = {line.name: line.home for line in BUILT_IN} | {
    "compare": "lowerbound.estimators.compare",
    "load": "lowerbound.estimators.loading",
    "Comparison": "lowerbound.evaluate.comparison",
    "Evidence": "lowerbound.evaluate.evidence",
    "EvidenceWarning": "lowerbound.evaluate.evidence",
    "SavedModelError": "lowerbound.persist",
}
_SUBMODULES = ("plots", "report")  # `lowerbound.plots` without an import of its own

__all__ = sorted([*_HOMES, "register"])


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
