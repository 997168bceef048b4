"""The Gaussian mixture, in float64 NumPy: data drawn from it, and log p(x) of any fitted one, for all sides alike."""

import argparse

import numpy as np

MEAN_SCALE = 0.5
BLOCK_ROWS = 10_000


def arguments(description: str) -> argparse.Namespace:
    """Command line of a side; a side ignores what it has no use for."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--covariance", choices=["diagonal", "full"], default="diagonal")
    parser.add_argument("--restarts", type=int, default=1)
    parser.add_argument("--fits", type=int, default=2, help="equal fits, the first timed apart")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=32)
    parser.add_argument("--clusters", type=int, default=16)
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def mixture_data(n_rows: int, n_features: int, n_clusters: int, *, seed: int) -> np.ndarray:
    """Rows of a mixture whose components overlap: means from N(0, 0.5²), own scales uniform in 0.5 to 1.5."""
    rng = np.random.default_rng(seed)
    means = MEAN_SCALE * rng.standard_normal((n_clusters, n_features))
    scales = rng.uniform(0.5, 1.5, (n_clusters, n_features))
    labels = rng.choice(n_clusters, size=n_rows, p=rng.dirichlet(np.full(n_clusters, 5.0)))
    return means[labels] + scales[labels] * rng.standard_normal((n_rows, n_features))


def mean_log_likelihood(rows: np.ndarray, weights: np.ndarray, means: np.ndarray, covariances: np.ndarray) -> float:
    """Mean over the rows of log p(x), in nats; covariances (clusters, features) or (clusters, features, features)."""
    if covariances.ndim == 2:
        covariances = covariances[:, :, None] * np.eye(covariances.shape[1])
    factors = np.linalg.cholesky(covariances)
    log_scale = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1) + 0.5 * rows.shape[1] * np.log(2 * np.pi)
    inverses = np.linalg.inv(factors)
    total = 0.0
    for start in range(0, len(rows), BLOCK_ROWS):
        block = rows[start : start + BLOCK_ROWS]
        squares = [
            np.sum(((block - mean) @ inverse.T) ** 2, axis=1) for mean, inverse in zip(means, inverses, strict=True)
        ]
        total += np.logaddexp.reduce(np.log(weights) - log_scale - 0.5 * np.stack(squares, axis=1), axis=1).sum()
    return float(total / len(rows))
