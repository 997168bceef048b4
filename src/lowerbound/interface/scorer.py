"""Scorer: a saved exact model for a process that only scores. It needs NumPy, and neither scikit-learn nor JAX.

    folder  --persist-->  document, arrays  --gaussians.saved-->  density  --evaluate.closed_form-->  answers

The answers are those of the estimator that was saved, from the same functions; what a scorer leaves out is fitting, and the many
forms in which an estimator takes its rows.
"""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

from lowerbound.data.dataset import Dataset
from lowerbound.data.frames import Frame, as_numbers
from lowerbound.data.moments import LARGEST
from lowerbound.data.preprocessing import check_grey_levels
from lowerbound.data.threefry import Key, key_of_seed, purpose_key
from lowerbound.evaluate.closed_form import ClosedFormVerbs
from lowerbound.evaluate.outlier_methods import METHODS
from lowerbound.gaussians.saved import saved_density, saved_preprocessing
from lowerbound.persist import SavedModelError, decode_value, read_folder


class Scorer:
    """A fitted PPCA, FactorAnalysis or MixtureOfFactorAnalyzers, for scoring alone; made by ``load(path, only="scoring")``.

    Rows are arrays (n, …) of numbers, or data frames, with NaN where a cell is missing.

    Attributes
    ----------
    estimator
        Name of the class that was saved.
    input_shape_
        Shape of a row.
    feature_names_in_
        Names of the columns of the training rows; None where they had none.
    """

    def __init__(self, document: Mapping[str, Any], arrays: Mapping[str, np.ndarray], *, where: str) -> None:
        fitted = document["fitted"]
        self.estimator = str(document["class"])
        if fitted.get("density_", {}).get("kind") != "density":
            inner = fitted.get("estimator_", {}).get("document", {}).get("class")
            raise SavedModelError(
                f"{where} must be a model that is solved exactly, such as PPCA, to be loaded for scoring only; got "
                f"{self.estimator}{f' of {inner}' if inner else ''}. Leave out only='scoring'"
                f"{', or save its estimator_' if inner else ''}."
            )
        self._density = saved_density(fitted["density_"], arrays, "density_")
        self.input_shape_ = self._density.event_shape
        self._preprocessing = saved_preprocessing(
            fitted["preprocessing_"], arrays, "preprocessing_", event_shape=self.input_shape_
        )
        names = fitted.get("feature_names_in_")
        self.feature_names_in_: list[str] | None = None if names is None else list(names["value"])
        self._seed = int(decode_value(fitted["seed_"]["value"]))
        self._mixing = arrays.get("factor_mixing_")  # of oblique factors
        self._verbs = ClosedFormVerbs(self._density)

    def __repr__(self) -> str:
        return f"Scorer({self.estimator}, rows of shape {self.input_shape_})"

    # ---- density

    def score_samples(self, X: Any) -> Float[np.ndarray, " n"]:
        """Log p(x) of each row in nats, exact."""
        return self._verbs.elbo(self._rows(X), n_samples=1, key=self._key)

    def outlier_scores(self, X: Any, *, method: Any = "log_evidence") -> Float[np.ndarray, " n"]:
        """Outlier score of each row in nats; larger is more outlying."""
        if method not in METHODS:
            raise ValueError(f"method of {self!r} must be one of {', '.join(METHODS)}; got {method!r}.")
        return self._verbs.outlier_scores(self._rows(X), method=method, n_samples=1, key=self._key)

    def predict_proba(self, X: Any) -> Float[np.ndarray, "n clusters"]:
        """p(cluster given x_observed) of each row; one cluster for PPCA and FactorAnalysis."""
        return np.exp(self._verbs.log_responsibility(self._rows(X), key=self._key))

    def predict(self, X: Any) -> Int[np.ndarray, " n"]:
        """The most probable cluster of each row."""
        return np.argmax(self.predict_proba(X), axis=1)

    # ---- codes and cells

    def transform(self, X: Any) -> Float[np.ndarray, "n latent"]:
        """Posterior mean of each row's latents."""
        codes = self._verbs.encode(self._rows(X), key=self._key)
        return codes if self._mixing is None else codes @ self._mixing.T

    def inverse_transform(self, Z: Any) -> Float[np.ndarray, "n *event"]:
        """E[x given z] in the user's units."""
        codes = np.asarray(Z, np.float64)
        if codes.ndim != 2 or codes.shape[1] != self._density.latent_dim or not np.isfinite(codes).all():
            raise ValueError(
                f"Z of {self!r} must be finite numbers with latent_dim = {self._density.latent_dim} columns; got shape "
                f"{codes.shape}."
            )
        of_model = codes if self._mixing is None else np.linalg.solve(self._mixing, codes.T).T
        return self._preprocessing.restore_mean(self._verbs.decode(of_model, None))

    def reconstruct(self, X: Any) -> Float[np.ndarray, "n *event"]:
        """E[x given z] at each row's posterior mean, in the user's units."""
        return self._preprocessing.restore_mean(self._verbs.reconstruct(self._rows(X), key=self._key))

    def impute(self, X: Any) -> Float[np.ndarray, "n *event"]:
        """The rows with every missing cell at its mean given the observed cells of its row."""
        dataset = self._rows(X)
        mean = self._verbs.predictive_means(dataset, n_samples=1, key=self._key).mean
        return np.where(np.isnan(dataset.values), self._preprocessing.restore_mean(mean), dataset.values)

    def sample(self, n_samples: int = 1, *, random_state: int | None = None) -> Float[np.ndarray, "n *event"]:
        """Independent draws x ~ p(x) in the user's units; ``random_state=None`` takes the seed of the fit."""
        for name, value, least in (("n_samples", n_samples, 1), ("random_state", random_state or 0, 0)):
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
                raise ValueError(f"{name} of {self!r} must be a whole number, at least {least}; got {value!r}.")
        if random_state is None:
            key = purpose_key(self._seed, 1)
        else:  # the seed that an estimator makes of it
            key = key_of_seed(int(np.random.RandomState(random_state).randint(2**31 - 1)))
        return self._preprocessing.restore_sample(self._verbs.sample(n_samples, None, key=key)[0])

    # ---- the way in

    @property
    def _key(self) -> Key:
        return purpose_key(self._seed, 0)

    def _rows(self, X: Any) -> Dataset:
        if not isinstance(X, np.ndarray) and isinstance(X, Frame):
            names, array = list(map(str, X.columns)), as_numbers(X)
            if self.feature_names_in_ is not None and names != self.feature_names_in_:
                raise ValueError(f"columns of X of {self!r} must be {self.feature_names_in_}, as in fit; got {names}.")
        else:
            array = self._numbers(X)
        if array.shape[1:] != self.input_shape_ or not len(array):
            raise ValueError(
                f"X of {self!r} must be one or more rows of shape {self.input_shape_}; got shape {array.shape}."
            )
        if np.any(np.abs(array) > LARGEST):
            largest = np.nanmax(np.abs(array))
            raise ValueError(
                f"X of {self!r} must be finite and at most {LARGEST:g} in size, or NaN where a cell is missing; got {largest:g}."
            )
        if self._preprocessing.treatment == "dequantize":
            check_grey_levels(array, "dequantize", white_level=255, owner=repr(self), names=self.feature_names_in_)
        return Dataset(array, self._preprocessing)

    def _numbers(self, X: Any) -> Shaped[np.ndarray, "n *event"]:
        if isinstance(X, np.ma.MaskedArray):
            return np.ma.filled(X.astype(np.float64), np.nan)
        array = np.asarray(X)
        if array.dtype.kind not in "biuf":
            raise ValueError(
                f"X of {self!r} must hold numbers, with NaN where a cell is missing; got dtype {array.dtype}. Load the "
                "estimator itself for other cells: leave out only='scoring'."
            )
        return array


def load_scorer(path: str | os.PathLike[str]) -> Scorer:
    """The scorer of the model saved at ``path``; see ``persist.read_folder`` for the errors."""
    document, arrays = read_folder(path)
    where = f"the saved model at {os.fspath(path)!r}"
    try:
        return Scorer(document, arrays, where=where)
    except SavedModelError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise SavedModelError(f"{where} does not fit this version of the library ({error}).") from error
