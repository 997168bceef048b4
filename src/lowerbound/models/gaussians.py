"""Exact models as modules and as NumPy densities: the same parameters, for compiled functions and for ``gaussians``."""

from typing import Any

import jax
import numpy as np

from lowerbound.gaussians.full import FullGaussians
from lowerbound.gaussians.linear import LinearGaussians
from lowerbound.gaussians.mixture import Components, GaussianMixture
from lowerbound.models.full_gaussian import FullGaussian
from lowerbound.models.linear_gaussian import LinearGaussian
from lowerbound.models.mixture import AnyMixture, Mixture


def density_of(model: LinearGaussian | AnyMixture) -> GaussianMixture:
    """The NumPy density of a fitted module."""
    if isinstance(model, LinearGaussian):
        only = LinearGaussians(
            np.asarray(model.mean)[None],
            np.asarray(model.loadings)[None],
            np.asarray(model.log_variance)[None],
            model.variance_floor,
        )
        return GaussianMixture(np.zeros(1), only, False, model.event_shape)
    parts: Any = model.components
    components: Components
    if isinstance(parts, FullGaussian):
        components = FullGaussians(np.asarray(parts.mean), np.asarray(parts.cholesky), parts.variance_floor)
    else:
        components = LinearGaussians(
            np.asarray(parts.mean), np.asarray(parts.loadings), np.asarray(parts.log_variance), parts.variance_floor
        )
    return GaussianMixture(np.asarray(model.log_weight), components, True, parts.event_shape)


def module_of(density: GaussianMixture) -> LinearGaussian | AnyMixture:
    """The module of a NumPy density."""
    parts, shape = density.components, density.event_shape
    if isinstance(parts, FullGaussians):
        return Mixture(density.log_weight, FullGaussian(parts.mean, parts.cholesky, parts.variance_floor, shape))
    stack = LinearGaussian(parts.mean, parts.loadings, parts.log_variance, parts.variance_floor, shape)
    if density.clustered:
        return Mixture(density.log_weight, stack)
    only: LinearGaussian = jax.tree.map(lambda leaf: np.asarray(leaf[0]), stack)
    return only
