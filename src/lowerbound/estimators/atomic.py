"""All or nothing: a fit that raises leaves the estimator as it was, never half-fitted."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

Owner = TypeVar("Owner")
Result = TypeVar("Result")
Given = ParamSpec("Given")


def all_or_nothing(
    fit: Callable[Concatenate[Owner, Given], Result],
) -> Callable[Concatenate[Owner, Given], Result]:
    """The method, with the object's attributes put back as they were where it raises."""

    @wraps(fit)
    def whole(self: Owner, /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        before = dict(vars(self))
        for name in [name for name in before if name.endswith("_") and not name.startswith("_")]:
            delattr(self, name)  # an earlier fit has no say in this one
        try:
            return fit(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return whole
