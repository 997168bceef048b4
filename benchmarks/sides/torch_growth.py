"""Side: one point of the growth curves in hand-written eager PyTorch: an epoch of training, memory."""

from statistics import median

import torch
from common import arguments, emit, peak_rss_mib, versions
from growth_data import bits, n_epochs, network
from torch_network import PACKAGES, device, n_parameters, train


def main() -> None:
    options = arguments(__doc__)
    torch.set_num_threads(options.threads)
    rows = torch.from_numpy(bits(options.rows, options.features, options.seed))
    before_fit = peak_rss_mib()
    model, seconds = train(
        network(options), rows, n_epochs(options.rows), seed=options.seed, memory_format="contiguous"
    )
    emit(
        {
            "epoch_s": median(seconds[1:]),
            "rss_before_fit_mib": before_fit,
            "peak_rss_of_fit_mib": peak_rss_mib(),
            "parameters": n_parameters(model),
            "versions": versions(*PACKAGES),
        }
        | device()
    )


if __name__ == "__main__":
    main()
