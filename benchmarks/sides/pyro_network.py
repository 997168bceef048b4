"""The common VAE as a Pyro model and guide, trained by stochastic variational inference.

`TraceMeanField_ELBO`, Pyro's only bound with the KL term in closed form, is used as a module with PyTorch's
fused Adam over all parameters at once (`pyro.optim` would run one optimizer for each parameter). In Pyro's
favour too: no checks of arguments and supports. Batches come as on the hand-written PyTorch side.
"""

import pyro
import torch
from common import BATCH_SIZE, LEARNING_RATE, Network
from pyro import distributions
from pyro.infer import TraceMeanField_ELBO
from torch import nn
from torch_network import DEVICE, MEMORY_FORMATS, decoder, encoder, now

PACKAGES = ("pyro-ppl", "torch", "numpy")
pyro.enable_validation(False)


class Model(nn.Module):
    """p(z) p(x | z)."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = decoder(network)
        self.latent_dim = network.latent_dim

    def forward(self, x: torch.Tensor) -> None:
        with pyro.plate("rows", len(x)):
            prior = distributions.Normal(x.new_zeros(self.latent_dim), x.new_ones(self.latent_dim))
            z = pyro.sample("z", prior.expand((len(x), self.latent_dim)).to_event(1))
            pyro.sample("x", distributions.Bernoulli(logits=self.network(z)).to_event(1), obs=x)


class Guide(nn.Module):
    """q(z | x)."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = encoder(network)

    def forward(self, x: torch.Tensor) -> None:
        mean, log_variance = self.network(x).chunk(2, dim=-1)
        with pyro.plate("rows", len(x)):
            pyro.sample("z", distributions.Normal(mean, torch.exp(0.5 * log_variance)).to_event(1))


def train(
    network: Network, rows: torch.Tensor, n_epochs: int, *, seed: int, memory_format: str
) -> tuple[nn.Module, list[float]]:
    """Negative ELBO of the fitted model and guide, as a module, and wall seconds of each epoch."""
    pyro.set_rng_seed(seed)
    guide, model = Guide(network), Model(network)  # in this order, equal seeds start where hand-written PyTorch starts
    elbo = TraceMeanField_ELBO()(model, guide)
    elbo.to(DEVICE, memory_format=MEMORY_FORMATS[memory_format])
    optimizer = torch.optim.Adam(elbo.parameters(), lr=LEARNING_RATE, fused=True)
    rows = rows.to(DEVICE)
    seconds = []
    for _ in range(n_epochs):
        start = now()
        for index in torch.randperm(len(rows), device=DEVICE).split(BATCH_SIZE):
            batch = rows[index]
            optimizer.zero_grad()
            loss = elbo(batch) / len(batch)
            loss.backward()
            optimizer.step()
        seconds.append(now() - start)
    return elbo, seconds


@torch.no_grad()
def mean_loss(elbo: nn.Module, rows: torch.Tensor) -> float:
    """Negative ELBO per row, in nats."""
    return sum(elbo(batch).item() for batch in rows.to(DEVICE).split(1000)) / len(rows)
