"""ExactEstimator: what the exactly solvable models share beyond the verbs of all: missing cells, imputation, float64.

    X with NaN  --Dataset-->  finite values and a mask  --models.*-->  exact posteriors and log p(x_observed)

A row's missing cells are integrated out, exactly. A row without any observed cell has log p = 0, the prior as its posterior and
the marginal distribution as its imputation.
"""

from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped
from numpy.random import RandomState
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from lowerbound.data.dataset import Dataset, hash_rows
from lowerbound.data.preprocessing import check_grey_levels
from lowerbound.evaluate.imputation import completed, predictive_interval, predictive_moments
from lowerbound.evaluate.outliers import OutlierMethod
from lowerbound.interface.base import LatentVariableEstimator
from lowerbound.interface.checks import check_integer, check_number, check_rows
from lowerbound.likelihoods.gaussian import FixedScaleGaussian
from lowerbound.likelihoods.likelihood import AbstractLikelihood

LEAST_NOISE_FLOOR = 1e-7
"""Of ``noise_floor``: digits of log p(x) are lost in proportion to its inverse."""


class Imputation(NamedTuple):
    """Each cell given the observed cells of its row, X-shaped, in the user's units; observed cells are themselves, with scale 0.

    Attributes
    ----------
    mean, scale
        Mean and standard deviation.
    lower, upper
        Ends of the central interval of the asked coverage.
    """

    mean: Float[np.ndarray, "n *event"]
    scale: Float[np.ndarray, "n *event"]
    lower: Float[np.ndarray, "n *event"]
    upper: Float[np.ndarray, "n *event"]


class ExactEstimator(LatentVariableEstimator):
    """Base of PPCA, FactorAnalysis and MixtureOfFactorAnalyzers; see the module for the way of missing cells."""

    takes_missing: ClassVar[bool] = True
    outlier_methods: ClassVar[tuple[OutlierMethod, ...]] = ("log_evidence", "kl", "elbo", "reconstruction")

    dequantize: bool

    @property
    @abstractmethod
    def n_parameters_(self) -> int:
        """Number of free parameters, rotations of the factors not counted."""

    @property
    def likelihood_(self) -> AbstractLikelihood:
        """Gaussian noise: where its scale comes from is the model's business."""
        return FixedScaleGaussian(1.0)

    def _check_values(self, array: Shaped[np.ndarray, "n *event"]) -> None:
        """Raise for what is no grey level, if such are to be dequantized; ``check_rows`` has seen to the rest."""
        if self._dequantized:
            check_grey_levels(array, "dequantize", white=255, owner=type(self).__name__)

    @property
    def _dequantized(self) -> bool:
        """Whether grey levels are dequantized: as fitted, or as asked where nothing is fitted yet."""
        return (
            self.preprocessing_.treatment == "dequantize" if hasattr(self, "preprocessing_") else bool(self.dequantize)
        )

    def _rows(self, X: Any) -> Dataset:
        """Checked rows of X: finite values, with a mask if a cell is missing."""
        check_is_fitted(self)
        array = check_rows(self, X, reset=False)
        self._check_values(array)
        return self._dataset(array)

    def _dataset(self, array: Shaped[np.ndarray, "n *event"]) -> Dataset:
        # Grey levels are exact in single precision, and have their noise from the hash, as in every other model.
        hashes = hash_rows(array, dtype=np.float32 if self._dequantized else np.float64)
        observed = ~np.isnan(array) if array.dtype.kind == "f" else None
        if observed is None or observed.all():
            return Dataset(self.preprocessing_.store(array), self.preprocessing_, hashes=hashes)
        # A possible value: grey levels stay grey levels.
        fill = np.clip(np.floor(self.preprocessing_.shift), 0, 255) if self._dequantized else self.preprocessing_.shift
        values = np.where(observed, array, fill)
        return Dataset(self.preprocessing_.store(values), self.preprocessing_, observed, hashes=hashes)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64"]
        tags.input_tags.allow_nan = True
        return tags

    # ---- missing cells

    def impute(self, X: Any, *, n_draws: int | None = None, random_state: int | RandomState | None = None) -> Any:
        """X with every missing cell at its mean given the observed cells of its row; a data frame stays one.

        Parameters
        ----------
        X
            Rows as in ``fit``, NaN where a cell is missing.
        n_draws
            Multiple imputation: so many joint draws of each row's missing cells instead of their mean, shape (n, n_draws, …),
            independent of each other and of other rows, equal ones included. Of dequantized grey levels these are levels; means
            are not.
        random_state
            Of the draws; None uses the fit's seed.

        Raises
        ------
        ValueError
            For ``n_draws`` below 1, and for X as in ``transform``.
        """
        dataset = self._rows(X)
        if n_draws is not None:
            check_integer(type(self).__name__, "n_draws", n_draws, minimum=1)
            drawn = completed(self.model_, dataset, n_draws=n_draws, key=self._draw_key(random_state))
            restored = self.preprocessing_.restore_sample(drawn)
            if self._dequantized:
                restored = np.clip(restored, 0, 255)
            return np.where(np.isnan(_values(X))[:, None], restored, _values(X)[:, None])
        mean = self.preprocessing_.restore_mean(predictive_moments(self.model_, dataset, key=self._key(0)).mean)
        return _like(X, np.where(np.isnan(_values(X)), mean, _values(X)))

    def imputation(self, X: Any, *, coverage: float = 0.95) -> Imputation:
        """Mean, standard deviation and interval of every missing cell given the observed cells of its row.

        Parameters
        ----------
        X
            Rows as in ``fit``, NaN where a cell is missing.
        coverage
            Probability of the interval, above 0 and below 1: it holds one missing cell, not all of a row's at once.
        """
        check_number(type(self).__name__, "coverage", coverage, minimum=0, above=True, below=1)
        dataset, values = self._rows(X), _values(X)
        moments = predictive_moments(self.model_, dataset, key=self._key(0))
        interval = predictive_interval(self.model_, dataset, coverage=float(coverage), key=self._key(0))
        missing = np.isnan(values)
        restore = self.preprocessing_.restore_mean
        scale = np.sqrt(moments.variance) * self.preprocessing_.scale
        return Imputation(
            mean=np.where(missing, restore(moments.mean), values),
            scale=np.where(missing, scale, 0.0),
            lower=np.where(missing, restore(interval.lower), values),
            upper=np.where(missing, restore(interval.upper), values),
        )


def _values(X: Any) -> Float[np.ndarray, "n *event"]:
    """The cells as float64, of a data frame too."""
    return np.asarray(X.to_numpy(np.float64, na_value=np.nan) if hasattr(X, "to_numpy") else X, np.float64)


def _like(X: Any, filled: Float[np.ndarray, "n *event"]) -> Any:
    """A data frame with the labels of X, if that is one; else the array."""
    return type(X)(filled, index=X.index, columns=X.columns) if hasattr(X, "iloc") else filled
