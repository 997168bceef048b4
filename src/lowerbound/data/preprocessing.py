r"""Preprocessing: how a row is stored, what its cells become, and the way back from model units to the user's.

Rows are stored small (uint8 grey levels and bools stay so) and cast a minibatch at a time. The treatment of their cells
makes the base measure explicit:

===========  ===========================================  ============================================================
treatment    y, for a stored cell g                       what a log-density of y means
===========  ===========================================  ============================================================
real         (g - shift) / scale                          a density on the user's reals
discrete     g                                            a mass on counts, codes, or {0, 1}
dequantize   (g + u - shift) / scale,  u ~ U[0, 1)        a density on grey level plus noise; its mean over u is at most
                                                          the log mass of the integer level (Theis et al. 2016)
dynamic      1 with probability g / white_level           a mass on {0, 1}, drawn afresh at every call
threshold    1 where g > white_level / 2                  a mass on {0, 1}
grey         g / white_level                              a loss, not a likelihood (grey values scored as probabilities)
===========  ===========================================  ============================================================

``shift`` and ``scale`` are 0 and 1 for discrete data. Floats are standardized on the host, in float64, before they are stored
(so that a column like 1.6e9 ± 100 keeps its digits in float32); uint8 and bool are standardized after the cast. The
noise of dequantization is drawn in float32 whatever the dtype: models in single and double precision see the same bits.
Stored rows become datums inside compiled functions, by ``data.datums``.

Reference: L. Theis, A. van den Oord, M. Bethge, "A note on the evaluation of generative models", ICLR 2016.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt32

from lowerbound.data.frames import cell_label
from lowerbound.data.moments import count_observed
from lowerbound.data.row_chunks import row_chunks
from lowerbound.data.standardize import Standardization, measure
from lowerbound.data.threefry import key_of_seed, keys_of_rows, uniform

_FAR: Final = 16.0
_LEAST_SINGLE: Final = 1e-30

DATA_SEED: Final = 0
"""Seed of the randomness that belongs to the data (dequantization, binarization).

