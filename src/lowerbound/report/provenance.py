"""How a report was made: command, hyperparameters, versions, date, seed and data, enough to make it again."""

import math
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from inspect import signature
from numbers import Integral
from typing import Any

import numpy as np
from numpy.random import RandomState
from sklearn.base import BaseEstimator

from lowerbound.data.frames import Frame, as_numbers
from lowerbound.evaluate.words import number, share
from lowerbound.persist import library_versions
from lowerbound.report.contents import Fact, Listing, Section, TextTable
from lowerbound.report.context import ReportContext

_DRAWING = ("matplotlib", "jinja2")


@dataclass(frozen=True)
class Making:
    """The making of a report.

    Attributes
    ----------
    made
        When.
    data_name
        What the rows are called.
    command
        The command that made the report; None where it was made from Python.
    saved_versions
        Versions that the model was saved with; None for a model that was not saved.
    """

    made: datetime
    data_name: str | None
    command: str | None
    saved_versions: Mapping[str, str] | None


def provenance_section(context: ReportContext, making: Making) -> Section:
    """How this report was made."""
    listings = [] if making.command is None else [Listing("Command", making.command)]
    listings += [
        Listing("Model", constructor(context.given, everything=False)),
        Listing("All hyperparameters", constructor(context.given, everything=True), folded=True),
    ]
    return Section(
        anchor="making",
        title="How this was made",
        facts=(*_data(context, making.data_name), *_run(context, making.made)),
        tables=(_versions(making.saved_versions),),
        listings=tuple(listings),
    )


def constructor(estimator: Any, *, everything: bool) -> str:
    """The call that makes the unfitted estimator: what differs from the defaults, or every hyperparameter.

    An estimator inside stands there as its own call, a random state of NumPy's as ``RandomState(...)``: its state is no text.

    >>> from lowerbound.estimators.vae import VAE
    >>> print(constructor(VAE(latent_dim=3, beta=2.0), everything=False))
    VAE(
        latent_dim=3,
        beta=2.0,
    )
    """
    given = estimator.get_params(deep=False)
    lines = [f"{type(estimator).__name__}("]
    for key, parameter in signature(type(estimator)).parameters.items():
        if everything or key == "latent_dim" or not _same(given[key], parameter.default):
            name = "" if parameter.default is parameter.empty else f"{key}="
            lines += [f"    {line}" for line in f"{name}{_written(given[key], everything=everything)},".split("\n")]
    return "\n".join([*lines, ")"])


def _written(value: Any, *, everything: bool) -> str:
    if isinstance(value, BaseEstimator):
        return constructor(value, everything=everything)
    return "RandomState(...)" if isinstance(value, RandomState) else repr(value)


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(np.all(one == other))


def _data(context: ReportContext, data_name: str | None) -> list[Fact]:
    shape = " × ".join(map(str, context.estimator.input_shape_))
    kind = "data frame" if isinstance(context.rows, Frame) else str(context.rows.dtype)
    values = as_numbers(context.rows)
    known = values[~np.isnan(values)]
    span = f"{number(float(known.min()))} to {number(float(known.max()))}" if known.size else "nothing observed"
    holes = f"; {share(context.findings.share_of_missing_cells)} of the cells are missing" if context.has_holes else ""
    return [
        Fact(
            "data",
            data_name or "an array",
            f"{context.rows_in_words}, each of shape {shape}; {kind}, {span}{holes}.",
        ),
    ]


def _run(context: ReportContext, made: datetime) -> list[Fact]:
    estimator = context.estimator
    stated = isinstance(estimator.random_state, Integral)
    of_the_fit = "Of the fit."
    if not stated:
        given = "None" if estimator.random_state is None else "a RandomState"
        of_the_fit = (
            f"Drawn by the fit (its seed_), since random_state was {given}: no number for random_state leads to it again. For a "
            "fit that can be repeated, set random_state to a whole number."
        )
    draws = ""
    if context.findings.density is not None and not context.findings.density.exact:
        draws = f" ({context.n_samples} draws per row for log p(x))"
    seconds = estimator.fit_seconds_
    took = "" if math.isnan(seconds) else f" The fit took {number(seconds, digits=2)} s, compiling included."
    return [
        Fact("parameters", str(estimator.n_parameters_), f"Numbers that the fit was free to choose.{took}"),
        Fact("date", made.strftime("%Y-%m-%d %H:%M %Z").strip(), f"On {platform.system()}, {platform.machine()}."),
        Fact(
            "seed",
            str(estimator.random_state if stated else estimator.seed_),
            f"{of_the_fit} What is drawn here is drawn from it too{draws}: the same fitted model and rows give the same report.",
        ),
    ]


def _versions(saved: Mapping[str, str] | None) -> TextTable:
    now = library_versions() | {name: version(name) for name in _DRAWING}
    columns = ("package", "this report") + ("model saved with",) * (saved is not None)
    rows = tuple((name, found) + ((saved.get(name, "–"),) if saved is not None else ()) for name, found in now.items())
    return TextTable(caption="Versions.", columns=columns, rows=rows)
