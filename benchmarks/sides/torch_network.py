"""The common networks in PyTorch, and the VAE and its training step as one writes them by hand for speed.

Eager mode: the data in one tensor, one permutation an epoch, batches by index, the loss from logits, no
`.item()` between steps, the fused Adam. Rows are flat for both networks; a convolutional one folds them
inside, which costs nothing. A GPU is used where there is one.
"""

import time
from itertools import pairwise

import torch
from common import BATCH_SIZE, IMAGE_SIDE, LEARNING_RATE, Network
from torch import nn
from torch.nn import functional

PACKAGES = ("torch", "numpy")
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
MEMORY_FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def encoder(network: Network) -> nn.Sequential:
    """From rows (n, features) to mean and log-variance (n, 2 * latents)."""
    if network.kind == "mlp":
        return nn.Sequential(*_dense(network.n_features, *network.hidden, 2 * network.latent_dim))
    layers: list[nn.Module] = [nn.Unflatten(1, (1, IMAGE_SIDE, IMAGE_SIDE))]
    for inner, outer in zip((1, *network.channels[:-1]), network.channels, strict=True):
        layers += [nn.Conv2d(inner, outer, kernel_size=4, stride=2, padding=1), nn.ReLU()]
    flat = _folded_side(network) ** 2 * network.channels[-1]
    return nn.Sequential(*layers, nn.Flatten(), *_dense(flat, *network.hidden, 2 * network.latent_dim))


def decoder(network: Network) -> nn.Sequential:
    """From latents (n, latents) to logits (n, features)."""
    if network.kind == "mlp":
        return nn.Sequential(*_dense(network.latent_dim, *reversed(network.hidden), network.n_features))
    side, channels = _folded_side(network), network.channels[::-1]
    layers: list[nn.Module] = [
        *_dense(network.latent_dim, *reversed(network.hidden), side**2 * channels[0]),
        nn.ReLU(),
        nn.Unflatten(1, (channels[0], side, side)),
    ]
    for inner, outer in zip(channels, (*channels[1:], 1), strict=True):
        layers += [nn.ConvTranspose2d(inner, outer, kernel_size=4, stride=2, padding=1), nn.ReLU()]
    return nn.Sequential(*layers[:-1], nn.Flatten())


def _dense(*widths: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inner, outer in pairwise(widths):
        layers += [nn.Linear(inner, outer), nn.ReLU()]
    return layers[:-1]


def _folded_side(network: Network) -> int:
    """Side of the image after the convolutions."""
    return IMAGE_SIDE // 2 ** len(network.channels)


class VAE(nn.Module):
    """p(x | z) Bernoulli, q(z | x) diagonal Gaussian."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.encoder = encoder(network)
        self.decoder = decoder(network)

    def loss(self, x: torch.Tensor) -> torch.Tensor:
        """Negative ELBO summed over the rows of `x`, in nats: one draw of z, the KL term in closed form."""
        mean, log_variance = self.encoder(x).chunk(2, dim=-1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        logits = self.decoder(z)
        negative_log_likelihood = functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = 0.5 * torch.sum(log_variance.exp() + mean.square() - 1.0 - log_variance)
        return negative_log_likelihood + kl


def train(
    network: Network, rows: torch.Tensor, n_epochs: int, *, seed: int, memory_format: str
) -> tuple[VAE, list[float]]:
    """Fitted model, and wall seconds of each epoch."""
    torch.manual_seed(seed)
    model = VAE(network).to(DEVICE, memory_format=MEMORY_FORMATS[memory_format])
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
    rows = rows.to(DEVICE)
    seconds = []
    for _ in range(n_epochs):
        start = now()
        for index in torch.randperm(len(rows), device=DEVICE).split(BATCH_SIZE):
            batch = rows[index]
            optimizer.zero_grad()
            loss = model.loss(batch) / len(batch)
            loss.backward()
            optimizer.step()
        seconds.append(now() - start)
    return model, seconds


@torch.no_grad()
def mean_loss(model: VAE, rows: torch.Tensor) -> float:
    """Negative ELBO per row, in nats."""
    return sum(model.loss(batch).item() for batch in rows.to(DEVICE).split(1000)) / len(rows)


def now() -> float:
    """The clock, read when the device has nothing left to do."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def n_parameters(model: nn.Module) -> int:
    """Count of the fitted numbers."""
    return sum(parameter.numel() for parameter in model.parameters())


def device() -> dict:
    """Where the tensors live and, on a GPU, the peak of its memory so far in MiB."""
    if DEVICE.type == "cpu":
        return {"device": "cpu"}
    return {"device": torch.cuda.get_device_name(), "peak_device_mib": torch.cuda.max_memory_allocated() / 2**20}
