"""OutlierDetector: any estimator with ``outlier_scores`` as a scikit-learn outlier detector."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from sklearn.base import OutlierMixin, clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from lowerbound.evaluate.outlier_methods import OutlierMethod
from lowerbound.interface.atomic import all_or_nothing
from lowerbound.interface.base import LatentVariableEstimator
from lowerbound.interface.hyperparameters import check_choice, check_number, no_type_check
from lowerbound.interface.saving import SavableEstimator
from lowerbound.interface.suggestions import Suggesting


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
        self.offset_ = float(np.quantile(self.score_samples(X), self.contamination))
        return self

    def _check_hyperparameters(self) -> None:
        owner = "OutlierDetector"
        if not isinstance(self.estimator, LatentVariableEstimator):
            raise ValueError(
                f"estimator of {owner} must be one of this library's, such as VAE(); got {self.estimator!r}."
            )
        check_choice(owner, "method", self.method, (None, *self.estimator.outlier_methods))
        check_number(owner, "contamination", self.contamination, minimum=0, above=True, maximum=0.5)

    def outlier_scores(self, X: Any) -> Float[np.ndarray, " n"]:
        """Score of each row in nats by ``method``; larger is more outlying."""
        check_is_fitted(self)
        return self.estimator_.outlier_scores(X, method=self.method)

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
