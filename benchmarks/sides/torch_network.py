"""The VAE 784-400-400-20 in plain PyTorch, and its training step, shared by the hand-written PyTorch sides.

Written for speed as one would write it by hand in eager mode: the data in one tensor, one permutation an
epoch, batches by index, the loss from logits, no `.item()` between steps, and the fused Adam.
"""

import time

import torch
from common import BATCH_SIZE, HIDDEN, LATENT_DIM, LEARNING_RATE, N_FEATURES
from torch import nn
from torch.nn import functional


class VAE(nn.Module):
    """p(x | z) Bernoulli, q(z | x) diagonal Gaussian."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(N_FEATURES, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, 2 * LATENT_DIM),
        )
        self.decoder = nn.Sequential(
            nn.Linear(LATENT_DIM, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, N_FEATURES),
        )

    def loss(self, x: torch.Tensor) -> torch.Tensor:
        """Negative ELBO summed over the rows of `x`, in nats: one draw of z, the KL term in closed form."""
        mean, log_variance = self.encoder(x).chunk(2, dim=-1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        logits = self.decoder(z)
        negative_log_likelihood = functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = 0.5 * torch.sum(log_variance.exp() + mean.square() - 1.0 - log_variance)
        return negative_log_likelihood + kl


def train(model: VAE, rows: torch.Tensor, n_epochs: int) -> list[float]:
    """Train in place; wall seconds of each epoch."""
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
    seconds = []
    for _ in range(n_epochs):
        start = time.perf_counter()
        for index in torch.randperm(len(rows)).split(BATCH_SIZE):
            batch = rows[index]
            optimizer.zero_grad()
            loss = model.loss(batch) / len(batch)
            loss.backward()
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    return seconds


@torch.no_grad()
def mean_loss(model: VAE, rows: torch.Tensor) -> float:
    """Negative ELBO per row, in nats."""
    return sum(model.loss(batch).item() for batch in rows.split(1000)) / len(rows)
