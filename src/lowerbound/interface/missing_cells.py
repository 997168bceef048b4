"""Missing cells: the verbs ``impute`` and ``imputation`` of estimators that take NaN, and what a fit says of missing cells.

X with NaN  --Dataset-->  records with a mask  --evaluate.imputation-->  moments, intervals, draws  -->  the user's units
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped
from numpy.random import RandomState
from sklearn.base import BaseEstimator
from sklearn.utils.metaestimators import available_if

from lowerbound.data.frames import column_label, like
from lowerbound.data.row_chunks import row_chunks
from lowerbound.evaluate.imputation import completed, predictive_interval, predictive_moments
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
    """

    mean: Float[np.ndarray, "n *event"]
    scale: Float[np.ndarray, "n *event"]
    lower: Float[np.ndarray, "n *event"]
    upper: Float[np.ndarray, "n *event"]


class ImputingEstimator(LatentVariableEstimator):
    """Base of the estimators whose NaN is a missing cell that can be filled."""

    @available_if(offered("impute"))
    def impute(self, X: Any, *, n_draws: int | None = None, random_state: int | RandomState | None = None) -> Any:
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
        random_state
            Of the draws; None uses the fit's seed.

        Raises
        ------
        ValueError
            For ``n_draws`` below 1, and for X as in ``transform``.
        """
        dataset, values = self._rows(X), self._numbers(X)
        missing, preprocessing = np.isnan(values), self.preprocessing_
        if n_draws is not None:
            check_integer(type(self).__name__, "n_draws", n_draws, minimum=1)
            drawn = completed(self.model_, dataset, n_draws=n_draws, key=self._draw_key(random_state))
            restored = preprocessing.white_level * preprocessing.restore_sample(drawn)
            if preprocessing.treatment == "dequantize":
                restored = np.clip(restored, 0, 255)
            return np.where(missing[:, None], restored, values[:, None])
        found = predictive_moments(self.model_, dataset, key=self._key(0))
        mean = preprocessing.white_level * preprocessing.restore_mean(found.mean)
        return like(X, np.where(missing, mean, values))

    def _numbers(self, X: Any) -> Float[np.ndarray, "n *event"]:
        """The cells of X as float64, NaN where one is missing."""
        return np.asarray(to_numbers(X, owner=type(self).__name__), np.float64)

    @available_if(offered("imputation"))
    def imputation(self, X: Any, *, coverage: float = 0.95) -> Imputation:
        """Mean, standard deviation and interval of every missing cell given the observed cells of its row.

        Parameters
        ----------
        X
            Rows as in ``fit``, NaN where a cell is missing.
        coverage
            Probability of the interval, above 0 and below 1: it holds one missing cell, not all of a row's at once.
        """
        check_number(type(self).__name__, "coverage", coverage, minimum=0, above=True, below=1)
        dataset, values = self._rows(X), self._numbers(X)
        moments = predictive_moments(self.model_, dataset, key=self._key(0))
        interval = predictive_interval(self.model_, dataset, coverage=float(coverage), key=self._key(0))
        missing, white_level = np.isnan(values), self.preprocessing_.white_level
        scale = white_level * np.sqrt(moments.variance) * self.preprocessing_.scale

        def restored(y: Float[np.ndarray, "n *event"]) -> Float[np.ndarray, "n *event"]:
            return np.where(missing, white_level * self.preprocessing_.restore_mean(y), values)

        return Imputation(
            mean=restored(moments.mean),
            scale=np.where(missing, scale, 0.0),
            lower=restored(interval.lower),
            upper=restored(interval.upper),
        )


def check_observed_columns(estimator: BaseEstimator, seen: Float[np.ndarray, "*event"]) -> None:
    """Raise where a column has no observed cell at all; ``seen`` is the number of rows in which each cell was observed."""
    never = np.argwhere(seen == 0)
    if not len(never):
        return
    names = feature_names(estimator)
    named = ", ".join(column_label(tuple(column), names) for column in never[:5]) + (", …" if len(never) > 5 else "")
    raise ValueError(
        f"X of {type(estimator).__name__} must have an observed cell in every column; got none in column {named}. Leave "
        f"{'it' if len(never) == 1 else 'them'} out."
    )


def empty_rows_note(values: Shaped[np.ndarray, "n *event"]) -> tuple[str, ...]:
    """A sentence on the rows without any observed cell; () if there are none."""
    parts = row_chunks(len(values), int(np.prod(values.shape[1:], dtype=int)))
    empty = sum(int(np.sum(np.isnan(values[rows]).reshape(rows.stop - rows.start, -1).all(axis=1))) for rows in parts)
    rows = "1 row has" if empty == 1 else f"{empty} rows have"
    return (f"{rows} no observed cell and said nothing.",) if empty else ()
