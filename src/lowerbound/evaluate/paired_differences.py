r"""Paired differences: held-out log p(x) of models on the same rows, in one base measure, with errors that belong together.

    difference(m)  =  (1/n) \sum_i d_i,     d_i = log p_m(x_i) - log p_best(x_i)                                 (1)
    error(m)^2     =  sd(d)^2 / n  +  se_m^2  +  se_best^2                                                       (2)

Rows that are hard for one model are hard for the others: the d_i spread less than the log p(x_i), so that (2) is as a rule much
smaller than what the errors of two means, taken apart, add up to. Its first term is for new rows; se is the Monte Carlo error
of a mean for these rows, 0 where log p(x) is exact. The spread of the d_i holds that noise already: (2) errs on the large side.

Only what is in one unit is subtracted: a model whose base measure is not that of the first model with a density is left blank,
with the reason.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lowerbound.evaluate.comparison import ComparedModel, Comparison
from lowerbound.evaluate.evidence import Evidence
from lowerbound.evaluate.trust import share_untrusted, untrusted_note


@dataclass(frozen=True)
class Candidate:
    """A model to be compared.

    Attributes
    ----------
    name
        Name of the model in the table; unique.
    evidence
        Log p(x) of the rows, or the reason why there is none, in words.
    n_parameters
        Free parameters of the model.
    fit_seconds
        What the fit took; NaN where unknown.
    notes
        Sentences on what makes its density suspect, and on a fit that ended early.
    """

    name: str
    evidence: Evidence | str
    n_parameters: int
    fit_seconds: float
    notes: tuple[str, ...] = ()


def compare_evidence(candidates: Sequence[Candidate], *, n_rows: int, notes: Sequence[str] = ()) -> Comparison:
    """Models held against each other on the same rows, equations (1) and (2).

    Parameters
    ----------
    candidates
        Candidates in the order of the table.
    n_rows
        Rows of every evidence.
    notes
        Sentences to be kept with the numbers; those on what cannot be trusted are added.
    """
    shown: dict[str, Evidence] = {}
    blank: dict[str, str] = {}
    for candidate in candidates:
        evidence = candidate.evidence
        if isinstance(evidence, str):
            blank[candidate.name] = evidence
        elif reason := _broken(evidence) or _other_unit(evidence, shown):
            blank[candidate.name] = reason
        else:
            shown[candidate.name] = evidence
    best = _best(shown)
    return Comparison(
        models=tuple(_compared(candidate, shown, blank.get(candidate.name, ""), best) for candidate in candidates),
        best=best,
        n_rows=n_rows,
        base_measure=_common_measure(shown),
        notes=(*notes, *(f"{name}: {caution(evidence)}" for name, evidence in shown.items() if caution(evidence))),
    )


def caution(evidence: Evidence) -> str:
    """Why not to trust the estimate; empty where it can be trusted, or nobody can say."""
    return untrusted_note(share_untrusted(evidence.pareto_k), exact=evidence.exact, n_samples=evidence.n_samples)


def _broken(evidence: Evidence) -> str:
    """The reason to leave out numbers that no density has; a row without any density, log p(x) = -inf, is none."""
    bad = np.flatnonzero(np.isnan(evidence.per_row) | np.isposinf(evidence.per_row))
    if not len(bad):
        return ""
    return f"log p(x) is NaN or infinite in {len(bad)} of {len(evidence.per_row)} rows, first in row {bad[0]}."


def _common_measure(shown: Mapping[str, Evidence]) -> str:
    return next((evidence.base_measure for evidence in shown.values()), "")


def _other_unit(evidence: Evidence, shown: Mapping[str, Evidence]) -> str:
    """The reason to leave out what is in another unit than the values before it."""
    common = _common_measure(shown)
    if not shown or evidence.base_measure == common:
        return ""
    return (
        f"its log p(x) is with respect to another base measure ({evidence.base_measure}) than that of {next(iter(shown))} "
        f"({common}), and the two are not in one unit."
    )


def _best(shown: Mapping[str, Evidence]) -> str | None:
    """Name of the highest value, the first of equals; None where every value is -inf."""
    best = max(shown, key=lambda name: shown[name].value, default=None)
    return best if best is not None and math.isfinite(shown[best].value) else None


def _compared(candidate: Candidate, shown: Mapping[str, Evidence], reason: str, best: str | None) -> ComparedModel:
    evidence = candidate.evidence
    measure = "" if isinstance(evidence, str) else evidence.base_measure
    known = shown.get(candidate.name)
    difference, error = _difference(shown, candidate.name, best)
    return ComparedModel(
        name=candidate.name,
        value=known.value if known else math.nan,
        standard_error=known.standard_error if known else math.nan,
        sampling_error=known.sampling_error if known else math.nan,
        exact=known.exact if known else None,
        n_samples=known.n_samples if known else 0,
        n_parameters=candidate.n_parameters,
        fit_seconds=candidate.fit_seconds,
        base_measure=measure,
        difference=difference,
        difference_standard_error=error,
        reason=reason,
        notes=candidate.notes,
    )


def _difference(shown: Mapping[str, Evidence], name: str, best: str | None) -> tuple[float, float]:
    """Equations (1) and (2) for one model; NaN where one of the two has no value."""
    if best is None or name not in shown:
        return math.nan, math.nan
    if name == best:
        return 0.0, 0.0
    this, other = shown[name], shown[best]
    per_row = this.per_row - other.per_row
    if not np.isfinite(per_row).all():  # a row is impossible under this model
        return -math.inf, math.inf
    spread = float(per_row.std(ddof=1)) / math.sqrt(len(per_row)) if len(per_row) > 1 else math.nan
    return float(per_row.mean()), math.hypot(spread, this.standard_error, other.standard_error)
