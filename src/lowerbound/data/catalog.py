"""Named data sets: arrays with a fixed split into training and test rows.

`digits` comes with scikit-learn. The others are looked for in one folder, named by the environment variable
`LOWERBOUND_DATA` (by default ../shared/data, where it exists); `mnist` and `fashion_mnist`, where not found
there, are fetched from OpenML through scikit-learn, which keeps them for the next time.

The split is part of a set: results under one name compare. Where the source has none, every fifth row is a
test row; the video frames of `frey_faces` are split in blocks, as neighbouring frames are nearly equal.
"""

import difflib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Shaped

from lowerbound.data.files import read_array

FOLDER_VARIABLE = "LOWERBOUND_DATA"

_FREY_BLOCK = 131  # 1965 frames are 15 blocks of 131


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


class _Arrays(NamedTuple):
    x_train: np.ndarray
    y_train: np.ndarray | None
    x_test: np.ndarray
    y_test: np.ndarray | None


@dataclass(frozen=True)
class _Entry:
    shape: tuple[int, ...]
    dtype: str
    file: str  # empty: built in
    read: Callable[[Path], _Arrays]
    description: str
    source: str
    openml: str = ""


def names() -> tuple[str, ...]:
    """The names that `load_named` knows.

    Examples
    --------
    >>> names()[:3]
    ('digits', 'mnist', 'fashion_mnist')
    """
    return tuple(_ENTRIES)


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
    folder = _folder()

    def available(entry: _Entry) -> str:
        if not entry.file:
            return "built in"
        if folder is not None and (folder / entry.file).is_file():
            return str(folder / entry.file)
        return "OpenML (a download)" if entry.openml else f"put {entry.file} in {FOLDER_VARIABLE}"

    return tuple(CatalogRow(name, entry.shape, entry.dtype, available(entry)) for name, entry in _ENTRIES.items())


