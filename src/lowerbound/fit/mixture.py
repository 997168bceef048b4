"""Fit of a mixture: short runs from several initial models, a long run from the best, and new rows for clusters that lost theirs.

EM never moves a cluster without rows, and a cluster of a row or two shrinks onto them. When a run ends with such clusters, each
is replaced by one half of the heaviest cluster: the two halves stand a step apart along its widest direction. EM runs again from
there, and the run of the higher log p(x) is kept. A history is that of one run, so that it never falls.
"""

from dataclasses import replace
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float

from lowerbound.fit.em import best_start, fit_em
from lowerbound.fit.result import FitResult
from lowerbound.gaussians.mixture import lost_clusters
from lowerbound.models.linear_gaussian import LinearGaussian
from lowerbound.models.mixture import AnyMixture
from lowerbound.objectives.factor_analyzers import FactorAnalyzersEM
from lowerbound.objectives.full_gaussians import FullGaussiansEM

SHORT_RUN = 15
"""Steps that every start gets before the best one is chosen."""

_REVIVALS = 3
_STEP_APART = 0.5  # of the standard deviation along the widest direction


def fit_mixture(
    problem: FactorAnalyzersEM | FullGaussiansEM,
    starts: list[AnyMixture],
    data: Any,
    *,
    total_weight: float,
    latent_dim: int,
    tol: float,
    max_iter: int,
    n_rows: int,
    verbose: bool,
    offset: float = 0.0,
) -> FitResult[AnyMixture]:
    """Best fit of a mixture from the given initial models, whose clusters have so many factors (columns of zeros may pad them).

    Other parameters as in ``fit.em.fit_em``.
    """
    model = starts[0]
    if len(starts) > 1:
        together = jax.tree.map(lambda *leaves: np.stack(leaves), *starts)
        model, _ = best_start(problem, together, data, n_steps=min(SHORT_RUN, max_iter))

    def run(model: AnyMixture) -> FitResult[AnyMixture]:
        return fit_em(problem, model, data, tol=tol, max_iter=max_iter, n_rows=n_rows, verbose=verbose, offset=offset)

    best = run(model)
    steps = best.steps
    for _ in range(_REVIVALS):
        lost = lost_clusters(best.model.log_weight, total_weight=total_weight, latent_dim=latent_dim)
        if not lost.any() or lost.all() or best.status.code in ("interrupted", "non_finite"):
            break
        again = run(revived(best.model, lost))
        steps += again.steps
        if not again.objective < best.objective:
            break
        best = again
    return replace(best, steps=steps)


def revived(model: AnyMixture, lost: Bool[np.ndarray, " clusters"]) -> AnyMixture:
    """Mixture in which each lost cluster has become one half of the heaviest cluster."""
    weight = np.exp(np.asarray(model.log_weight))
    weight[lost] = 0.0
    leaves, structure = jax.tree.flatten(model.components)
    arrays = [np.array(leaf) for leaf in leaves]
    for k in np.flatnonzero(lost):
        heaviest = int(np.argmax(weight))
        widest = _widest(jax.tree.map(lambda leaf, one=heaviest: leaf[one], jax.tree.unflatten(structure, arrays)))
        for array in arrays:
            array[k] = array[heaviest]
        mean = jax.tree.unflatten(structure, arrays).mean  # a view: one of the arrays
        mean[k], mean[heaviest] = mean[k] + _STEP_APART * widest, mean[heaviest] - _STEP_APART * widest
        weight[k] = weight[heaviest] = 0.5 * weight[heaviest]
    log_weight = np.log(weight / weight.sum())
    return replace(model, log_weight=log_weight, components=jax.tree.unflatten(structure, arrays))


def _widest(part: Any) -> Float[np.ndarray, " features"]:
    """Direction of a large standard deviation: the longest factor or the noisiest column, or the first eigenvector."""
    if not isinstance(part, LinearGaussian):
        left, values, _ = np.linalg.svd(part.cholesky)
        return np.asarray(left[:, 0] * values[0])
    deviation = np.exp(0.5 * np.broadcast_to(part.log_variance, part.mean.shape))
    column = int(np.argmax(deviation))
    axis = np.where(np.arange(len(deviation)) == column, deviation, 0.0)
    lengths = np.linalg.norm(part.loadings, axis=0)
    if len(lengths) and lengths.max() > deviation[column]:
        return np.asarray(part.loadings[:, int(np.argmax(lengths))])
    return axis
