"""Expectation maximization of densities: from NumPy parameters and weighted rows to the compiled loop, and back.

The estimators call this module when they are fitted, and load it then: what they do afterwards needs no JAX.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from lowerbound.data.dataset import hash_rows
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.fit.em import fit_em
from lowerbound.fit.mixture import fit_mixture
from lowerbound.fit.result import FitResult
from lowerbound.fit.seeding import StartingRows, initial_mixture, sorted_by_hash
from lowerbound.gaussians.linear import LinearGaussians
from lowerbound.gaussians.mixture import GaussianMixture
from lowerbound.interface.em_chunks import em_chunks
from lowerbound.interface.weighted_rows import SAMPLE, WeightedRows
from lowerbound.models.full_gaussian import FullGaussian
from lowerbound.models.gaussians import density_of, module_of
from lowerbound.objectives.factor_analysis import CovarianceChunk, CovarianceEM
from lowerbound.objectives.factor_analyzers import FactorAnalyzersEM
from lowerbound.objectives.full_gaussians import FullGaussiansEM

_PADDED_FACTORS = (4, 8)
_CHEAP = 400_000  # numbers of the second moments of all rows, up to which padding them takes less time than compiling


def over_covariance(
    initial: GaussianMixture,
    covariance: Float[np.ndarray, "features features"],
    rows: WeightedRows,
    *,
    tol: float,
    max_iter: int,
) -> FitResult[GaussianMixture]:
    """EM of one linear Gaussian density on the covariance of complete rows, model units."""
    model: Any = module_of(initial)
    chunk = CovarianceChunk(covariance[None], np.array([rows.total_weight]))
    found = fit_em(CovarianceEM(), model, chunk, tol=tol, max_iter=max_iter, n_rows=rows.n_rows)
    return _in_numpy(found)


def over_rows(
    initial: GaussianMixture, rows: WeightedRows, preprocessing: Preprocessing, *, tol: float, max_iter: int
) -> FitResult[GaussianMixture]:
    """EM of one linear Gaussian density over rows, with holes or wider than long: a mixture of one cluster."""
    width = (1 + initial.latent_dim) ** 2  # of a row's own second moments
    model = _padded(module_of(replace(initial, clustered=True)), n_rows=rows.n_rows)
    found = fit_em(
        FactorAnalyzersEM(shared_noise=False),
        model,
        em_chunks(rows, preprocessing, numbers_per_row=max(rows.n_features, width)),
        tol=tol,
        max_iter=max_iter,
        n_rows=rows.n_rows,
    )
    only = _in_numpy(found, latent_dim=initial.latent_dim)
    return replace(only, model=replace(only.model, clustered=False))


def of_clusters(
    rows: WeightedRows,
    preprocessing: Preprocessing,
    *,
    n_clusters: int,
    latent_dim: int,
    noise: str,
    shared_noise: bool,
    variance_floor: float,
    n_starts: int,
    seed: int,
    tol: float,
    max_iter: int,
    verbose: bool,
) -> FitResult[GaussianMixture]:
    """EM of a mixture over rows, from the best of several starts; parameters as in ``fit.seeding`` and ``fit.mixture``."""
    chosen = rows.evenly_spaced(SAMPLE)
    x = rows.take(chosen)
    observed = None if rows.complete else ~np.isnan(x)
    y = (x - preprocessing.shift.reshape(-1)) / preprocessing.scale.reshape(-1)
    values = y if observed is None else np.where(observed, y, 0.0)
    sample = sorted_by_hash(StartingRows(values, observed, rows.weight[chosen], hash_rows(x, dtype=np.float64)))
    generator = np.random.default_rng(seed)
    starts = [
        initial_mixture(
            sample,
            n_clusters,
            latent_dim=latent_dim,
            noise=noise,
            variance_floor=variance_floor,
            event_shape=rows.event_shape,
            generator=generator,
        )
        for _ in range(n_starts)
    ]
    full, d, augmented = noise == "full", rows.n_features, 1 + latent_dim
    if full:  # most numbers that the E-step keeps of a row
        numbers = n_clusters * d if rows.complete else n_clusters * d + 6 * d**2
    else:
        numbers = max(d, n_clusters * augmented * (1 if rows.complete else augmented))
    found = fit_mixture(
        FullGaussiansEM(shared_noise=shared_noise) if full else FactorAnalyzersEM(shared_noise=shared_noise),
        [_padded(start, n_rows=rows.n_rows) for start in starts],
        em_chunks(rows, preprocessing, numbers_per_row=numbers),
        total_weight=rows.total_weight,
        latent_dim=latent_dim,
        tol=tol,
        max_iter=max_iter,
        n_rows=rows.n_rows,
        verbose=verbose,
        offset=rows.log_scale_per_row(preprocessing),
    )
    return _in_numpy(found, latent_dim=latent_dim)


def _padded(model: Any, *, n_rows: int) -> Any:
    """The mixture with columns of zeros beside its loadings, where this costs less than a program for each number of factors.

    Such factors explain nothing, in every step: the E-step finds them at their prior, and the M-step at zero.
    """
    parts = model.components
    if isinstance(parts, FullGaussian) or parts.latent_dim == 0:
        return model
    width = next((each for each in _PADDED_FACTORS if each >= parts.latent_dim), parts.latent_dim)
    if n_rows * len(model.log_weight) * (1 + width) ** 2 > _CHEAP:
        return model
    wider = np.pad(parts.loadings, ((0, 0), (0, 0), (0, width - parts.latent_dim)))
    return replace(model, components=replace(parts, loadings=wider))


def _in_numpy(found: FitResult[Any], *, latent_dim: int | None = None) -> FitResult[GaussianMixture]:
    """The result with its model as a NumPy density, of so many factors."""
    density = density_of(found.model)
    parts = density.components
    if latent_dim is not None and isinstance(parts, LinearGaussians):
        density = replace(density, components=replace(parts, loadings=parts.loadings[..., :latent_dim]))
    return FitResult(density, found.objective, found.history, found.steps, found.status, found.best_epoch)
