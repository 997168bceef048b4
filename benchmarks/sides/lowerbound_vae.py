"""Side: training a VAE with lowerbound.

A fit is one call, so an epoch is timed by difference: after a fit that compiles, the time of a fit of n
epochs less that of a fit of one, over n - 1. What a fit costs beside its epochs is in `fit_s`, a fit of n
epochs in a process that has compiled nothing; that one runs first.
"""

import time
from statistics import median

import numpy as np
from common import NETWORKS, arguments, emit, peak_rss_mib, thresholded_mnist, versions


def main() -> None:
    options = arguments(__doc__)
    network = NETWORKS[options.network]
    start = time.perf_counter()
    from lowerbound_network import device, estimator, n_parameters, shaped  # here, because the import is timed

    import_s = time.perf_counter() - start
    train_rows, test_rows = (shaped(network, rows) for rows in thresholded_mnist())

    def fit_seconds(n_epochs: int) -> float:
        model = estimator(network, n_epochs, options.seed)
        start = time.perf_counter()
        model.fit(train_rows)
        return time.perf_counter() - start

    start = time.perf_counter()
    model = estimator(network, options.epochs, options.seed).fit(train_rows)
    fit_s = time.perf_counter() - start
    peak = {"peak_rss_mib": peak_rss_mib()} | device()

    fit_seconds(1)
    pairs = [(fit_seconds(1), fit_seconds(options.epochs)) for _ in range(2)]
    epoch_s = median((many - one) / (options.epochs - 1) for one, many in pairs)
    emit(
        {
            "import_s": import_s,
            "compile_or_first_epoch_s": fit_s - (options.epochs - 1) * epoch_s,
            "epoch_s": epoch_s,
            "warm_fit_s": median(many for _, many in pairs),
            "fit_s": fit_s,
            **peak,
            "loss": -float(np.mean(model.elbo(test_rows, n_samples=1))),
            "parameters": n_parameters(model),
            "versions": versions("lowerbound", "jax", "equinox", "numpy"),
        }
    )


if __name__ == "__main__":
    main()
