"""OutlierDetector: any estimator with ``outlier_scores`` as a scikit-learn outlier detector."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from sklearn.base import OutlierMixin, clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from lowerbound.data.dataset import Dataset
from lowerbound.evaluate.outlier_methods import OutlierMethod
from lowerbound.evaluate.tail import Tail
from lowerbound.findings.fitted import offers
from lowerbound.interface.atomic import all_or_nothing
from lowerbound.interface.base import LatentVariableEstimator
from lowerbound.interface.hyperparameters import check_choice, check_number, no_type_check
from lowerbound.interface.saving import SavableEstimator
from lowerbound.interface.suggestions import Suggesting

_REFERENCE, _FEW = 300, 100  # training rows that a row with holes is held against; where their scores are sampled
_SCORED_TOGETHER = 8192  # of them, each under several patterns of holes


class OutlierDetector(Suggesting, OutlierMixin, SavableEstimator):
    r"""Rows whose outlier score is among the ``contamination`` share of highest ones in training are outliers.

    scikit-learn's sign: ``score_samples`` is minus ``outlier_scores``, larger is more normal; ``decision_function`` is negative
    for outliers; ``predict`` is -1 for outliers and 1 for the rest.

    Parameters
    ----------
    estimator
        An unfitted estimator with ``outlier_scores``, such as ``VAE()``; a clone of it is fitted.
    method
        "kl", "log_evidence", "elbo" or "reconstruction"; None for the estimator's own choice.
    contamination
        Expected share of outliers in the training rows, above 0 and at most 0.5.

    Attributes
    ----------
    estimator_
        The fitted clone.
    offset_
        Threshold on ``score_samples``.
    reference_
        Some 300 training rows (100 where scores are sampled), their holes filled by draws, that rows with holes are held against;
        saved with the detector. None for models that take no holes.
    n_features_in_
        Cells per row.

    Examples
    --------
    >>> import numpy as np
    >>> from lowerbound import OutlierDetector, VAE
    >>> X = np.random.default_rng(0).normal(size=(64, 3))
    >>> detector = OutlierDetector(VAE(hidden=(8,), max_epochs=2, random_state=0), contamination=0.25).fit(X)
    >>> int((detector.predict(X) == -1).sum())
    16
    """

    @no_type_check
    def __init__(
        self, estimator: LatentVariableEstimator, *, method: OutlierMethod | None = None, contamination: float = 0.1
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.contamination = contamination

    @all_or_nothing
    def fit(self, X: Any, y: Any = None) -> "OutlierDetector":
        """Fit a clone of the estimator to X and set the threshold on its scores there; ``y`` is ignored."""
        self._check_hyperparameters()
        self.estimator_ = clone(self.estimator).fit(X)
        self.n_features_in_ = self.estimator_.n_features_in_
        if hasattr(self.estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.estimator_.feature_names_in_
        self.reference_ = self._reference_rows(X)
        self.offset_ = float(np.quantile(self.score_samples(X), self.contamination))
        return self

    def _reference_rows(self, X: Any) -> Float[np.ndarray, "n *event"] | None:
        """Training rows, evenly spaced, with their holes filled: by draws, where missing cells have a distribution.

        Complete draws of the model would do only for a model that fits: alarms of a VAE's reconstructions were 7 % for 2 %. Their
        number does not depend on the patterns, so that a row's score does not depend on its company.
        """
        if not self.estimator_.takes_missing:
            return None
        values = self.estimator_._rows(X).values
        sampled = self.method in ("log_evidence", "elbo") and not self.estimator_._verbs.exact
        some = np.linspace(0, len(values) - 1, min(len(values), _FEW if sampled else _REFERENCE)).astype(int)
        given = np.asarray(values[some], np.float64)
        if not np.isnan(given).any():
            return given
        dataset = Dataset(given, self.estimator_.preprocessing_)
        if offers(self.estimator_, "impute"):
            return np.asarray(self.estimator_.impute(dataset, n_draws=1), np.float64).reshape(given.shape)
        return np.where(np.isnan(given), self.estimator_.reconstruct(dataset), given)

    def _check_hyperparameters(self) -> None:
        owner = "OutlierDetector"
        if not isinstance(self.estimator, LatentVariableEstimator):
            raise ValueError(
                f"estimator of {owner} must be one of this library's, such as VAE(); got {self.estimator!r}."
            )
        check_choice(owner, "method", self.method, (None, *self.estimator.outlier_methods))
        check_number(owner, "contamination", self.contamination, minimum=0, above=True, maximum=0.5)

    def outlier_scores(self, X: Any) -> Float[np.ndarray, " n"]:
        """Score of each row in nats by ``method``; larger is more outlying.

        A row with holes gets the score of the complete row that would be as improbable (``evaluate.tail``), so that neither the
        number of its cells nor their units decide. A row without any cell is no outlier. Each pattern of holes costs the scores
        of 300 rows.
        """
        check_is_fitted(self)
        dataset = self.estimator_._rows(X)  # checked once
        scores = self.estimator_.outlier_scores(dataset, method=self.method)
        return scores if dataset.complete else self._as_of_complete_rows(scores.astype(np.float64), dataset)

    def _as_of_complete_rows(self, scores: Float[np.ndarray, " n"], dataset: Dataset) -> Float[np.ndarray, " n"]:
        observed = dataset.observed_cells
        patterns, number = np.unique(observed.reshape(len(observed), -1), axis=0, return_inverse=True)
        reference = self.reference_
        assert reference is not None  # of a model that takes holes
        whole, equivalent, number = Tail.of(self._scores_of(reference)), scores.copy(), number.reshape(-1)
        holed = np.flatnonzero(~patterns.all(axis=1))
        together = max(1, _SCORED_TOGETHER // len(reference))
        for start in range(0, len(holed), together):
            some = holed[start : start + together]
            masks = patterns[some].reshape(len(some), 1, *observed.shape[1:])
            shown = np.where(masks, reference, np.nan).reshape(-1, *observed.shape[1:])
            for k, found in zip(some, self._scores_of(shown).reshape(len(some), -1), strict=True):
                surprise = Tail.of(found).surprise_of(scores[number == k])
                equivalent[number == k] = whole.score_of(surprise)
        return equivalent

    def _scores_of(self, rows: Float[np.ndarray, "n *event"]) -> Float[np.ndarray, " n"]:
        dataset = Dataset(rows, self.estimator_.preprocessing_)
        return self.estimator_.outlier_scores(dataset, method=self.method).astype(np.float64)

    def score_samples(self, X: Any) -> Float[np.ndarray, " n"]:
        """Minus ``outlier_scores``, float64: larger is more normal (scikit-learn's sign)."""
        return -self.outlier_scores(X).astype(np.float64)

    def decision_function(self, X: Any) -> Float[np.ndarray, " n"]:
        """``score_samples`` minus the threshold: negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> Int[np.ndarray, " n"]:
        """-1 for outliers, 1 for the rest."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = self.estimator
        tags.input_tags.allow_nan = isinstance(inner, LatentVariableEstimator) and inner.takes_missing
        return tags


def unwrapped(estimator: Any) -> Any:
    """The fitted estimator in an outlier detector; any other as it is."""
    return estimator.estimator_ if isinstance(estimator, OutlierDetector) else estimator
