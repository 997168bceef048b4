"""Missing cells: the verbs ``impute`` and ``imputation`` of estimators that take NaN, and what a fit says of missing cells.

X with NaN  --Dataset-->  records with a mask  --evaluate.imputation-->  moments, intervals, draws  -->  the user's units
"""

import warnings
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from numpy.random import RandomState
from sklearn.base import BaseEstimator
from sklearn.utils.metaestimators import available_if

from lowerbound.data.dataset import Dataset
from lowerbound.data.frames import column_label, like
from lowerbound.data.moments import Reader
from lowerbound.data.row_chunks import row_chunks
from lowerbound.evaluate.evidence import EvidenceWarning
from lowerbound.evaluate.imputed import SAMPLES, Weights
from lowerbound.evaluate.trust import share_untrusted, untrusted_cells_note
from lowerbound.findings.fitted import feature_names
from lowerbound.interface.base import LatentVariableEstimator
from lowerbound.interface.capabilities import offered
from lowerbound.interface.cells import to_numbers
from lowerbound.interface.hyperparameters import check_integer, check_number


class Imputation(NamedTuple):
    """Each cell given the observed cells of its row, X-shaped, in the user's units; observed cells are themselves, with scale 0.

    Attributes
    ----------
    mean, scale
        Mean and standard deviation; for category codes the most probable code, and NaN.
    lower, upper
        Ends of the central interval of the asked coverage; NaN for category codes.
    effective_sample_size
        Of the importance weights that stand for the row's posterior, (n,), in [1, n_samples]; NaN where exact.
    pareto_k
        Tail shape of these weights, (n,); above 0.7 the row's cells are not to be trusted; NaN below 25 samples and where exact.
    """

    mean: Float[np.ndarray, "n *event"]
    scale: Float[np.ndarray, "n *event"]
    lower: Float[np.ndarray, "n *event"]
    upper: Float[np.ndarray, "n *event"]
    effective_sample_size: Float[np.ndarray, " n"]
    pareto_k: Float[np.ndarray, " n"]


