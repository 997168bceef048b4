"""Findings: all that is to be said about a fitted model on rows, as one record of numbers, names and sentences.

    estimator, rows  -->  find  -->  Findings  -->  sentences, report, command line, JSON

The record holds no rows and no pictures: what is drawn belongs to the report.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lowerbound.evaluate.evidence import Evidence
from lowerbound.evaluate.health import Health
from lowerbound.findings.baseline import Baseline, baseline, independent_columns
from lowerbound.findings.cells import Cell, cell_of, share_of_missing
from lowerbound.findings.clusters import ClusterFindings, cluster_findings
from lowerbound.findings.columns import Column, Reconstruction, columns, errors, moments, reconstruction
from lowerbound.findings.density import Density, density, evidence_of
from lowerbound.findings.ending import Ending, ending
from lowerbound.findings.fitted import FittedEstimator, has_clusters, has_density, has_health, reason_against


@dataclass(frozen=True)
class LatentHealth:
    """What the health check says of the latent space.

    Attributes
    ----------
    active_units
        Latent dimensions whose posterior mean varies from row to row.
    kl_per_dimension
        Mean KL of each latent dimension, nats.
    cells_at_floor
        Share of the cells whose decoder parameter rests on its numerical floor.
    standard_prior
        Whether the prior has the moments of N(0, I).
    healthy
        Whether every check passed.
    advice
        Sentences; one that says that all is well, if it is.
    active
        Which latent dimensions these units are.
    """

    active_units: int
    kl_per_dimension: tuple[float, ...]
    cells_at_floor: float
    standard_prior: bool
    healthy: bool
    advice: tuple[str, ...]
    active: tuple[bool, ...]


@dataclass(frozen=True)
class Findings:
    """A fitted model on rows.

    Attributes
    ----------
    estimator
        Name of its class.
    latent_dim, n_parameters
        Dimension of z, and number of free parameters.
    n_rows, n_cells, share_of_missing_cells
        Number of rows, of numbers in each, and the share of these that is missing.
    cell
        What one number of a row is called.
    ending
        How the fit ended.
    reconstruction
        How well rows come back from their codes.
    density
        Log p(x) of the rows; None without p(x), and ``no_density`` says why.
    health
        State of the latent space; None where there is no check of it, and ``no_health`` says why.
    baseline
        The model held against independent columns; None where there is no such thing.
    columns
        A record for each column of a table; () for images.
    clusters
        Clusters that rows belong to; None for models without any.
    """

    estimator: str
    latent_dim: int
    n_parameters: int
    n_rows: int
    n_cells: int
    share_of_missing_cells: float
    cell: Cell
    ending: Ending
    reconstruction: Reconstruction
    density: Density | None
    no_density: str
    health: LatentHealth | None
    no_health: str
    baseline: Baseline | None
    columns: tuple[Column, ...]
    clusters: ClusterFindings | None


def find(
    estimator: FittedEstimator,
    rows: Any,
    *,
    n_samples: int,
    evidence: Evidence | None = None,
    cell: Cell | None = None,
) -> Findings:
    """The record of a fitted estimator on rows.

    Parameters
    ----------
    estimator
        Fitted.
    rows
        Rows as in its ``fit``, as a rule held-out ones.
    n_samples
        Draws per row for log p(x), where it is sampled.
    evidence
        Log p(x) of these rows, where it is known already.
    cell
        What one number of a row is called; None goes by the shape of the rows.
    """
    error = errors(estimator, rows)  # first: bad rows are the estimator's to name
    found = moments(estimator, rows)
    missing = share_of_missing(rows)
    if has_density(estimator) and evidence is None:
        evidence = evidence_of(estimator, rows, n_samples=n_samples)
    health = _latent_health(estimator.health(rows)) if has_health(estimator) else None
    of_density = held_against = None
    if has_density(estimator) and evidence is not None:
        of_density = density(estimator, rows, evidence, kl=_kl(estimator, rows, health), share_of_missing_cells=missing)
        held_against = baseline(independent_columns(estimator, rows, found=found), evidence)
    return Findings(
        estimator=type(estimator).__name__,
        latent_dim=int(estimator.latent_dim),
        n_parameters=int(estimator.n_parameters_),
        n_rows=len(rows),
        n_cells=int(estimator.n_features_in_),
        share_of_missing_cells=missing,
        cell=cell_of(estimator.input_shape_) if cell is None else cell,
        ending=ending(estimator.status_),
        reconstruction=reconstruction(estimator, rows, found, error),
        density=of_density,
        no_density="" if of_density else reason_against(estimator, "log_evidence"),
        health=health,
        no_health="" if health else reason_against(estimator, "health"),
        baseline=held_against,
        columns=columns(estimator, rows, found, error) if len(estimator.input_shape_) == 1 else (),
        clusters=cluster_findings(estimator, rows, found) if has_clusters(estimator) else None,
    )


def _latent_health(found: Health) -> LatentHealth:
    return LatentHealth(
        active_units=found.active_units,
        kl_per_dimension=tuple(map(float, found.kl_per_dimension)),
        cells_at_floor=found.cells_at_floor,
        standard_prior=found.standard_prior,
        healthy=found.ok,
        advice=found.advice,
        active=tuple(map(bool, found.active)),
    )


def _kl(estimator: FittedEstimator, rows: Any, health: LatentHealth | None) -> float:
    """Mean KL of the rows: the sum over dimensions, or the outlier score of that name."""
    if health is not None:
        return float(np.sum(health.kl_per_dimension))
    if "kl" not in estimator.outlier_methods:
        return math.nan
    return float(np.mean(estimator.outlier_scores(rows, method="kl")))
