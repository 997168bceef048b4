r"""WeightedRows: what expectation maximization sees of X: rows with weights and holes, read a slice at a time, and their moments.

Nothing is copied whole: arrays in memory and memory-mapped ones take the same way, and give the same numbers. Grey levels that
are to be dequantized get one draw of their noise, the same at every reading: rows of equal content have noise of their own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool, Float, Shaped

from lowerbound.data.moments import covariance, means, no_spread, reader, variances
from lowerbound.data.patterns import Chunk, chunks, plan_chunks, stacked
from lowerbound.data.preprocessing import Preprocessing, Treatment
from lowerbound.data.row_chunks import row_chunks
from lowerbound.fit.result import FitResult
from lowerbound.interface.checks import check_weight
from lowerbound.interface.frames import column_label
from lowerbound.models.model import AbstractModel

ModelType = TypeVar("ModelType", bound=AbstractModel)

SAMPLE = 20_000
"""Rows that a start of EM is made from, at most."""

_STREAMED_BYTES = 2 * 2**30  # float64 size above which chunks are read anew at every pass
_CELLS_PER_CHUNK = 2**20


class WeightedRows:
    """The rows of X that have weight, with weights of mean 1: their unit says nothing.

    Parameters
    ----------
    owner
        Name of the estimator, for errors.
    values
        (n, …), NaN where a cell is missing.
    sample_weight
        As given to ``fit``.
    noise_seed
        Draws the noise of dequantization; None for none.
    names
        Of the columns, for errors; None where they have none.
    """

    def __init__(
        self,
        owner: str,
        values: Shaped[np.ndarray, "n *event"],
        *,
        sample_weight: Any,
        noise_seed: int | None,
        names: Sequence[str] | None = None,
    ) -> None:
        self._values, self._noise_seed = values, noise_seed
        weight = check_weight(owner, sample_weight, n_rows=len(values))
        self._counted = None if weight.all() else np.flatnonzero(weight)  # a weight of 0 leaves a row out
        weight = weight[weight > 0]
        self.weight = weight / weight.mean()
        self.n_rows, self.event_shape = len(weight), values.shape[1:]
        self.n_features = int(np.prod(self.event_shape, dtype=int))
        self.mean, self._seen, self.complete = means(self.read, self.n_rows, self.n_features, weight=self.weight)
        if not self._seen.all():
            never = np.flatnonzero(self._seen == 0)
            cells = [np.unravel_index(column, self.event_shape) for column in never[:5]]
            named = ", ".join(column_label(cell, names) for cell in cells) + (", …" if len(never) > 5 else "")
            raise ValueError(
                f"X of {owner} must have an observed cell of positive weight in every column; got none in column {named}. Leave "
                f"{'it' if len(never) == 1 else 'them'} out."
            )

    def read(self, rows: slice) -> Float[np.ndarray, "rows features"]:
        """A slice of rows as float64 vectors, noise included."""
        x = reader(self._values)(rows) if self._counted is None else self._some(self._counted[rows])
        if self._noise_seed is None:
            return x
        generator = np.random.PCG64(self._noise_seed)
        generator.advance(int(rows.start) * self.n_features)  # one number a cell, whatever the slices
        return x + np.random.Generator(generator).random(x.shape)

    def _some(self, rows: np.ndarray) -> Float[np.ndarray, "rows features"]:
        return np.ascontiguousarray(self._values[rows], np.float64).reshape(len(rows), -1)

    @property
    def total_weight(self) -> float:
        """Sum of the weights, which have mean 1: the number of rows that count."""
        return float(self.weight.sum())

    @cached_property
    def covariance(self) -> Float[np.ndarray, "features features"]:
        """Of complete rows, user's units."""
        return covariance(self.read, self.n_rows, weight=self.weight, mean=self.mean)

    @cached_property
    def variance(self) -> Float[np.ndarray, " features"]:
        """Of each column over its observed cells, user's units."""
        return variances(self.read, self.n_rows, weight=self.weight, mean=self.mean)

    @property
    def constant(self) -> Bool[np.ndarray, " features"]:
        """Columns without spread."""
        return no_spread(self.variance, self.mean)

    def units(
        self, *, per_column: bool, variance: Float[np.ndarray, " features"] | None = None
    ) -> tuple[Preprocessing, Bool[np.ndarray, "*event"]]:
        """Means and scales as preprocessing into model units, and the mask of constant columns, in the shape of a row.

        Parameters
        ----------
        per_column
            A scale for each column; else one for all, the root of the mean variance, which leaves isotropic noise isotropic.
        variance
            Of the columns, where it is known already.
        """
        variance = self.variance if variance is None else variance
        constant = no_spread(variance, self.mean)
        scale = np.where(constant, 1.0, np.sqrt(variance))
        if not per_column:
            scale = np.full(self.n_features, np.sqrt(variance[~constant].mean()) if not constant.all() else 1.0)
        treatment: Treatment = "real" if self._noise_seed is None else "dequantize"
        preprocessing = Preprocessing(
            self.mean.reshape(self.event_shape), scale.reshape(self.event_shape), 1.0, treatment, "float64"
        )
        return preprocessing, constant.reshape(self.event_shape)

    def log_scale(self, preprocessing: Preprocessing) -> float:
        """What a loss in model units lacks in the user's: the log scales of the observed cells, nats per row, a constant."""
        return float(self._seen @ np.log(preprocessing.scale.reshape(-1))) / self.total_weight

    def in_user_units(self, result: FitResult[ModelType], preprocessing: Preprocessing) -> FitResult[ModelType]:
        """The result with log p(x) in the user's units."""
        off = self.log_scale(preprocessing)
        history = {"loss": result.history["loss"] + off, "log_evidence": result.history["log_evidence"] - off}
        return replace(result, objective=result.objective + off, history=history)

    def filled(self, preprocessing: Preprocessing, *, most: int | None = None) -> Float[np.ndarray, "rows features"]:
        """Rows in model units times the roots of their relative weights, holes at the mean (0).

        All rows, or ``most`` evenly spaced ones.
        """
        chosen = self.sample_of_rows(self.n_rows if most is None else most)
        y = (self.take(chosen) - preprocessing.shift.reshape(-1)) / preprocessing.scale.reshape(-1)
        weight = self.weight[chosen] / self.weight[chosen].mean()
        return np.where(np.isnan(y), 0.0, y) * np.sqrt(weight)[:, None]

    def sample_of_rows(self, most: int) -> np.ndarray:
        """Numbers of all rows, or of ``most`` evenly spaced ones."""
        if self.n_rows <= most:
            return np.arange(self.n_rows)
        return np.linspace(0, self.n_rows - 1, most).astype(int)

    def take(self, rows: np.ndarray) -> Float[np.ndarray, "rows features"]:
        """The rows of these numbers, ascending, as float64 vectors, noise included."""
        parts = []
        for part in row_chunks(self.n_rows, self.n_features):
            wanted = rows[np.searchsorted(rows, part.start) : np.searchsorted(rows, part.stop)]
            if len(wanted):
                parts.append(self.read(part)[wanted - part.start])
        return np.concatenate(parts)

    def notes(self) -> tuple[str, ...]:
        """A sentence on rows that say nothing."""
        if self.complete:
            return ()
        parts = row_chunks(self.n_rows, self.n_features)
        empty = sum(int(np.sum(np.isnan(self.read(part)).all(axis=1))) for part in parts)
        rows = "1 row has" if empty == 1 else f"{empty} rows have"
        return (f"{rows} no observed cell and said nothing.",) if empty else ()

    def chunks(self, preprocessing: Preprocessing, *, widest: int) -> Any:
        """Chunks in model units for ``fit.em``: stacked, or as a stream where they would fill the memory.

        Parameters
        ----------
        preprocessing
            From :meth:`units`.
        widest
            Numbers that the E-step makes of a row, at most: bounds the rows of a chunk.
        """
        most = int(np.clip(_CELLS_PER_CHUNK // max(widest, self.n_features), 8, 65_536))
        shape = plan_chunks(self.read, self.n_rows, most_rows=most, complete=self.complete)
        shift, scale = preprocessing.shift.reshape(-1), preprocessing.scale.reshape(-1)

        def stream() -> Iterator[Chunk]:
            return chunks(self.read, self.n_rows, shape, weight=self.weight, to_model=lambda x: (x - shift) / scale)

        return stream if 8 * self.n_rows * self.n_features > _STREAMED_BYTES else stacked(stream())
