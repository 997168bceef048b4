"""Clusters of a mixture: their weights, the rows they took, how sure these are, and what sets each cluster apart."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lowerbound.findings.columns import Moments
from lowerbound.findings.fitted import ClusterEstimator, column_names

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
    weight
        Share of the training rows.
    n_rows
        Rows that most probably belong to it.
    certainty
        Their mean probability of doing so; NaN without any.
    apart
        The columns that set it apart, the farthest first, at most three; () where none is half a standard deviation off.
    """

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


def cluster_findings(estimator: ClusterEstimator, rows: Any, found: Moments) -> ClusterFindings:
    """The record of the clusters on these rows."""
    probability = np.asarray(estimator.predict_proba(rows))
    largest, chosen = probability.max(axis=1), probability.argmax(axis=1)
    apart = _apart(estimator, found)
    clusters = []
    for k, weight in enumerate(estimator.weights_):
        own = chosen == k
        certainty = float(largest[own].mean()) if own.any() else math.nan
        clusters.append(Cluster(float(weight), int(own.sum()), certainty, apart[k]))
    return ClusterFindings(tuple(clusters), len(np.unique(chosen)), float(np.mean(largest > SURE)))


def _apart(estimator: ClusterEstimator, found: Moments) -> list[tuple[Distance, ...]]:
    names = column_names(estimator)
    scale = np.where(found.varies, found.deviation, 1.0)
    distance = np.where(found.varies, (estimator.means_ - found.mean) / scale, 0.0)
    listed = []
    for row in distance:
        order = np.argsort(-np.abs(row), kind="stable")[:_MOST_COLUMNS]
        listed.append(tuple(Distance(names[j], float(row[j])) for j in order if abs(row[j]) >= _STRIKING))
    return listed
