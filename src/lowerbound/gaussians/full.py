r"""Gaussian densities with full covariances, K of them: equations (1) to (3) of ``models.full_gaussian``, for many rows.

S_p = Sigma for the cells observed in pattern p, the identity elsewhere = L_p L_p^T         once for a pattern          (1)
v = L_p^{-1} (x - mu),    log p(x) = -1/2 [ D log 2 pi + v^T v ] - log det L_p + log-determinant                         (2)
E[x_m given x_o] = mu_m + C v,   Var = Sigma_mm - C C^T,   C = Sigma_mo L_p^{-T}                                          (3)
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from lowerbound.gaussians.linear import AT_FLOOR
from lowerbound.gaussians.rows import Rows
from lowerbound.nn.constants import LOG_TWO_PI


class _Whitening(NamedTuple):
    """L_p^-1 of equation (1) and log det L_p for each pattern and component."""

    matrix: Float[np.ndarray, "patterns k d d"]
    log_determinant: Float[np.ndarray, "patterns k"]


@dataclass(frozen=True)
class FullGaussians:
    """K densities N(mu, L L^T).

    Attributes
    ----------
    mean, cholesky
        mu (K, d) and L (K, d, d), lower triangular, model units.
    variance_floor
        The value that fitting does not let an eigenvalue of the covariance fall below.
    """

    mean: Float[np.ndarray, "k d"]
    cholesky: Float[np.ndarray, "k d d"]
    variance_floor: float

    @property
    def latent_dim(self) -> int:
        """Number of factors: 0."""
        return 0

    def numbers_per_row(self, *, complete: bool) -> int:
        """Numbers that a row takes while it is computed, roughly."""
        k, d = self.mean.shape
        return 4 * k * d + (0 if complete else 4 * k * d**2)

    @cached_property
    def covariance(self) -> Float[np.ndarray, "k d d"]:
        """L L^T."""
        return np.asarray(self.cholesky @ np.swapaxes(self.cholesky, -1, -2))

    @cached_property
    def _complete(self) -> _Whitening:
        return _whitening(self.cholesky[None])

    def whitening(self, rows: Rows) -> _Whitening:
        """Equation (1) of the rows' patterns."""
        if rows.observed is None:
            return self._complete
        seen = rows.patterns[:, None]  # (patterns, 1, d)
        matrix = self.covariance * (seen[..., :, None] * seen[..., None, :])
        diagonal = np.arange(self.mean.shape[1])
        matrix[..., diagonal, diagonal] += 1 - seen
        return _whitening(np.linalg.cholesky(matrix))

    def given(self, rows: Rows) -> "FullGiven":
        """What the components say of the rows."""
        return FullGiven(self, rows)

    def decode(self, latents: Float[np.ndarray, "k n latent"]) -> Float[np.ndarray, "k n d"]:
        """mu."""
        return np.broadcast_to(self.mean[:, None], (len(self.mean), latents.shape[1], self.mean.shape[1]))

    def sample(self, k: int, standard: Float[np.ndarray, "n d"]) -> tuple[np.ndarray, np.ndarray]:
        """Draws of x of component k from d standard normal numbers each, and of no latents."""
        return standard @ self.cholesky[k].T + self.mean[k], standard[:, :0]

    def floored_features(self) -> Bool[np.ndarray, "k d"]:
        """Columns with a part in an eigenvalue that is within 10 % of its floor."""
        smallest = np.linalg.svd(self.cholesky, compute_uv=False)[..., -1:] ** 2  # eigenvalue of the covariance
        conditional = 1 / np.sum(np.square(np.linalg.inv(self.cholesky)), axis=-2)  # of a column given all others
        # The direction at the floor may be shared by all columns, each of which then has so much left.
        named = conditional <= AT_FLOOR * self.mean.shape[-1] * self.variance_floor
        return np.asarray((smallest <= AT_FLOOR * self.variance_floor) & named)


