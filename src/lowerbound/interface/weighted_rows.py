r"""WeightedRows: the rows of X with weights and holes, as exact models read them, and the moments of their columns.

Rows are read a slice at a time, so that a memory-mapped array is never copied whole and gives the numbers of one in memory. Grey
levels that are to be dequantized get one draw of noise for each row and cell, the same at every reading.
"""

from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool, Float, Shaped
from sklearn.base import BaseEstimator

from lowerbound.data.moments import covariance, means, reader, variances
from lowerbound.data.preprocessing import Preprocessing, Treatment
from lowerbound.data.row_chunks import row_chunks
from lowerbound.data.standardize import standardization
from lowerbound.fit.result import FitResult
from lowerbound.interface.checks import check_weight
from lowerbound.interface.missing_cells import check_observed_columns, empty_rows_note

ModelType = TypeVar("ModelType")

_LARGEST_COVARIANCE = 4096  # columns up to which a covariance is made even of fewer rows

SAMPLE = 20_000
"""Rows that the initial model of a fit is made from, at most."""


class WeightedRows:
    """Rows of X whose weight is not 0. Weights are scaled to mean 1, since only their ratios count.

    Parameters
    ----------
    estimator
        Whose rows they are, for errors.
    values
        (n, …), NaN where a cell is missing.
    sample_weight
        As given to ``fit``.
    noise_seed
        Seed of the noise of dequantization; None for values that are not dequantized.

    Attributes
    ----------
    weight
        (n_rows,), mean 1.
    n_rows, n_features, event_shape
        Rows that count, cells of a row, shape of a row.
    mean
        (n_features,), of each column over its observed cells, user's units.
    complete
        Whether no cell is missing.
    """

    def __init__(
        self,
        estimator: BaseEstimator,
        values: Shaped[np.ndarray, "n *event"],
        *,
        sample_weight: Any,
        noise_seed: int | None,
    ) -> None:
        self._values, self._noise_seed = values, noise_seed
        weight = check_weight(type(estimator).__name__, sample_weight, n_rows=len(values))
        self._counted = None if weight.all() else np.flatnonzero(weight)  # a weight of 0 leaves a row out
        weight = weight[weight > 0]
        self.weight = weight / weight.mean()
        self.n_rows, self.event_shape = len(weight), values.shape[1:]
        self.n_features = int(np.prod(self.event_shape, dtype=int))
        self.mean, self._seen, self.complete = means(self.read, self.n_rows, self.n_features, weight=self.weight)
        check_observed_columns(estimator, self._seen.reshape(self.event_shape), weighted=True)

    def read(self, rows: slice) -> Float[np.ndarray, "rows features"]:
        """A slice of rows as float64 vectors, noise included."""
        x = reader(self._values)(rows) if self._counted is None else self._rows_at(self._counted[rows])
        if self._noise_seed is None:
            return x
        generator = np.random.PCG64(self._noise_seed)
        generator.advance(int(rows.start) * self.n_features)  # one number a cell, whatever the slices
        return x + np.random.Generator(generator).random(x.shape)

    def _rows_at(self, rows: np.ndarray) -> Float[np.ndarray, "rows features"]:
        return np.ascontiguousarray(self._values[rows], np.float64).reshape(len(rows), -1)

    @property
    def total_weight(self) -> float:
        """Sum of the weights: the number of rows that count."""
        return float(self.weight.sum())

    @cached_property
    def covariance(self) -> Float[np.ndarray, "features features"]:
        """Covariance of complete rows, user's units."""
        return covariance(self.read, self.n_rows, weight=self.weight, mean=self.mean)

    @cached_property
    def variance(self) -> Float[np.ndarray, " features"]:
        """Variance of each column over its observed cells, user's units."""
        return variances(self.read, self.n_rows, weight=self.weight, mean=self.mean)

    def preprocessing(
        self, *, per_column: bool, variance: Float[np.ndarray, " features"] | None = None
    ) -> tuple[Preprocessing, Bool[np.ndarray, "*event"]]:
        """Change from the user's units to the model's, and the mask of constant columns, both in the shape of a row.

        Parameters
        ----------
        per_column
            Whether each column has a scale of its own. One scale for all, the root of the mean variance, leaves isotropic noise
            isotropic.
        variance
            Variances of the columns, where they are known already.
        """
        mean, variance, seen = (
            moment.reshape(self.event_shape)
            for moment in (self.mean, self.variance if variance is None else variance, self._seen)
        )
        found = standardization(mean, variance, seen=seen, per_feature=per_column)
        treatment: Treatment = "real" if self._noise_seed is None else "dequantize"
        return Preprocessing(found.shift, found.scale, 1.0, treatment, "float64"), found.constant

    def log_scale_per_row(self, preprocessing: Preprocessing) -> float:
        """Mean over rows of the summed log scales of observed cells, nats: what the user's units add to a loss."""
        return float(self._seen @ np.log(preprocessing.scale.reshape(-1))) / self.total_weight

    def in_user_units(self, result: FitResult[ModelType], preprocessing: Preprocessing) -> FitResult[ModelType]:
        """Result of a fit with its losses and log p(x) in the user's units."""
        off = self.log_scale_per_row(preprocessing)
        history = {"loss": result.history["loss"] + off, "log_evidence": result.history["log_evidence"] - off}
        return replace(result, objective=result.objective + off, history=history)

    def root_weighted(
        self, preprocessing: Preprocessing, *, most: int | None = None
    ) -> Float[np.ndarray, "rows features"]:
        """Rows in model units, holes at the mean (0), times the roots of their weights: Y^T Y / n is a weighted covariance.

        All rows, or ``most`` evenly spaced ones.
        """
        chosen = self.evenly_spaced(self.n_rows if most is None else most)
        y = (self.take(chosen) - preprocessing.shift.reshape(-1)) / preprocessing.scale.reshape(-1)
        weight = self.weight[chosen] / self.weight[chosen].mean()
        return np.where(np.isnan(y), 0.0, y) * np.sqrt(weight)[:, None]

    def evenly_spaced(self, most: int) -> np.ndarray:
        """Numbers of all rows, or of ``most`` evenly spaced ones."""
        if self.n_rows <= most:
            return np.arange(self.n_rows)
        return np.linspace(0, self.n_rows - 1, most).astype(int)

    def take(self, rows: np.ndarray) -> Float[np.ndarray, "rows features"]:
        """Rows of the given numbers, ascending, as float64 vectors, noise included."""
        parts = []
        for part in row_chunks(self.n_rows, self.n_features):
            wanted = rows[np.searchsorted(rows, part.start) : np.searchsorted(rows, part.stop)]
            if len(wanted):
                parts.append(self.read(part)[wanted - part.start])
        return np.concatenate(parts)

    @property
    def by_covariance(self) -> bool:
        """Whether the rows have a covariance, and one that is worth its memory."""
        return self.complete and self.n_features <= max(self.n_rows, _LARGEST_COVARIANCE)

    def notes(self) -> tuple[str, ...]:
        """Sentence about rows without an observed cell, if there are any."""
        return () if self.complete else empty_rows_note(self.read, self.n_rows, self.n_features)


class CovarianceRows(WeightedRows):
    """Rows of which only their number, mean and covariance are known: what fits that need no more than those can go on."""

    def __init__(
        self, mean: Float[np.ndarray, " features"], covariance: Float[np.ndarray, "features features"], *, n_rows: int
    ) -> None:
        self._noise_seed = self._counted = None
        self.mean, self.n_rows, self.n_features, self.event_shape = mean, n_rows, len(mean), mean.shape
        self._seen, self.complete = np.full(len(mean), float(n_rows)), True
        vars(self).update(covariance=covariance, variance=np.diag(covariance).copy())  # what is computed of other rows

    @property
    def total_weight(self) -> float:
        """The number of rows."""
        return float(self.n_rows)

    @property
    def by_covariance(self) -> bool:
        """True: there is nothing else."""
        return True
