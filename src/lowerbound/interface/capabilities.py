"""Capabilities: which verbs an estimator offers, and why the others are absent. Everyone reads them from here.

An estimator states its absent verbs in one place, ``absent_verbs``: verb -> reason, which may depend on hyperparameters. What
``available_if`` hides (so that ``hasattr`` tells), the error of an absent verb, and what ``compare``, the report and the command
line leave out, are all read from it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from lowerbound.findings.fitted import offers

DENSITY_VERBS: Final = (
    "posterior",
    "sample_posterior",
    "sample",
    "log_evidence",
    "score_samples",
    "score",
    "elbo",
    "health",
)
"""Verbs that need p(x) and a q(z given x) with a density."""

GAUSSIAN_POSTERIOR_VERBS: Final = ("posterior", "health")
"""Those among them that need q(z given x) to be one Gaussian."""

_NOT_IN_CLASS: Final[Mapping[str, str]] = {
    "predict": "it has no clusters. Use MixtureOfFactorAnalyzers.",
    "predict_proba": "it has no clusters. Use MixtureOfFactorAnalyzers.",
    "impute": "it takes complete rows only. Use PPCA, FactorAnalysis, MixtureOfFactorAnalyzers or VAE.",
    "imputation": "it takes complete rows only. Use PPCA, FactorAnalysis, MixtureOfFactorAnalyzers or VAE.",
}
"""Reasons for verbs that only some classes define."""


class AbsentVerbError(AttributeError):
    """A verb of this library that an estimator cannot honour, with the reason."""


class Capabilities:
    """The part of an estimator that says which verbs it offers."""

    def absent_verbs(self) -> Mapping[str, str]:
        """Verb -> reason, for the verbs of this library that this estimator, as it is set, cannot honour.

        Subclasses add theirs to these.
        """
        defined = dir(type(self))
        return {verb: reason for verb, reason in _NOT_IN_CLASS.items() if verb not in defined}

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
