"""Timing of equal fits, the same for every side."""

import time
from collections.abc import Callable
from statistics import median
from typing import TypeVar

from common import peak_rss_mib

Fitted = TypeVar("Fitted")


def timed(fit: Callable[[], Fitted], *, n_fits: int) -> tuple[Fitted, dict[str, float]]:
    """The last of equal fits; seconds of the first, which compiles, and the median of the others; memory after the first."""
    seconds, peaks = [], []
    for _ in range(n_fits):
        start = time.perf_counter()
        fitted = fit()
        seconds.append(time.perf_counter() - start)
        peaks.append(peak_rss_mib())
    return fitted, {"first_fit_s": seconds[0], "warm_fit_s": median(seconds[1:] or seconds), "peak_rss_mib": peaks[0]}
