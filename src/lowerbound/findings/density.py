"""Density: log p(x) of rows, its errors, and whether the estimate can be trusted."""

import math
import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lowerbound.evaluate.evidence import Evidence, EvidenceWarning
from lowerbound.evaluate.trust import is_trusted, share_untrusted
from lowerbound.findings.fitted import DensityEstimator


@dataclass(frozen=True)
class Density:
    """Log p(x) of rows; means over the rows, in nats.

    Attributes
    ----------
    log_evidence
        Mean of log p(x).
    standard_error
        Monte Carlo error of it for these very rows; 0 where exact.
    sampling_error
        How far it is from its expectation over other rows (one standard error).
    n_samples
        Draws per row; 0 where exact.
    exact
        Whether log p(x) was computed without sampling.
    base_measure, base_measure_kind
        What p(x) is a density or mass with respect to; "loss" where it is neither.
    effective_sample_size_median, effective_sample_size_smallest
        Over the rows; NaN where exact.
    share_of_untrusted_rows
        Share of the rows whose k-hat is above 0.7; NaN where exact, and for too few draws.
    trusted
        Whether ``log_evidence`` and its error can be taken as they are; None where the draws are too few to say.
    elbo
        Mean of the bound.
    kl
        Mean of KL(q(z given x) || p(z)); NaN where the model does not say.
    bits_per_dimension
        Code length per observed cell, -log2 p(x); None for densities on reals, where bits mean nothing, and for losses.
    one_noise_for_all
        Whether the model has one noise variance for all cells, though they may differ.
    """

    log_evidence: float
    standard_error: float
    sampling_error: float
    n_samples: int
    exact: bool
    base_measure: str
    base_measure_kind: Literal["density", "mass", "loss"]
    effective_sample_size_median: float
    effective_sample_size_smallest: float
    share_of_untrusted_rows: float
    trusted: bool | None
    elbo: float
    kl: float
    bits_per_dimension: float | None
    one_noise_for_all: bool


def evidence_of(estimator: DensityEstimator, rows: Any, *, n_samples: int) -> Evidence:
    """Log p(x) of the rows; the share of untrusted rows, which the record has, stands in for the warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvidenceWarning)
        return estimator.log_evidence(rows, n_samples=n_samples)


def density(
    estimator: DensityEstimator, rows: Any, evidence: Evidence, *, kl: float, share_of_missing_cells: float
) -> Density:
    """The record of the evidence."""
    factors, meaning = estimator.linear_factors_, estimator.preprocessing_.meaning
    cells = estimator.n_features_in_ * (1 - share_of_missing_cells)
    untrusted = share_untrusted(evidence.pareto_k)
    return Density(
        log_evidence=evidence.value,
        standard_error=evidence.standard_error,
        sampling_error=evidence.sampling_error,
        n_samples=evidence.n_samples,
        exact=evidence.exact,
        base_measure=evidence.base_measure,
        base_measure_kind=meaning.kind,
        effective_sample_size_median=float(np.median(evidence.effective_sample_size)),
        effective_sample_size_smallest=float(np.min(evidence.effective_sample_size)),
        share_of_untrusted_rows=untrusted,
        trusted=is_trusted(untrusted, exact=evidence.exact),
        elbo=float(np.mean(estimator.elbo(rows))),
        kl=kl,
        bits_per_dimension=-evidence.value / (cells * math.log(2)) if meaning.has_code_length and cells else None,
        one_noise_for_all=factors is not None and np.ndim(factors.noise_variance) == 0,
    )
