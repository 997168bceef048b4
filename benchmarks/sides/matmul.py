"""Side: rate of bare float32 matrix products, as in the decoder's last layer and in a large square one."""

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from common import EVIDENCE_NETWORK, emit, versions

SHAPES = ((4096, EVIDENCE_NETWORK.hidden[0], EVIDENCE_NETWORK.n_features), (2048, 2048, 2048))


def jax_product(left: np.ndarray, right: np.ndarray) -> Callable[[], object]:
    import jax

    left, right = jax.device_put(left), jax.device_put(right)
    product = jax.jit(lambda a, b: a @ b)
    return lambda: product(left, right).block_until_ready()


def numpy_product(left: np.ndarray, right: np.ndarray) -> Callable[[], object]:
    out = np.empty((left.shape[0], right.shape[1]), dtype=np.float32)
    return lambda: np.matmul(left, right, out=out)


def gflop_per_s(call: Callable[[], object], flop: int, *, repeats: int = 30) -> float:
    """Rate of the median call, after three to warm up."""
    times = []
    for repeat in range(repeats + 3):
        start = time.perf_counter()
        call()
        if repeat >= 3:
            times.append(time.perf_counter() - start)
    return flop / median(times) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", choices=["numpy", "jax"], required=True)
    library = parser.parse_args().library
    generator = np.random.default_rng(0)
    result = {}
    for rows, inner, columns in SHAPES:
        left = generator.standard_normal((rows, inner), dtype=np.float32)
        right = generator.standard_normal((inner, columns), dtype=np.float32)
        call = (jax_product if library == "jax" else numpy_product)(left, right)
        result[f"gflop_per_s_{rows}x{inner}x{columns}"] = gflop_per_s(call, 2 * rows * inner * columns)
    emit(result | {"versions": versions(library)})


if __name__ == "__main__":
    main()
