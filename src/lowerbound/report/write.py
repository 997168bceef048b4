"""write_report: a fitted estimator and rows as one HTML file, which says how good the model is and what it learned."""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np

from lowerbound.data.files import replacing
from lowerbound.evaluate.outlier_methods import OutlierMethod
from lowerbound.report.page import render
from lowerbound.report.provenance import Making
from lowerbound.report.request import report_context
from lowerbound.report.sections import contents

PAGES = (".html", ".htm")


def write_report(
    estimator: Any,
    X: Any,
    path: str | os.PathLike[str],
    *,
    labels: Sequence[Any] | np.ndarray | None = None,
    labels_mark_outliers: bool = False,
    images: Callable[[np.ndarray], np.ndarray] | None = None,
    method: OutlierMethod | None = None,
    n_samples: SupportsIndex = 200,
    n_rows: SupportsIndex = 1000,
    title: str | None = None,
    data_name: str | None = None,
    command: str | None = None,
    saved_versions: Mapping[str, str] | None = None,
    overwrite: bool = False,
    progress: Callable[[str], None] | None = None,
) -> None:
    r"""Log p(x), training, reconstructions, samples, latents or clusters, outliers, health, provenance, as one HTML file.

    The file needs no other file and no network, and holds no script.

    Parameters
    ----------
    estimator
        A fitted estimator, or an outlier detector, whose threshold is then shown.
    X
        Rows as in ``fit``, at least two, as a rule held-out ones.
    path
        An .html or .htm file in a folder that exists.
    labels
        One number or name for each row, to colour the map; the model does not see them.
    labels_mark_outliers
        Whether label 1 marks an outlier and 0 another row: the scores are then held against the labels.
    images
        From rows (k, \*event) to images (k, height, width[, 1 or 3 channels]), for rows that are pictures but do not have their
        shape, such as ``lambda rows: rows.reshape(-1, 8, 8)``; None shows rows of the shape of an image as they are.
    method
        Outlier score: "kl", "log_evidence", "elbo" or "reconstruction"; None takes the detector's or the model's own.
    n_samples
        Draws per row for log p(x).
    n_rows
        Most rows to look at; of more, these many at an even stride.
    title
        Title of the page; None names the estimator and the data.
    data_name
        What the rows are called.
    command
        The command that made the report, to be shown.
    saved_versions
        Package -> version that the model was saved with, to be shown.
    overwrite
        Whether a file at ``path`` may be replaced.
    progress
        Called with the name of each part of the page, before it is made.

    Raises
    ------
    ValueError
        For a path that cannot be, an estimator that is not fitted, fewer than two rows, labels that are not one per row,
        ``images`` that makes none, and rows or a method that do not fit the estimator.
    OSError
        If the file cannot be written. Whatever happens, ``path`` holds the whole report or what it held before.

    Examples
    --------
    >>> import tempfile
    >>> from lowerbound.estimators.vae import VAE
    >>> X = np.random.default_rng(0).normal(size=(64, 3))
    >>> vae = VAE(hidden=(8,), max_epochs=2, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(vae, X, Path(folder) / "report.html")
    ...     (Path(folder) / "report.html").read_text(encoding="utf-8")[:15]
    '<!doctype html>'
    """
    target = Path(path)
    _check_path(target, overwrite=overwrite)
    context = report_context(
        estimator,
        X,
        labels=labels,
        labels_mark_outliers=labels_mark_outliers,
        images=images,
        method=method,
        n_samples=n_samples,
        n_rows=n_rows,
    )
    name = type(estimator).__name__
    making = Making(
        made=datetime.now().astimezone(), data_name=data_name, command=command, saved_versions=saved_versions
    )
    heading = title or (f"{name} on {data_name}" if data_name else f"{name}: a report")
    page = render(contents(context, making, title=heading, progress=progress))
    with replacing(target) as stream:
        stream.write(page.encode("utf-8"))


def _check_path(target: Path, *, overwrite: bool) -> None:
    if target.suffix.lower() not in PAGES:
        raise ValueError(f"path of write_report must end in {' or '.join(PAGES)}; got {target}. Rename it.")
    if target.is_dir():
        raise ValueError(f"path of write_report must be a file; {target} is a folder. Name a file in it.")
    if target.exists() and not overwrite:
        raise ValueError(f"path of write_report must be new; {target} exists. Set overwrite=True to replace it.")
    if not target.absolute().parent.is_dir():
        raise ValueError(
            f"path of write_report must be in a folder that exists; {target.absolute().parent} does not. Make it first."
        )
