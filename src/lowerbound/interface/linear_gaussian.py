"""LinearGaussianEstimator: the fit that PPCA and FactorAnalysis share, and their parameters in the user's units.

    complete rows       covariance -> EM on it (``objectives.factor_analysis``), a matrix of d x d whatever the number of rows
    rows with holes     EM over the rows (``objectives.factor_analyzers`` with one cluster)

The factors of both models are free to rotate. ``canonical`` fixes the rotation: uncorrelated factors given the data, the most
informative first, the largest loading of each positive.
"""

from abc import abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float

from lowerbound.data.principal_axes import Spectrum, spectrum_of_covariance, spectrum_of_rows
from lowerbound.evaluate.notes import constant_note, floor_note
from lowerbound.findings.fitted import LinearFactors, feature_names
from lowerbound.fit.result import FitResult
from lowerbound.gaussians.linear import LinearGaussians
from lowerbound.gaussians.mixture import GaussianMixture
from lowerbound.interface.atomic import all_or_nothing
from lowerbound.interface.base import seed_of
from lowerbound.interface.checks import check_covariance, check_rows
from lowerbound.interface.exact import LEAST_NOISE_FLOOR, ExactEstimator
from lowerbound.interface.hyperparameters import check_bool, check_integer, check_number, check_seed
from lowerbound.interface.weighted_rows import SAMPLE, CovarianceRows, WeightedRows


