"""Trust: whether an estimate by importance sampling, of log p(x) or of missing cells, can be taken as it is.

The estimate of a row is not to be trusted where the tail shape k-hat of its weights is above 0.7 (see ``evaluate.pareto``). The
mean over rows is trusted as long as that holds for at most one row in ten.

Reference: A. Vehtari et al., "Pareto smoothed importance sampling", JMLR 2024.
"""

import math
from typing import Final

import numpy as np
from jaxtyping import Float

LARGEST_TRUSTED_K: Final = 0.7
_LARGEST_UNTRUSTED_SHARE: Final = 0.1  # of the rows
ENOUGH_SAMPLES: Final = 100
"""Draws per row that leave k-hat enough of a tail, whatever the model."""


def share_untrusted(pareto_k: Float[np.ndarray, " n"]) -> float:
    """Share of the rows whose k-hat is above 0.7; NaN where no row has a k-hat (log p(x) is exact, or the draws are too few).

    >>> share_untrusted(np.array([0.1, 0.9, 0.7, np.inf])), share_untrusted(np.array([np.nan]))
    (0.5, nan)
    """
    known = pareto_k[~np.isnan(pareto_k)]
    return float(np.mean(known > LARGEST_TRUSTED_K)) if len(known) else math.nan


def is_trusted(untrusted: float, *, exact: bool) -> bool | None:
    """Whether the mean over rows, of which such a share is untrusted, can be trusted; None where nobody can say.

    >>> [is_trusted(untrusted, exact=False) for untrusted in (0.1, 0.2, np.nan)]
    [True, False, None]
    """
    if exact:
        return True
    return None if math.isnan(untrusted) else untrusted <= _LARGEST_UNTRUSTED_SHARE


def untrusted_note(untrusted: float, *, exact: bool, n_samples: int) -> str:
    """A sentence that says why the mean over rows is not to be trusted; empty where it is, or where nobody can say."""
    if is_trusted(untrusted, exact=exact) is not False:
        return ""
    return (
        f"log p(x) cannot be trusted for {untrusted:.0%} of the rows {_reason(n_samples)}: read it as a lower bound, and its "
        "error as too small. A larger n_samples raises it."
    )


def untrusted_cells_note(untrusted: float, *, n_samples: int) -> str:
    """A sentence that says why what fills missing cells is not to be trusted; empty where it is, or where nobody can say.

    >>> untrusted_cells_note(0.05, n_samples=1000), untrusted_cells_note(math.nan, n_samples=10)
    ('', '')
    """
    if is_trusted(untrusted, exact=False) is not False:
        return ""
    return (
        f"The missing cells cannot be trusted in {untrusted:.0%} of the rows that have some {_reason(n_samples)}: their means "
        "and draws rest on few of them, and their intervals are too narrow. Take a larger n_samples, or fit longer."
    )


def _reason(n_samples: int) -> str:
    return f"(Pareto k-hat above {LARGEST_TRUSTED_K} with {n_samples} draws)"
