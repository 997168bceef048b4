"""pythae's VAE with a network of the common size, and its own trainer.

Everything here is pythae's own path: its `VAE`, its `BaseDataset`, its `BaseTrainer`. In its favour: no
checkpoint between epochs, no evaluation set, and the fused Adam that the hand-written PyTorch side uses
too.
"""

import tempfile

import torch
from common import BATCH_SIZE, LEARNING_RATE, Network
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from torch import nn
from torch_network import DEVICE, MEMORY_FORMATS, decoder, encoder, now

PACKAGES = ("pythae", "torch", "numpy")


class Encoder(BaseEncoder):
    """From rows to mean and log-variance: one last layer for both, as on the other sides."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.layers = encoder(network)

    def forward(self, x: torch.Tensor) -> ModelOutput:
        mean, log_variance = self.layers(x).chunk(2, dim=-1)
        return ModelOutput(embedding=mean, log_covariance=log_variance)


class Decoder(BaseDecoder):
    """From latents to probabilities: with the sigmoid that pythae's loss expects."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.layers = nn.Sequential(*decoder(network), nn.Sigmoid())

    def forward(self, z: torch.Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self.layers(z))


class EpochClock(TrainingCallback):
    """Wall seconds of each epoch of the trainer."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_epoch_begin(self, training_config, **kwargs) -> None:
        self.start = now()

    def on_epoch_end(self, training_config, **kwargs) -> None:
        self.seconds.append(now() - self.start)


def train(
    network: Network, rows: torch.Tensor, n_epochs: int, *, seed: int, memory_format: str
) -> tuple[VAE, list[float]]:
    """Model fitted by pythae's trainer, and wall seconds of each epoch."""
    torch.manual_seed(seed)
    config = VAEConfig(input_dim=(network.n_features,), latent_dim=network.latent_dim, reconstruction_loss="bce")
    model = VAE(config, encoder=Encoder(network), decoder=Decoder(network))
    model.to(memory_format=MEMORY_FORMATS[memory_format])
    clock = EpochClock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = BaseTrainer(
            model,
            train_dataset=BaseDataset(rows, torch.zeros(len(rows))),
            training_config=BaseTrainerConfig(
                output_dir=folder,
                per_device_train_batch_size=BATCH_SIZE,
                num_epochs=n_epochs,
                optimizer_cls="Adam",
                optimizer_params={"fused": True},
                learning_rate=LEARNING_RATE,
                seed=seed,
                no_cuda=DEVICE.type == "cpu",
            ),
            callbacks=[clock],
        )
        trainer.train()
    return model, clock.seconds


@torch.no_grad()
def mean_loss(model: VAE, rows: torch.Tensor) -> float:
    """Negative ELBO per row, in nats."""
    model.eval()
    batches = rows.to(DEVICE).split(1000)
    return sum(model({"data": batch}).loss.item() * len(batch) for batch in batches) / len(rows)
