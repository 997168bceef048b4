"""Choices: which words a hyperparameter may be, read from the annotations of an estimator's constructor.

    noise: Literal["diagonal", "full"]             "diagonal" or "full"
    rotation: Literal["varimax"] | None            None or "varimax"
    shrinkage: Literal["auto"] | float             "auto", or what the other members of the annotation allow

The annotation is the one place that lists the words: ``check_choices`` and the command line read them here.
"""

import inspect
import types
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin


class Choices(NamedTuple):
    """Parts of an annotation.

    Attributes
    ----------
    words
        Values of its ``Literal`` members, in order.
    none
        Whether None is among its members.
    others
        Its other members.
    """

    words: tuple[Any, ...]
    none: bool
    others: tuple[Any, ...]


def choices_of(annotation: Any) -> Choices:
    """The parts of an annotation.

    Examples
    --------
    >>> choices_of(Literal["a", "b"] | float | None)
    Choices(words=('a', 'b'), none=True, others=(<class 'float'>,))
    """
    members = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    literals = [member for member in members if get_origin(member) is Literal]
    values = tuple(value for literal in literals for value in get_args(literal))
    return Choices(
        words=tuple(value for value in values if value is not None),
        none=type(None) in members or None in values,
        others=tuple(member for member in members if member not in (*literals, None, type(None))),
    )


def constructor_parameters(estimator: type) -> Mapping[str, inspect.Parameter]:
    """Name -> parameter of the constructor, annotations evaluated.

    Raises
    ------
    TypeError
        If an annotation is a word that means nothing while the program runs.
    """
    try:
        return inspect.signature(estimator, eval_str=True).parameters
    except NameError as error:
        raise TypeError(
            f"annotations of {estimator.__name__}.__init__ must be known while the program runs, since choices are read from "
            f"them; got {error}. Import what they name outside of TYPE_CHECKING."
        ) from error
