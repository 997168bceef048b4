"""The subject of a report: a fitted estimator and the rows it is looked at on, checked once, with all that sections share."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, SupportsIndex

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from sklearn.utils.validation import check_is_fitted

from lowerbound.estimators.outlier_detector import OutlierDetector
from lowerbound.evaluate.evidence import Evidence
from lowerbound.evaluate.outliers import OutlierMethod
from lowerbound.interface.cells import to_numbers
from lowerbound.interface.hyperparameters import check_integer
from lowerbound.report.baseline import Baseline, independent_columns
from lowerbound.report.columns import means
from lowerbound.report.measure import (
    columns_have_units,
    evidence_of,
    has_categories,
    measure,
    outlier_method,
    share_of_missing,
    take,
    targets,
)
from lowerbound.report.numbers import counted

_ACTIVE = 0.01  # of the prior's variance, or of the largest one among codes without a prior

Images = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Subject:
    r"""An estimator and n of its rows.

    Attributes
    ----------
    given
        The fitted estimator or outlier detector.
    estimator
        The fitted estimator; of an outlier detector, the one inside.
    rows
        (n, \\*event), or a data frame, as ``fit`` takes them: every row of X, or some at an even stride.
    numbers
        (n,): which row of X each one is.
    n_given
        Rows of X.
    labels
        (n,) or None.
    labels_mark_outliers
        Whether label 1 marks an outlier, and 0 another row.
    n_samples
        Draws per row for log p(x).
    method
        Outlier score.
    threshold
        Scores above it were called outliers in training; None without a detector.
    to_images
        From rows to images, (n, height, width[, channels]); None where rows are no pictures.
    """

    given: Any
    estimator: Any
    rows: Any
    numbers: Int[np.ndarray, " n"]
    n_given: int
    labels: Shaped[np.ndarray, " n"] | None
    labels_mark_outliers: bool
    n_samples: int
    method: OutlierMethod
    threshold: float | None
    to_images: Images | None

    @cached_property
    def evidence(self) -> Evidence | None:
        """Log p(x) of the rows; None without a density."""
        return evidence_of(self.estimator, self.rows, n_samples=self.n_samples) if self.has_density else None

    @cached_property
    def measured(self) -> dict[str, Any]:
        """Everything that ``measure`` finds."""
        return measure(self.estimator, self.rows, n_samples=self.n_samples, evidence=self.evidence)

    @cached_property
    def baseline(self) -> Baseline | None:
        """Log p(x) of the rows under independent columns, where there is such a thing."""
        return independent_columns(self.estimator, self.rows)

    @cached_property
    def missing(self) -> float:
        """Share of the cells that are missing."""
        return share_of_missing(self.rows)

    @property
    def has_holes(self) -> bool:
        """Whether a cell is missing."""
        return self.missing > 0

    @cached_property
    def cell(self) -> Literal["column", "pixel", "cell"]:
        """What one number of a row is called; those of an image in colour are three to a pixel."""
        if self.to_images is None:
            return "column"
        return _cell(self.to_images(targets(self.estimator, take(self.rows, slice(0, 2)))))

    @cached_property
    def scores(self) -> Float[np.ndarray, " n"]:
        """Outlier score of each row, by ``method``."""
        return np.asarray(self.estimator.outlier_scores(self.rows, method=self.method), np.float64)

    @cached_property
    def targets(self) -> Float[np.ndarray, "n *event"]:
        """The rows, in the units in which the model reconstructs."""
        return targets(self.estimator, self.rows)

    @cached_property
    def reconstruction(self) -> Float[np.ndarray, "n *event"]:
        """E[x given z] at each row's code."""
        return self.estimator.reconstruct(self.rows)

    @cached_property
    def variance_kept(self) -> float | None:
        """Share of the variance that comes back: mean over columns with units of their own, else of all cells together."""
        error = self.measured["root_mean_square_error"]
        if math.isnan(error):
            return None
        if columns_have_units(self.estimator):
            return 1 - error**2
        square = np.square(self.targets - means(self.targets))
        spread = float(square.mean(where=~np.isnan(square)))
        return 1 - error**2 / spread if spread > 0 else None

    @cached_property
    def codes(self) -> Float[np.ndarray, "n latent"]:
        """Posterior mean, or code, of each row."""
        return self.estimator.transform(self.rows)

    @cached_property
    def spread(self) -> Float[np.ndarray, " latent"]:
        """How much each latent carries, for their order: mean KL in nats, or the variance of a code without density."""
        if self.has_density:
            return np.asarray(self.measured["kl_per_dimension"])
        return self.codes.var(axis=0, dtype=np.float64)

    @cached_property
    def active(self) -> Bool[np.ndarray, " latent"]:
        """Latents whose posterior mean varies over the rows: its variance is above 0.01, where the prior's is 1.

        Codes without a prior have a scale of their own: there a variance is held against the largest one.
        """
        variance = self.codes.var(axis=0, dtype=np.float64)
        return variance > _ACTIVE * (1.0 if self.has_density else variance.max())

    @property
    def has_density(self) -> bool:
        """Whether log p(x) and samples exist."""
        return hasattr(self.estimator, "log_evidence")

    @property
    def is_mixture(self) -> bool:
        """Whether rows belong to clusters, so that a code is more than a place."""
        return hasattr(self.estimator, "predict_proba")

    @cached_property
    def responsibilities(self) -> Float[np.ndarray, "n clusters"]:
        """Of a mixture: p(cluster given x) of each row."""
        return np.asarray(self.estimator.predict_proba(self.rows))

    @property
    def is_of_bits(self) -> bool:
        """Whether cells are zeros and ones to the model."""
        return getattr(self.estimator, "likelihood", "") == "bernoulli"

    @property
    def is_of_categories(self) -> bool:
        """Whether cells are category codes, which have no order, distance or mean."""
        return has_categories(self.estimator)

    @property
    def rows_in_words(self) -> str:
        """How many rows, and of how many: '200 rows of 1000, evenly spaced'."""
        rows = counted(len(self.numbers), "row")
        return rows if len(self.numbers) == self.n_given else f"{rows} of {self.n_given}, evenly spaced"

    @property
    def value_range(self) -> tuple[float, float] | None:
        """Black and white of every picture: 0 and 1 for bits, else the smallest and largest value of the rows."""
        if self.is_of_bits:
            return (0.0, 1.0)
        known = self.targets[~np.isnan(self.targets)]
        if not known.size:
            return None
        low, high = float(known.min()), float(known.max())
        return (low, high) if low < high else None

    @cached_property
    def names(self) -> list[str]:
        """Names of the columns, those of the fit where it had some; x0, x1, … otherwise."""
        found = getattr(self.estimator, "feature_names_in_", None)
        if found is not None:
            return [str(name) for name in found]
        return [f"x{j}" for j in range(self.estimator.n_features_in_)]

    def images(self, rows: Float[np.ndarray, "k *event"]) -> np.ndarray:
        """Rows, reconstructions or draws as images; missing cells halfway between black and white."""
        assert self.to_images is not None
        if np.isnan(rows).any():
            rows = np.where(np.isnan(rows), sum(self.value_range or (0.0, 0.0)) / 2, rows)
        return self.to_images(rows)


