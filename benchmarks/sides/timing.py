"""Timing of an evaluation, and the choice of its batch size, the same for every side."""

import time
from collections.abc import Callable, Sequence
from statistics import median

from common import EVIDENCE_NETWORK, decoder_flop


def seconds(call: Callable[[], float]) -> tuple[float, float]:
    """Wall seconds of one call, and what it returned."""
    start = time.perf_counter()
    value = call()
    return time.perf_counter() - start, value


def fastest(call: Callable[[int], float], sizes: Sequence[int]) -> tuple[int, str]:
    """Size with the smallest time, each after one call to warm up, and a line with the size and all times."""
    times = {}
    for size in sizes:
        call(size)
        times[size] = min(seconds(lambda size=size: call(size))[0] for _ in range(2))
    best = min(times, key=times.__getitem__)
    return best, f"{best} (seconds on the trial rows: {', '.join(f'{n}: {t:.3f}' for n, t in times.items())})"


def evaluation(call: Callable[[], float], *, rows: int, samples: int, repeats: int = 3) -> dict[str, float]:
    """First call apart, then the median of `repeats` calls, with its rates."""
    first_call_s, _ = seconds(call)
    timed = [seconds(call) for _ in range(repeats)]
    evaluation_s = median(time for time, _ in timed)
    rate = rows * samples / evaluation_s
    return {
        "first_call_s": first_call_s,
        "evaluation_s": evaluation_s,
        "samples_per_s": rate,
        "decoder_gflop_per_s": rate * decoder_flop(EVIDENCE_NETWORK) / 1e9,
        "log_evidence": timed[-1][1],
    }
