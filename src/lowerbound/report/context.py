"""The context of a report: a fitted estimator, the rows it is looked at on, and what the sections share."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from lowerbound.data.frames import take
from lowerbound.evaluate.health import is_active
from lowerbound.evaluate.outlier_methods import OutlierMethod
from lowerbound.evaluate.words import counted
from lowerbound.findings.cells import Cell, are_images, cell_of, targets
from lowerbound.findings.columns import CellMoments, moments
from lowerbound.findings.fitted import FittedEstimator, column_names
from lowerbound.findings.record import Findings, find

Images = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class ReportContext:
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
    estimator: FittedEstimator
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
    def findings(self) -> Findings:
        """What is to be said about the estimator on these rows."""
        return find(self.estimator, self.rows, n_samples=self.n_samples, cell=self.cell)

    # ---- arrays that are drawn

    @cached_property
    def scores(self) -> Float[np.ndarray, " n"]:
        """Outlier score of each row, by ``method``; the detector's own, where its threshold is on them."""
        if self.threshold is not None:
            return np.asarray(self.given.outlier_scores(self.rows), np.float64)
        return np.asarray(self.estimator.outlier_scores(self.rows, method=self.method), np.float64)

    @cached_property
    def targets(self) -> Float[np.ndarray, "n *event"]:
        """The rows, in the units in which the model reconstructs."""
        return targets(self.estimator, self.rows)

    @cached_property
    def moments(self) -> CellMoments:
        """Mean and spread of each cell of ``targets``."""
        return moments(self.estimator, self.rows)

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
        """How much each latent carries, for their order: mean KL in nats, or the variance of a code without a health check."""
        health = self.findings.health
        return self.codes.var(axis=0, dtype=np.float64) if health is None else np.array(health.kl_per_dimension)

    @cached_property
    def active(self) -> Bool[np.ndarray, " latent"]:
        """Latents whose posterior mean varies over the rows; codes without a prior are held against the busiest one."""
        if self.findings.health is not None:
            return np.array(self.findings.health.active)
        variance = self.codes.var(axis=0, dtype=np.float64)
        return is_active(variance, scale=1.0 if self.has_standard_prior else float(variance.max()))

    # ---- what decides which sections there are

    @property
    def has_standard_prior(self) -> bool:
        """Whether codes are known to have the prior N(0, I), that they can be held against."""
        health = self.findings.health
        return health is not None and health.standard_prior

    @property
    def has_holes(self) -> bool:
        """Whether a cell is missing."""
        return self.findings.share_of_missing_cells > 0

    @property
    def is_of_categories(self) -> bool:
        """Whether cells are category codes, which have no order, distance or mean."""
        return self.estimator.support_ == "codes"

    # ---- words and pictures

    @property
    def rows_in_words(self) -> str:
        """How many rows, and of how many: '200 rows of 1000, evenly spaced'."""
        rows = counted(len(self.numbers), "row")
        return rows if len(self.numbers) == self.n_given else f"{rows} of {self.n_given}, evenly spaced"

    @cached_property
    def cell(self) -> Cell:
        """What one number of a row is called; an error where ``to_images`` makes no images."""
        if self.to_images is None:
            return "column"
        return cell_of(_image_shape(self.to_images(targets(self.estimator, take(self.rows, slice(0, 2))))))

    @cached_property
    def names(self) -> list[str]:
        """Names of the columns, those of the fit where it had some; x0, x1, … otherwise."""
        return list(column_names(self.estimator))

    @property
    def value_range(self) -> tuple[float, float] | None:
        """Black and white of every picture: 0 and 1 for bits, else the smallest and largest value of the rows."""
        if self.estimator.support_ == "bits":
            return (0.0, 1.0)
        known = self.targets[~np.isnan(self.targets)]
        if not known.size:
            return None
        low, high = float(known.min()), float(known.max())
        return (low, high) if low < high else None

    def images(self, rows: Float[np.ndarray, "k *event"]) -> np.ndarray:
        """Rows, reconstructions or draws as images; missing cells halfway between black and white."""
        assert self.to_images is not None
        if np.isnan(rows).any():
            rows = np.where(np.isnan(rows), sum(self.value_range or (0.0, 0.0)) / 2, rows)
        return self.to_images(rows)


def _image_shape(made: Any) -> tuple[int, ...]:
    """Shape of each of these two images."""
    if not isinstance(made, np.ndarray) or not are_images(made.shape[1:]) or len(made) != 2:
        got = made.shape if isinstance(made, np.ndarray) else type(made).__name__
        raise ValueError(
            "images of write_report must make images of rows, (n, height, width) or (n, height, width, 1 or 3 channels); got "
            f"{got} for two rows."
        )
    return made.shape[1:]
