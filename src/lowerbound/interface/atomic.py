"""All or nothing: a fit that raises leaves the estimator as it was, never half-fitted; one that ends says how long it took."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

Owner = TypeVar("Owner")
Result = TypeVar("Result")
Given = ParamSpec("Given")


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
            result = fit(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise
        vars(self)["fit_seconds_"] = time.perf_counter() - start
        return result

    return whole
