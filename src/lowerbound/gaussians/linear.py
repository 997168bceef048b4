r"""Linear Gaussian densities, K of them: equations (1) to (5) of ``models.linear_gaussian``, for many rows at a time.

A_p = I + \sum_{j observed in p} w_j w_j^T / psi_j = R^{-T} R^{-1}          once for a pattern p of observed cells       (1)
m   = R R^T W^T Psi^{-1} (x - mu),     e = x - mu - W m                     once for a row, observed cells only          (2)
log p(x) = -1/2 [ D log 2 pi + \sum_j log psi_j + log det A_p + \sum_j e_j^2 / psi_j + m^T m ] + log-determinant          (3)
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from lowerbound.gaussians.rows import Rows
from lowerbound.nn.constants import LOG_TWO_PI

AT_FLOOR = 1.1
"""Parameters below so many times their floor rest on it."""


class _Whitening(NamedTuple):
    """R of equation (1) and log det A for each pattern and component."""

    root: Float[np.ndarray, "patterns k latent latent"]
    log_determinant: Float[np.ndarray, "patterns k"]


@dataclass(frozen=True)
class LinearGaussians:
    r"""K densities N(mu, W W^T + diag psi).

    Attributes
    ----------
    mean, loadings
        mu (K, d) and W (K, d, latent), model units.
    log_variance
        log psi: (K, d), or (K,) where the cells of a component share it.
    variance_floor
        The value that fitting does not let psi fall below.
    """

    mean: Float[np.ndarray, "k d"]
    loadings: Float[np.ndarray, "k d latent"]
    log_variance: Float[np.ndarray, "k *d"]
    variance_floor: float

    @property
    def latent_dim(self) -> int:
        """Number of factors of a component."""
        return self.loadings.shape[-1]

    def numbers_per_row(self, *, complete: bool) -> int:
        """Numbers that a row takes while it is computed, roughly."""
        k, d, latent = self.loadings.shape
        return 4 * k * (d + latent) + (0 if complete else 4 * k * latent**2)

    @cached_property
    def log_psi(self) -> Float[np.ndarray, "k d"]:
        """log psi of each cell."""
        return np.broadcast_to(self.log_variance.reshape(len(self.mean), -1), self.mean.shape)

    @cached_property
    def psi(self) -> Float[np.ndarray, "k d"]:
        """psi of each cell."""
        return np.exp(self.log_psi)

    @cached_property
    def _weighted(self) -> Float[np.ndarray, "k d latent"]:
        """Psi^-1 W."""
        return self.loadings / self.psi[..., None]

    @cached_property
    def _products(self) -> Float[np.ndarray, "d kll"]:
        """w_j w_j^T / psi_j of each cell, for all components side by side."""
        k, d, latent = self.loadings.shape
        products = self._weighted[..., :, None] * self.loadings[..., None, :]
        return np.ascontiguousarray(products.transpose(1, 0, 2, 3)).reshape(d, k * latent * latent)

    @cached_property
    def _complete(self) -> _Whitening:
        gram = np.swapaxes(self._weighted, -1, -2) @ self.loadings
        return _whitening(gram[None])

    @cached_property
    def _gain(self) -> Float[np.ndarray, "k d latent"]:
        """From x - mu to m, where no cell is missing."""
        root = self._complete.root[0]
        return self._weighted @ root @ np.swapaxes(root, -1, -2)

    def whitening(self, rows: Rows) -> _Whitening:
        """Equation (1) of the rows' patterns."""
        if rows.observed is None:
            return self._complete
        k, _, latent = self.loadings.shape
        return _whitening((rows.patterns @ self._products).reshape(len(rows.patterns), k, latent, latent))

    def given(self, rows: Rows) -> "LinearGiven":
        """What the components say of the rows."""
        return LinearGiven(self, rows)

    def decode(self, latents: Float[np.ndarray, "k n latent"]) -> Float[np.ndarray, "k n d"]:
        """mu + W z."""
        decoded: np.ndarray = latents @ np.swapaxes(self.loadings, -1, -2) + self.mean[:, None]
        return decoded

    def sample(self, k: int, standard: Float[np.ndarray, "n numbers"]) -> tuple[np.ndarray, np.ndarray]:
        """Draws (x, z) of component k from latent + d standard normal numbers each."""
        z = np.ascontiguousarray(standard[:, : self.latent_dim])
        noise = standard[:, self.latent_dim :] * np.sqrt(self.psi[k])
        return z @ self.loadings[k].T + self.mean[k] + noise, z

    def floored_features(self) -> Bool[np.ndarray, "k d"]:
        """Columns whose noise variance is within 10 % of its floor."""
        return self.psi <= AT_FLOOR * self.variance_floor


