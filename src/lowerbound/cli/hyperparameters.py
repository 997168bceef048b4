"""Hyperparameters as options: names, defaults and values from an estimator's signature, words from its docstring.

    latent_dim: int = 2                            --latent-dim INTEGER
    noise: Literal["diagonal", "full"]             --noise diagonal|full
    hidden: tuple[int, ...] = (256, 256)           --hidden INTEGER,INTEGER,...
    patience: int | None = 10                      --patience INTEGER|none
    standardize: bool = True                       --standardize / --no-standardize

A hyperparameter that no word can express, such as another estimator, has no option, nor has one with a single value. ``verbose``
has none: progress is shown unless --quiet. ``random_state`` is 0 unless it is given, so that a command repeats.
"""

import inspect
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, get_args, get_origin

from lowerbound.cli.docstrings import help_text, option_of
from lowerbound.interface.choices import choices_of, constructor_parameters

SEED, PROGRESS = "random_state", "verbose"
_NONE: Final = "none"
_NUMBERS: Final[dict[type, tuple[str, str]]] = {int: ("INTEGER", "a whole number"), float: ("NUMBER", "a number")}


@dataclass(frozen=True)
class Values:
    """What an option may be given.

    Attributes
    ----------
    choices
        Words that stand for themselves.
    number
        int or float, or None for no number.
    several
        int or float for any number of them, separated by commas; or None.
    anything
        Whether any word may be given.
    flag
        Whether it is on or off.
    none
        Whether the word "none" stands for None.
    """

    choices: tuple[str, ...] = ()
    number: type | None = None
    several: type | None = None
    anything: bool = False
    flag: bool = False
    none: bool = False

    @property
    def single_valued(self) -> bool:
        """Whether there is one value only."""
        return self == Values(choices=self.choices) and len(self.choices) == 1

    @property
    def placeholder(self) -> str:
        """Metavar in the help, after the option."""
        number = [_NUMBERS[self.number][0]] if self.number else []
        several = ["{0},{0},...".format(_NUMBERS[self.several][0])] if self.several else []
        text = ["TEXT"] if self.anything else []
        return "|".join([*self.choices, *number, *several, *text, *([_NONE] if self.none else [])])

    def read(self, word: str, *, option: str) -> Any:
        """The value that a word stands for.

        Raises
        ------
        ValueError
            If it stands for none.
        """
        if word in self.choices:
            return word
        if self.none and word == _NONE:
            return None
        try:
            if self.several:
                return tuple(self.several(part) for part in word.split(",") if part.strip())
            if self.number:
                return self.number(word)
        except ValueError:
            pass
        if self.anything:
            return word
        close = get_close_matches(word, self.choices, n=1)
        remedy = f" Did you mean {close[0]}?" if close else ""
        raise ValueError(f"{option} must be {self._in_words()}; got {word!r}.{remedy}")

    def _in_words(self) -> str:
        number = [_NUMBERS[self.number][1]] if self.number else []
        several = [f"{_NUMBERS[self.several][1][2:]}s separated by commas, such as 256,256"] if self.several else []
        words = [*self.choices, *number, *several, *([_NONE] if self.none else [])]
        return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


@dataclass(frozen=True)
class Hyperparameter:
    """One option of ``lowerbound fit MODEL``.

    Attributes
    ----------
    name
        Name of the hyperparameter.
    values
        What it may be given.
    default
        Value where it is left out; ``inspect.Parameter.empty`` where it must be given.
    text
        The help.
    panel
        The heading in the help.
    """

    name: str
    values: Values
    default: Any
    text: str
    panel: str

    @property
    def option(self) -> str:
        """The option's name."""
        return option_of(self.name)

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is inspect.Parameter.empty

    @property
    def default_text(self) -> str:
        """The default as one would type it; empty for None where that has no word."""
        if self.required or (self.default is None and not self.values.none):
            return ""
        if self.values.flag:
            return "on" if self.default else "off"
        if isinstance(self.default, tuple):
            return ",".join(map(str, self.default))
        return _NONE if self.default is None else str(self.default)


def hyperparameters_of(estimator: type) -> list[Hyperparameter]:
    """The options of an estimator, in the order of its signature.

    Raises
    ------
    ValueError
        If it needs something that no word can express.
    """
    parameters = constructor_parameters(estimator)
    found = []
    for name, parameter in parameters.items():
        values = Values(number=int) if name == SEED else values_of(_annotation(parameter))
        if name == PROGRESS or (values is not None and values.single_valued):
            continue
        if values is None:
            if parameter.default is inspect.Parameter.empty:
                raise ValueError(
                    f"{name} of {estimator.__name__} must have a default, or be a number, a name or a tuple of numbers, for the "
                    f"command line; got {parameter.annotation}. Fit it from Python."
                )
            continue
        found.append(
            Hyperparameter(
                name=name,
                values=values,
                default=0 if name == SEED else parameter.default,
                text=help_text(estimator, name, hyperparameters=parameters),
                panel=_panel(name, parameters),
            )
        )
    return found


def _annotation(parameter: inspect.Parameter) -> Any:
    """The annotation; without one, the type of the default."""
    if parameter.annotation is not inspect.Parameter.empty:
        return parameter.annotation
    if isinstance(parameter.default, tuple) and parameter.default:
        return tuple[type(parameter.default[0]), ...]  # type: ignore[misc]  # an annotation made while running
    return type(parameter.default)


def values_of(annotation: Any) -> Values | None:
    """What may be given for a hyperparameter of that annotation; None for what no word can express."""
    declared = choices_of(annotation)
    choices = tuple(word for word in declared.words if isinstance(word, str))
    found: dict[str, Any] = {}
    for member in declared.others:
        if get_origin(member) is tuple and get_args(member)[1:] == (...,) and get_args(member)[0] in _NUMBERS:
            found["several"] = get_args(member)[0]
        elif member in _NUMBERS:
            found["number"] = float if found.get("number") is float else member
        elif member is bool:
            found["flag"] = True
        elif member is str:
            found["anything"] = True
    if not choices and not found:
        return None
    # Where the word is a choice of its own, None is to leave the option out.
    nothing = declared.none and _NONE not in choices and "flag" not in found
    return Values(choices=choices, none=nothing, **found)


def _panel(name: str, parameters: Any) -> str:
    """The concept that hyperparameters share across estimators, where this one has all of them."""
    from lowerbound.interface.architecture import Architecture
    from lowerbound.interface.training import TrainingHyperparameters

    for panel, concept in (("Network", Architecture), ("Training by gradient", TrainingHyperparameters)):
        shared = inspect.get_annotations(concept)
        if name in shared and set(shared) <= set(parameters):
            return panel
    return "Model"
