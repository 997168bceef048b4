r"""Initial mixtures: k-means++ centres, and for each a component with the pooled spread of the rows around their centres.

Centres are rows, drawn with probability proportional to weight times squared distance to the nearest centre so far. Of a few such
candidates, the one that leaves the least total distance is taken (greedy k-means++). Rows are drawn in the order of their hashes,
so that neither their order in X matters, nor whether a row comes twice or with weight 2.
Distances are means over the cells that were observed in the row; a centre's own holes are at the mean, 0.

Reference: D. Arthur, S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.
"""

from typing import NamedTuple

import numpy as np
import scipy.linalg
from jaxtyping import Bool, Float, Int, UInt32

from lowerbound.data.principal_axes import spectrum_of_rows
from lowerbound.models.full_gaussian import FullGaussian
from lowerbound.models.linear_gaussian import LinearGaussian
from lowerbound.models.mixture import AnyMixture, Mixture

_LEAST_NOISE = 0.1  # share of a column's pooled spread that a start leaves to the noise


class StartingRows(NamedTuple):
    """Rows that an initial mixture is made from: model units, holes at 0, the mask, weights, and hashes of their content."""

    values: Float[np.ndarray, "rows features"]
    observed: Bool[np.ndarray, "rows features"] | None
    weight: Float[np.ndarray, " rows"]
    hashes: UInt32[np.ndarray, " rows"]


def sorted_by_hash(sample: StartingRows) -> StartingRows:
    """Rows sorted by their hashes."""
    order = np.argsort(sample.hashes, kind="stable")
    observed = None if sample.observed is None else sample.observed[order]
    return StartingRows(sample.values[order], observed, sample.weight[order], sample.hashes[order])


def kmeans_plus_plus(
    sample: StartingRows, n_clusters: int, *, generator: np.random.Generator
) -> tuple[Float[np.ndarray, "clusters features"], Int[np.ndarray, " rows"]]:
    """Centres, and the number of each row's nearest one; the rows come from :func:`sorted_by_hash`.

    Where fewer distinct rows than clusters have weight, the last centres repeat rows.
    """
    lengths = np.einsum("rd,rd->r", sample.values, sample.values)
    n_candidates = 2 + int(np.log(n_clusters))
    nearest = np.full(len(sample.values), np.inf)
    label = np.zeros(len(sample.values), int)
    centres = np.zeros((n_clusters, sample.values.shape[1]))
    for k in range(n_clusters):
        mass = sample.weight * (nearest if k else 1.0)
        if not mass.sum() > 0:
            mass = sample.weight
        cumulative = np.cumsum(mass)
        rows = np.searchsorted(cumulative, generator.random(n_candidates if k else 1) * cumulative[-1], side="right")
        candidates = sample.values[np.minimum(rows, len(mass) - 1)]
        distances = _squared_distances(sample, lengths, candidates)
        best = int(np.argmin(sample.weight @ np.minimum(nearest[:, None], distances)))
        centres[k] = candidates[best]
        closer = distances[:, best] < nearest
        nearest, label = np.where(closer, distances[:, best], nearest), np.where(closer, k, label)
    return centres, label


def _squared_distances(
    sample: StartingRows, lengths: Float[np.ndarray, " rows"], centres: Float[np.ndarray, "centres features"]
) -> Float[np.ndarray, "rows centres"]:
    """Mean over observed cells of (x - c)^2, as matrix products; lengths are the rows' sums of squares."""
    squares = lengths[:, None] - 2 * sample.values @ centres.T
    if sample.observed is None:
        squares += np.sum(centres**2, axis=1)
        return np.asarray(np.maximum(squares, 0.0) / centres.shape[1])
    seen = sample.observed.astype(np.float64)
    squares += seen @ (centres**2).T
    return np.asarray(np.maximum(squares, 0.0) / np.maximum(seen.sum(axis=1, keepdims=True), 1.0))


def initial_mixture(
    sample: StartingRows,
    n_clusters: int,
    *,
    latent_dim: int,
    noise: str,
    variance_floor: float,
    event_shape: tuple[int, ...],
    generator: np.random.Generator,
) -> AnyMixture:
    """Mixture whose components have the means of the rows nearest to k-means++ centres, with one spread for all.

    Parameters
    ----------
    sample
        Rows in the order of :func:`sorted_by_hash`.
    n_clusters, latent_dim
        K and L.
    noise
        "diagonal", "isotropic" or "full".
    variance_floor, event_shape
        Floor of the noise, and shape of a row, of the components.
    generator
        Source of the random centres.
    """
    centres, label = kmeans_plus_plus(sample, n_clusters, generator=generator)
    seen = np.ones(sample.values.shape) if sample.observed is None else sample.observed.astype(np.float64)
    share = np.zeros(n_clusters)
    for k in range(n_clusters):
        weight = np.where(label == k, sample.weight, 0.0)
        share[k] = weight.sum()
        counted = weight @ seen
        centres[k] = np.where(counted > 0, weight @ sample.values / np.where(counted > 0, counted, 1.0), centres[k])
    share = np.maximum(share / share.sum(), 0.1 / n_clusters)
    residual = (sample.values - centres[label]) * seen * np.sqrt(sample.weight / sample.weight.mean())[:, None]
    counted = sample.weight @ seen / sample.weight.sum()
    spread = np.maximum(np.mean(residual**2, axis=0) / np.maximum(counted, 1e-12), 10 * variance_floor)

    def everywhere(one: np.ndarray) -> np.ndarray:
        return np.tile(one, (n_clusters, *(1 for _ in one.shape)))

    log_weight = np.log(share / share.sum())
    if noise == "full":
        covariance = residual.T @ residual / len(residual) + np.diag(np.maximum(0.01 * spread, variance_floor))
        root = scipy.linalg.cholesky(covariance, lower=True)
        gaussians = FullGaussian(
            mean=centres, cholesky=everywhere(root), variance_floor=variance_floor, event_shape=event_shape
        )
        return Mixture(log_weight=log_weight, components=gaussians)
    loadings = _principal_loadings(residual, latent_dim)
    left = np.maximum(spread - np.sum(loadings**2, axis=1), _LEAST_NOISE * spread)
    log_variance = np.log(left.mean()) if noise == "isotropic" else np.log(left)
    analyzers = LinearGaussian(
        mean=centres,
        loadings=everywhere(loadings),
        log_variance=everywhere(np.asarray(log_variance)),
        variance_floor=variance_floor,
        event_shape=event_shape,
    )
    return Mixture(log_weight=log_weight, components=analyzers)


def _principal_loadings(
    residual: Float[np.ndarray, "rows features"], latent_dim: int
) -> Float[np.ndarray, "features latent"]:
    """First principal axes of the residuals times their standard deviations; a tenth of the variance is left to the noise."""
    if latent_dim == 0:
        return np.zeros((residual.shape[1], 0))
    values, axes, _ = spectrum_of_rows(residual, latent_dim, rough=True)
    return axes * np.sqrt(np.maximum((1 - _LEAST_NOISE) * values, 1e-6))