def load_named(name: str) -> NamedData:
    """The training and test rows of a named data set.

    Parameters
    ----------
    name : str
        One of `names()`.

    Returns
    -------
    NamedData
        Arrays in the set's own type; nothing is scaled.

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
    entry = _ENTRIES.get(name)
    if entry is None:
        close = difflib.get_close_matches(name, _ENTRIES, n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]!r}?" if close else " Choose one of these."
        raise ValueError(f"name of a data set must be one of {', '.join(_ENTRIES)}; got {name!r}.{hint}")
    folder = _folder() if entry.file else None
    file = Path() if folder is None else folder / entry.file
    if not entry.file or file.is_file():
        arrays = entry.read(file)
    elif entry.openml:
        arrays = _from_openml(name, entry.openml, entry.file)
    else:
        where = "an unset folder" if folder is None else str(folder)
        raise FileNotFoundError(
            f"data set {name} must be in {entry.file} in the folder named by {FOLDER_VARIABLE}; got {where}. "
            f"Put the file there, or set {FOLDER_VARIABLE} to its folder."
        )
    return NamedData(*arrays, description=entry.description, source=entry.source)


def _folder() -> Path | None:
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        if not Path(named).is_dir():
            raise ValueError(f"{FOLDER_VARIABLE} must name a folder; got {named!r}. Correct it or unset it.")
        return Path(named)
    default = Path("..") / "shared" / "data"
    return default if default.is_dir() else None


def _split(x: np.ndarray, y: np.ndarray | None, test: Bool[np.ndarray, " rows"]) -> _Arrays:
    return _Arrays(x[~test], None if y is None else y[~test], x[test], None if y is None else y[test])


def _every_fifth(x: np.ndarray, y: np.ndarray | None) -> _Arrays:
    return _split(x, y, np.arange(len(x)) % 5 == 4)


def _digits(_: Path) -> _Arrays:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return _every_fifth(x.astype(np.uint8), y)


def _in_parts(file: Path) -> _Arrays:
    return _Arrays(*(read_array(file, name=part) for part in ("x_train", "y_train", "x_test", "y_test")))


def _binarized_mnist(file: Path) -> _Arrays:
    x, y = (
        np.concatenate([read_array(file, name=f"{letter}_{part}") for part in ("train", "valid")]) for letter in "xy"
    )
    return _Arrays(x, y, read_array(file, name="x_test"), read_array(file, name="y_test"))


def _frey_faces(file: Path) -> _Arrays:
    x = read_array(file, name="x")
    return _split(x, None, np.arange(len(x)) // _FREY_BLOCK % 5 == 4)


def _table(prefix: str) -> Callable[[Path], _Arrays]:
    def read(file: Path) -> _Arrays:
        return _every_fifth(read_array(file, name=f"{prefix}x"), read_array(file, name=f"{prefix}y"))

    return read


def _from_openml(name: str, title: str, file: str) -> _Arrays:
    """The 70 000 images in their published order: the first 60 000 are for training."""
    from sklearn.datasets import fetch_openml

    remedy = f"Put {file} (x_train, y_train, x_test, y_test) in a folder and set {FOLDER_VARIABLE} to it."
    try:
        pixels, labels = fetch_openml(title, version=1, return_X_y=True, as_frame=False)
        x = np.asarray(pixels).reshape(-1, 28, 28).astype(np.uint8)
        y = np.asarray(labels).astype(np.uint8)
    except Warning:  # a caller who turns warnings into errors
        raise
    except Exception as error:  # no network, no answer, half an answer, no pandas to read it with
        reason = next(iter(str(error).splitlines()), "")[:200]
        raise OSError(
            f"data set {name} must be in the folder {FOLDER_VARIABLE} or reachable at OpenML; got "
            f"{type(error).__name__}: {reason}. {remedy}"
        ) from error
    if len(x) != 70_000 or len(y) != 70_000:
        raise OSError(f"data set {name} at OpenML must have 70000 images; got {len(x)}. {remedy}")
    return _Arrays(x[:60_000], y[:60_000], x[60_000:], y[60_000:])


_FIFTH = "Every fifth row is a test row."
_ADBENCH = "ADBench (Han et al. 2022)"

_ENTRIES = {
    "digits": _Entry(
        (1797, 64), "uint8", "", _digits,
        f"Handwritten digits, 8 x 8 pixels as rows of grey levels 0 to 16; labels 0 to 9. {_FIFTH}",
        "Alpaydin and Kaynak 1998, through scikit-learn",
    ),
    "mnist": _Entry(
        (70000, 28, 28), "uint8", "mnist.npz", _in_parts,
        "Handwritten digits, grey levels 0 to 255; labels 0 to 9; the published split.",
        "LeCun, Cortes and Burges", openml="mnist_784",
    ),
    "fashion_mnist": _Entry(
        (70000, 28, 28), "uint8", "fashion_mnist.npz", _in_parts,
        "Pieces of clothing, grey levels 0 to 255; labels 0 to 9; the published split.",
        "Xiao, Rasul and Vollgraf 2017", openml="Fashion-MNIST",
    ),
    "binarized_mnist": _Entry(
        (70000, 28, 28), "bool", "binarized_mnist.npz", _binarized_mnist,
        "MNIST, each pixel drawn once by its grey level; the last 10000 of the 60000 training rows are the "
        "published validation rows. The test rows are sorted by class: never evaluate on the first ones "
        "only, take a stride.",
        "Larochelle; Salakhutdinov and Murray 2008",
    ),
    "frey_faces": _Entry(
        (1965, 28, 20), "uint8", "frey_faces.npz", _frey_faces,
        "Frames of a video of one face, in order, grey levels 0 to 255. Neighbouring frames are nearly "
        f"equal: split in blocks of {_FREY_BLOCK}, every fifth for testing. Rows drawn at random for "
        "validation have near copies among the training rows.",
        "Frey and Roweis",
    ),
    "olivetti_faces": _Entry(
        (400, 64, 64), "uint8", "olivetti_faces.npz", _table(""),
        "Ten pictures each of 40 people, grey levels 0 to 255; labels number the people. Every fifth row is "
        "a test row: two of each person.",
        "AT&T Laboratories Cambridge",
    ),
}  # fmt: skip

_OUTLIERS = {
    "annthyroid": (7200, 6), "breastw": (683, 9), "cardio": (1831, 21), "mammography": (11183, 6),
    "pendigits": (6870, 16), "pima": (768, 8), "satellite": (6435, 36), "thyroid": (3772, 6),
    "vertebral": (240, 6), "wbc": (223, 9),
}  # fmt: skip
_UCI = {
    "concrete": ((1030, 8), "Concrete mixtures and their age; target: compressive strength in MPa."),
    "power": ((9568, 4), "Weather at a combined cycle power plant; target: electric power in MW."),
    "wine_red": ((1599, 11), "Chemistry of red wines; target: quality, an integer score."),
    "yacht": ((308, 6), "Hull shapes of yachts; target: residuary resistance."),
}
_ENTRIES |= {
    f"outliers/{name}": _Entry(
        shape, "float32", "outliers.npz", _table(f"{name}_"),
        f"Outlier detection on the {name} table, unscaled; label 1 marks an outlier. {_FIFTH}", _ADBENCH,
    )
    for name, shape in _OUTLIERS.items()
}  # fmt: skip
_ENTRIES |= {
    f"uci/{name}": _Entry(
        shape, "float32", "uci.npz", _table(f"{name}_"), f"{text} Unscaled. {_FIFTH}",
        "UCI Machine Learning Repository",
    )
    for name, (shape, text) in _UCI.items()
}  # fmt: skip
