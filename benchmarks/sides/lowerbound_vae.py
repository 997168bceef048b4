"""Side: training the MLP VAE with lowerbound.

A fit is one call, so an epoch is timed by difference: after a fit that compiles, the time of a fit of n
epochs less that of a fit of one, over n - 1. What a fit costs beside its epochs is in `fit_s`, a fit of n
epochs in a process that has compiled nothing; that one runs first.
"""

import time
from statistics import median

import numpy as np
from common import arguments, emit, peak_rss_mib, thresholded_mnist, versions


def main() -> None:
    options = arguments(__doc__)
    start = time.perf_counter()
    from lowerbound_network import estimator  # here, because the import is timed

    import_s = time.perf_counter() - start
    train_rows, test_rows = thresholded_mnist()

    def fit_seconds(n_epochs: int) -> float:
        model = estimator(n_epochs, options.seed)
        start = time.perf_counter()
        model.fit(train_rows)
        return time.perf_counter() - start

    start = time.perf_counter()
    model = estimator(options.epochs, options.seed).fit(train_rows)
    fit_s = time.perf_counter() - start
    peak = peak_rss_mib()

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
            "peak_rss_mib": peak,
            "loss": -float(np.mean(model.elbo(test_rows, n_samples=1))),
            "versions": versions("lowerbound", "jax", "equinox", "numpy"),
        }
    )


if __name__ == "__main__":
    main()
