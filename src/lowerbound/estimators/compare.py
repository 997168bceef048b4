"""compare: fitted estimators against each other on the same held-out rows, by log p(x) in one base measure.

    estimators, X  --log_evidence-->  Candidates, constant columns unobserved  --paired differences-->  Comparison

A density on a column that was constant in training is meaningless: it grows without bound as the noise there shrinks, and
decides every comparison. What was constant in the training rows of one model is therefore left out for all models alike, by
marking these cells unobserved: likelihoods sum over observed cells only, which is exact marginalization.
"""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from lowerbound.evaluate.comparison import Comparison
from lowerbound.evaluate.evidence import Evidence, EvidenceWarning
from lowerbound.evaluate.notes import constant_note, features_in_words
from lowerbound.evaluate.paired_differences import Candidate, caution, compare_evidence
from lowerbound.evaluate.words import counted
from lowerbound.findings.ending import ending
from lowerbound.findings.fitted import feature_names, offers
from lowerbound.interface.base import LatentVariableEstimator
from lowerbound.interface.cells import to_numbers
from lowerbound.interface.hyperparameters import check_integer, no_type_check

_OWNER = "compare"


@no_type_check
def compare(
    estimators: Sequence[Any] | Mapping[str, Any],
    X: Any,
    *,
    names: Sequence[str] | None = None,
    n_samples: int = 1000,
) -> Comparison:
    """Held-out log p(x) of fitted estimators on the same rows, with paired differences: nats per row.

    Parameters
    ----------
    estimators
        Fitted estimators of this library, or a mapping from names to them.
    X
        Rows as in their fits, held out from all of them.
    names
        One for each estimator; None takes class names with their ``latent_dim`` and ``n_clusters``.
    n_samples
        Draws per row where log p(x) is not exact.

    Returns
    -------
    Comparison
        One record a model, in the order given, with what its fit noted. Left blank, with the reason, are models without a
        density, models whose base measure is not that of the first model with one, and models that X has too many holes for.
        Columns that were constant in the training rows of one model are left out for all, and named in the notes.

    Raises
    ------
    ValueError
        For no estimators, or ones that are not fitted, not of this library or not for rows of one shape; for names that are too
        few, too many, or equal; for rows that a model has no probability for.

    Warns
    -----
    EvidenceWarning
        For each model whose sampled log p(x) cannot be trusted; the notes say so too.

    Examples
    --------
    >>> import numpy as np
    >>> from lowerbound import PPCA, FactorAnalysis, compare
    >>> X = np.random.default_rng(0).normal(size=(300, 4)) * [1, 1, 2, 3]
    >>> comparison = compare([PPCA(1).fit(X[:200]), FactorAnalysis(1).fit(X[:200])], X[200:])
    >>> for model in comparison:
    ...     print(f"{model.name:18}{model.value:9.3f}{model.difference:9.3f} ± {model.difference_standard_error:.3f}")
    PPCA(1)              -7.484   -0.277 ± 0.088
    FactorAnalysis(1)    -7.207    0.000 ± 0.000
    """
    check_integer(_OWNER, "n_samples", n_samples, minimum=1)
    named = _named(estimators, names)
    _check_fitted(named)
    constant = _constant(named)
    n_missing = _count_missing(X)
    candidates = [
        Candidate(
            name,
            _evidence(estimator, X, constant=constant, n_missing=n_missing, n_samples=n_samples),
            n_parameters=int(estimator.n_parameters_),
            fit_seconds=float(estimator.fit_seconds_),
            notes=_notes(estimator),
        )
        for name, estimator in named.items()
    ]
    for candidate in candidates:
        if isinstance(candidate.evidence, Evidence) and caution(candidate.evidence):
            warnings.warn(f"{candidate.name}: {caution(candidate.evidence)}", EvidenceWarning, stacklevel=2)
    return compare_evidence(candidates, n_rows=len(X), notes=_left_out(named, constant))


def _evidence(
    estimator: LatentVariableEstimator, X: Any, *, constant: Bool[np.ndarray, "*event"], n_missing: int, n_samples: int
) -> Evidence | str:
    """Log p(x) of what X holds beside the constant columns, or the reason why there is none."""
    if reason := estimator.absent_verbs().get("log_evidence"):
        return reason
    if n_missing and not estimator.takes_missing:
        return f"X has {counted(n_missing, 'missing cell')}, and {type(estimator).__name__} takes complete rows only."
    if constant.all():
        return "every column was constant in training, so that there is no density to speak of."
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EvidenceWarning)  # said with the model's name
        rows = estimator._rows(X).without(constant) if constant.any() else X
        return estimator.log_evidence(rows, n_samples=n_samples)


