"""What every side of a comparison shares: the data, the sizes, the memory reading and the one JSON line.

Needs NumPy only, so that it imports in the project's environment and in the peers'. Times are wall seconds.
"""

import argparse
import json
import os
import resource
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

N_FEATURES = 784
HIDDEN = 400
LATENT_DIM = 20
BATCH_SIZE = 128
LEARNING_RATE = 1e-3

# Multiplications and additions of the decoder's three matrix products, 20-400-400-784, for one sample of z.
DECODER_FLOP = 2 * (LATENT_DIM * HIDDEN + HIDDEN * HIDDEN + HIDDEN * N_FEATURES)


def arguments(description: str) -> argparse.Namespace:
    """Command line of a side; a side ignores what it has no use for."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--epochs", type=int, default=4, help="epochs of training; the first is timed apart")
    parser.add_argument("--rows", type=int, default=256, help="test rows whose evidence is estimated")
    parser.add_argument("--samples", type=int, default=1000, help="importance samples a row")
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
