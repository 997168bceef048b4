"""The subject of a report: a fitted estimator and the rows it is looked at on, checked once, with all that sections share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from lowerbound.estimators.outlier_detector import OutlierDetector
from lowerbound.evaluate.outliers import OutlierMethod
from lowerbound.report.measure import measure, targets

Images = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Subject:
    r"""An estimator and n of its rows.

    Attributes
    ----------
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
    n_samples
        Draws per row for log p(x).
    method
        Outlier score.
    threshold
        Scores above it were called outliers in training; None without a detector.
    to_images
        From rows to images, (n, height, width[, channels]); None where rows are no pictures.
    """

    estimator: Any
    rows: Any
    numbers: Int[np.ndarray, " n"]
    n_given: int
    labels: Shaped[np.ndarray, " n"] | None
    n_samples: int
    method: OutlierMethod
    threshold: float | None
    to_images: Images | None

    @cached_property
    def measured(self) -> dict[str, Any]:
        """Everything that ``measure`` finds."""
        return measure(self.estimator, self.rows, n_samples=self.n_samples)

    @cached_property
    def targets(self) -> Float[np.ndarray, "n *event"]:
        """The rows, in the units in which the model reconstructs."""
        return targets(self.estimator, self.rows)

    @cached_property
    def reconstruction(self) -> Float[np.ndarray, "n *event"]:
        """E[x given z] at each row's code."""
        return self.estimator.reconstruct(self.rows)

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
        """Latents whose posterior mean varies over the rows (variance above 0.01)."""
        return self.codes.var(axis=0) > 0.01

    @property
    def has_density(self) -> bool:
        """Whether log p(x) and samples exist."""
        return hasattr(self.estimator, "log_evidence")

    @property
    def is_of_bits(self) -> bool:
        """Whether cells are zeros and ones to the model."""
        return getattr(self.estimator, "likelihood", "") == "bernoulli"

    @property
    def value_range(self) -> tuple[float, float] | None:
        """Black and white of every picture: 0 and 1 for bits, else the smallest and largest value of the rows."""
        if self.is_of_bits:
            return (0.0, 1.0)
        low, high = float(self.targets.min()), float(self.targets.max())
        return (low, high) if low < high else None

    @cached_property
    def names(self) -> list[str]:
        """Names of the columns, those of the fit where it had some; x0, x1, … otherwise."""
        found = getattr(self.estimator, "feature_names_in_", None)
        if found is not None:
            return [str(name) for name in found]
        return [f"x{j}" for j in range(self.estimator.n_features_in_)]

    def images(self, rows: Float[np.ndarray, "k *event"]) -> np.ndarray:
        """Rows, reconstructions or draws as images."""
        assert self.to_images is not None
        return self.to_images(rows)


def subject(
    estimator: Any,
    X: Any,
    *,
    labels: Any,
    images: Images | None,
    method: OutlierMethod | None,
    n_samples: int,
    n_rows: int,
) -> Subject:
    """Check what ``write_report`` was given, and choose the rows.

    Raises
    ------
    ValueError
        For fewer than two rows, labels that are not one per row, pictures that are none; whatever the estimator says of rows
        that do not fit it.
    """
    threshold = None
    if isinstance(estimator, OutlierDetector):
        if method in (None, estimator.method):  # its threshold is one on its own score
            method, threshold = estimator.method, -estimator.offset_
        estimator = estimator.estimator_
    if not hasattr(X, "iloc"):
        X = np.asarray(X)
    n_given = len(X)
    if n_given < 2:
        raise ValueError(f"X of write_report must have at least 2 rows; got {n_given}. A report compares rows.")
    if not isinstance(n_rows, int) or n_rows < 2:
        raise ValueError(f"n_rows of write_report must be a whole number, at least 2; got {n_rows!r}.")
    numbers = even_stride(n_given, n_rows)
    rows = X.iloc[numbers] if hasattr(X, "iloc") else X[numbers]
    found = Subject(
        estimator=estimator,
        rows=rows,
        numbers=numbers,
        n_given=n_given,
        labels=None if labels is None else _labels(labels, n_given)[numbers],
        n_samples=n_samples,
        method=method or ("kl" if hasattr(estimator, "log_evidence") else "reconstruction"),
        threshold=threshold,
        to_images=images or (_as_they_are if _are_images(estimator.input_shape_) else None),
    )
    if images is not None:
        _check_images(images(found.targets[:2]))
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


def _are_images(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))


def _as_they_are(rows: np.ndarray) -> np.ndarray:
    return rows


def _check_images(made: Any) -> None:
    if not isinstance(made, np.ndarray) or not _are_images(made.shape[1:]) or len(made) != 2:
        shape = getattr(made, "shape", type(made).__name__)
        raise ValueError(
            "images of write_report must make images of rows, (n, height, width) or (n, height, width, 1 or 3 channels); got "
            f"{shape} for two rows."
        )