# ---- checks and names


def _named(estimators: Any, names: Sequence[str] | None) -> dict[str, LatentVariableEstimator]:
    """Name -> estimator, in the order given."""
    if isinstance(estimators, Mapping):
        if names is not None:
            raise ValueError(f"names of {_OWNER} must be None for a mapping, whose keys are the names; got {names!r}.")
        estimators, names = list(estimators.values()), list(estimators)
    if not isinstance(estimators, Sequence):
        raise ValueError(
            f"estimators of {_OWNER} must be a sequence of fitted estimators, or a mapping from names to them; got "
            f"{type(estimators).__name__}. Put it in a list."
        )
    if not len(estimators):
        raise ValueError(f"estimators of {_OWNER} must hold at least one fitted estimator; got none.")
    for estimator in estimators:
        if not isinstance(estimator, LatentVariableEstimator):
            raise ValueError(
                f"estimators of {_OWNER} must be fitted models of this library, such as VAE; got {type(estimator).__name__}. Of "
                "an OutlierDetector take estimator_, of a pipeline the last step, with the rows as it sees them."
            )
    if names is None:
        names = _numbered([_name(estimator) for estimator in estimators])
    names = [str(name) for name in names]
    if len(names) != len(estimators):
        raise ValueError(f"names of {_OWNER} must be one for each of {len(estimators)} estimators; got {len(names)}.")
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise ValueError(
            f"names of {_OWNER} must differ; got {twice!r} more than once. Leave names out to have them made."
        )
    return dict(zip(names, estimators, strict=True))


def _name(estimator: LatentVariableEstimator) -> str:
    """Class and sizes as one would write them, such as "PPCA(10)" or "MixtureOfFactorAnalyzers(5, latent_dim=2)"."""
    return f"{type(estimator).__name__}({estimator._sizes})"


def _numbered(names: list[str]) -> list[str]:
    """The names, with #1, #2, … after those that come more than once."""
    total, seen, unique = Counter(names), Counter[str](), []
    for name in names:
        seen[name] += 1
        unique.append(f"{name} #{seen[name]}" if total[name] > 1 else name)
    return unique


def _check_fitted(named: Mapping[str, LatentVariableEstimator]) -> None:
    first, *_ = named
    for name, estimator in named.items():
        try:
            check_is_fitted(estimator)
        except NotFittedError as error:
            raise NotFittedError(
                f"estimators of {_OWNER} must be fitted; {name} is not. Call its fit first."
            ) from error
        if estimator.input_shape_ != named[first].input_shape_:
            raise ValueError(
                f"estimators of {_OWNER} must be fitted to rows of one shape; got {named[first].input_shape_} for {first} and "
                f"{estimator.input_shape_} for {name}. Fit them to the same columns."
            )


def _count_missing(X: Any) -> int:
    """Cells of X that are missing; 0 for what is no array of numbers, which the estimators refuse themselves."""
    try:
        array = to_numbers(X, owner=_OWNER)
    except ValueError:  # rows of several lengths
        return 0
    return int(np.isnan(array).sum()) if isinstance(array, np.ndarray) and array.dtype.kind == "f" else 0


# ---- constant columns


def _constant(named: Mapping[str, LatentVariableEstimator]) -> Bool[np.ndarray, "*event"]:
    """True for columns without spread in the training rows of any model with a density."""
    shape = next(iter(named.values())).input_shape_
    union = np.zeros(shape, np.bool_)
    for estimator in named.values():
        if offers(estimator, "log_evidence") and estimator.constant_features_ is not None:
            union |= estimator.constant_features_
    return union


def _left_out(named: Mapping[str, LatentVariableEstimator], constant: Bool[np.ndarray, "*event"]) -> list[str]:
    """The note on the constant columns; none without any."""
    if not constant.any() or constant.all():
        return []
    names = next((found for found in map(feature_names, named.values()) if found is not None), None)
    return [
        f"Left out for all models alike: {features_in_words(constant, names=names, noun='column')}, constant in the training "
        "rows of at least one of them."
    ]


def _notes(estimator: LatentVariableEstimator) -> tuple[str, ...]:
    """What the fit noted, and how it ended unless as planned; constant columns are left out here, and so is the note on them."""
    found = ending(estimator.status_)
    left_out: tuple[str, ...] = ()
    if estimator.constant_features_ is not None:
        left_out = constant_note(estimator.constant_features_, names=feature_names(estimator))
    unplanned = () if found.ok else (found.sentence,)
    return (*unplanned, *(note for note in found.notes if note not in left_out))
