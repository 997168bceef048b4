"""Columns: mean, spread, missing cells, and how much of each column comes back from the codes.

Everything is summed over chunks of rows. The reconstruction error is the root of the mean of (x - reconstruction)^2 over all
cells. Where columns have units of their own, each column's error is taken in its standard deviations over the same rows, so that
1 is the error of guessing the column's mean; columns without spread are left out. Missing cells (NaN) have no error.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from lowerbound.data.frames import take
from lowerbound.data.moments import means, no_spread, variances
from lowerbound.findings.cells import chunks_of, columns_have_units, common_unit, targets
from lowerbound.findings.fitted import FittedEstimator, column_names


@dataclass(frozen=True)
class CellMoments:
    """Moments of each cell of a row over the rows that have it, in the units in which the model reconstructs.

    Attributes
    ----------
    count
        Rows in which the cell is observed.
    mean, variance
        Over these rows, dividing by their number; NaN for a cell that is never observed.
    varies
        Whether the cell takes more than one value, up to rounding.
    """

    count: Int[np.ndarray, " cells"]
    mean: Float[np.ndarray, " cells"]
    variance: Float[np.ndarray, " cells"]
    varies: Bool[np.ndarray, " cells"]

    @property
    def deviation(self) -> Float[np.ndarray, " cells"]:
        """Standard deviation."""
        return np.sqrt(self.variance)


@dataclass(frozen=True)
class Errors:
    """Errors of the reconstruction, summed over the rows; missing cells have none.

    Attributes
    ----------
    square
        Sum of squares of x - reconstruction, for each cell of a row.
    recovered
        Rows in which the cell comes back as it was.
    """

    square: Float[np.ndarray, " cells"]
    recovered: Int[np.ndarray, " cells"]


@dataclass(frozen=True)
class Categories:
    """The category codes of a column.

    Attributes
    ----------
    n_categories
        Codes that occur in the rows.
    commonest, commonest_share
        The code that occurs most, and its share of the observed cells.
    share_recovered
        Share of the cells whose code comes back.
    """

    n_categories: int
    commonest: int
    commonest_share: float
    share_recovered: float


@dataclass(frozen=True)
class Column:
    """A column of a table, over the rows that have it.

    Attributes
    ----------
    name
        Its name in the training rows, or x0, x1, ….
    share_missing
        Share of its cells that are missing.
    constant
        Whether it takes one value only.
    mean, standard_deviation
        Moments in the units in which the model reconstructs; NaN for category codes.
    variance_kept
        Share of its variance that comes back from the codes, below 0 where guessing the mean would do better; NaN for constant
        columns and category codes.
    categories
        For category codes.
    """

    name: str
    share_missing: float
    constant: bool
    mean: float
    standard_deviation: float
    variance_kept: float
    categories: Categories | None


@dataclass(frozen=True)
class Reconstruction:
    """How well rows come back from their codes.

    Attributes
    ----------
    root_mean_square_error, root_mean_square_error_unit
        NaN, and why, where it has no meaning.
    in_deviations
        Whether the unit is the standard deviation of each column.
    variance_kept
        Share of the variance over the rows that comes back: the mean over columns with units of their own, else of all cells
        together; NaN where nothing varies.
    log_likelihood_at_code
        Mean of log p(x given z), z the code of x, in nats; NaN where the model does not say.
    """

    root_mean_square_error: float
    root_mean_square_error_unit: str
    in_deviations: bool
    variance_kept: float
    log_likelihood_at_code: float


def moments(estimator: FittedEstimator, rows: Any) -> CellMoments:
    """Moments of the cells of a row."""
    n_rows, n_cells = len(rows), estimator.n_features_in_
    weight = np.ones(n_rows)

    def read(part: slice) -> Float[np.ndarray, "rows cells"]:
        return targets(estimator, take(rows, part)).reshape(-1, n_cells)

    mean, seen, _ = means(read, n_rows, n_cells, weight=weight)
    variance = variances(read, n_rows, weight=weight, mean=mean)
    known = seen > 0
    return CellMoments(
        count=seen.astype(np.int64),
        mean=np.where(known, mean, np.nan),
        variance=np.where(known, variance, np.nan),
        varies=known & ~no_spread(variance, mean),
    )


def errors(estimator: FittedEstimator, rows: Any) -> Errors:
    """Errors of the reconstruction of each cell."""
    square = np.zeros(estimator.n_features_in_)
    recovered = np.zeros(estimator.n_features_in_, np.int64)
    for some in chunks_of(rows, estimator.n_features_in_):
        back = estimator.reconstruct(some)  # before the conversion below: bad rows are the estimator's to name
        error = (targets(estimator, some) - back).reshape(len(some), -1)
        square += np.sum(np.square(error), axis=0, where=~np.isnan(error))
        recovered += np.sum(error == 0, axis=0)
    return Errors(square, recovered)


def _root_mean_square(estimator: FittedEstimator, found: CellMoments, error: Errors) -> tuple[float, str]:
    """Root mean square of x - reconstruction over all cells, and its unit in words; NaN where it has no meaning."""
    square = error.square
    if estimator.support_ == "codes":
        return math.nan, "category codes have no differences"
    if not columns_have_units(estimator):
        observed = found.count.sum()
        return float(np.sqrt(square.sum() / observed)) if observed else math.nan, common_unit(estimator)
    varies = found.varies
    if not varies.any():
        return math.nan, "no column varies over these rows"
    in_deviations = np.sum(square[varies] / found.variance[varies]) / np.sum(found.count[varies])
    return float(np.sqrt(in_deviations)), "standard deviations of each column over these rows"


def reconstruction(estimator: FittedEstimator, rows: Any, found: CellMoments, error: Errors) -> Reconstruction:
    """The record of the reconstruction."""
    root, unit = _root_mean_square(estimator, found, error)
    in_deviations = columns_have_units(estimator) and estimator.support_ != "codes"
    at_code = math.nan
    if "reconstruction" in estimator.outlier_methods:
        at_code = -float(np.mean(estimator.outlier_scores(rows, method="reconstruction")))
    return Reconstruction(root, unit, in_deviations, _kept(root, found, in_deviations=in_deviations), at_code)


def _kept(root: float, found: CellMoments, *, in_deviations: bool) -> float:
    if in_deviations or math.isnan(root):
        return 1 - root**2
    known = found.count > 0
    spread = float(np.sum(found.variance[known] * found.count[known]) / found.count.sum())
    return 1 - root**2 / spread if spread > 0 else math.nan


def columns(estimator: FittedEstimator, rows: Any, found: CellMoments, error: Errors) -> tuple[Column, ...]:
    """The record of each column."""
    of_codes = estimator.support_ == "codes"
    categories = _categories(estimator, rows, error) if of_codes else [None] * estimator.n_features_in_
    mean, deviation, kept = (np.full(estimator.n_features_in_, np.nan) for _ in range(3))
    if not of_codes:
        mean, deviation, varies = found.mean, found.deviation, found.varies
        kept[varies] = 1 - error.square[varies] / found.count[varies] / found.variance[varies]
    return tuple(
        Column(
            name=name,
            share_missing=float(1 - found.count[j] / len(rows)),
            constant=bool(found.count[j] > 0 and not found.varies[j]),
            mean=float(mean[j]),
            standard_deviation=float(deviation[j]),
            variance_kept=float(kept[j]),
            categories=categories[j],
        )
        for j, name in enumerate(column_names(estimator))
    )


def _categories(estimator: FittedEstimator, rows: Any, error: Errors) -> list[Categories | None]:
    return [
        Categories(
            n_categories=int(np.sum(counts > 0)),
            commonest=int(counts.argmax()),
            commonest_share=float(counts.max() / max(counts.sum(), 1)),
            share_recovered=float(recovered / max(counts.sum(), 1)),
        )
        for counts, recovered in zip(category_counts(estimator, rows), error.recovered, strict=True)
    ]


def category_counts(estimator: FittedEstimator, rows: Any) -> Int[np.ndarray, "cells categories"]:
    """How often each category code occurs in each column; missing cells are not counted."""
    counts = np.zeros((estimator.n_features_in_, 1), np.int64)
    for some in chunks_of(rows, estimator.n_features_in_):
        values = targets(estimator, some).reshape(len(some), -1)
        row, column = np.nonzero(~np.isnan(values))
        codes = values[row, column].astype(np.int64)
        if codes.size and codes.max() >= counts.shape[1]:
            counts = np.pad(counts, ((0, 0), (0, int(codes.max()) + 1 - counts.shape[1])))
        np.add.at(counts, (column, codes), 1)
    return counts