class LinearGiven:
    """Posterior and evidence of n rows under each of K linear Gaussian densities: equations (2) and (3)."""

    def __init__(self, density: LinearGaussians, rows: Rows) -> None:
        self._density, self._rows = density, rows
        self._whitening = density.whitening(rows)

    @cached_property
    def _deviation(self) -> Float[np.ndarray, "k n d"]:
        """x - mu, 0 where missing."""
        found = self._rows.values[None] - self._density.mean[:, None]
        return found if self._rows.observed is None else found * self._rows.seen

    @cached_property
    def mean(self) -> Float[np.ndarray, "k n latent"]:
        """m of equation (2)."""
        density = self._density
        if self._rows.observed is None:
            return np.asarray(self._deviation @ density._gain)
        pull = self._deviation @ density._weighted
        root = self._root
        half = np.matmul(np.swapaxes(root, -1, -2), pull.transpose(1, 0, 2)[..., None])
        return np.ascontiguousarray(np.matmul(root, half)[..., 0].transpose(1, 0, 2))

    @property
    def _number(self) -> Int[np.ndarray, " n"]:
        """Number of each row's pattern."""
        return np.zeros(len(self._rows), int) if self._rows.observed is None else self._rows.pattern

    @cached_property
    def _root(self) -> Float[np.ndarray, "n k latent latent"]:
        return self._whitening.root[self._number]

    @cached_property
    def _errors(self) -> Float[np.ndarray, "k n"]:
        """Sum of log psi_j + e_j^2 / psi_j + log 2 pi over observed cells."""
        density = self._density
        error = self._deviation - self.mean @ np.swapaxes(density.loadings, -1, -2)
        if self._rows.observed is None:
            constant = np.sum(density.log_psi + LOG_TWO_PI, axis=1)[:, None]
        else:
            error *= self._rows.seen
            constant = (density.log_psi + LOG_TWO_PI) @ self._rows.seen.T
        error *= error
        squares = np.matmul(error, (1 / density.psi)[..., None])[..., 0]
        return np.asarray(constant + squares)

    @cached_property
    def log_evidence(self) -> Float[np.ndarray, "k n"]:
        """log p(x_observed), equation (3)."""
        log_determinant = self._whitening.log_determinant[self._number].T
        lengths = np.einsum("knl,knl->kn", self.mean, self.mean)
        return self._rows.log_determinant - 0.5 * (self._errors + log_determinant + lengths)

    @property
    def log_likelihood(self) -> Float[np.ndarray, "k n"]:
        """log p(x_observed given z) at z = m."""
        return self._rows.log_determinant - 0.5 * self._errors

    @property
    def kl(self) -> Float[np.ndarray, "k n"]:
        """KL(p(z given x) || p(z)): half of tr A^-1 + m^T m - latent + log det A."""
        trace = np.sum(np.square(self._whitening.root), axis=(-1, -2)) + self._whitening.log_determinant
        lengths = np.einsum("knl,knl->kn", self.mean, self.mean)
        return np.asarray(0.5 * (trace[self._number].T + lengths - self._density.latent_dim))

    def covariance(self) -> Float[np.ndarray, "n k latent latent"]:
        """A^-1 of each row."""
        root = self._whitening.root
        return (root @ np.swapaxes(root, -1, -2))[self._number]

    def draw_latents(
        self, k: int, standard: Float[np.ndarray, "n draws latent"]
    ) -> Float[np.ndarray, "n draws latent"]:
        """Draws z ~ p(z given x) of component k from standard normal numbers."""
        drawn: np.ndarray = self.mean[k][:, None] + standard @ np.swapaxes(self._root[:, k], -1, -2)
        return drawn

    def draw_cells(self, k: int, standard: Float[np.ndarray, "n draws numbers"]) -> Float[np.ndarray, "n draws d"]:
        """Draws of x given the observed cells, from latent + d standard normal numbers each; observed cells as if anew."""
        density, latent = self._density, self._density.latent_dim
        z = self.draw_latents(k, standard[..., :latent])
        drawn: np.ndarray = (
            z @ density.loadings[k].T + density.mean[k] + standard[..., latent:] * np.sqrt(density.psi[k])
        )
        return drawn

    def means(self) -> Float[np.ndarray, "k n d"]:
        """Mean of every cell given the observed ones: mu + W m."""
        return self._density.decode(self.mean)

    def moments(self) -> tuple[Float[np.ndarray, "k n d"], Float[np.ndarray, "k n d"]]:
        """Mean and variance of every cell given the observed ones, as if measured anew: mu + W m, and psi + w A^-1 w^T."""
        density = self._density
        spread = density.loadings @ self._whitening.root  # (patterns, k, d, latent)
        variance = (density.psi + np.einsum("pkdl,pkdl->pkd", spread, spread))[self._number]
        return density.decode(self.mean), variance.transpose(1, 0, 2)


def _whitening(gram: Float[np.ndarray, "patterns k latent latent"]) -> _Whitening:
    cholesky = np.linalg.cholesky(gram + np.eye(gram.shape[-1]))
    diagonal = np.diagonal(cholesky, axis1=-2, axis2=-1)
    root = np.swapaxes(np.linalg.inv(cholesky), -1, -2)
    return _Whitening(root, 2 * np.sum(np.log(diagonal), axis=-1))
