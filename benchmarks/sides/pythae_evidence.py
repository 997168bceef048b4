"""Side: pythae's `get_nll`, which despite its name returns the mean of +log p(x).

It takes one row at a time, in `n_samples // batch_size` batches of samples. It runs here without the
gradient tape that it would keep by itself, and with the fastest of a few batch sizes that divide the number
of samples (with another size it draws fewer samples than asked).
"""

import torch
from common import EVIDENCE_NETWORK, arguments, emit, peak_rss_mib, strided, thresholded_mnist, versions
from pythae_network import PACKAGES, train
from timing import evaluation, fastest
from torch_network import DEVICE, device

PARTS = (1, 2, 4, 10)


def main() -> None:
    options = arguments(__doc__)
    torch.set_num_threads(options.threads)
    train_rows, test_rows = thresholded_mnist()
    model, _ = train(
        EVIDENCE_NETWORK,
        torch.from_numpy(train_rows),
        options.epochs,
        seed=options.seed,
        memory_format="contiguous",
    )
    model.eval()
    rows = torch.from_numpy(strided(test_rows, options.rows)).to(DEVICE)

    @torch.no_grad()
    def evaluate(rows: torch.Tensor, batch_size: int) -> float:
        return float(model.get_nll(rows, n_samples=options.samples, batch_size=batch_size))

    sizes = [options.samples // parts for parts in PARTS if options.samples % parts == 0]
    best, chosen = fastest(lambda size: evaluate(rows[:8], size), sizes)
    result = evaluation(lambda: evaluate(rows, best), rows=len(rows), samples=options.samples)
    emit(
        result
        | device()
        | {
            "chosen": f"batch size {chosen}, in samples",
            "peak_rss_mib": peak_rss_mib(),
            "versions": versions(*PACKAGES),
        }
    )


if __name__ == "__main__":
    main()
