"""LinearGaussianEstimator: the fit that PPCA and FactorAnalysis share, and their parameters in the user's units.

    complete rows       covariance -> EM on it (``objectives.factor_analysis``), a matrix of d x d whatever the number of rows
    rows with holes     EM over the rows (``objectives.factor_analyzers`` with one cluster)

The factors of both models are free to rotate. ``canonical`` fixes the rotation: uncorrelated factors given the data, the most
informative first, the largest loading of each positive.
"""

from abc import abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

import jax
import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray

from lowerbound.data.principal_axes import Spectrum, spectrum_of_covariance, spectrum_of_rows
from lowerbound.evaluate.notes import constant_note, floor_note
from lowerbound.findings.fitted import LinearFactors, feature_names
from lowerbound.fit.em import fit_em
from lowerbound.fit.result import FitResult
from lowerbound.interface.em_chunks import em_chunks
from lowerbound.interface.exact import LEAST_NOISE_FLOOR, ExactEstimator
from lowerbound.interface.hyperparameters import check_bool, check_integer, check_number, check_seed
from lowerbound.interface.weighted_rows import SAMPLE, WeightedRows
from lowerbound.models.linear_gaussian import LinearGaussian
from lowerbound.models.mixture import Mixture
from lowerbound.objectives.factor_analysis import CovarianceChunk, CovarianceEM
from lowerbound.objectives.factor_analyzers import FactorAnalyzersEM

_LARGEST_COVARIANCE = 4096  # columns up to which a covariance is made even of fewer rows


