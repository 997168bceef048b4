"""Loading: from a folder that ``save`` wrote to the fitted estimator, its class found by name among the registered ones."""

import os
from collections.abc import Sequence
from typing import Any, Literal, overload

from lowerbound.estimators.registry import registrations
from lowerbound.interface.scorer import Scorer, load_scorer


@overload
def load(path: str | os.PathLike[str], *, classes: Sequence[type[Any]] = (), only: None = None) -> Any: ...


@overload
def load(path: str | os.PathLike[str], *, classes: Sequence[type[Any]] = (), only: Literal["scoring"]) -> Scorer: ...


def load(path: str | os.PathLike[str], *, classes: Sequence[type[Any]] = (), only: Any = None) -> Any:
    """The estimator that ``save`` wrote at ``path``; runs no code from the folder.

    Parameters
    ----------
    path
        The folder.
    classes
        Estimator classes that may be meant besides the registered ones (see :func:`lowerbound.register`); of equal names,
        these are taken.
    only
        "scoring" gives a :class:`~lowerbound.interface.scorer.Scorer` in place of the estimator: of models that are solved
        exactly, and with NumPy alone, for processes that must start fast and stay small.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    SavedModelError
        If it is no saved model, truncated, altered, from a newer format, or of a class that is not known; for
        ``only="scoring"`` also if the model is not solved exactly.
    """
    if only == "scoring":
        return load_scorer(path)
    if only is not None:
        raise ValueError(f"only of load must be None or 'scoring'; got {only!r}.")
    from lowerbound.interface.saving import load_estimator  # here, since a scorer needs no scikit-learn

    homes = {line.name: line.load_class for line in registrations()}
    given = {estimator.__name__: estimator for estimator in classes}

    def class_named(name: str) -> type[Any] | None:
        return given.get(name) or (homes[name]() if name in homes else None)

    return load_estimator(path, class_named=class_named)
