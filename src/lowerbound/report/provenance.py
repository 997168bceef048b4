"""How a report was made: command, hyperparameters, versions, date, seed and data, enough to make it again."""

import platform
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from inspect import signature
from numbers import Integral
from typing import Any

import numpy as np
from numpy.random import RandomState
from sklearn.base import BaseEstimator

from lowerbound.persist import library_versions
from lowerbound.report.columns import as_numbers
from lowerbound.report.contents import Fact, Listing, Section, Table
from lowerbound.report.numbers import number, share
from lowerbound.report.subject import Subject

_DRAWING = ("matplotlib", "jinja2")


def provenance_section(
    subject: Subject,
    *,
    made: datetime,
    data_name: str | None,
    command: str | None,
    saved_versions: Mapping[str, str] | None,
) -> Section:
    """Everything about the making of this report.

    Parameters
    ----------
    subject
        Estimator and rows.
    made
        When.
    data_name
        What the rows are called.
    command
        The command that made the report; None where it was made from Python.
    saved_versions
        Versions that the model was saved with.
    """
    listings = [] if command is None else [Listing("Command", command)]
    listings += [
        Listing("Model", constructor(subject.given, everything=False)),
        Listing("All hyperparameters", constructor(subject.given, everything=True), folded=True),
    ]
    return Section(
        anchor="making",
        title="How this was made",
        facts=(*_data(subject, data_name), *_run(subject, made)),
        tables=(_versions(saved_versions),),
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


def _data(subject: Subject, data_name: str | None) -> list[Fact]:
    shape = " × ".join(map(str, subject.estimator.input_shape_))
    dtype = getattr(subject.rows, "dtype", None)
    kind = "data frame" if dtype is None else str(dtype)
    values = as_numbers(subject.rows)
    known = values[~np.isnan(values)]
    span = f"{number(float(known.min()))} to {number(float(known.max()))}" if known.size else "nothing observed"
    holes = f"; {share(subject.missing)} of the cells are missing" if subject.has_holes else ""
    return [
        Fact(
            "data",
            data_name or "an array",
            f"{subject.rows_in_words}, each of shape {shape}; {kind}, {span}{holes}.",
        ),
    ]


def _run(subject: Subject, made: datetime) -> list[Fact]:
    estimator = subject.estimator
    stated = isinstance(estimator.random_state, Integral)
    of_the_fit = "Of the fit."
    if not stated:
        given = "None" if estimator.random_state is None else "a RandomState"
        of_the_fit = (
            f"Drawn by the fit (its seed_), since random_state was {given}: no number for random_state leads to it again. For a "
            "fit that can be repeated, set random_state to a whole number."
        )
    draws = ""
    if subject.has_density:
        exact = subject.measured["exact"]
        draws = "" if exact else f" ({subject.n_samples} draws per row for log p(x))"
    seconds = getattr(estimator, "fit_seconds_", None)  # models saved by earlier versions have none
    took = "" if seconds is None else f" The fit took {number(float(seconds), digits=2)} s, compiling included."
    return [
        Fact("parameters", str(estimator.n_parameters_), f"Numbers that the fit was free to choose.{took}"),
        Fact("date", made.strftime("%Y-%m-%d %H:%M %Z").strip(), f"On {platform.system()}, {platform.machine()}."),
        Fact(
            "seed",
            str(estimator.random_state if stated else estimator.seed_),
            f"{of_the_fit} What is drawn here is drawn from it too{draws}: the same fitted model and rows give the same report.",
        ),
    ]


def _versions(saved: Mapping[str, str] | None) -> Table:
    now = library_versions() | {name: version(name) for name in _DRAWING}
    columns = ("package", "this report") + ("model saved with",) * (saved is not None)
    rows = tuple((name, found) + ((saved.get(name, "–"),) if saved is not None else ()) for name, found in now.items())
    return Table(caption="Versions.", columns=columns, rows=rows)