It is a function of the row alone, so that every model, seed and verb is held against the same bits.
"""

Treatment = Literal["real", "discrete", "dequantize", "dynamic", "threshold", "grey"]


@dataclass(frozen=True)
class Meaning:
    """What a treatment makes of cells and of their log-density.

    Attributes
    ----------
    kind
        Whether log p(x) is that of a density, of a mass, or neither.
    measure
        What the treatment does to the base measure, in words; empty where it does nothing.
    has_code_length
        Whether -log2 p(x) is the length of a code of the cells, or a bound on it.
    one_unit
        Whether all cells have one unit, whatever their columns.
    grey_as_share
        Whether a grey level is seen as a share of white.
    bits_by_chance
        Whether cells are probabilities, and draws are bits.
    uniform_noise
        Whether cells are integer grey levels, to which noise on [0, 1) is added.
    """

    kind: Literal["density", "mass", "loss"]
    measure: str = ""
    has_code_length: bool = True
    one_unit: bool = False
    grey_as_share: bool = False
    bits_by_chance: bool = False
    uniform_noise: bool = False

    @property
    def mean_noise(self) -> float:
        """Mean of what is added to a cell."""
        return 0.5 if self.uniform_noise else 0.0


MEANINGS: Final[Mapping[Treatment, Meaning]] = {
    "real": Meaning("density", has_code_length=False),
    "discrete": Meaning("mass"),
    "dequantize": Meaning(
        "density", "after uniform dequantization of integer grey levels", one_unit=True, uniform_noise=True
    ),
    "dynamic": Meaning(
        "mass", "of grey levels binarized by chance", one_unit=True, grey_as_share=True, bits_by_chance=True
    ),
    "threshold": Meaning("mass", "of grey levels binarized at half of white", one_unit=True, grey_as_share=True),
    "grey": Meaning(
        "loss",
        "grey values scored as probabilities: a loss, not a likelihood",
        has_code_length=False,
        one_unit=True,
        grey_as_share=True,
        bits_by_chance=True,
    ),
}
"""The facts of each treatment, for all who ask."""


@dataclass(frozen=True)
class Preprocessing:
    r"""The map from stored rows to datums, and back from model units to the user's.

    Attributes
    ----------
    shift, scale
        y = (x - shift) / scale per feature; NumPy float64, shape (\\*event).
    white_level
        The grey level of probability one (255 for uint8, else 1).
    treatment
        One of the rows of the table above.
    dtype
        Precision of the datums: "float32", or "float64" for the models that are solved exactly.
    log_scale
        Log of the scale, taken in float64 (in single precision a small scale itself would be 0); made here if not given.
    """

    shift: Any
    scale: Any
    white_level: float = 1.0
    treatment: Treatment = "real"
    dtype: Literal["float32", "float64"] = "float32"
    log_scale: Any = None

    def __post_init__(self) -> None:
        if self.log_scale is None:
            object.__setattr__(self, "log_scale", np.log(self.scale))

    def in_model_units(
        self,
        values: Shaped[np.ndarray, "n *event"],
        observed: Bool[np.ndarray, "n *event"] | None,
        hashes: Callable[[], UInt32[np.ndarray, " n"]],
    ) -> tuple[Float[np.ndarray, "n *event"], Float[np.ndarray, " n"]]:
        """Cells y of "real" and "dequantize" in float64, 0 where missing, and the log-determinant of each row, in NumPy.

        The numbers are those of the datums that compiled functions make (``data.datums``), noise included.
        """
        if self.meaning.uniform_noise:
            keys = keys_of_rows(key_of_seed(DATA_SEED), hashes())
            noise = uniform(keys, int(np.prod(values.shape[1:], dtype=int))).reshape(values.shape)
            y = (values.astype(np.float64) + noise - self.shift) / self.scale
        else:
            y = np.subtract(values, self.shift, dtype=np.float64, order="C") / self.scale  # one order of sums for all
        log_scale = self.log_scale.reshape(-1)
        if observed is None:
            return y, np.full(len(values), -log_scale.sum())
        return np.where(observed, y, 0.0), -(observed.reshape(len(values), -1) @ log_scale)

    def store(
        self, values: Shaped[np.ndarray, "*rows_and_event"], observed: Bool[np.ndarray, "*rows_and_event"] | None = None
    ) -> Shaped[np.ndarray, "*rows_and_event"]:
        """Rows as a record holds them: uint8 and bool untouched, everything else standardized, in the datums' dtype.

        A cell that was not observed holds a value that is possible: the mean of reals, grey level or count 0.
        """
        if values.dtype in (np.uint8, np.bool_):
            return values
        if self.treatment == "dequantize":
            return (values if observed is None else np.where(observed, values, 0)).astype(np.uint8)
        if self.treatment != "real":
            return (values if observed is None else np.where(observed, values, 0)).astype(self.dtype)
        stored = np.empty(values.shape, self.dtype)
        np.divide(np.subtract(values, self.shift, dtype=np.float64), self.scale, out=stored, casting="same_kind")
        if observed is not None:
            stored[~observed] = 0.0
        return stored

    @property
    def hash_dtype(self) -> type[np.float32] | type[np.float64]:
        """Precision in which two rows are equal: single where it holds the cells of float32 models, and for grey levels."""
        return np.float32 if self.restored_dtype == "float32" or self.meaning.uniform_noise else np.float64

    def restore_mean(self, y: Float[np.ndarray, "n *event"]) -> Float[np.ndarray, "n *event"]:
        """Means of the model in the user's units; what the treatment adds on average is taken off."""
        return (y * self.scale + (self.shift - self.meaning.mean_noise)).astype(self.restored_dtype)

    def restore_sample(self, y: Float[np.ndarray, "n *event"]) -> Float[np.ndarray, "n *event"]:
        """Draws of the model in the user's units; dequantized draws fall back to their integer level."""
        x = y * self.scale + self.shift
        return (np.floor(x) if self.meaning.uniform_noise else x).astype(self.restored_dtype)

    @property
    def restored_dtype(self) -> str:
        """Precision of cells in the user's units: float64 where float32 would round away more than 2^-20 of a column's scale.

        The last step, x = shift + scale y, is taken in float64 always. Float32 keeps 24 bits of x, and so 20 below the scale
        where the shift is at most 16 times that; and its exponents end near 1e-38 and 1e38.
        """
        held = np.abs(self.shift) <= _FAR * self.scale
        held &= (self.scale >= _LEAST_SINGLE) & (self.scale <= 1 / _LEAST_SINGLE)
        return self.dtype if np.all(held) else "float64"

    @property
    def meaning(self) -> Meaning:
        """The facts of the treatment."""
        return MEANINGS[self.treatment]


