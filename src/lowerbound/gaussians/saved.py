"""Saved densities: the arrays of a Gaussian mixture by name, and the way back; what comes from a file is checked.

Both the estimators and the light scorer (``evaluate.scorer``) read saved models with these functions: they need NumPy alone.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lowerbound.data.preprocessing import Preprocessing
from lowerbound.gaussians.full import FullGaussians
from lowerbound.gaussians.linear import LinearGaussians
from lowerbound.gaussians.mixture import Components, GaussianMixture

Arrays = Mapping[str, np.ndarray]


class MisfitError(ValueError):
    """Saved arrays that do not belong together."""


def arrays_of(density: GaussianMixture) -> dict[str, np.ndarray]:
    """Name -> array."""
    parts = density.components
    common = {"log_weight": density.log_weight, "mean": parts.mean}
    if isinstance(parts, FullGaussians):
        return common | {"cholesky": parts.cholesky}
    return common | {"loadings": parts.loadings, "log_variance": parts.log_variance}


def saved_density(saved: Mapping[str, Any], arrays: Arrays, name: str) -> GaussianMixture:
    """The density from its description and the arrays whose names begin with ``name``.

    Raises
    ------
    KeyError, MisfitError
        Where an array is not there, or of another shape or dtype than the others ask for.
    """
    event_shape, floor = tuple(int(length) for length in saved["event_shape"]), float(saved["variance_floor"])
    d, log_weight = int(np.prod(event_shape, dtype=int)), arrays[f"{name}/log_weight"]
    k = len(log_weight)
    mean = _checked(arrays, f"{name}/mean", (k, d))
    components: Components
    if f"{name}/cholesky" in arrays:
        components = FullGaussians(mean, _checked(arrays, f"{name}/cholesky", (k, d, d)), floor)
    else:
        log_variance = arrays[f"{name}/log_variance"]
        loadings = arrays[f"{name}/loadings"]
        components = LinearGaussians(
            mean,
            _checked(arrays, f"{name}/loadings", (k, d, loadings.shape[-1])),
            _checked(arrays, f"{name}/log_variance", (k,) if log_variance.ndim == 1 else (k, d)),
            floor,
        )
    _checked(arrays, f"{name}/log_weight", (k,))
    return GaussianMixture(log_weight, components, bool(saved["clustered"]), event_shape)


def saved_preprocessing(
    saved: Mapping[str, Any], arrays: Arrays, name: str, *, event_shape: tuple[int, ...]
) -> Preprocessing:
    """The preprocessing from its description and arrays; raises as :func:`saved_density`."""
    shift, scale = (arrays[f"{name}/{part}"] for part in ("shift", "scale"))
    if not shift.shape == scale.shape == event_shape:
        raise MisfitError(f"the arrays of {name} are not of the shape of a row")
    return Preprocessing(shift, scale, saved["white_level"], saved["treatment"], saved["dtype"])


def _checked(arrays: Arrays, name: str, shape: tuple[int, ...]) -> np.ndarray:
    found = arrays[name]
    if found.shape != shape or found.dtype != np.float64:
        raise MisfitError(f"array {name} should be float64{list(shape)} but is {found.dtype}{list(found.shape)}")
    return found
