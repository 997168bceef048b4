"""LatentVariableEstimator: the verbs that all estimators share, on top of a fitted ``model_`` and its ``preprocessing_``.

    X  --_apart-->  rows, condition  --check_rows, preprocessing_-->  Dataset  --evaluate.*-->  model units  -->  user's units

A subclass gives ``fit`` and ``_skeleton`` (the untrained model for given shapes, from hyperparameters alone); ``fit`` ends in
``_set_fitted``. Its return annotation names the class of the model, whose level decides which verbs there are.
"""

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped
from numpy.random import RandomState
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from lowerbound.data.dataset import Dataset
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.data.threefry import Key, key_of_seed, purpose_key
from lowerbound.evaluate.evidence import Evidence
from lowerbound.evaluate.health import Health
from lowerbound.evaluate.outlier_methods import METHODS, OutlierMethod
from lowerbound.findings.fitted import ClusterParameters, LinearFactors, feature_names, offers
from lowerbound.fit.result import FitResult
from lowerbound.interface.capabilities import Capabilities, offered
from lowerbound.interface.checks import check_latents, check_rows
from lowerbound.interface.hyperparameters import check_choice, check_integer, check_seed
from lowerbound.interface.saving import SavableEstimator
from lowerbound.interface.suggestions import Suggesting
from lowerbound.likelihoods.support import Support

SCORE_SAMPLES = 200
"""Draws per row of ``score_samples`` and of the sampled outlier scores."""


class Posterior(NamedTuple):
    """q(z given x) of n rows.

    Attributes
    ----------
    mean
        (n, latent_dim).
    scale
        (n, latent_dim): marginal standard deviations.
    covariance
        (n, latent_dim, latent_dim) for ``posterior_covariance="full"``; None where the posterior is diagonal.
    """

    mean: Float[np.ndarray, "n latent"]
    scale: Float[np.ndarray, "n latent"]
    covariance: Float[np.ndarray, "n latent latent"] | None


