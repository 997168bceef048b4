"""Comparison: the record of several models on the same rows, as a table of text, HTML, or a data frame."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from lowerbound.evaluate.text_table import html_table, plain_table
from lowerbound.evaluate.words import counted

if TYPE_CHECKING:
    from pandas import DataFrame

_WIDTH = 100
_MOST_DECIMALS = 3
_MARK = "[!]"  # after the name of a model whose density is suspect, or whose fit ended early
_HEADER = ("model", "log p(x)", "new rows", "minus best", "parameters", "fit")


@dataclass(frozen=True)
class ComparedModel:
    """One model of a comparison; nats per row.

    Attributes
    ----------
    name
        Name of the model.
    value
        Mean of log p(x) over the rows; NaN where it is left blank.
    standard_error
        Monte Carlo error of ``value`` for these very rows; 0 where exact.
    sampling_error
        How far ``value`` is from its expectation over new rows (one standard error).
    exact
        Whether log p(x) was computed without sampling; None where it is left blank.
    n_samples
        Draws per row; 0 where exact or blank.
    n_parameters
        Free parameters of the model, those of its q included.
    fit_seconds
        What the fit took; NaN where unknown.
    base_measure
        What p(x) is a density or mass with respect to; empty where there is no p(x).
    difference, difference_standard_error
        ``value`` less that of the best model, paired by row (see ``evaluate.paired_differences``); exactly 0 and 0 for the
        best itself.
    reason
        Why log p(x) is left blank; empty where it is not.
    notes
        Sentences on what makes its density suspect, such as noise that rests on its floor, and on a fit that ended early.
    """

    name: str
    value: float
    standard_error: float
    sampling_error: float
    exact: bool | None
    n_samples: int
    n_parameters: int
    fit_seconds: float
    base_measure: str
    difference: float
    difference_standard_error: float
    reason: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """Models on the same rows: a table when printed, the models one by one when iterated over.

    Attributes
    ----------
    models
        A record for each, in the order given.
    best
        Name of the model with the highest log p(x), the first of equals; None where no model has a finite one.
    n_rows
        Rows that all were held against.
    base_measure
        Base measure of every value in the table; empty where there is none.
    notes
        Sentences about what was left out, and about estimates that cannot be trusted. What was noted of a model itself is among
        its own notes.
    """

    models: tuple[ComparedModel, ...]
    best: str | None
    n_rows: int
    base_measure: str
    notes: tuple[str, ...]

    def __iter__(self) -> Iterator[ComparedModel]:
        return iter(self.models)

    def __len__(self) -> int:
        return len(self.models)

    def __str__(self) -> str:
        return plain_table(_HEADER, self._cells(), self._sentences(), width=_WIDTH)

    def _repr_html_(self) -> str:
        return html_table(_HEADER, self._cells(), self._sentences())

    def to_frame(self) -> "DataFrame":
        """The numbers as a pandas data frame: one row a model, its name the index, in full precision."""
        from pandas import DataFrame

        return DataFrame([asdict(model) for model in self.models]).set_index("name")

    def _cells(self) -> list[tuple[str, ...]]:
        shown = [model for model in self.models if not model.reason]
        of_rows = _decimals([model.sampling_error for model in shown])
        of_differences = _decimals([model.difference_standard_error for model in shown])
        of_values = max(of_rows, of_differences, _decimals([model.standard_error for model in shown]))
        width = max((len(_monte_carlo(model, of_values)) for model in shown), default=0)  # so that errors are aligned

        def numbers(model: ComparedModel) -> tuple[str, str, str]:
            if model.reason:
                return "blank", "", ""
            difference = (
                f"{_number(model.difference, of_differences)} {_error(model.difference_standard_error, of_differences)}"
            )
            return (
                f"{_number(model.value, of_values)} {_monte_carlo(model, of_values):>{width}}",
                _error(model.sampling_error, of_rows),
                "best" if model.name == self.best else difference,
            )

        return [
            (
                _marked(model),
                *numbers(model),
                str(model.n_parameters),
                _duration(model.fit_seconds),
            )
            for model in self.models
        ]

    def _sentences(self) -> list[str]:
        blank = [f"{model.name} is left blank: {model.reason}" for model in self.models if model.reason]
        suspect = [f"{_marked(model)}: {note}" for model in self.models for note in model.notes]
        if len(blank) == len(self.models):
            return [*blank, *self.notes, *suspect]
        return [
            f"log p(x): nats per row, mean over {counted(self.n_rows, 'row')}, ± its Monte Carlo error; {self.base_measure}.",
            "new rows: the standard error of that mean for other rows from the same source.",
            "minus best: mean difference to the best model, paired by row, ± its standard error.",
            *blank,
            *self.notes,
            *suspect,
        ]


def _marked(model: ComparedModel) -> str:
    """The name, with a mark where something was noted of the model."""
    return f"{model.name} {_MARK}" if model.notes else model.name


def _monte_carlo(model: ComparedModel, decimals: int) -> str:
    return "exact" if model.exact else _error(model.standard_error, decimals)


def _error(error: float, decimals: int) -> str:
    return f"± {_number(error, decimals)}"


def _number(value: float, decimals: int) -> str:
    return "unknown" if math.isnan(value) else f"{value:.{decimals}f}"


def _decimals(errors: Sequence[float]) -> int:
    """Decimals that show two digits of the smallest error, at most three; one where there is no error to show."""
    known = [error for error in errors if math.isfinite(error) and error > 0]
    return min(_MOST_DECIMALS, max(0, 1 - math.floor(math.log10(min(known))))) if known else 1


def _duration(seconds: float) -> str:
    """Seconds in words, such as "0.032 s", "6.4 s", "124 s"; empty where unknown."""
    if not math.isfinite(seconds):
        return ""
    return f"{seconds:.0f} s" if seconds >= 9.95 else f"{seconds:.1f} s" if seconds >= 0.095 else f"{seconds:.3f} s"
