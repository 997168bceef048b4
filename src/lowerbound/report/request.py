"""The request for a report: what ``write_report`` was given, checked once, and made into the context of the sections."""

from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as np
from jaxtyping import Int, Shaped
from sklearn.utils.validation import check_is_fitted

from lowerbound.data.frames import take
from lowerbound.estimators.outlier_detector import OutlierDetector, unwrapped
from lowerbound.evaluate.outlier_methods import OutlierMethod
from lowerbound.findings.cells import are_images, as_rows
from lowerbound.findings.fitted import outlier_method
from lowerbound.interface.base import LatentVariableEstimator
from lowerbound.interface.hyperparameters import check_integer
from lowerbound.report.context import Images, ReportContext

_OWNER = "write_report"


def report_context(
    estimator: Any,
    X: Any,
    *,
    labels: Any,
    labels_mark_outliers: bool,
    images: Images | None,
    method: OutlierMethod | None,
    n_samples: SupportsIndex,
    n_rows: SupportsIndex,
) -> ReportContext:
    """The context of a report: what ``write_report`` was given, checked, and the rows to look at.

    Raises
    ------
    ValueError
        For an estimator that is not fitted, or not of this library's kind; fewer than two rows; labels that are not one per row;
        pictures that are none; whatever the estimator says of rows, of ``n_samples`` and of a ``method`` that do not fit it.
    """
    check_is_fitted(estimator)
    inner = unwrapped(estimator)
    if not isinstance(inner, LatentVariableEstimator):
        raise ValueError(
            f"estimator of {_OWNER} must be a fitted model such as VAE, or an OutlierDetector; got {type(inner).__name__}. Of a "
            "pipeline take the last step, with the rows as it sees them."
        )
    chosen, threshold = outlier_method(inner, method), None
    if isinstance(estimator, OutlierDetector):
        own = outlier_method(inner, estimator.method)
        chosen = method or own
        threshold = -estimator.offset_ if chosen == own else None  # it is one on the detector's own score
    X = as_rows(X)
    n_given = len(X)
    if n_given < 2:
        raise ValueError(f"X of {_OWNER} must have at least 2 rows; got {n_given}. A report compares rows.")
    numbers = even_stride(n_given, check_integer(_OWNER, "n_rows", n_rows, minimum=2))
    rows = take(X, numbers)
    checked_labels = None if labels is None else _labels(labels, n_given)
    if labels_mark_outliers and (checked_labels is None or not np.isin(checked_labels, (0, 1)).all()):
        found_labels = "none" if checked_labels is None else np.unique(checked_labels)[:5].tolist()
        raise ValueError(
            f"labels of {_OWNER} must be 0, or 1 for an outlier, where labels_mark_outliers=True; got {found_labels}. Leave it "
            "out for other labels."
        )
    n_draws = check_integer(type(inner).__name__, "n_samples", n_samples, minimum=1)
    context = ReportContext(
        given=estimator,
        estimator=inner,
        rows=rows,
        numbers=numbers,
        n_given=n_given,
        labels=None if checked_labels is None else checked_labels[numbers],
        labels_mark_outliers=labels_mark_outliers,
        n_samples=n_draws,
        method=chosen,
        threshold=threshold,
        to_images=images or (_as_they_are if are_images(inner.input_shape_) else None),
    )
    # Kept for the sections, and first: these are the estimator's errors about rows and method, and those about pictures.
    _ = context.codes, context.cell, context.scores
    return context


def even_stride(n: int, most: int) -> Int[np.ndarray, " k"]:
    """Numbers from 0 to n - 1, at most so many of them, evenly spaced from the first to the last.

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
            f"labels of {_OWNER} must be one for each row of X = {n}; got shape {array.shape}. Leave them out, or take those of "
            "these rows."
        )
    plain = array.dtype.kind in "biuU" or (array.dtype.kind == "f" and bool(np.isfinite(array).all()))
    return array if plain else array.astype(str)


def _as_they_are(rows: np.ndarray) -> np.ndarray:
    return rows
