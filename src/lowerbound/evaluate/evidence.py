r"""Evidence: log p(x) of a set of rows in nats, with an error that can be trusted or a warning that it cannot.

``evaluate.importance_sampling`` estimates it, ``evaluate.closed_form`` knows it.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


class EvidenceWarning(UserWarning):
    """An estimate by importance sampling, of log p(x) or of missing cells, cannot be trusted for some rows."""


@dataclass(frozen=True)
class Evidence:
    """log p(x) of a set of rows, in nats.

    Attributes
    ----------
    value
        Mean over the rows.
    standard_error
        Monte Carlo error of ``value`` for these very rows; 0 where exact.
    sampling_error
        Standard deviation of the rows' values over sqrt(n): how far ``value`` is from its expectation over new rows.
    per_row, per_row_standard_error
        log p(x) and its Monte Carlo error for each row, shape (n,).
    effective_sample_size
        Effective sample size of the importance weights, for each row, in [1, n_samples]; NaN where exact.
    pareto_k
        Tail shape of the weights for each row; above 0.7 the estimate is not to be trusted; NaN below 25 samples and where exact.
    n_samples
        Draws per row; 0 where exact.
    exact
        Whether log p(x) was computed without sampling.
    base_measure
        What p(x) is a density or mass with respect to.
    """

    value: float
    standard_error: float
    sampling_error: float
    per_row: Float[np.ndarray, " n"]
    per_row_standard_error: Float[np.ndarray, " n"]
    effective_sample_size: Float[np.ndarray, " n"]
    pareto_k: Float[np.ndarray, " n"]
    n_samples: int
    exact: bool
    base_measure: str

    def __str__(self) -> str:
        kind = "exact" if self.exact else f"{self.n_samples} draws per row"
        return (
            f"log p(x) = {self.value:.3f} ± {self.standard_error:.3f} nats per row ({kind}; "
            f"± {self.sampling_error:.3f} for new rows; {self.base_measure})"
        )


def exact_evidence(per_row: Float[np.ndarray, " n"], *, base_measure: str) -> Evidence:
    """Evidence of rows whose log p(x) is known: nothing is drawn, nothing is uncertain but the choice of the rows."""
    nothing = np.full(len(per_row), np.nan)
    return Evidence(
        value=float(per_row.mean()),
        standard_error=0.0,
        sampling_error=sampling_error(per_row),
        per_row=per_row,
        per_row_standard_error=np.zeros(len(per_row)),
        effective_sample_size=nothing,
        pareto_k=nothing,
        n_samples=0,
        exact=True,
        base_measure=base_measure,
    )


def sampling_error(per_row: Float[np.ndarray, " n"]) -> float:
    """Standard error of the mean as an estimate for new rows: NaN for one row, inf where a row has no density at all."""
    if len(per_row) == 1:
        return math.nan
    return float(per_row.std(ddof=1) / np.sqrt(len(per_row))) if np.isfinite(per_row).all() else math.inf
