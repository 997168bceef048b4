"""Side: training the MLP VAE with pythae's own model and trainer."""

import time
from statistics import median

from common import arguments, emit, peak_rss_mib, thresholded_mnist, versions


def main() -> None:
    options = arguments(__doc__)
    start = time.perf_counter()
    import torch  # here, because the import is timed
    from pythae_network import mean_loss, train

    import_s = time.perf_counter() - start
    torch.set_num_threads(options.threads)
    train_rows, test_rows = map(torch.from_numpy, thresholded_mnist())

    start = time.perf_counter()
    model, seconds = train(train_rows, options.epochs, options.seed)
    fit_s = time.perf_counter() - start
    emit(
        {
            "import_s": import_s,
            "compile_or_first_epoch_s": seconds[0],
            "epoch_s": median(seconds[1:]),
            "fit_s": fit_s,
            "peak_rss_mib": peak_rss_mib(),
            "loss": mean_loss(model, test_rows),
            "versions": versions("pythae", "torch", "numpy"),
        }
    )


if __name__ == "__main__":
    main()
