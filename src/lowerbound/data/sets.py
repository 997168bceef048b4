"""The table of named data sets: for each the file that holds it, its split, and what to know of it.

The split is part of a set: results under one name compare. Where the source has none, every fifth row is a
test row; the video frames of `frey_faces` are split in blocks, as neighbouring frames are nearly equal.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from lowerbound.data.files import read_array

_FREY_BLOCK = 131  # 1965 frames are 15 blocks of 131


class Parts(NamedTuple):
    """The rows of a set and their labels or targets, split into training and test rows."""

    x_train: np.ndarray
    y_train: np.ndarray | None
    x_test: np.ndarray
    y_test: np.ndarray | None


@dataclass(frozen=True)
class Entry:
    """A line of the table: all that is known of a set without opening its file.

    Parameters
    ----------
    shape : tuple of int
        Shape of all rows together.
    dtype : str
        Type of the rows.
    file : str
        Name of the file that holds the set; empty where it is built in.
    read : callable
        From the path of the file to the set.
    description, source : str
        See `NamedData`.
    openml : str
        Title at OpenML, empty where the set is not there.
    """

    shape: tuple[int, ...]
    dtype: str
    file: str
    read: Callable[[Path], Parts]
    description: str
    source: str
    openml: str = ""


def _split(x: np.ndarray, y: np.ndarray | None, test: Bool[np.ndarray, " rows"]) -> Parts:
    return Parts(x[~test], None if y is None else y[~test], x[test], None if y is None else y[test])


def _every_fifth(x: np.ndarray, y: np.ndarray | None) -> Parts:
    return _split(x, y, np.arange(len(x)) % 5 == 4)


def _digits(_: Path) -> Parts:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return _every_fifth(x.astype(np.uint8), y)


def _in_parts(file: Path) -> Parts:
    return Parts(*(read_array(file, name=part) for part in ("x_train", "y_train", "x_test", "y_test")))


def _binarized_mnist(file: Path) -> Parts:
    x, y = (
        np.concatenate([read_array(file, name=f"{letter}_{part}") for part in ("train", "valid")]) for letter in "xy"
    )
    return Parts(x, y, read_array(file, name="x_test"), read_array(file, name="y_test"))


def _frey_faces(file: Path) -> Parts:
    x = read_array(file, name="x")
    return _split(x, None, np.arange(len(x)) // _FREY_BLOCK % 5 == 4)


def _table(prefix: str) -> Callable[[Path], Parts]:
    def read(file: Path) -> Parts:
        return _every_fifth(read_array(file, name=f"{prefix}x"), read_array(file, name=f"{prefix}y"))

    return read


_FIFTH = "Every fifth row is a test row."
_ADBENCH = "ADBench (Han et al. 2022)"

ENTRIES = {
    "digits": Entry(
        (1797, 64), "uint8", "", _digits,
        f"Handwritten digits, 8 x 8 pixels as rows of grey levels 0 to 16; labels 0 to 9. {_FIFTH}",
        "Alpaydin and Kaynak 1998, through scikit-learn",
    ),
    "mnist": Entry(
        (70000, 28, 28), "uint8", "mnist.npz", _in_parts,
        "Handwritten digits, grey levels 0 to 255; labels 0 to 9; the published split.",
        "LeCun, Cortes and Burges", openml="mnist_784",
    ),
    "fashion_mnist": Entry(
        (70000, 28, 28), "uint8", "fashion_mnist.npz", _in_parts,
        "Pieces of clothing, grey levels 0 to 255; labels 0 to 9; the published split.",
        "Xiao, Rasul and Vollgraf 2017", openml="Fashion-MNIST",
    ),
    "binarized_mnist": Entry(
        (70000, 28, 28), "bool", "binarized_mnist.npz", _binarized_mnist,
        "MNIST, each pixel drawn once by its grey level; the last 10000 of the 60000 training rows are the "
        "published validation rows. The test rows are sorted by class: never evaluate on the first ones "
        "only, take a stride.",
        "Larochelle; Salakhutdinov and Murray 2008",
    ),
    "frey_faces": Entry(
        (1965, 28, 20), "uint8", "frey_faces.npz", _frey_faces,
        "Frames of a video of one face, in order, grey levels 0 to 255. Neighbouring frames are nearly "
        f"equal: split in blocks of {_FREY_BLOCK}, every fifth for testing. Rows drawn at random for "
        "validation have near copies among the training rows.",
        "Frey and Roweis",
    ),
    "olivetti_faces": Entry(
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
ENTRIES |= {
    f"outliers/{name}": Entry(
        shape, "float32", "outliers.npz", _table(f"{name}_"),
        f"Outlier detection on the {name} table, unscaled; label 1 marks an outlier. {_FIFTH}", _ADBENCH,
    )
    for name, shape in _OUTLIERS.items()
}  # fmt: skip
ENTRIES |= {
    f"uci/{name}": Entry(
        shape, "float32", "uci.npz", _table(f"{name}_"), f"{text} Unscaled. {_FIFTH}",
        "UCI Machine Learning Repository",
    )
    for name, (shape, text) in _UCI.items()
}  # fmt: skip
