"""The linear Gaussian model, in float64 NumPy: data drawn from it, and log p(x) and imputations of any fitted one.

    x = W z + mu + e,   z ~ N(0, I),   e ~ N(0, diag psi)

With the observed cells o of a row, M = I + W_o' Psi_o^-1 W_o and b = W_o' Psi_o^-1 (x - mu)_o, the mean of z is M^-1 b
and log p(x_o) = -1/2 (sum_o log 2 pi psi_o + log |M| + (x - mu)_o' Psi_o^-1 (x - mu)_o - b' M^-1 b). The sides share
these lines, so that no likelihood is a library's own. Needs NumPy only: it imports in the peers' environment too.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

BLOCK_ROWS = 2000


@dataclass(frozen=True)
class Parameters:
    """mu (features,), W (features, latents), psi (features,)."""

    mean: np.ndarray
    loadings: np.ndarray
    noise_variance: np.ndarray

    @classmethod
    def of(cls, mean: np.ndarray, loadings: np.ndarray, noise_variance: np.ndarray | float) -> "Parameters":
        """The same in float64, a single variance repeated for every feature."""
        mean = np.asarray(mean, np.float64).ravel()
        noise = np.broadcast_to(np.asarray(noise_variance, np.float64), mean.shape)
        return cls(mean, np.asarray(loadings, np.float64), noise)


def arguments(description: str) -> argparse.Namespace:
    """Command line of a side; a side ignores what it has no use for."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", required=True)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--features", type=int, default=784)
    parser.add_argument("--latents", type=int, default=20)
    parser.add_argument("--data", choices=["synthetic", "breast_cancer"], default="synthetic", help="of missing.py")
    parser.add_argument("--missing", type=float, default=0.3, help="of missing.py: share of cells that are taken away")
    parser.add_argument("--iterations", type=int, default=10, help="of a model that has no rule to stop by")
    parser.add_argument("--tol", type=float, help="of a model that has such a rule; its own default otherwise")
    parser.add_argument("--fits", type=int, default=2, help="equal fits, the first timed apart")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def factor_data(n_rows: int, n_features: int, latent_dim: int, *, seed: int) -> tuple[np.ndarray, Parameters]:
    """Rows (n_rows, n_features) of a factor model with standard normal loadings and noise scales uniform in 0.5 to 2."""
    rng = np.random.default_rng(seed)
    truth = Parameters(
        mean=rng.standard_normal(n_features),
        loadings=rng.standard_normal((n_features, latent_dim)),
        noise_variance=rng.uniform(0.5, 2.0, n_features) ** 2,
    )
    rows = np.empty((n_rows, n_features))
    for block in _blocks(n_rows):
        size = len(rows[block])
        noise = np.sqrt(truth.noise_variance) * rng.standard_normal((size, n_features))
        rows[block] = rng.standard_normal((size, latent_dim)) @ truth.loadings.T + truth.mean + noise
    return rows, truth


def mean_log_likelihood(rows: np.ndarray, parameters: Parameters) -> float:
    """Mean over the rows of log p(observed cells), in nats."""
    return float(np.mean(np.concatenate([values for _, values, _ in _conditioned(rows, parameters)])))


def imputed(rows: np.ndarray, parameters: Parameters) -> np.ndarray:
    """The rows with E[cell given the observed cells of its row] in the place of every NaN."""
    filled = rows.copy()
    for block, _, latents in _conditioned(rows, parameters):
        expected = parameters.mean + latents @ parameters.loadings.T
        filled[block] = np.where(np.isnan(rows[block]), expected, rows[block])
    return filled


def _blocks(n_rows: int) -> Iterator[slice]:
    for start in range(0, n_rows, BLOCK_ROWS):
        yield slice(start, min(start + BLOCK_ROWS, n_rows))


def _conditioned(rows: np.ndarray, parameters: Parameters) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """For each block of rows: its place, log p(observed cells) and E[z given them]."""
    loadings, noise = parameters.loadings, parameters.noise_variance
    n_features, n_latents = loadings.shape
    outer = (loadings[:, :, None] * loadings[:, None, :]).reshape(n_features, -1) / noise[:, None]
    for block in _blocks(len(rows)):
        observed = ~np.isnan(rows[block])
        seen = observed.astype(np.float64)
        residual = np.where(observed, rows[block] - parameters.mean, 0.0)
        precision = np.eye(n_latents) + (seen @ outer).reshape(-1, n_latents, n_latents)
        projected = (residual / noise) @ loadings
        latents = np.linalg.solve(precision, projected[:, :, None])[:, :, 0]
        log_density = -0.5 * (
            seen @ np.log(2 * np.pi * noise)
            + np.linalg.slogdet(precision)[1]
            + np.sum(residual**2 / noise, axis=1)
            - np.sum(projected * latents, axis=1)
        )
        yield block, log_density, latents
