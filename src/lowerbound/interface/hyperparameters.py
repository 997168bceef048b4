"""Checks of hyperparameters: one clear error for the first that is out of range, naming owner, constraint and value."""

import numbers
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

import numpy as np
from sklearn.utils import check_random_state

from lowerbound.interface.choices import choices_of, constructor_parameters

_Function = TypeVar("_Function", bound=Callable[..., Any])


def no_type_check(function: _Function) -> _Function:
    """Keep run-time type checkers out of a function; unlike ``typing.no_type_check``, static ones go on.

    For ``__init__`` of estimators, which must take anything: scikit-learn's contract has hyperparameters checked in ``fit``.
    """
    function.__no_type_check__ = True  # type: ignore[attr-defined]  # the documented way (PEP 484)
    return function


def check_integer(owner: str, name: str, value: Any, *, minimum: int, maximum: int | None = None) -> int:
    """The value, if it is a whole number in [minimum, maximum]."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < minimum or (maximum is not None and value > maximum):
        upper = "" if maximum is None else f" and at most {maximum}"
        raise ValueError(f"{name} of {owner} must be a whole number, at least {minimum}{upper}; got {value!r}.")
    return int(value)


def check_number(
    owner: str,
    name: str,
    value: Any,
    *,
    minimum: int | float,
    maximum: int | float = np.inf,
    below: int | float = np.inf,
    above: bool = False,
) -> float:
    """The value, if it is a finite number at least ``minimum`` (or above it), at most ``maximum`` and below ``below``."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool) and np.isfinite(float(value))
    if not real or value < minimum or (above and value == minimum) or value > maximum or value >= below:
        lower = f"above {minimum}" if above else f"at least {minimum}"
        upper = ("" if np.isinf(maximum) else f" and at most {maximum}") + (
            "" if np.isinf(below) else f" and below {below}"
        )
        raise ValueError(f"{name} of {owner} must be a number {lower}{upper}; got {value!r}.")
    return float(value)


def check_choice(owner: str, name: str, value: Any, choices: Sequence[Any], *, others: Sequence[Any] = ()) -> None:
    """Raise unless the value is one of the choices; ``others`` are types that the error names beside them."""
    if not any(value is choice or (isinstance(value, str) and value == choice) for choice in choices):
        listed = " or ".join([*map(repr, choices), *(getattr(other, "__name__", str(other)) for other in others)])
        words = [choice for choice in choices if isinstance(choice, str)]
        close = get_close_matches(value.lower(), words, n=1, cutoff=0.7) if isinstance(value, str) else []
        remedy = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"{name} of {owner} must be {listed}; got {value!r}.{remedy}")


def check_choices(estimator: Any) -> None:
    """Raise one clear ValueError for the first hyperparameter that is none of the words of its annotation."""
    owner = type(estimator)
    for name, parameter in constructor_parameters(owner).items():
        words, none, others = choices_of(parameter.annotation)
        value = getattr(estimator, name)
        elsewhere = (
            str in others if isinstance(value, str) else bool(others)
        )  # the annotation allows more than its words
        if words and not elsewhere:
            check_choice(owner.__name__, name, value, (None, *words) if none else words, others=others)


def check_bool(owner: str, name: str, value: Any) -> None:
    """Raise unless the value is True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} of {owner} must be True or False; got {value!r}.")


def check_seed(owner: str, value: Any) -> None:
    """Raise unless ``value`` is a random_state of scikit-learn; nothing is drawn from it."""
    try:
        check_random_state(value)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"random_state of {owner} must be None, a whole number in [0, 2**32) or a numpy RandomState; got {value!r}."
        ) from error


def check_sizes(owner: str, name: str, value: Any) -> tuple[int, ...]:
    """The value as a tuple of layer widths, each at least 1."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise ValueError(f"{name} of {owner} must be a tuple of layer widths, such as (256, 256); got {value!r}.")
    return tuple(check_integer(owner, f"{name}[{i}]", width, minimum=1) for i, width in enumerate(value))