class LatentVariableEstimator(
    Suggesting, Capabilities, ClassNamePrefixFeaturesOutMixin, TransformerMixin, SavableEstimator
):
    """Base of the estimators; see the module for the way of the data."""

    computes_in: ClassVar[Literal["float32", "float64"]] = "float32"
    decodes_linearly: ClassVar[bool] = False  # whether E[x given z] is linear in z, so that loadings tell all of it
    maximizes_evidence: ClassVar[bool] = (
        False  # whether ``history_`` is that of log p(x) itself, not of a bound or a loss
    )

    constant_features_: Any = None  # True for features without spread in the training rows, where marked
    fit_seconds_: float = math.nan  # where unknown

    latent_dim: int
    random_state: int | RandomState | None
    model_: Any  # the module that the subclass fits
    preprocessing_: Preprocessing
    input_shape_: tuple[int, ...]
    n_features_in_: int
    seed_: int

    @abstractmethod
    def fit(self, X: Any, y: Any = None) -> "LatentVariableEstimator":
        """Fit the model to the rows of X; ``y`` is ignored."""

    @abstractmethod
    def _skeleton(self, *, key: Any) -> Any:
        """The untrained model for ``input_shape_`` and what else ``fit`` measured."""

    def _skeletons(self) -> Mapping[str, Callable[..., Any]]:
        """The model, and what a subclass adds."""
        return {"model_": self._skeleton}

    @property
    def linear_factors_(self) -> LinearFactors | None:
        """Loadings and noise, in the units of X; None for a density that is not linear in its factors."""
        return None

    @property
    def cluster_parameters_(self) -> ClusterParameters | None:
        """Weights and means of the clusters; None where they are not parameters of the model."""
        return None

    @property
    def latent_names_(self) -> list[str]:
        """Names of the columns of ``transform`` in tables, counted as in figures: z1, z2 and so on."""
        return [f"z{i + 1}" for i in range(self._n_features_out)]

    @property
    def _sizes(self) -> str:
        """The arguments that say how large the model is, as one would write them."""
        return f"{self.latent_dim}"

    @property
    def likelihood_(self) -> Any:
        """p(x given z), where the model holds it as one module."""
        return self.model_.likelihood

    @property
    def support_(self) -> Support:
        """What a cell may be: "reals", "bits", "counts" or "codes"."""
        support: Support = self.likelihood_.support
        return support

    @property
    def outlier_methods(self) -> tuple[OutlierMethod, ...]:
        """Outlier scores that the model has, the default first."""
        return METHODS if offers(self, "log_evidence") else ("reconstruction",)

    # ---- from the border inwards

    def _key(self, purpose: int) -> Key:
        return purpose_key(self.seed_, purpose)

    @property
    def _verbs(self) -> Any:
        """What answers for the fitted model: compiled functions; closed forms in NumPy for models that are solved exactly."""
        from lowerbound.evaluate.compiled import CompiledVerbs  # here, so that those need no JAX

        return CompiledVerbs(self.model_)

    def _apart(self, given: Any) -> tuple[Any, Float[np.ndarray, "n condition"] | None]:
        """What a verb was given (rows, latents, a number of draws) without its condition, and c of each row.

        A conditional estimator overrides this; without a condition it is what was given, and None.
        """
        return given, None

    def _rows(self, X: Any) -> Dataset:
        """Checked rows of X, with their condition, ready for the compiled functions; a ``Dataset`` is so already."""
        check_is_fitted(self)
        if isinstance(X, Dataset):
            return X
        X, condition = self._apart(X)
        array = check_rows(self, X, reset=False)
        self._check_values(array)
        return Dataset(array, self.preprocessing_, condition=condition)

    def _check_values(self, array: Shaped[np.ndarray, "n *event"]) -> None:
        """Raise where the data is outside what the model has a probability for."""
        from lowerbound.likelihoods.likelihood import check_support

        check_support(self.likelihood_, array, owner=type(self).__name__, names=feature_names(self))

    # ---- latents as the user sees them; other than the model's only where an estimator turns them (oblique rotations)

    def _reported(self, latents: Float[np.ndarray, "*rows latent"]) -> Float[np.ndarray, "*rows latent"]:
        return latents

    def _of_model(self, latents: Float[np.ndarray, "n latent"]) -> Float[np.ndarray, "n latent"]:
        return latents

    def _reported_posterior(self, posterior: Posterior) -> Posterior:
        return posterior

    def _set_fitted(self, result: FitResult[Any]) -> None:
        self._set_model(result.model)
        self.history_ = result.history
        self.best_epoch_ = result.best_epoch
        self.status_ = result.status
        self.n_iter_ = len(result.history["loss"])
        self.objective_ = result.objective

    def _set_model(self, model: Any) -> None:
        self.model_ = model

    @property
    def _n_features_out(self) -> int:
        return int(self.model_.latent_dim)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = [self.computes_in]
        tags.input_tags.allow_nan = self.takes_missing
        return tags

    # ---- embedding and reconstruction: every model

    def transform(self, X: Any) -> Float[np.ndarray, "n latent"]:
        """Posterior mean (or code) of each row, shape (n, latent_dim); float32, or float64 for models solved exactly."""
        dataset = self._rows(X)
        return self._reported(self._verbs.encode(dataset, key=self._key(0)))

    def inverse_transform(self, Z: Any) -> Float[np.ndarray, "n *event"]:
        """E[x given z] in the user's units, X-shaped, for rows of latents Z of shape (n, latent_dim)."""
        check_is_fitted(self)
        Z, condition = self._apart(Z)
        latents = check_latents(self, Z, latent_dim=self._n_features_out, dtype=self.preprocessing_.dtype)
        decoded = self._verbs.decode(self._of_model(latents), condition)
        return self.preprocessing_.restore_mean(decoded)

    def reconstruct(self, X: Any) -> Float[np.ndarray, "n *event"]:
        """E[x given z] at each row's posterior mean (or code), X-shaped, in the user's units; probabilities for bits.

        Grey levels fitted with ``binarize=`` come back as the probability of a one, between 0 and 1.
        """
        dataset = self._rows(X)
        return self.preprocessing_.restore_mean(self._verbs.reconstruct(dataset, key=self._key(0)))

    def outlier_scores(self, X: Any, *, method: OutlierMethod | None = None) -> Float[np.ndarray, " n"]:
        """Outlier score of each row in nats, shape (n,); larger is more outlying, for every method.

        Parameters
        ----------
        X
            Rows as in ``fit``.
        method
            "kl", "log_evidence", "elbo" or "reconstruction"; None takes "kl", or "reconstruction" for a model without density.
            "log_evidence" estimates with 200 draws a row and does not say how well: ``log_evidence(X)`` does.
        """
        name = self.outlier_methods[0] if method is None else method
        check_choice(type(self).__name__, "method", name, self.outlier_methods)
        dataset = self._rows(X)
        scores: np.ndarray = self._verbs.outlier_scores(dataset, method=name, n_samples=SCORE_SAMPLES, key=self._key(0))
        return scores

    # ---- density: models whose posterior has one

    @available_if(offered("posterior"))
    def posterior(self, X: Any) -> Posterior:
        """Mean, scale and (for a full posterior) covariance of q(z given x) for each row."""
        dataset = self._rows(X)
        mean, scale, covariance = self._verbs.posterior(dataset, key=self._key(0))
        return self._reported_posterior(Posterior(mean, scale, covariance))

    @available_if(offered("sample_posterior"))
    def sample_posterior(
        self, X: Any, n_draws: int, *, random_state: int | RandomState | None = None
    ) -> Float[np.ndarray, "n draws latent"]:
        """Independent draws z ~ q(z given x), shape (n, n_draws, latent_dim).

        ``random_state=None`` uses the fit's seed: the same call gives the same draws.
        """
        owner = type(self).__name__
        check_integer(owner, "n_draws", n_draws, minimum=1)
        dataset = self._rows(X)
        drawn = self._verbs.sample_posterior(dataset, n_draws=n_draws, key=self._draw_key(random_state))
        return self._reported(drawn)

    @available_if(offered("sample"))
    def sample(
        self, n_samples: int = 1, *, random_state: int | RandomState | None = None, return_latents: bool = False
    ) -> Float[np.ndarray, "n *event"] | tuple[Float[np.ndarray, "n *event"], Float[np.ndarray, "n latent"]]:
        """Independent draws x ~ p(x), X-shaped, in the user's units; with their z if ``return_latents``.

        Grey levels fitted with ``binarize=`` are sampled as bits.
        ``random_state=None`` uses the fit's seed: the same call gives the same draws, and more draws begin with the same ones.
        """
        x, z = self._draws(n_samples, random_state=random_state)
        return (x, z) if return_latents else x

    def _draws(
        self, given: Any, *, random_state: int | RandomState | None
    ) -> tuple[Float[np.ndarray, "n *event"], Float[np.ndarray, "n latent"]]:
        """Draws (x, z) as the user sees them, for a number of draws and what else ``_apart`` takes."""
        check_is_fitted(self)
        n_samples, condition = self._apart(given)
        check_integer(type(self).__name__, "n_samples", n_samples, minimum=1)
        x, z = self._verbs.sample(n_samples, condition, key=self._draw_key(random_state))
        return self.preprocessing_.restore_sample(x), self._reported(z)

    @available_if(offered("log_evidence"))
    def log_evidence(self, X: Any, *, n_samples: int = 1000, method: str | None = None) -> Evidence:
        """Mean log p(x) over the rows in nats, with per-row values, standard error, effective sample size and k-hat.

        Parameters
        ----------
        X
            Rows as in ``fit``, as a rule held-out ones.
        n_samples
            Draws per row, where log p(x) is sampled.
        method
            "exact" for models that know log p(x), "importance_sampling" for all others; None takes the one that applies.
        """
        owner = type(self).__name__
        check_integer(owner, "n_samples", n_samples, minimum=1)
        check_is_fitted(self)
        verbs = self._verbs
        check_choice(owner, "method", method, (None, "exact" if verbs.exact else "importance_sampling"))
        dataset, measure = self._rows(X), self.base_measure_
        found: Evidence = verbs.log_evidence(dataset, n_samples=n_samples, base_measure=measure, key=self._key(0))
        return found

    @available_if(offered("score_samples"))
    def score_samples(self, X: Any) -> Float[np.ndarray, " n"]:
        """Log p(x) of each row in nats, (n,): exact where the model knows it, else by importance sampling with 200 draws."""
        return self.log_evidence(X, n_samples=SCORE_SAMPLES).per_row

    @available_if(offered("score"))
    def score(self, X: Any, y: Any = None) -> float:
        """Mean of ``score_samples``: nats per row, higher is better."""
        return float(np.mean(self.score_samples(X)))

    @available_if(offered("elbo"))
    def elbo(self, X: Any, *, n_samples: int = 64) -> Float[np.ndarray, " n"]:
        """Evidence lower bound of each row in nats (beta = 1, closed-form KL), averaged over ``n_samples`` draws."""
        check_integer(type(self).__name__, "n_samples", n_samples, minimum=1)
        dataset = self._rows(X)
        bound: np.ndarray = self._verbs.elbo(dataset, n_samples=n_samples, key=self._key(0))
        return bound

    @available_if(offered("health"))
    def health(self, X: Any) -> Health:
        """Active units, KL per dimension, aggregate-posterior moments and decoder variance on X, with advice in words."""
        dataset = self._rows(X)
        from lowerbound.evaluate.compiled import CompiledVerbs

        return CompiledVerbs(self.model_).health(dataset, key=self._key(0))

    @property
    def n_parameters_(self) -> int:
        """Number of free parameters of the fitted model."""
        from lowerbound.interface.pytrees import n_numbers

        check_is_fitted(self)
        return n_numbers(self.model_)

    @property
    def base_measure_(self) -> str:
        """What ``log_evidence`` is a density or mass with respect to."""
        return self._base_measure(self.likelihood_.base_measure)

    def _base_measure(self, of_likelihood: str) -> str:
        """The base measure of the likelihood, and what preprocessing made of it."""
        return " ".join(filter(None, (of_likelihood, self.preprocessing_.meaning.measure)))

    def _draw_key(self, random_state: int | RandomState | None) -> Key:
        check_seed(type(self).__name__, random_state)
        return self._key(1) if random_state is None else key_of_seed(seed_of(random_state))


def seed_of(random_state: int | RandomState | None) -> int:
    """A seed below 2^31 from scikit-learn's ``random_state``."""
    return int(check_random_state(random_state).randint(2**31 - 1))