class ImputingEstimator(LatentVariableEstimator):
    """Base of the estimators whose NaN is a missing cell that can be filled."""

    @available_if(offered("impute"))
    def impute(
        self,
        X: Any,
        *,
        n_draws: int | None = None,
        n_samples: int = SAMPLES,
        random_state: int | RandomState | None = None,
    ) -> Any:
        """X with every missing cell at its mean given the observed cells of its row; a data frame stays one.

        Grey levels that a model binarizes are filled by the expected grey level; category codes by the most probable one.

        Parameters
        ----------
        X
            Rows as in ``fit``, NaN where a cell is missing.
        n_draws
            Multiple imputation: so many joint draws of each row's missing cells instead of their mean, shape (n, n_draws, …),
            independent of each other and of other rows, equal ones included. Of dequantized grey levels these are levels; means
            are not.
        n_samples
            Draws of z per row, where the posterior is sampled.
        random_state
            Of the draws; None uses the fit's seed.

        Raises
        ------
        ValueError
            For ``n_draws`` or ``n_samples`` below 1, and for X as in ``transform``.

        Warns
        -----
        EvidenceWarning
            Where k-hat is above 0.7 for more than one in ten of the rows with a missing cell, with what to do.
        """
        check_integer(type(self).__name__, "n_samples", n_samples, minimum=1)
        dataset, values = self._rows(X), self._numbers(X)
        missing, preprocessing = np.isnan(values), self.preprocessing_
        if n_draws is not None:
            check_integer(type(self).__name__, "n_draws", n_draws, minimum=1)
            key = self._draw_key(random_state)
            drawn = self._verbs.completed(dataset, n_draws=n_draws, n_samples=n_samples, key=key)
            _warn_if_untrusted(drawn.weights, missing, n_samples=n_samples)
            restored = preprocessing.white_level * preprocessing.restore_sample(drawn.rows)
            if preprocessing.treatment == "dequantize":
                restored = np.clip(restored, 0, 255)
            return np.where(missing[:, None], restored, values[:, None])
        found = self._verbs.predictive_means(dataset, n_samples=n_samples, key=self._key(0))
        _warn_if_untrusted(found.weights, missing, n_samples=n_samples)
        mean = preprocessing.white_level * preprocessing.restore_mean(found.mean)
        return like(X, np.where(missing, mean, values))

    def _numbers(self, X: Any) -> Float[np.ndarray, "n *event"]:
        """The cells of X as float64, NaN where one is missing."""
        if isinstance(X, Dataset):
            return np.asarray(X.values, np.float64)
        return np.asarray(to_numbers(X, owner=type(self).__name__), np.float64)

    @available_if(offered("imputation"))
    def imputation(self, X: Any, *, coverage: float = 0.95, n_samples: int = SAMPLES) -> Imputation:
        """Mean, standard deviation and interval of every missing cell given the observed cells of its row.

        Parameters
        ----------
        X
            Rows as in ``fit``, NaN where a cell is missing.
        coverage
            Probability of the interval, above 0 and below 1: it holds one missing cell, not all of a row's at once.
        n_samples
            Draws of z per row, where the posterior is sampled.

        Warns
        -----
        EvidenceWarning
            As in ``impute``.
        """
        owner = type(self).__name__
        check_number(owner, "coverage", coverage, minimum=0, above=True, below=1)
        check_integer(owner, "n_samples", n_samples, minimum=1)
        dataset, values = self._rows(X), self._numbers(X)
        found = self._verbs.predictive_cells(dataset, coverage=coverage, n_samples=n_samples, key=self._key(0))
        missing, white_level = np.isnan(values), self.preprocessing_.white_level
        _warn_if_untrusted(found.weights, missing, n_samples=n_samples)
        scale = white_level * np.sqrt(found.variance) * self.preprocessing_.scale

        def restored(y: Float[np.ndarray, "n *event"]) -> Float[np.ndarray, "n *event"]:
            return np.where(missing, white_level * self.preprocessing_.restore_mean(y), values)

        return Imputation(
            mean=restored(found.mean),
            scale=np.where(missing, scale, 0.0),
            lower=restored(found.lower),
            upper=restored(found.upper),
            effective_sample_size=found.weights.effective_sample_size,
            pareto_k=found.weights.pareto_k,
        )


def _warn_if_untrusted(weights: Weights, missing: Bool[np.ndarray, "n *event"], *, n_samples: int) -> None:
    """Warn the caller of a verb; only rows with a missing cell count."""
    rows = missing.reshape(len(missing), -1).any(axis=1)
    if note := untrusted_cells_note(share_untrusted(weights.pareto_k[rows]), n_samples=n_samples):
        warnings.warn(note, EvidenceWarning, stacklevel=3)


def check_observed_columns(
    estimator: BaseEstimator, seen: Float[np.ndarray, "*event"], *, weighted: bool = False
) -> None:
    """Raise where a column has no observed cell that counts; ``seen`` is the weight of the rows in which each was observed."""
    never = np.argwhere(seen == 0)
    if not len(never):
        return
    names = feature_names(estimator)
    named = ", ".join(column_label(tuple(column), names) for column in never[:5]) + (", …" if len(never) > 5 else "")
    wanted = "an observed cell of positive weight" if weighted else "an observed cell"
    raise ValueError(
        f"X of {type(estimator).__name__} must have {wanted} in every column; got none in column {named}. Leave "
        f"{'it' if len(never) == 1 else 'them'} out."
    )


def empty_rows_note(read: Reader, n_rows: int, n_features: int) -> tuple[str, ...]:
    """Sentence about the rows without any observed cell; () if there are none."""
    empty = sum(int(np.sum(np.isnan(read(rows)).all(axis=1))) for rows in row_chunks(n_rows, n_features))
    rows = "1 row has" if empty == 1 else f"{empty} rows have"
    return (f"{rows} no observed cell and said nothing.",) if empty else ()
