"""Docstrings as help: what the NumPy docstring of an estimator says of each hyperparameter, in one plain sentence."""

import inspect
import re
from collections.abc import Collection, Mapping

from lowerbound.estimators.registry import registrations

_REFERENCE = re.compile(r"\bas in :class:`~?(?:\w+\.)*(\w+)`", re.IGNORECASE)
_ROLE = re.compile(r":\w+:`~?(?:\w+\.)*(\w+)`")
_LITERAL = re.compile(r"``([^`]*)``")
_AS_TYPED = (
    (r"\bNone\b", "none"),
    (r'"(\w+)"', r"\1"),
    (r"(^|\s)\(\)(\s)", r"\1''\2"),
)  # Python's spelling -> a shell's
_SETTING = re.compile(r"(\w+)=\"?([^\"]*)\"?")
_END_OF_SENTENCE = re.compile(r"(?<=[^A-Z][.])\s+(?=[A-Z\"`(])")  # initials end none


def option_of(name: str) -> str:
    """The option that sets a hyperparameter: ``latent_dim`` is ``--latent-dim``."""
    return f"--{name.replace('_', '-')}"


def help_text(estimator: type, name: str, *, hyperparameters: Collection[str]) -> str:
    """The first sentence on a hyperparameter, without markup, hyperparameters as options; empty where there is none."""
    sentence = _END_OF_SENTENCE.split(_paragraph(estimator, name), maxsplit=1)[0]

    def plain(found: re.Match[str]) -> str:
        setting = _SETTING.fullmatch(found.group(1))
        word, value = setting.groups() if setting else (found.group(1), "")
        return f"{option_of(word)} {value}".strip() if word in hyperparameters else found.group(1)

    text = _LITERAL.sub(plain, _ROLE.sub(r"\1", sentence))
    for pattern, typed in _AS_TYPED:
        text = re.sub(pattern, typed, text)
    return text


def _paragraph(estimator: type, name: str) -> str:
    """What the class, one that it refers to ("as in :class:`VAE`"), or one that it is derived from says."""
    for base in estimator.__mro__:
        text = parameters_of(base).get(name, "")
        referred = _REFERENCE.search(text)
        if referred:
            others = (line.load_class() for line in registrations() if line.name == referred.group(1))
            return next((found for other in others if (found := parameters_of(other).get(name))), text)
        if text:
            return text
    return ""


def parameters_of(documented: type) -> Mapping[str, str]:
    """Name -> paragraph of the section "Parameters" of a class's own docstring."""
    lines = inspect.cleandoc(documented.__doc__ or "").splitlines()
    found: dict[str, str] = {}
    if "Parameters" not in lines:
        return found
    names: list[str] = []
    for line, below in zip(
        lines[lines.index("Parameters") + 2 :], [*lines[lines.index("Parameters") + 3 :], ""], strict=True
    ):
        if below and not below.strip("-"):
            break  # the next section's heading
        if line and not line.startswith(" "):
            names = [word.strip() for word in line.partition(":")[0].split(",")]
        for name in names if line.startswith(" ") else ():
            found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found
