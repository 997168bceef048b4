"""Named data sets: arrays with a fixed split into training and test rows.

`digits` comes with scikit-learn. The others are looked for in one folder, named by the environment variable
`LOWERBOUND_DATA` (by default ../shared/data, where it exists); `mnist` and `fashion_mnist`, where not found
there, are fetched from OpenML through scikit-learn, which keeps them for the next time.

The sets themselves are listed in `sets.py`.
"""

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from lowerbound.data.sets import ENTRIES, Entry, Parts

FOLDER_VARIABLE = "LOWERBOUND_DATA"


@dataclass(frozen=True, eq=False)
class NamedData:
    """A data set split into training and test rows, with labels or targets where it has them.

    Parameters
    ----------
    x_train, x_test : array, (rows, ...)
        Rows or images, unscaled, as the source has them.
    y_train, y_test : array, (rows,), or None
        Class labels (integers), outlier marks (1 = outlier) or regression targets (reals).
    description : str
        What the rows are, how they were split, and what to beware of.
    source : str
        Who made the set.
    """

    x_train: Shaped[np.ndarray, "train *shape"]
    y_train: Shaped[np.ndarray, " train"] | None
    x_test: Shaped[np.ndarray, "test *shape"]
    y_test: Shaped[np.ndarray, " test"] | None
    description: str
    source: str


class CatalogRow(NamedTuple):
    """One line of the catalogue: name, shape of all rows together, dtype, and where the set is at hand."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    available: str


def names() -> tuple[str, ...]:
    """The names that `load_named` knows.

    Examples
    --------
    >>> names()[:3]
    ('digits', 'mnist', 'fashion_mnist')
    """
    return tuple(ENTRIES)


def describe() -> tuple[CatalogRow, ...]:
    """The catalogue as rows of a table; opens no data file.

    Returns
    -------
    tuple of CatalogRow
        `available` is "built in", the file that holds the set, "OpenML (a download)", or what to do.

    Raises
    ------
    ValueError
        LOWERBOUND_DATA is set and names no folder.

    Examples
    --------
    >>> describe()[0]
    CatalogRow(name='digits', shape=(1797, 64), dtype='uint8', available='built in')
    """

    def available(entry: Entry) -> str:
        if not entry.file:
            return "built in"
        if file := _at_hand(entry):
            return str(file)
        return "OpenML (a download)" if entry.openml else f"put {entry.file} in {FOLDER_VARIABLE}"

    return tuple(CatalogRow(name, entry.shape, entry.dtype, available(entry)) for name, entry in ENTRIES.items())


def load_named(name: str) -> NamedData:
    """The training and test rows of a named data set.

    Parameters
    ----------
    name : str
        One of `names()`.

    Returns
    -------
    NamedData
        Parts in the set's own type; nothing is scaled.

    Raises
    ------
    ValueError
        The name is unknown, LOWERBOUND_DATA names no folder, or the file is damaged.
    FileNotFoundError
        The set's file is not in the folder.
    OSError
        The file cannot be read, or OpenML cannot be reached.

    Examples
    --------
    >>> digits = load_named("digits")
    >>> digits.x_train.shape, digits.x_test.shape
    ((1438, 64), (359, 64))
    """
    entry = ENTRIES.get(name)
    if entry is None:
        close = difflib.get_close_matches(name, ENTRIES, n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]!r}?" if close else " Choose one of these."
        raise ValueError(f"name of a data set must be one of {', '.join(ENTRIES)}; got {name!r}.{hint}")
    if not entry.file:
        parts = entry.read(Path())
    elif file := _at_hand(entry):
        parts = entry.read(file)
    elif entry.openml:
        parts = _from_openml(name, entry.openml, entry.file)
    else:
        raise FileNotFoundError(
            f"data set {name} must be in {entry.file} in the folder named by {FOLDER_VARIABLE}; got "
            f"{_folder() or 'an unset folder'}. Put the file there, or set {FOLDER_VARIABLE} to its folder."
        )
    return NamedData(*parts, description=entry.description, source=entry.source)


def _folder() -> Path | None:
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        if not Path(named).is_dir():
            raise ValueError(f"{FOLDER_VARIABLE} must name a folder; got {named!r}. Correct it or unset it.")
        return Path(named)
    default = Path("..") / "shared" / "data"
    return default if default.is_dir() else None


def _at_hand(entry: Entry) -> Path | None:
    folder = _folder()
    file = None if folder is None else folder / entry.file
    return file if file is not None and file.is_file() else None


def _from_openml(name: str, title: str, file: str) -> Parts:
    """The 70 000 images in their published order: the first 60 000 are for training."""
    from sklearn.datasets import fetch_openml

    remedy = f"Put {file} (x_train, y_train, x_test, y_test) in a folder and set {FOLDER_VARIABLE} to it."
    try:
        pixels, labels = fetch_openml(title, version=1, return_X_y=True, as_frame=False)
        x = np.asarray(pixels).reshape(-1, 28, 28).astype(np.uint8)
        y = np.asarray(labels).astype(np.uint8)
    except Exception as error:  # no network, no answer, half an answer, no pandas to read it with
        reason = next(iter(str(error).splitlines()), "")[:200]
        raise OSError(
            f"data set {name} must be in the folder {FOLDER_VARIABLE} or reachable at OpenML; got "
            f"{type(error).__name__}: {reason}. {remedy}"
        ) from error
    if len(x) != 70_000 or len(y) != 70_000:
        raise OSError(f"data set {name} at OpenML must have 70000 images; got {len(x)}. {remedy}")
    return Parts(x[:60_000], y[:60_000], x[60_000:], y[60_000:])