class LinearGaussianEstimator(ExactEstimator):
    """Base of PPCA and FactorAnalysis."""

    decodes_linearly: ClassVar[bool] = True

    tol: float
    max_iter: int
    noise_floor: float

    @property
    @abstractmethod
    def _isotropic(self) -> bool:
        """Whether the noise is the same for all columns."""

    # ---- parameters in the user's units

    @property
    def mean_(self) -> Float[np.ndarray, " features"]:
        """mu, (n_features,), user's units."""
        shift, scale = self._shift_and_scale()
        return np.asarray(self.model_.mean) * scale + shift

    @property
    def loadings_(self) -> Float[np.ndarray, "features latent"]:
        """W, (n_features, latent_dim), user's units: how much a column changes with one standard deviation of a factor."""
        return np.asarray(self.model_.loadings) * self._shift_and_scale()[1][:, None]

    @property
    @abstractmethod
    def noise_variance_(self) -> float | Float[np.ndarray, " features"]:
        """Noise variance of all columns, or of each, in the units of X, squared."""

    @property
    def linear_factors_(self) -> LinearFactors:
        """Loadings, noise, and the uncorrelated factors."""
        return LinearFactors(self.loadings_, self.noise_variance_, np.eye(self.loadings_.shape[1]), rotation=None)

    def _variances(self) -> Float[np.ndarray, " features"]:
        """Noise variance of each column, user's units squared."""
        return (
            np.exp(np.broadcast_to(self.model_.log_variance, self.model_.mean.shape)) * self._shift_and_scale()[1] ** 2
        )

    def _shift_and_scale(self) -> tuple[np.ndarray, np.ndarray]:
        return np.asarray(self.preprocessing_.shift).reshape(-1), np.asarray(self.preprocessing_.scale).reshape(-1)

    @property
    def n_parameters_(self) -> int:
        """Free parameters: means, noise, and loadings up to their rotation."""
        n_features, latent_dim = self.model_.loadings.shape
        noise = 1 if self._isotropic else n_features
        return n_features + n_features * latent_dim - latent_dim * (latent_dim - 1) // 2 + noise

    def _skeleton(self, *, key: PRNGKeyArray) -> LinearGaussian:
        n_features, latent_dim = self.n_features_in_, int(self.latent_dim)
        return LinearGaussian(
            mean=np.zeros(n_features),
            loadings=np.zeros((n_features, latent_dim)),
            log_variance=np.zeros(() if self._isotropic else n_features),
            variance_floor=float(self.noise_floor),
            event_shape=tuple(self.input_shape_),
        )

    # ---- fitting

    @staticmethod
    def _by_covariance(rows: WeightedRows) -> bool:
        """Whether the rows have a covariance, and one that is worth its memory."""
        return rows.complete and rows.n_features <= max(rows.n_rows, _LARGEST_COVARIANCE)

    def _check_common(self, owner: str) -> None:
        check_integer(owner, "latent_dim", self.latent_dim, minimum=1)
        check_bool(owner, "dequantize", self.dequantize)
        check_number(owner, "noise_floor", self.noise_floor, minimum=LEAST_NOISE_FLOOR, below=1)
        check_number(owner, "tol", self.tol, minimum=0)
        check_integer(owner, "max_iter", self.max_iter, minimum=1)
        check_seed(owner, self.random_state)

    def _check_latent_dim(self, owner: str) -> None:
        if self.latent_dim > self.n_features_in_:
            raise ValueError(
                f"latent_dim of {owner} must be at most n_features = {self.n_features_in_}; got {self.latent_dim}. "
                "Lower it."
            )

    def _expectation_maximization(self, rows: WeightedRows) -> FitResult[LinearGaussian]:
        """Result of EM in model units, from principal axes, over the covariance or over the rows."""
        _, scale = self._shift_and_scale()
        options: dict[str, Any] = {"tol": float(self.tol), "max_iter": int(self.max_iter), "n_rows": rows.n_rows}
        if self._by_covariance(rows):
            matrix = rows.covariance / scale / scale[:, None]
            chunk = CovarianceChunk(matrix[None], np.array([rows.total_weight]))
            axes = spectrum_of_covariance(matrix, int(self.latent_dim), rough=True)
            return fit_em(CovarianceEM(), self._initial_model(axes), chunk, **options)
        sample = rows.root_weighted(self.preprocessing_, most=SAMPLE)
        model = self._initial_model(spectrum_of_rows(sample, int(self.latent_dim), rough=True))
        width = (1 + int(self.latent_dim)) ** 2  # of a row's own second moments
        found = fit_em(
            FactorAnalyzersEM(shared_noise=False),
            Mixture(log_weight=np.zeros(1), components=jax.tree.map(lambda leaf: leaf[None], model)),
            em_chunks(rows, self.preprocessing_, numbers_per_row=max(rows.n_features, width)),
            **options,
        )
        only: LinearGaussian = jax.tree.map(lambda leaf: np.asarray(leaf[0]), found.model.components)
        return FitResult(only, found.objective, found.history, found.steps, found.status, found.best_epoch)

    def _initial_model(self, axes: Spectrum) -> LinearGaussian:
        """The model before the first step: loadings along the axes, and noise for the rest of each column's variance."""
        values, vectors, rest = axes
        floor = float(self.noise_floor)
        loadings = vectors * np.sqrt(np.maximum(values - rest, 1e-3))
        if self._isotropic:
            log_variance = np.log(np.maximum(rest, floor))
        else:
            log_variance = np.log(np.maximum(1 - np.sum(loadings**2, axis=1), 0.1))
        return LinearGaussian(
            mean=np.zeros(len(vectors)),
            loadings=loadings,
            log_variance=np.asarray(log_variance),
            variance_floor=floor,
            event_shape=tuple(self.input_shape_),
        )

    def _notes(self, rows: WeightedRows) -> tuple[str, ...]:
        """Sentences on what makes the fitted density suspect."""
        owner = type(self).__name__
        names = feature_names(self)
        notes = constant_note(self.constant_features_, names=names)
        varying: Bool[np.ndarray, " features"] = ~self.constant_features_.reshape(-1)
        floored = np.exp(np.broadcast_to(self.model_.log_variance, varying.shape)) <= 1.1 * self.model_.variance_floor
        if self._isotropic and floored.any():
            notes += (
                f"The noise variance rests on its floor (noise_floor = {self.noise_floor:g} of the mean variance): {owner} with "
                f"latent_dim = {self.latent_dim} explains all there is, so that the density is bounded by that floor only. Lower "
                "latent_dim, or give more rows.",
            )
        elif (floored & varying).any():
            notes += floor_note(
                (floored & varying).reshape(self.input_shape_), floor=float(self.noise_floor), names=names
            )
        if rows.n_rows <= self.latent_dim:
            notes += (
                f"{rows.n_rows} rows cannot tell {self.latent_dim} factors: lower latent_dim, or give more rows.",
            )
        return notes + rows.notes()


def canonical(model: LinearGaussian) -> LinearGaussian:
    """Model of the same density in its canonical rotation: W^T Psi^-1 W diagonal and falling, largest loadings positive."""
    scale = np.sqrt(np.exp(np.broadcast_to(model.log_variance, model.mean.shape)))
    _, _, turn = np.linalg.svd(model.loadings / scale[:, None], full_matrices=False)
    loadings = np.asarray(model.loadings) @ turn.T
    largest = loadings[np.argmax(np.abs(loadings), axis=0), np.arange(loadings.shape[1])]
    return replace(model, loadings=loadings * np.where(largest < 0, -1.0, 1.0))