class LinearGaussianEstimator(ExactEstimator):
    """Base of PPCA and FactorAnalysis."""

    decodes_linearly: ClassVar[bool] = True
    model_levels: ClassVar[frozenset[str]] = frozenset(
        ("AbstractModel", "AbstractGenerativeModel", "AbstractDensityModel", "AbstractGaussianPosteriorModel")
    ) | {"AbstractExactModel"}

    tol: float
    max_iter: int
    noise_floor: float

    @property
    @abstractmethod
    def _isotropic(self) -> bool:
        """Whether the noise is the same for all columns."""

    @property
    def _component(self) -> LinearGaussians:
        """The parameters in model units, as a stack of one."""
        assert isinstance(self.density_.components, LinearGaussians)
        return self.density_.components

    # ---- parameters in the user's units

    @property
    def mean_(self) -> Float[np.ndarray, " features"]:
        """mu, (n_features,), user's units."""
        shift, scale = self._shift_and_scale()
        return self._component.mean[0] * scale + shift

    @property
    def loadings_(self) -> Float[np.ndarray, "features latent"]:
        """W, (n_features, latent_dim), user's units: how much a column changes with one standard deviation of a factor."""
        return self._component.loadings[0] * self._shift_and_scale()[1][:, None]

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
        return self._component.psi[0] * self._shift_and_scale()[1] ** 2

    def _shift_and_scale(self) -> tuple[np.ndarray, np.ndarray]:
        return np.asarray(self.preprocessing_.shift).reshape(-1), np.asarray(self.preprocessing_.scale).reshape(-1)

    @property
    def n_parameters_(self) -> int:
        """Free parameters: means, noise, and loadings up to their rotation; at most those of mean and covariance."""
        n_features = self.n_features_in_
        return n_features + min(self._of_covariance(), n_features * (n_features + 1) // 2)

    def _of_covariance(self) -> int:
        """Parameters that make the covariance, which may be more than it has itself."""
        n_features, latent_dim = self.n_features_in_, int(self.latent_dim)
        noise = 1 if self._isotropic else n_features
        return n_features * latent_dim - latent_dim * (latent_dim - 1) // 2 + noise

    # ---- fitting

    @all_or_nothing
    def fit_covariance(self, S: Any, *, n_rows: int, mean: Any = None) -> "LinearGaussianEstimator":
        """Fit to a covariance or correlation matrix of rows that are not at hand, as ``fit`` does to complete rows.

        Parameters
        ----------
        S
            (n_features, n_features) array or data frame: symmetric and positive semidefinite, divided by n (of rows, ``fit``
            gives the same as ``numpy.cov(X.T, bias=True)``).
        n_rows
            Number of rows that S was computed from, at least 2.
        mean
            (n_features,), mean of these rows; None for zeros, so that rows given to the verbs later must be centred (and
            standardized, where S is a correlation matrix).

        Raises
        ------
        ValueError
            For hyperparameters out of range, and for a matrix that is no covariance.
        """
        self._check_hyperparameters()
        owner = type(self).__name__
        if self.dequantize:
            raise ValueError(
                f"dequantize of {owner} must be False for fit_covariance, which sees no grey levels; got True."
            )
        check_integer(owner, "n_rows", n_rows, minimum=2)
        covariance = check_covariance(self, S)
        labels = list(getattr(mean, "index", ())) if hasattr(mean, "to_numpy") else []
        if labels and feature_names(self) not in (None, labels) and labels != list(range(len(labels))):
            raise ValueError(f"mean of {owner}.fit_covariance must have the labels of S in their order; got {labels}.")
        given = np.zeros(len(covariance)) if mean is None else np.asarray(mean, np.float64)
        if given.shape != (len(covariance),) or not np.isfinite(given).all():
            raise ValueError(
                f"mean of {owner}.fit_covariance must be {len(covariance)} finite numbers, one for each column; got shape "
                f"{given.shape}."
            )
        self._check_latent_dim(owner)
        self.seed_ = seed_of(self.random_state)
        self._fit_rows(CovarianceRows(given, covariance, n_rows=int(n_rows)))
        return self

    def _fit_to(self, X: Any, sample_weight: Any) -> None:
        """Check and fit: what ``fit`` of both does."""
        self._check_hyperparameters()
        array = check_rows(self, X, reset=True)
        self._check_values(array)
        self._check_latent_dim(type(self).__name__)
        self.seed_ = seed_of(self.random_state)
        noise_seed = self.seed_ if self.dequantize else None
        self._fit_rows(WeightedRows(self, array, sample_weight=sample_weight, noise_seed=noise_seed))

    @abstractmethod
    def _fit_rows(self, rows: WeightedRows) -> None:
        """Maximize the likelihood of the rows."""

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

    def _expectation_maximization(self, rows: WeightedRows) -> FitResult[GaussianMixture]:
        """Result of EM in model units, from principal axes, over the covariance or over the rows."""
        from lowerbound.interface import expectation_maximization  # here, since only fits need JAX

        _, scale = self._shift_and_scale()
        latent_dim = int(self.latent_dim)
        options: dict[str, Any] = {"tol": float(self.tol), "max_iter": int(self.max_iter)}
        if rows.by_covariance:
            matrix = rows.covariance / scale / scale[:, None]
            initial = self._initial(spectrum_of_covariance(matrix, latent_dim, rough=True))
            return expectation_maximization.over_covariance(initial, matrix, rows, **options)
        sample = rows.root_weighted(self.preprocessing_, most=SAMPLE)
        initial = self._initial(spectrum_of_rows(sample, latent_dim, rough=True))
        return expectation_maximization.over_rows(initial, rows, self.preprocessing_, **options)

    def _initial(self, axes: Spectrum) -> GaussianMixture:
        """The density before the first step: loadings along the axes, and noise for the rest of each column's variance."""
        values, vectors, rest = axes
        floor = float(self.noise_floor)
        loadings = vectors * np.sqrt(np.maximum(values - rest, 1e-3))
        if self._isotropic:
            log_variance = np.log(np.maximum(rest, floor))
        else:
            log_variance = np.log(np.maximum(1 - np.sum(loadings**2, axis=1), 0.1))
        return self._density(loadings, np.asarray(log_variance))

    def _density(
        self, loadings: Float[np.ndarray, "features latent"], log_variance: Float[np.ndarray, "*features"]
    ) -> GaussianMixture:
        """The density of these parameters, of mean 0 in model units."""
        mean = np.zeros((1, len(loadings)))
        component = LinearGaussians(mean, loadings[None], log_variance[None], float(self.noise_floor))
        return GaussianMixture(np.zeros(1), component, False, tuple(self.input_shape_))

    def _notes(self, rows: WeightedRows) -> tuple[str, ...]:
        """Sentences on what makes the fitted density suspect."""
        owner = type(self).__name__
        names = feature_names(self)
        notes = constant_note(self.constant_features_, names=names)
        varying: Bool[np.ndarray, " features"] = ~self.constant_features_.reshape(-1)
        floored = self._component.psi[0] <= 1.1 * self._component.variance_floor
        if self._isotropic and floored.any():
            least = self.noise_floor <= LEAST_NOISE_FLOOR
            lower = f"Lower noise_floor (to {LEAST_NOISE_FLOOR:g} at least) if noise so small is real; else lower "
            notes += (
                f"The noise variance rests on its floor (noise_floor = {self.noise_floor:g} of the mean variance): {owner} with "
                f"latent_dim = {self.latent_dim} explains all there is, so that the density is bounded by that floor only. "
                f"{'Lower ' if least else lower}latent_dim, or give more rows.",
            )
        elif (floored & varying).any():
            notes += floor_note(
                (floored & varying).reshape(self.input_shape_), floor=float(self.noise_floor), names=names
            )
        saturated = self.n_features_in_ * (self.n_features_in_ + 1) // 2
        if not self._isotropic and self._of_covariance() > saturated:
            notes += (
                f"{self.latent_dim} factors are too many for {self.n_features_in_} columns to tell: their "
                f"{self._of_covariance()} parameters make a covariance of {saturated}, which n_parameters_ counts. The density "
                "is right; loadings and noise are some of many that give it. Lower latent_dim.",
            )
        if rows.n_rows <= self.latent_dim:
            notes += (
                f"{rows.n_rows} rows cannot tell {self.latent_dim} factors: lower latent_dim, or give more rows.",
            )
        return notes + rows.notes()


def with_loadings(density: GaussianMixture, loadings: Float[np.ndarray, "k features latent"]) -> GaussianMixture:
    """The density with other loadings."""
    assert isinstance(density.components, LinearGaussians)
    return replace(density, components=replace(density.components, loadings=loadings))


def canonical(density: GaussianMixture) -> GaussianMixture:
    """Density in its canonical rotation: W^T Psi^-1 W diagonal and falling, largest loadings positive."""
    parts = density.components
    assert isinstance(parts, LinearGaussians)
    if parts.latent_dim == 0:
        return density
    _, _, turn = np.linalg.svd(parts.loadings / np.sqrt(parts.psi)[..., None], full_matrices=False)
    loadings = parts.loadings @ np.swapaxes(turn, -1, -2)
    largest = np.take_along_axis(loadings, np.argmax(np.abs(loadings), axis=1)[:, None], axis=1)
    return with_loadings(density, loadings * np.where(largest < 0, -1.0, 1.0))