def fit_preprocessing(
    values: Shaped[np.ndarray, "n *event"], *, treatment: Treatment, standardize: bool
) -> tuple[Preprocessing, Standardization]:
    """Preprocessing measured on training rows, and what was measured; masses have no trouble with constant features.

    Parameters
    ----------
    values
        Training data, rows first; NaN where a cell is missing.
    treatment
        See the module's table.
    standardize
        Whether to use shift and scale; only "real" and "dequantize" have units that can be changed.
    """
    event = values.shape[1:]
    if treatment not in ("real", "dequantize"):
        white_level = 1.0 if treatment == "discrete" else _white_level(values)
        unmeasured = Standardization(np.zeros(event), np.ones(event), np.zeros(event, np.bool_), count_observed(values))
        return Preprocessing(unmeasured.shift, unmeasured.scale, white_level, treatment), unmeasured
    noise = treatment == "dequantize"
    found = measure(values, extra_variance=1 / 12 if noise else 0.0)
    if standardize:
        return Preprocessing(found.shift + 0.5 * noise, found.scale, 1.0, treatment), found
    return Preprocessing(np.zeros(event), np.ones(event), 1.0, treatment), found


def _white_level(values: Shaped[np.ndarray, "n *event"]) -> float:
    """The grey level of probability one: 255 for uint8 that uses its range, 1 for bits and floats."""
    if values.dtype != np.uint8 or (largest := values.max()) <= 1:
        return 1.0
    if largest < 128:
        raise ValueError(
            f"X must use the range 0 to 255 where uint8 grey levels are to be binarized; its largest is {largest}. Divide X by "
            "its white level, so that it holds floats in [0, 1]."
        )
    return 255.0


def check_grey_levels(
    values: Shaped[np.ndarray, "n *event"],
    treatment: Treatment,
    *,
    white_level: int | float,
    owner: str,
    names: Sequence[Any] | None = None,
) -> None:
    """Raise one ValueError for cells that are no grey levels: integers 0 … 255 to dequantize, [0, white_level] to binarize."""
    highest = 255 if treatment == "dequantize" else white_level
    for rows in row_chunks(len(values), int(np.prod(values.shape[1:], dtype=int))):
        chunk = values[rows]
        largest = np.fmax.reduce(chunk, axis=None)  # passes over NaN
        if white_level == 255 and chunk.dtype.kind == "f" and treatment != "dequantize" and largest <= 1:
            raise ValueError(
                f"X of {owner} must hold grey levels 0 to 255, as in fit; got floats of at most {largest:g}. "
                "Multiply X by 255."
            )
        outside = (chunk < 0) | (chunk > highest)
        if treatment == "dequantize" and chunk.dtype.kind == "f":
            outside |= (chunk != np.floor(chunk)) & ~np.isnan(chunk)
        if outside.any():
            cell = np.argwhere(outside)[0]
            at = cell_label((cell[0] + rows.start, *cell[1:]), names)
            kind = (
                "integer grey levels 0 to 255 for dequantize=True"
                if treatment == "dequantize"
                else (f"grey values in [0, {white_level:g}] to be binarized")
            )
            raise ValueError(
                f"X of {owner} must hold {kind}; got {at} = {chunk[tuple(cell)]}. Rescale X, or change the option."
            )
