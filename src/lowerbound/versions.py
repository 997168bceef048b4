"""Versions of this library and of those that its numbers depend on, for saved models and reports."""

import platform
from importlib.metadata import version

_LIBRARIES = ("lowerbound", "jax", "equinox", "optax", "numpyro", "numpy", "scikit-learn")


def library_versions() -> dict[str, str]:
    """Name -> installed version, Python included."""
    return {"python": platform.python_version()} | {name: version(name) for name in _LIBRARIES}
