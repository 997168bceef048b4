r"""Gaussian densities with full covariances, K of them: equations (1) to (3) of ``models.full_gaussian``, for many rows.

S_p = Sigma for the cells observed in pattern p, the identity elsewhere = L_p L_p^T         once for a pattern          (1)
v = L_p^{-1} (x - mu),    log p(x) = -1/2 [ D log 2 pi + v^T v ] - log det L_p + log-determinant                         (2)
E[x_m given x_o] = mu_m + C v,   Var = Sigma_mm - C C^T,   C = Sigma_mo L_p^{-T}                                          (3)
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from lowerbound.gaussians.linear import AT_FLOOR
from lowerbound.gaussians.rows import Rows
from lowerbound.nn.constants import LOG_TWO_PI

_SHARED = 4  # rows to a pattern, on average, from which inverses are made once for a pattern
_BORDER = 1e308


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
    def whitening(self) -> Float[np.ndarray, "k d d"]:
        """L^-1."""
        return np.linalg.inv(self.cholesky)

    def of_patterns(self, patterns: Float[np.ndarray, "patterns d"]) -> Float[np.ndarray, "patterns k d d"]:
        """S of equation (1)."""
        seen = patterns[:, None]
        matrix = self.covariance * (seen[..., :, None] * seen[..., None, :])
        diagonal = np.arange(self.mean.shape[1])
        matrix[..., diagonal, diagonal] += 1 - seen
        return np.asarray(matrix)

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
    """Evidence of n rows, and their missing cells, under each of K densities: equations (2) and (3).

    Where rows share patterns, L_p^-1 is made once for a pattern; where (nearly) each has its own, v is the last row of the root
    of S_p bordered by x - mu, and nothing is inverted.
    """

    def __init__(self, density: FullGaussians, rows: Rows) -> None:
        self._density, self._rows = density, rows

    @property
    def mean(self) -> Float[np.ndarray, "k n latent"]:
        """Means of no latents."""
        return np.zeros((len(self._density.mean), len(self._rows), 0))

    @cached_property
    def _shared(self) -> bool:
        """Whether rows share patterns."""
        return _SHARED * len(self._rows.patterns) <= len(self._rows)

    @cached_property
    def _whitening(self) -> Float[np.ndarray, "patterns k d d"]:
        """L_p^-1 of each pattern."""
        return np.linalg.inv(np.linalg.cholesky(self._density.of_patterns(self._rows.patterns)))

    @cached_property
    def _deviation(self) -> Float[np.ndarray, "n k d"]:
        """x - mu, 0 where missing."""
        found = self._rows.values[:, None] - self._density.mean
        return found if self._rows.observed is None else found * self._rows.seen[:, None]

    @cached_property
    def _whitened(self) -> tuple[Float[np.ndarray, "n k d"], Float[np.ndarray, "_ k"]]:
        """v of equation (2), and log det L, of each row or of all."""
        density, deviation = self._density, self._deviation
        if self._rows.observed is None:
            whitened = (
                np.matmul(density.whitening[None], deviation[..., None])[..., 0]
                if len(deviation) == 1
                else (deviation.transpose(1, 0, 2) @ np.swapaxes(density.whitening, -1, -2)).transpose(1, 0, 2)
            )
            return whitened, _log_diagonal(density.cholesky[None])
        if self._shared:
            matrix = self._whitening[self._rows.pattern]
            return np.matmul(matrix, deviation[..., None])[..., 0], -_log_diagonal(self._whitening)[self._rows.pattern]
        n, k, d = deviation.shape
        bordered = np.zeros((n, k, d + 1, d + 1))
        bordered[..., :d, :d] = density.of_patterns(self._rows.seen)
        bordered[..., d, :d] = deviation
        bordered[..., d, d] = _BORDER  # larger than any v^T v; LAPACK reads the lower triangle
        root = np.linalg.cholesky(bordered)
        return root[..., d, :d], _log_diagonal(root[..., :d, :d])

    def _solved(self, right: Float[np.ndarray, "n k d columns"]) -> Float[np.ndarray, "n k d columns"]:
        """S^-1 times columns, of each row's pattern."""
        if self._shared:
            matrix = self._whitening[self._rows.pattern]
            return np.asarray(np.swapaxes(matrix, -1, -2) @ (matrix @ right))
        return np.linalg.solve(self._density.of_patterns(self._rows.seen), right)

    @cached_property
    def log_evidence(self) -> Float[np.ndarray, "k n"]:
        """log p(x_observed), equation (2)."""
        whitened, log_determinant = self._whitened
        cells = self._density.mean.shape[1] if self._rows.observed is None else self._rows.seen.sum(axis=1)
        lengths = np.einsum("nkd,nkd->kn", whitened, whitened)
        return self._rows.log_determinant - 0.5 * (cells * LOG_TWO_PI + lengths) - log_determinant.T

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
        density = self._density
        anew: np.ndarray = standard @ density.cholesky[k].T + density.mean[k]
        if self._rows.observed is None:
            return anew
        one = FullGaussians(density.mean[k : k + 1], density.cholesky[k : k + 1], density.variance_floor)
        only = FullGiven(one, self._rows)
        left = ((self._rows.values[:, None] - anew) * self._rows.seen[:, None])[:, None]
        pulled = np.swapaxes(only._solved(np.swapaxes(left, -1, -2)), -1, -2)[:, 0] * self._rows.seen[:, None]
        return anew + pulled @ density.covariance[k]

    def means(self) -> Float[np.ndarray, "k n d"]:
        """Mean of (3) for missing cells, and that of the marginals for observed ones."""
        density = self._density
        if self._rows.observed is None:
            return np.broadcast_to(density.mean[:, None], (len(density.mean), len(self._rows), density.mean.shape[1]))
        pulled = (self._solved(self._deviation[..., None])[..., 0] * self._rows.seen[:, None]).transpose(1, 0, 2)
        return density.mean[:, None] + (pulled @ density.covariance) * (1 - self._rows.seen)

    def moments(self) -> tuple[Float[np.ndarray, "k n d"], Float[np.ndarray, "k n d"]]:
        """Mean and variance of (3) for missing cells, and of the marginals for observed ones, as if measured anew."""
        density = self._density
        marginal = np.diagonal(density.covariance, axis1=-2, axis2=-1)
        if self._rows.observed is None:
            return self.means(), np.broadcast_to(marginal[:, None], self.means().shape)
        seen = self._rows.patterns[:, None]
        between = density.covariance * ((1 - seen)[..., :, None] * seen[..., None, :])  # Sigma_mo, zero elsewhere
        pulled = between @ np.swapaxes(self._whitening, -1, -2)  # C
        variance = marginal - np.einsum("pkde,pkde->pkd", pulled, pulled)
        return self.means(), variance[self._rows.pattern].transpose(1, 0, 2)


def _log_diagonal(root: Float[np.ndarray, "*stack d d"]) -> Float[np.ndarray, "*stack"]:
    """Sum of the logs of a triangular matrix's diagonal."""
    found: np.ndarray = np.sum(np.log(np.abs(np.diagonal(root, axis1=-2, axis2=-1))), axis=-1)
    return found
