r"""Clusters: their weights, the rows they took, how sure these are, and what sets each cluster apart.

A mixture knows weights and means. Of other models both are those of the rows, weighted by their responsibilities r_ik, over the
rows in which the cell is observed:

    w_k = \sum_i r_ik / n,      m_kj = \sum_i r_ik x_ij / \sum_i r_ik                                                  (1)
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from lowerbound.findings.cells import chunks_of, targets
from lowerbound.findings.columns import CellMoments
from lowerbound.findings.fitted import ClusterEstimator, ClusterParameters, column_names

SURE = 0.9
"""Probability of its cluster from which on a row counts as sure."""

_STRIKING = 0.5  # standard deviations from which on a column sets a cluster apart
_MOST_COLUMNS = 3


@dataclass(frozen=True)
class Distance:
    """How far the mean of a cluster is from the mean of the rows in one column, in the column's standard deviations."""

    column: str
    deviations: float


@dataclass(frozen=True)
class Cluster:
    """One cluster.

    Attributes
    ----------
    number
        Its number in ``predict``.
    weight
        Share of the rows: of the training rows where it is a parameter of the model.
    n_rows
        Rows that most probably belong to it.
    certainty
        Their mean probability of doing so; NaN without any.
    apart
        The columns that set it apart, the farthest first, at most three; () where none is half a standard deviation off.
    """

    number: int
    weight: float
    n_rows: int
    certainty: float
    apart: tuple[Distance, ...]


@dataclass(frozen=True)
class ClusterFindings:
    """All clusters, by falling weight.

    Attributes
    ----------
    clusters
        One record each.
    n_used
        Clusters that are the most probable one of some row.
    share_sure
        Share of the rows of which one cluster has more than 90 % of the probability.
    """

    clusters: tuple[Cluster, ...]
    n_used: int
    share_sure: float


def cluster_findings(estimator: ClusterEstimator, rows: Any, found: CellMoments) -> ClusterFindings:
    """The record of the clusters on these rows."""
    probability = np.asarray(estimator.predict_proba(rows))
    parameters = cluster_parameters(estimator, rows, probability)
    largest, chosen = probability.max(axis=1), probability.argmax(axis=1)
    apart = _apart(estimator, parameters.means, found)
    clusters = []
    for k in by_weight(parameters):
        own = chosen == k
        certainty = float(largest[own].mean()) if own.any() else math.nan
        clusters.append(Cluster(k, float(parameters.weights[k]), int(own.sum()), certainty, apart[k]))
    return ClusterFindings(tuple(clusters), len(np.unique(chosen)), float(np.mean(largest > SURE)))


def cluster_parameters(
    estimator: ClusterEstimator, rows: Any, probability: Float[np.ndarray, "n clusters"]
) -> ClusterParameters:
    """Weights and means, in the order of ``predict``: those of the model, else equation (1); NaN for cells that no row has."""
    if estimator.cluster_parameters_ is not None:
        return estimator.cluster_parameters_
    n_cells, seen = estimator.n_features_in_, 0
    total, weight = (np.zeros((probability.shape[1], n_cells)) for _ in range(2))
    for some in chunks_of(rows, n_cells):
        values = targets(estimator, some).reshape(len(some), n_cells)
        own = np.asarray(probability[seen : seen + len(some)], np.float64).T
        total += own @ np.nan_to_num(values)
        weight += own @ ~np.isnan(values)
        seen += len(some)
    means = np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 0)
    return ClusterParameters(probability.mean(axis=0, dtype=np.float64), means)


def by_weight(parameters: ClusterParameters) -> list[int]:
    """Numbers of the clusters by falling weight."""
    return np.argsort(-parameters.weights, kind="stable").tolist()


def _apart(
    estimator: ClusterEstimator, means: Float[np.ndarray, "clusters features"], found: CellMoments
) -> list[tuple[Distance, ...]]:
    names = column_names(estimator)
    comparable = found.varies & ~np.isnan(means) & (estimator.support_ != "codes")
    distance = np.where(comparable, (means - found.mean) / np.where(found.varies, found.deviation, 1.0), 0.0)
    listed = []
    for row in distance:
        order = np.argsort(-np.abs(row), kind="stable")[:_MOST_COLUMNS]
        listed.append(tuple(Distance(names[j], float(row[j])) for j in order if abs(row[j]) >= _STRIKING))
    return listed
