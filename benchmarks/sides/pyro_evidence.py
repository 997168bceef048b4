"""Side: log p(x) as Pyro's importance-weighted bound: `RenyiELBO` of order 0, samples and rows vectorized.

Its loss is minus the sum over rows of log 1/K sum_k p(x, z_k) / q(z_k | x), because the plate of rows is common to
all sites. It runs with the fastest of a few batches of rows.
"""

import torch
from common import EVIDENCE_NETWORK, arguments, emit, peak_rss_mib, strided, thresholded_mnist, versions
from pyro.infer import RenyiELBO
from pyro_network import PACKAGES, train
from timing import evaluation, fastest
from torch_network import DEVICE, device

ROW_BATCHES = (1, 2, 4, 16)


def main() -> None:
    options = arguments(__doc__)
    torch.set_num_threads(options.threads)
    train_rows, test_rows = thresholded_mnist()
    fitted, _ = train(
        EVIDENCE_NETWORK,
        torch.from_numpy(train_rows),
        options.epochs,
        seed=options.seed,
        memory_format="contiguous",
    )
    rows = torch.from_numpy(strided(test_rows, options.rows)).to(DEVICE)
    bound = RenyiELBO(alpha=0, num_particles=options.samples, vectorize_particles=True, max_plate_nesting=1)

    def evaluate(rows: torch.Tensor, row_batch: int) -> float:
        return -sum(bound.loss(fitted.model, fitted.guide, x) for x in rows.split(row_batch)) / len(rows)

    best, chosen = fastest(lambda size: evaluate(rows[:16], size), ROW_BATCHES)
    result = evaluation(lambda: evaluate(rows, best), rows=len(rows), samples=options.samples)
    emit(
        result
        | device()
        | {
            "chosen": f"batch size {chosen}, in rows",
            "peak_rss_mib": peak_rss_mib(),
            "versions": versions(*PACKAGES),
        }
    )


if __name__ == "__main__":
    main()
