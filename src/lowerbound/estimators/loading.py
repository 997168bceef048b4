"""Loading: from a folder that ``save`` wrote to the fitted estimator, its class found by name among the registered ones."""

import os
from collections.abc import Sequence
from typing import Any

from sklearn.base import BaseEstimator

from lowerbound.estimators.registry import registrations
from lowerbound.interface.saving import load_estimator


def load(path: str | os.PathLike[str], *, classes: Sequence[type[Any]] = ()) -> BaseEstimator:
    """The estimator that ``save`` wrote at ``path``; runs no code from the folder.

    Parameters
    ----------
    path
        The folder.
    classes
        Estimator classes that may be meant besides the registered ones (see :func:`lowerbound.register`); of equal names,
        these are taken.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    SavedModelError
        If it is no saved model, truncated, altered, from a newer format, or of a class that is not known.
    """
    homes = {line.name: line.load_class for line in registrations()}
    given = {estimator.__name__: estimator for estimator in classes}

    def class_named(name: str) -> type[BaseEstimator] | None:
        return given.get(name) or (homes[name]() if name in homes else None)

    return load_estimator(path, class_named=class_named)
