"""Comparison: the record of several models on the same rows, as entries, a table of text, HTML, or a data frame."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from lowerbound.evaluate.text_table import html_table, plain_table

if TYPE_CHECKING:
    from pandas import DataFrame

_WIDTH = 100
_MOST_DECIMALS = 3
_HEADER = ("model", "log p(x)", "new rows", "minus best", "parameters", "fit")


@dataclass(frozen=True)
class Entry:
    """One model of a comparison; nats per row.

    Attributes
    ----------
    name
        Of the model.
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
        ``value`` less that of the best model, paired by row (see ``evaluate.compare``); exactly 0 and 0 for the best itself.
    reason
        Why log p(x) is left blank; empty where it is not.
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


@dataclass(frozen=True)
class Comparison:
    """Models on the same rows: a table when printed, its entries when iterated over.

    Attributes
    ----------
    entries
        One for each model, in the order given.
    best
        Name of the model with the highest log p(x), the first of equals; None where no model has a finite one.
    n_rows
        Rows that all were held against.
    base_measure
        That of every value in the table; empty where there is none.
    notes
        Sentences about what was left out, and about what cannot be trusted.
    """

    entries: tuple[Entry, ...]
    best: str | None
    n_rows: int
    base_measure: str
    notes: tuple[str, ...]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __str__(self) -> str:
        return plain_table(_HEADER, self._cells(), self._sentences(), width=_WIDTH)

    def _repr_html_(self) -> str:
        return html_table(_HEADER, self._cells(), self._sentences())

    def to_frame(self) -> "DataFrame":
        """The entries as a pandas data frame: one row a model, its name the index, in full precision."""
        from pandas import DataFrame

        return DataFrame([asdict(entry) for entry in self.entries]).set_index("name")

    def _cells(self) -> list[tuple[str, ...]]:
        shown = [entry for entry in self.entries if not entry.reason]
        of_rows = _decimals([entry.sampling_error for entry in shown])
        of_differences = _decimals([entry.difference_standard_error for entry in shown])
        of_values = max(of_rows, of_differences, _decimals([entry.standard_error for entry in shown]))
        width = max((len(_monte_carlo(entry, of_values)) for entry in shown), default=0)  # so that errors are aligned

        def numbers(entry: Entry) -> tuple[str, str, str]:
            if entry.reason:
                return "blank", "", ""
            difference = (
                f"{_number(entry.difference, of_differences)} {_error(entry.difference_standard_error, of_differences)}"
            )
            return (
                f"{_number(entry.value, of_values)} {_monte_carlo(entry, of_values):>{width}}",
                _error(entry.sampling_error, of_rows),
                "best" if entry.name == self.best else difference,
            )

        return [
            (
                entry.name,
                *numbers(entry),
                str(entry.n_parameters),
                _duration(entry.fit_seconds),
            )
            for entry in self.entries
        ]

    def _sentences(self) -> list[str]:
        blank = [f"{entry.name} is left blank: {entry.reason}" for entry in self.entries if entry.reason]
        if len(blank) == len(self.entries):
            return [*blank, *self.notes]
        rows = "1 row" if self.n_rows == 1 else f"{self.n_rows} rows"
        return [
            f"log p(x): nats per row, mean over {rows}, ± its Monte Carlo error; {self.base_measure}.",
            "new rows: the standard error of that mean for other rows from the same source.",
            "minus best: mean difference to the best model, paired by row, ± its standard error.",
            *blank,
            *self.notes,
        ]


def _monte_carlo(entry: Entry, decimals: int) -> str:
    return "exact" if entry.exact else _error(entry.standard_error, decimals)


def _error(error: float, decimals: int) -> str:
    return f"± {_number(error, decimals)}"


def _number(value: float, decimals: int) -> str:
    return "unknown" if math.isnan(value) else f"{value:.{decimals}f}"


def _decimals(errors: Sequence[float]) -> int:
    """Decimals that show two digits of the smallest error, at most three; one where there is no error to show."""
    known = [error for error in errors if math.isfinite(error) and error > 0]
    return min(_MOST_DECIMALS, max(0, 1 - math.floor(math.log10(min(known))))) if known else 1


def _duration(seconds: float) -> str:
    """Such as "0.032 s", "6.4 s", "124 s"; empty where unknown."""
    if not math.isfinite(seconds):
        return ""
    return f"{seconds:.0f} s" if seconds >= 9.95 else f"{seconds:.1f} s" if seconds >= 0.095 else f"{seconds:.3f} s"
