"""All or nothing: a fit that raises leaves the estimator as it was, never half-fitted; one that ends says how long it took.

A fit that ends before it converged is kept, and warns: what ``status_`` says, remedy included, as a ConvergenceWarning.
"""

import contextlib
import sys
import time
import warnings
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from sklearn.exceptions import ConvergenceWarning

from lowerbound.fit.result import Code, Status

Owner = TypeVar("Owner")
Result = TypeVar("Result")
Given = ParamSpec("Given")

UNCONVERGED: Final[tuple[Code, ...]] = ("max_iter", "non_finite")
"""Ends that warn. Epochs are a budget that the user sets, and Ctrl-C was the user's own: they do not."""


def all_or_nothing(
    fit: Callable[Concatenate[Owner, Given], Result],
) -> Callable[Concatenate[Owner, Given], Result]:
    """The method, with the object's attributes put back as they were where it raises, and ``fit_seconds_`` set where not."""

    @wraps(fit)
    def whole(self: Owner, /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        before = dict(vars(self))
        for name in [name for name in before if name.endswith("_") and not name.startswith("_")]:
            delattr(self, name)  # an earlier fit has no say in this one
        start = time.perf_counter()
        try:
            with _settings_of_jax():
                result = fit(self, *args, **kwargs)
            message = _unconverged(type(self).__name__, vars(self).get("status_"))
            if message is not None:
                warnings.warn(message, ConvergenceWarning, stacklevel=2)  # which may be an error, too
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise
        vars(self)["fit_seconds_"] = time.perf_counter() - start
        return result

    return whole


def _settings_of_jax() -> contextlib.AbstractContextManager[None]:
    """Our settings of JAX, where it is loaded: closed forms do without, and what loads it later sets them itself."""
    if "jax" not in sys.modules:
        return contextlib.nullcontext()
    settings: contextlib.AbstractContextManager[None] = import_module("lowerbound.nn.precision").own_settings()
    return settings


def _unconverged(owner: str, status: Any) -> str | None:
    """The first line of a status that asks for a warning; None for others, and for fits without one."""
    if isinstance(status, Status) and status.code in UNCONVERGED:
        return f"fit of {owner}: {status.message.splitlines()[0]}"
    return None
