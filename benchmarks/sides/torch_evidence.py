"""Side: importance-sampled log p(x) in hand-written PyTorch, in batches of rows with all samples of each."""

import math

import torch
from common import EVIDENCE_NETWORK, arguments, emit, peak_rss_mib, strided, thresholded_mnist, versions
from timing import evaluation, fastest
from torch.nn import functional
from torch_network import DEVICE, PACKAGES, VAE, device, train

ROW_BATCHES = (1, 2, 4, 16)


@torch.no_grad()
def mean_log_evidence(model: VAE, rows: torch.Tensor, *, n_samples: int, row_batch: int) -> float:
    """Mean over the rows of log 1/K sum_k p(x, z_k) / q(z_k | x), in nats; log 2 pi cancels in the ratio."""
    per_row = []
    for x in rows.split(row_batch):
        mean, log_variance = model.encoder(x).chunk(2, dim=-1)
        noise = torch.randn(n_samples, *mean.shape, device=DEVICE)
        z = mean + torch.exp(0.5 * log_variance) * noise
        logits = model.decoder(z)
        log_likelihood = -functional.binary_cross_entropy_with_logits(
            logits, x.expand_as(logits), reduction="none"
        ).sum(-1)
        log_ratio = 0.5 * (log_variance + noise.square() - z.square()).sum(-1)
        per_row.append(torch.logsumexp(log_likelihood + log_ratio, 0) - math.log(n_samples))
    return torch.cat(per_row).mean().item()


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
    rows = torch.from_numpy(strided(test_rows, options.rows)).to(DEVICE)

    def evaluate(rows: torch.Tensor, row_batch: int) -> float:
        return mean_log_evidence(model, rows, n_samples=options.samples, row_batch=row_batch)

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