class FullGiven:
    """Evidence of n rows, and their missing cells, under each of K densities: equations (2) and (3)."""

    def __init__(self, density: FullGaussians, rows: Rows) -> None:
        self._density, self._rows = density, rows
        self._whitening = density.whitening(rows)

    @property
    def mean(self) -> Float[np.ndarray, "k n latent"]:
        """Means of no latents."""
        return np.zeros((len(self._density.mean), len(self._rows), 0))

    @property
    def _number(self) -> Int[np.ndarray, " n"]:
        return np.zeros(len(self._rows), int) if self._rows.observed is None else self._rows.pattern

    @cached_property
    def _whitened(self) -> Float[np.ndarray, "k n d"]:
        """v of equation (2)."""
        deviation = self._rows.values[None] - self._density.mean[:, None]
        if self._rows.observed is None:
            return np.asarray(deviation @ np.swapaxes(self._whitening.matrix[0], -1, -2))
        deviation *= self._rows.seen
        matrix = self._whitening.matrix[self._number]
        return np.matmul(matrix, deviation.transpose(1, 0, 2)[..., None])[..., 0].transpose(1, 0, 2)

    @cached_property
    def log_evidence(self) -> Float[np.ndarray, "k n"]:
        """log p(x_observed), equation (2)."""
        cells = self._density.mean.shape[1] if self._rows.observed is None else self._rows.seen.sum(axis=1)
        lengths = np.einsum("knd,knd->kn", self._whitened, self._whitened)
        log_determinant = self._whitening.log_determinant[self._number].T
        return self._rows.log_determinant - 0.5 * (cells * LOG_TWO_PI + lengths) - log_determinant

    @property
    def log_likelihood(self) -> Float[np.ndarray, "k n"]:
        """log p(x_observed): there is no z."""
        return self.log_evidence

    @property
    def kl(self) -> Float[np.ndarray, "k n"]:
        """0."""
        return np.zeros((len(self._density.mean), len(self._rows)))

    def draw_latents(
        self, k: int, standard: Float[np.ndarray, "n draws latent"]
    ) -> Float[np.ndarray, "n draws latent"]:
        """Draws of no latents."""
        return standard

    def draw_cells(self, k: int, standard: Float[np.ndarray, "n draws d"]) -> Float[np.ndarray, "n draws d"]:
        """Draws of x given the observed cells, by Matheron's rule: x* + Sigma_mo Sigma_oo^-1 (x_o - x*_o)."""
        anew: np.ndarray = standard @ self._density.cholesky[k].T + self._density.mean[k]
        if self._rows.observed is None:
            return anew
        seen, matrix = self._rows.seen[:, None], self._whitening.matrix[self._number, k]
        left = (self._rows.values[:, None] - anew) * seen
        pulled = left @ np.swapaxes(matrix, -1, -2) @ matrix * seen
        return anew + pulled @ self._density.covariance[k]

    def moments(self) -> tuple[Float[np.ndarray, "k n d"], Float[np.ndarray, "k n d"]]:
        """Mean and variance of (3) for missing cells, and of the marginals for observed ones, as if measured anew."""
        density = self._density
        marginal = np.diagonal(density.covariance, axis1=-2, axis2=-1)
        if self._rows.observed is None:
            shape = (len(density.mean), len(self._rows), density.mean.shape[1])
            return np.broadcast_to(density.mean[:, None], shape), np.broadcast_to(marginal[:, None], shape)
        seen = self._rows.patterns[:, None]
        between = density.covariance * ((1 - seen)[..., :, None] * seen[..., None, :])  # Sigma_mo, zero elsewhere
        pulled = between @ np.swapaxes(self._whitening.matrix, -1, -2)  # C, (patterns, k, d, d)
        variance = marginal - np.einsum("pkde,pkde->pkd", pulled, pulled)
        means = np.matmul(pulled[self._number], self._whitened.transpose(1, 0, 2)[..., None])[..., 0]
        return means.transpose(1, 0, 2) + density.mean[:, None], variance[self._number].transpose(1, 0, 2)


def _whitening(cholesky: Float[np.ndarray, "patterns k d d"]) -> _Whitening:
    diagonal = np.abs(np.diagonal(cholesky, axis1=-2, axis2=-1))
    return _Whitening(np.linalg.inv(cholesky), np.sum(np.log(diagonal), axis=-1))
