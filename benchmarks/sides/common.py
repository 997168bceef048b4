"""What every side of a comparison shares: the networks, the data, the memory reading and the one JSON line.

Needs NumPy only, so that it imports in the project's environment and in the peers'. Times are wall seconds.
"""

import argparse
import json
import os
import resource
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np

IMAGE_SIDE = 28
N_FEATURES = IMAGE_SIDE * IMAGE_SIDE
BATCH_SIZE = 128
LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Network:
    """Sizes of a VAE: an encoder from a row to a mean and a log-variance, a decoder from z to logits, relu between.

    `mlp`: the dense layers `hidden`, in reverse in the decoder. `conv`: before them, and after them in the
    decoder, one 4x4 convolution of stride 2 and padding 1 for each of `channels`; rows are square images.
    """

    kind: Literal["mlp", "conv"]
    hidden: tuple[int, ...]
    channels: tuple[int, ...] = ()
    n_features: int = N_FEATURES
    latent_dim: int = 20


NETWORKS = {
    "mlp": Network("mlp", hidden=(400, 400)),
    "conv": Network("conv", hidden=(256,), channels=(32, 64)),
}
EVIDENCE_NETWORK = NETWORKS["mlp"]


def decoder_flop(network: Network) -> int:
    """Multiplications and additions in the matrix products of an MLP decoder for one sample of z."""
    widths = (network.latent_dim, *reversed(network.hidden), network.n_features)
    return 2 * sum(inner * outer for inner, outer in pairwise(widths))


def arguments(description: str) -> argparse.Namespace:
    """Command line of a side; a side ignores what it has no use for."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--network", choices=list(NETWORKS), default="mlp")
    parser.add_argument("--epochs", type=int, default=4, help="epochs of training; the first is timed apart")
    parser.add_argument("--rows", type=int, default=256, help="rows whose evidence is estimated; of growth: all rows")
    parser.add_argument("--samples", type=int, default=1000, help="importance samples a row")
    parser.add_argument("--features", type=int, default=256, help="of growth")
    parser.add_argument("--latents", type=int, default=32, help="of growth")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def mnist_path() -> Path:
    """`mnist.npz` in the folder LOWERBOUND_DATA, or in ../shared/data beside the repository."""
    default = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    return Path(os.environ.get("LOWERBOUND_DATA", default)) / "mnist.npz"


def thresholded_mnist() -> tuple[np.ndarray, np.ndarray]:
    """Training (60000, 784) and test rows (10000, 784): float32, 1 where the grey value is at least 128.

    Thresholded once and the same for every side, so that none pays for binarization.
    """
    with np.load(mnist_path(), allow_pickle=False) as data:
        train, test = (data[name].reshape(-1, N_FEATURES) for name in ("x_train", "x_test"))
    return (train >= 128).astype(np.float32), (test >= 128).astype(np.float32)


def strided(rows: np.ndarray, n_rows: int) -> np.ndarray:
    """`n_rows` rows at an even stride: no side sees a prefix."""
    return np.ascontiguousarray(rows[:: len(rows) // n_rows][:n_rows])


def peak_rss_mib() -> float:
    """Largest resident memory of this process so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def versions(*packages: str) -> dict[str, str]:
    """Versions of the installed packages, and Python's."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def emit(result: dict) -> None:
    """Print the one JSON line that the harness reads."""
    print(json.dumps(result), flush=True)
