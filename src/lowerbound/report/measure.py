"""Everything that is measured on rows, as plain numbers, and sentences on whether to trust them.

The reconstruction error is the root of the mean of (x - reconstruction)^2 over all cells. Columns of a table have units of
their own, which no mean may mix: there each column's error is taken in its standard deviations over the same rows, so that 1
is the error of guessing the column's mean. Images, grey levels and bits have one unit, and are taken as they are. Missing cells
(NaN) have no error and are left out.
"""

import math
import warnings
from typing import Any

import numpy as np
from jaxtyping import Float

from lowerbound.data.row_chunks import row_chunks
from lowerbound.evaluate.evidence import Evidence, EvidenceWarning
from lowerbound.evaluate.outliers import OutlierMethod
from lowerbound.report.columns import above_rounding, as_numbers
from lowerbound.report.numbers import share

UNTRUSTED_K = 0.7
_FEW_UNTRUSTED = 0.1  # share of the rows that may be above
_ONE_UNIT = ("dequantize", "dynamic", "threshold", "grey")  # treatments of cells that share one unit


def evidence_of(estimator: Any, rows: Any, *, n_samples: int) -> Evidence:
    """Log p(x) of the rows; the share of untrusted rows, which ``measure`` reports, stands in for the warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvidenceWarning)
        return estimator.log_evidence(rows, n_samples=n_samples)


def measure(estimator: Any, rows: Any, *, n_samples: int, evidence: Evidence | None = None) -> dict[str, Any]:
    """Everything that ``lowerbound evaluate`` reports; densities, and the health of latents, only where the model has them.

    Parameters
    ----------
    estimator
        A fitted estimator.
    rows
        Rows as in its ``fit``, as a rule held-out ones.
    n_samples
        Draws per row for log p(x).
    evidence
        Log p(x) of these rows where it is known already.
    """
    error, unit = reconstruction_error(estimator, rows)
    found: dict[str, Any] = {
        "class": type(estimator).__name__,
        "n_rows": len(rows),
        "share_of_missing_cells": share_of_missing(rows),
        "log_likelihood_at_code": -float(np.mean(estimator.outlier_scores(rows, method="reconstruction"))),
        "root_mean_square_error": error,
        "root_mean_square_error_unit": unit,
    }
    if not hasattr(estimator, "log_evidence"):
        return found
    if evidence is None:
        evidence = evidence_of(estimator, rows, n_samples=n_samples)
    known = evidence.pareto_k[~np.isnan(evidence.pareto_k)]
    found |= {
        "log_evidence": evidence.value,
        "standard_error": evidence.standard_error,
        "sampling_error": evidence.sampling_error,
        "n_samples": evidence.n_samples,
        "exact": evidence.exact,
        "base_measure": evidence.base_measure,
        "effective_sample_size_median": float(np.median(evidence.effective_sample_size)),
        "effective_sample_size_smallest": float(np.min(evidence.effective_sample_size)),
        "pareto_k_share_above_0.7": float(np.mean(known > UNTRUSTED_K)) if len(known) else math.nan,
        "elbo": float(np.mean(estimator.elbo(rows))),
        "latent_dim": estimator.latent_dim,
    }
    if not hasattr(estimator, "health"):  # a mixture: no one Gaussian to check, and a divergence of cluster and factors
        return found | {"kl": float(np.mean(estimator.outlier_scores(rows, method="kl"))), "advice": []}
    health = estimator.health(rows)
    return found | {
        "kl": float(health.kl_per_dimension.sum()),
        "active_units": health.active_units,
        "kl_per_dimension": health.kl_per_dimension.tolist(),
        "cells_at_floor": health.cells_at_floor,
        "healthy": health.ok,
        "advice": list(health.advice),
    }


def trusted(measured: dict[str, Any]) -> bool | None:
    """Whether log p(x) and its standard error can be taken as they are; None where there are too few draws to say."""
    if measured["exact"]:
        return True
    share = measured["pareto_k_share_above_0.7"]
    return None if math.isnan(share) else share <= _FEW_UNTRUSTED


def cautions(measured: dict[str, Any]) -> list[str]:
    """Sentences: whether log p(x) can be trusted, then the advice of the health check."""
    if "log_evidence" not in measured:
        return [f"{measured['class']} has no density: log p(x), ELBO and samples need PPCA or a VAE."]
    sentences = [f"Latent space: {advice}" for advice in measured["advice"]]
    trust = trusted(measured)
    if trust is False:
        sentences.insert(
            0,
            f"Caution: Pareto k-hat is above {UNTRUSTED_K} for {share(measured['pareto_k_share_above_0.7'])} of the rows: read "
            "log p(x) as a lower bound, and its error is larger than stated. More draws raise it.",
        )
    elif trust is None:
        sentences.insert(0, "Caution: too few --samples to say whether log p(x) can be trusted; take 100 or more.")
    return sentences


def targets(estimator: Any, rows: Any) -> Float[np.ndarray, "n *event"]:
    """The rows in the units in which the model reconstructs: grey levels that it binarizes as shares of white, or as bits.

    NaN where a cell is missing.
    """
    values = as_numbers(rows)
    preprocessing = estimator.preprocessing_
    if preprocessing.treatment in ("dynamic", "threshold", "grey"):
        values = values / preprocessing.white_level
    if preprocessing.treatment == "threshold":
        values = (values > 0.5).astype(np.float64)
    return values


def reconstruction_error(estimator: Any, rows: Any) -> tuple[float, str]:
    """Root mean square of x - reconstruction over all cells, and its unit in words; NaN where it has no meaning.

    Of a table whose columns have units of their own, columns that are constant over the rows are left out.
    """
    if has_categories(estimator):
        return math.nan, "category codes have no differences"
    square, observed, variance, varies = _moments(estimator, rows)
    if not columns_have_units(estimator):
        return float(np.sqrt(square.sum() / observed.sum())) if observed.any() else math.nan, _common_unit(estimator)
    if not varies.any():
        return math.nan, "no column varies over these rows"
    error = float(np.sqrt(np.sum(square[varies] / variance[varies]) / np.sum(observed[varies])))
    return error, "standard deviations of each column over these rows"


def _moments(estimator: Any, rows: Any) -> tuple[np.ndarray, ...]:
    """For each cell of a row: sum of its squared errors over the rows that have it, their number, its variance, if it varies.

    Rows pass in chunks, to need little memory.
    """
    square = first = second = largest = observed = shift = np.zeros(())
    for part in row_chunks(len(rows), estimator.n_features_in_) or [slice(0, 0)]:  # no rows: the estimator's error
        some = take(rows, part)
        back = estimator.reconstruct(some)  # before the conversion below: bad rows are the estimator's to name
        target = targets(estimator, some)
        known = ~np.isnan(target)
        target = np.where(known, target, 0.0)
        n_known = known.sum(axis=0)
        # Sums of squares are taken about a value of the column's own, the mean where it is first known.
        shift = np.where(observed > 0, shift, target.sum(axis=0) / np.maximum(n_known, 1))
        square = square + np.square(target - back).sum(axis=0, where=known)
        first = first + (target - shift).sum(axis=0, where=known)
        second = second + np.square(target - shift).sum(axis=0, where=known)
        largest = np.maximum(largest, np.abs(target).max(axis=0))
        observed = observed + n_known
    count = np.maximum(observed, 1)
    variance = np.maximum(second / count - np.square(first / count), 0.0)
    return square, observed, variance, above_rounding(np.sqrt(variance), largest)


def share_of_missing(rows: Any) -> float:
    """Share of the cells that are missing (NaN)."""
    if not hasattr(rows, "iloc") and np.asarray(rows).dtype.kind in "biu":
        return 0.0
    return float(np.mean(np.isnan(as_numbers(rows)))) if len(rows) else 0.0


def take(rows: Any, which: Any) -> Any:
    """Some rows of an array or of a data frame, by position."""
    return rows.iloc[which] if hasattr(rows, "iloc") else rows[which]


def outlier_method(estimator: Any, method: OutlierMethod | None) -> OutlierMethod:
    """The outlier score asked for; of None, the one that the fitted estimator takes by itself."""
    return method or estimator._outlier_methods[0]


def has_categories(estimator: Any) -> bool:
    """Whether cells are category codes, with which nothing can be computed."""
    return getattr(estimator, "likelihood", "") == "categorical"


def columns_have_units(estimator: Any) -> bool:
    """Whether the cells of a row are columns of a table with units of their own, rather than pixels, grey levels or bits."""
    of_one_unit = estimator.preprocessing_.treatment in _ONE_UNIT or getattr(estimator, "likelihood", "") == "bernoulli"
    return len(estimator.input_shape_) == 1 and not of_one_unit


def _common_unit(estimator: Any) -> str:
    if estimator.preprocessing_.treatment == "dequantize":
        return "grey levels"
    if getattr(estimator, "likelihood", "") == "bernoulli":
        return "probabilities, 0 to 1"
    return "units of x"
