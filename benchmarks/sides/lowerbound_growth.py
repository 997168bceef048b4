"""Side: one point of the growth curves with lowerbound: an epoch of `fit`, `log_evidence` of all rows, memory.

An epoch is timed by difference, as in `lowerbound_vae.py`; the evidence in a second call, after one that compiles.
"""

import time
from collections.abc import Callable
from statistics import median

from common import arguments, emit, peak_rss_mib, versions
from growth_data import bits, n_epochs, network
from lowerbound_network import device, estimator, n_parameters


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    options = arguments(__doc__)
    sizes = network(options)
    rows = bits(options.rows, options.features, options.seed)
    before_fit = peak_rss_mib()
    vae = estimator(sizes, 1, options.seed)
    vae.fit(rows)
    peak_of_fit = peak_rss_mib()
    many_epochs = n_epochs(options.rows)

    def fit(epochs: int) -> float:
        return seconds(lambda: estimator(sizes, epochs, options.seed).fit(rows))

    fit(1)
    pairs = [(fit(1), fit(many_epochs)) for _ in range(2)]
    epoch_s = median((many - one) / (many_epochs - 1) for one, many in pairs)

    evaluations = [
        seconds(lambda: vae.log_evidence(rows, n_samples=options.samples, method="importance_sampling"))
        for _ in range(2)
    ]
    emit(
        {
            "epoch_s": epoch_s,
            "evidence_s": evaluations[-1],
            "rss_before_fit_mib": before_fit,
            "peak_rss_of_fit_mib": peak_of_fit,
            "peak_rss_mib": peak_rss_mib(),
            "parameters": n_parameters(vae),
            "versions": versions("lowerbound", "jax", "equinox", "numpy"),
        }
        | device()
    )


if __name__ == "__main__":
    main()
