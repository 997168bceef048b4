"""Capabilities: which verbs an estimator offers, and why the others are absent. Everyone reads them from here.

    model class that ``_skeleton`` makes  --levels-->  verbs of the model  --absent_verbs-->  verb -> reason

The levels of :mod:`lowerbound.models.model` decide. An estimator adds what its hyperparameters rule out, or words of its own, in
one place, ``absent_verbs``. What ``available_if`` hides (so that ``hasattr`` tells), the error of an absent verb, and what
``compare``, the report and the command line leave out, are all read from it.
"""

import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar, Final, NamedTuple, NoReturn, Union, cast, get_args, get_origin, get_type_hints

from lowerbound.findings.fitted import offers


class Level(NamedTuple):
    """A level of models.

    Attributes
    ----------
    model
        Name of the abstract class: asking needs no JAX, which the class itself does.
    verbs
        Verbs that need it.
    reason
        What a model below it lacks, and a remedy.
    """

    model: str
    verbs: tuple[str, ...]
    reason: str


LEVELS: Final = (
    Level(
        "AbstractGenerativeModel",
        ("sample",),
        "its encoder is deterministic and its prior flat, so nothing has a density. Use VAE or PPCA for likelihoods and samples.",
    ),
    Level(
        "AbstractDensityModel",
        ("sample_posterior", "log_evidence", "score_samples", "score", "elbo"),
        "its encoder is deterministic, so q(z given x) has no density. Use VAE or PPCA for likelihoods.",
    ),
    Level(
        "AbstractGaussianPosteriorModel",
        ("posterior", "health"),
        "its posterior is not one Gaussian, with a mean and a covariance. Use transform and sample_posterior.",
    ),
)
"""Levels, each of which includes those above it: the first one that a model misses is the reason for all that it lacks."""

IMPUTING_MODELS: Final = ("AbstractExactModel", "AbstractImputingModel")
"""Models that ``impute`` and ``imputation`` need, one or the other."""

IMPUTING_ESTIMATORS: Final = "PPCA, FactorAnalysis, MixtureOfFactorAnalyzers or VAE"
"""What takes missing cells, in words for errors. The registry is a layer above, and names classes without loading them."""

_COMPLETE_ROWS: Final = f"it takes complete rows only. Use {IMPUTING_ESTIMATORS}."
_NO_DISTRIBUTION: Final = (
    "its missing cells have no distribution. Use reconstruct, which gives their values too, or VAE."
)
_NO_CLUSTERS: Final = "it has no clusters. Use MixtureOfFactorAnalyzers."


class AbsentVerbError(AttributeError):
    """A verb of this library that an estimator cannot honour, with the reason."""


class Capabilities:
    """The part of an estimator that says which verbs it offers."""

    takes_missing: ClassVar[bool] = False
    """Whether NaN is a missing cell, rather than an error."""

    def absent_verbs(self) -> Mapping[str, str]:
        """Verb -> reason, for the verbs of this library that this estimator, as it is set, cannot honour.

        These follow from the level of its model, and from the verbs that only some classes define. Subclasses add to them what
        hyperparameters rule out, or give reasons of their own.
        """
        levels, defined = self._model_levels(), dir(type(self))
        missed = [level for level in LEVELS if level.model not in levels]
        absent = {verb: missed[0].reason for level in missed for verb in level.verbs}
        for verb in ("impute", "imputation"):
            if not self.takes_missing:
                absent[verb] = _COMPLETE_ROWS
            elif verb not in defined or not levels.intersection(IMPUTING_MODELS):
                absent[verb] = _NO_DISTRIBUTION
        return absent | {verb: _NO_CLUSTERS for verb in ("predict", "predict_proba") if verb not in defined}

    def _model_levels(self) -> frozenset[str]:
        """Names of the levels that the fitted model has; before a fit, those of all the models that ``_skeleton`` may make."""
        fitted = vars(self).get("model_")
        classes = _declared(cast("Any", type(self))) if fitted is None else (type(fitted),)
        return frozenset.intersection(*(frozenset(base.__name__ for base in one.__mro__) for one in classes))

    def __getattr__(self, name: str) -> NoReturn:
        """Raise for what is not there; the error of an absent verb gives the reason."""
        owner = type(self).__name__
        reason = None if name.startswith("_") else self.absent_verbs().get(name)
        if reason is not None:
            raise AbsentVerbError(f"{name} of {owner} is absent: {reason}", name=name, obj=self)
        raise AttributeError(f"{owner!r} object has no attribute {name!r}", name=name, obj=self)


def offered(verb: str) -> Callable[[Any], bool]:
    """Condition for ``available_if``: the estimator offers the verb."""
    return lambda estimator: offers(estimator, verb)


@cache
def _declared(estimator: Any) -> tuple[type, ...]:
    """The model classes in the return annotation of ``_skeleton``; no level at all where it has none."""
    try:
        annotation = get_type_hints(estimator._skeleton).get("return")
    except NameError:  # a class that is imported for type checkers only, or local
        annotation = None
    members = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    classes = tuple(get_origin(member) or member for member in members)
    return classes if all(isinstance(member, type) for member in classes) else (object,)