def subject(
    estimator: Any,
    X: Any,
    *,
    labels: Any,
    labels_mark_outliers: bool,
    images: Images | None,
    method: OutlierMethod | None,
    n_samples: SupportsIndex,
    n_rows: SupportsIndex,
) -> Subject:
    """Check what ``write_report`` was given, and choose the rows.

    Raises
    ------
    ValueError
        For an estimator that is not fitted, fewer than two rows, labels that are not one per row, pictures that are none;
        whatever the estimator says of rows, of ``n_samples`` and of a ``method`` that do not fit it.
    """
    check_is_fitted(estimator)
    inner = estimator.estimator_ if isinstance(estimator, OutlierDetector) else estimator
    chosen, threshold = outlier_method(inner, method), None
    if isinstance(estimator, OutlierDetector):
        own = outlier_method(inner, estimator.method)
        chosen = method or own
        threshold = -estimator.offset_ if chosen == own else None  # it is one on the detector's own score
    if not hasattr(X, "iloc"):
        X = to_numbers(X, owner="write_report")
    n_given = len(X)
    if n_given < 2:
        raise ValueError(f"X of write_report must have at least 2 rows; got {n_given}. A report compares rows.")
    numbers = even_stride(n_given, check_integer("write_report", "n_rows", n_rows, minimum=2))
    rows = take(X, numbers)
    checked_labels = None if labels is None else _labels(labels, n_given)
    if labels_mark_outliers and (checked_labels is None or not np.isin(checked_labels, (0, 1)).all()):
        found_labels = "none" if checked_labels is None else np.unique(checked_labels)[:5].tolist()
        raise ValueError(
            "labels of write_report must be 0, or 1 for an outlier, where labels_mark_outliers=True; got "
            f"{found_labels}. Leave it out for other labels."
        )
    chosen_labels = None if checked_labels is None else checked_labels[numbers]
    n_draws = check_integer(type(inner).__name__, "n_samples", n_samples, minimum=1)
    found = Subject(
        given=estimator,
        estimator=inner,
        rows=rows,
        numbers=numbers,
        n_given=n_given,
        labels=chosen_labels,
        labels_mark_outliers=labels_mark_outliers,
        n_samples=n_draws,
        method=chosen,
        threshold=threshold,
        to_images=images or (_as_they_are if are_images(inner.input_shape_) else None),
    )
    # Kept for the sections, and first: these are the estimator's errors about rows and method, and those about pictures.
    _ = found.codes, found.cell, found.scores
    return found


def even_stride(n: int, most: int) -> Int[np.ndarray, " k"]:
    """At most so many of the numbers 0 … n - 1, evenly spaced from the first to the last.

    >>> even_stride(3, 10).tolist(), even_stride(9, 3).tolist()
    ([0, 1, 2], [0, 4, 8])
    """
    return np.arange(n) if n <= most else np.round(np.linspace(0, n - 1, most)).astype(np.int64)


def _labels(labels: Sequence[Any] | np.ndarray, n: int) -> Shaped[np.ndarray, " n"]:
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (n,):
        raise ValueError(
            f"labels of write_report must be one for each row of X = {n}; got shape {array.shape}. Leave them out, or take "
            "those of these rows."
        )
    plain = array.dtype.kind in "biuU" or (array.dtype.kind == "f" and bool(np.isfinite(array).all()))
    return array if plain else array.astype(str)


def are_images(shape: tuple[int, ...]) -> bool:
    """Whether rows of this shape can be shown: (height, width), or the same with 1 or 3 channels."""
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))


def _as_they_are(rows: np.ndarray) -> np.ndarray:
    return rows


def _cell(made: Any) -> Literal["pixel", "cell"]:
    """What a cell of these two images is called; an error where they are none."""
    if not isinstance(made, np.ndarray) or not are_images(made.shape[1:]) or len(made) != 2:
        shape = getattr(made, "shape", type(made).__name__)
        raise ValueError(
            "images of write_report must make images of rows, (n, height, width) or (n, height, width, 1 or 3 channels); got "
            f"{shape} for two rows."
        )
    return "cell" if made.ndim == 4 and made.shape[3] == 3 else "pixel"
