"""Registry of estimators: the classes that a saved model, or ``lowerbound fit``, may name. A new estimator is one line here.

The lines feed ``lowerbound/__init__`` (public names), ``load``, the command line and the contract tests. Nothing heavy is
imported here: a class is loaded when somebody asks for it. Estimators from elsewhere join by :func:`register`.
"""

import inspect
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, TypeVar

_Class = TypeVar("_Class")


@dataclass(frozen=True)
class Registration:
    """One line of the registry.

    Attributes
    ----------
    name
        Name of the class, as saved models write it.
    home
        Module that defines it.
    command
        Short name for ``lowerbound fit``; None for an estimator that wraps another one, which no option can name.
    summary
        What it fits, in one line for a newcomer.
    """

    name: str
    home: str
    command: str | None
    summary: str

    def load_class(self) -> type[Any]:
        """The class; its module is imported now if it was not before."""
        return _registered_classes.get(self.name) or getattr(import_module(self.home), self.name)


BUILT_IN: Final = tuple(
    Registration(name, f"lowerbound.estimators.{file}", command, summary)
    for name, file, command, summary in (
        ("VAE", "vae", "vae", "Variational autoencoder: deep networks, a lower bound on log p(x)."),
        ("Autoencoder", "autoencoder", "autoencoder", "Deep networks and least squares, without a density."),
        ("LinearAutoencoder", "linear_autoencoder", "linear_autoencoder", "PCA, without a density."),
        ("PPCA", "ppca", "ppca", "Probabilistic PCA: exact log p(x), missing cells."),
        ("FactorAnalysis", "factor_analysis", "fa", "Factor analysis: exact log p(x), missing cells."),
        (
            "MixtureOfFactorAnalyzers",
            "mixture_of_factor_analyzers",
            "mfa",
            "Mixture of factor analyzers, or of Gaussians: clusters, exact log p(x), missing cells.",
        ),
        ("OutlierDetector", "outlier_detector", None, "Any of the others as a detector of outliers."),
    )
)
"""The estimators of this library."""

_registrations: dict[str, Registration] = {line.name: line for line in BUILT_IN}
_registered_classes: dict[str, type[Any]] = {}  # of those from elsewhere, whose module need not be importable by name


def registrations() -> tuple[Registration, ...]:
    """Every line: those of this library, then the others in the order in which they joined."""
    return tuple(_registrations.values())


def register(estimator: _Class, *, command: str | None = None, summary: str | None = None) -> _Class:
    """The estimator class itself, known from now on to ``load`` and, under ``command``, to the command line.

    Parameters
    ----------
    estimator
        A class in the manner of this library's estimators, such as a subclass of
        :class:`~lowerbound.interface.base.LatentVariableEstimator`. It takes the place of an earlier one of the same name, as
        in a notebook whose cell runs again.
    command
        Its name in ``lowerbound fit``; None leaves it out there.
    summary
        What it fits, in one line; None takes the first line of the docstring.

    Raises
    ------
    ValueError
        If ``estimator`` is no estimator class, has the name of one of this library's, or the command of another.

    Examples
    --------
    >>> import lowerbound
    >>> class OwnPCA(lowerbound.PPCA):
    ...     "PCA of my own."
    >>> lowerbound.register(OwnPCA, command="own_pca") is OwnPCA
    True
    >>> forget("OwnPCA")
    """
    from sklearn.base import BaseEstimator

    if not (isinstance(estimator, type) and issubclass(estimator, BaseEstimator)):
        raise ValueError(
            f"estimator of register must be a class of estimators; got {estimator!r}. Give the class, not an instance."
        )
    text = summary or (inspect.getdoc(estimator) or estimator.__name__).partition("\n")[0]
    line = Registration(estimator.__name__, estimator.__module__, command, text)
    if any(line.name == own.name for own in BUILT_IN):
        raise ValueError(f"name of {line.name} must be new; this library has a class of it. Rename yours.")
    for other in _registrations.values():
        if command is not None and other.command == command and other.name != line.name:
            raise ValueError(
                f"command of {line.name} must be new; {command!r} is that of {other.name}. Choose another."
            )
    _registrations[line.name] = line
    _registered_classes[line.name] = estimator
    return estimator


def forget(name: str) -> None:
    """Undo :func:`register`."""
    del _registrations[name], _registered_classes[name]
