"""Rows and network of the growth curves: random bits, 256 hidden units twice, sizes from the command line."""

import math
from argparse import Namespace

import numpy as np
from common import BATCH_SIZE, Network

HIDDEN = (256, 256)
FEWEST_STEPS = 400
FEWEST_EPOCHS = 3


def network(options: Namespace) -> Network:
    """The MLP with the asked-for features and latents."""
    return Network("mlp", hidden=HIDDEN, n_features=options.features, latent_dim=options.latents)


def bits(n_rows: int, n_features: int, seed: int) -> np.ndarray:
    """Zeros and ones (rows, features), float32; written block by block, so that making them leaves no peak of its own."""
    generator = np.random.default_rng(seed)
    share_of_ones = generator.uniform(0.1, 0.9, n_features).astype(np.float32)
    rows = np.empty((n_rows, n_features), np.float32)
    for start in range(0, n_rows, 1024):
        block = rows[start : start + 1024]
        block[:] = generator.random(block.shape, dtype=np.float32) < share_of_ones
    return rows


def n_epochs(n_rows: int) -> int:
    """Epochs to time: more where an epoch is short, so that the clock sees at least `FEWEST_STEPS` minibatches."""
    steps = math.ceil(n_rows / BATCH_SIZE)
    return max(FEWEST_EPOCHS, math.ceil(FEWEST_STEPS / steps) + 1)
