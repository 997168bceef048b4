"""pythae's VAE with an MLP of the common size, and its own trainer.

Everything here is pythae's own path: its `VAE`, its `BaseDataset`, its `BaseTrainer`. In its favour: no
checkpoint between epochs, no evaluation set, and the fused Adam that the hand-written PyTorch side uses
too.
"""

import tempfile
import time

import torch
from common import BATCH_SIZE, HIDDEN, LATENT_DIM, LEARNING_RATE, N_FEATURES
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from torch import nn


class Encoder(BaseEncoder):
    """784-400-400-(mean, log-variance): one last layer for both, as on the other sides."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(N_FEATURES, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, 2 * LATENT_DIM),
        )

    def forward(self, x: torch.Tensor) -> ModelOutput:
        mean, log_variance = self.layers(x).chunk(2, dim=-1)
        return ModelOutput(embedding=mean, log_covariance=log_variance)


class Decoder(BaseDecoder):
    """20-400-400-784, with the sigmoid that pythae's loss expects."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(LATENT_DIM, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, N_FEATURES),
            nn.Sigmoid(),
        )

    def forward(self, z: torch.Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self.layers(z))


class EpochClock(TrainingCallback):
    """Wall seconds of each epoch of the trainer."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_epoch_begin(self, training_config, **kwargs) -> None:
        self.start = time.perf_counter()

    def on_epoch_end(self, training_config, **kwargs) -> None:
        self.seconds.append(time.perf_counter() - self.start)


def train(rows: torch.Tensor, n_epochs: int, seed: int) -> tuple[VAE, list[float]]:
    """Model fitted by pythae's trainer, and wall seconds of each epoch."""
    torch.manual_seed(seed)
    config = VAEConfig(input_dim=(N_FEATURES,), latent_dim=LATENT_DIM, reconstruction_loss="bce")
    model = VAE(config, encoder=Encoder(), decoder=Decoder())
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
                no_cuda=True,
            ),
            callbacks=[clock],
        )
        trainer.train()
    return model, clock.seconds


@torch.no_grad()
def mean_loss(model: VAE, rows: torch.Tensor) -> float:
    """Negative ELBO per row, in nats."""
    model.eval()
    batches = rows.split(1000)
    return sum(model({"data": batch}).loss.item() * len(batch) for batch in batches) / len(rows)
