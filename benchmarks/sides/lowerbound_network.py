"""The VAEs of the comparison, as a user of lowerbound writes them."""

import equinox as eqx
import jax
import numpy as np
from common import BATCH_SIZE, IMAGE_SIDE, LEARNING_RATE, Network

from lowerbound import VAE


def estimator(network: Network, n_epochs: int, seed: int) -> VAE:
    """Unfitted estimator with the common sizes and the common plain Adam."""
    sizes = {"hidden": network.hidden, "latent_dim": network.latent_dim}
    if network.kind == "conv":
        sizes |= {"network": "conv", "channels": network.channels}
    return VAE(
        **sizes,
        likelihood="bernoulli",
        activation="relu",
        max_epochs=n_epochs,
        batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        learning_rate_decay="none",
        validation_fraction=0.0,
        random_state=seed,
    )


def shaped(network: Network, rows: np.ndarray) -> np.ndarray:
    """Rows as the network takes them: images for convolutions."""
    return rows.reshape(-1, IMAGE_SIDE, IMAGE_SIDE) if network.kind == "conv" else rows


def n_parameters(vae: VAE) -> int:
    """Count of the fitted numbers."""
    return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(vae.model_, eqx.is_inexact_array)))


def device() -> dict:
    """Where the arrays live and, where JAX knows it, the peak of that memory so far in MiB."""
    first = jax.local_devices()[0]
    peak = (first.memory_stats() or {}).get("peak_bytes_in_use")
    on_device = {} if first.platform == "cpu" or peak is None else {"peak_device_mib": peak / 2**20}
    return {"device": first.device_kind if first.platform != "cpu" else "cpu"} | on_device
