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

_REFERENCE = 1000  # complete rows, whose scores are what a row with holes is held against
_SCORED = (
    200_000  # such rows that are scored in one call, over all patterns of holes; a tenth of it where scores are sampled
)
_FEWEST = 100  # of them for a pattern


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
        Training rows, their holes filled, that rows with holes are held against; None for models that draw such rows, and for
        those that take no holes.
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
        """Training rows with their holes filled, for models that cannot draw rows; None where none are needed."""
        if not self.estimator_.takes_missing or offers(self.estimator_, "sample"):
            return None
        values = self.estimator_._rows(X).values
        some = np.linspace(0, len(values) - 1, min(len(values), _REFERENCE)).astype(int)
        given = np.asarray(values[some], np.float64)
        filled = self.estimator_.reconstruct(Dataset(given, self.estimator_.preprocessing_))
        return np.where(np.isnan(given), filled, given)

    def _complete_rows(self) -> Float[np.ndarray, "n *event"]:
        """Complete rows as the fitted model expects them."""
        if self.reference_ is not None:
            return self.reference_
        preprocessing = self.estimator_.preprocessing_
        drawn = np.asarray(self.estimator_.sample(_REFERENCE), np.float64)
        if preprocessing.meaning.bits_by_chance:
            drawn *= preprocessing.white_level
        return np.clip(drawn, 0, 255) if preprocessing.meaning.uniform_noise else drawn

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
        number of its cells nor their units decide. A row without any cell is no outlier.
        """
        check_is_fitted(self)
        scores = self.estimator_.outlier_scores(X, method=self.method)
        dataset = self.estimator_._rows(X)
        return scores if dataset.complete else self._as_of_complete_rows(scores.astype(np.float64), dataset)

    def _as_of_complete_rows(self, scores: Float[np.ndarray, " n"], dataset: Dataset) -> Float[np.ndarray, " n"]:
        observed = dataset.observed_cells
        patterns, number = np.unique(observed.reshape(len(observed), -1), axis=0, return_inverse=True)
        reference = self._complete_rows()
        cheap = self.estimator_._verbs.exact or self.method not in ("log_evidence", "elbo")
        most = int(np.clip((_SCORED if cheap else _SCORED // 10) // len(patterns), _FEWEST, len(reference)))
        whole = Tail.of(self._scores_of(reference))
        equivalent = scores.copy()
        for k, pattern in enumerate(patterns):
            if not pattern.all():
                of_pattern = number.reshape(-1) == k
                shown = np.where(pattern.reshape(observed.shape[1:]), reference[:most], np.nan)
                surprise = Tail.of(self._scores_of(shown)).surprise_of(scores[of_pattern])
                equivalent[of_pattern] = whole.score_of(surprise)
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
