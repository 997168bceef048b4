"""Suggestions for hyperparameters that an estimator does not have. Ground truth: what other libraries call them."""

import inspect
import pickle

import pytest
from sklearn.base import clone

from lowerbound import PPCA, VAE, FactorAnalysis, MixtureOfFactorAnalyzers, OutlierDetector
from lowerbound.interface.base import LatentVariableEstimator

MEANT = [
    (PPCA, "n_components", "Did you mean latent_dim?"),
    (FactorAnalysis, "n_factors", "Did you mean latent_dim?"),
    (FactorAnalysis, "epochs", "Did you mean max_iter?"),
    (MixtureOfFactorAnalyzers, "n_components", "Did you mean n_clusters or latent_dim?"),
    (MixtureOfFactorAnalyzers, "reg_covar", "Did you mean noise_floor?"),
    (VAE, "epochs", "Did you mean max_epochs?"),
    (VAE, "max_iter", "Did you mean max_epochs?"),
    (VAE, "lr", "Did you mean learning_rate?"),
    (VAE, "alpha", "Did you mean learning_rate?"),
    (VAE, "latentdim", "Did you mean latent_dim?"),
    (VAE, "seed", "Did you mean random_state?"),
    (OutlierDetector, "contaminaton", "Did you mean contamination?"),
]


@pytest.mark.parametrize(("estimator", "name", "answer"), MEANT)
def test_the_name_that_was_meant(estimator, name, answer):
    with pytest.raises(TypeError) as caught:
        estimator(**{name: 1})
    assert str(caught.value) == f"{estimator.__name__} has no hyperparameter {name!r}. {answer}"


def test_a_name_like_no_other_lists_those_there_are():
    names = "latent_dim, method, standardize, dequantize, noise_floor, tol, max_iter, random_state"
    with pytest.raises(TypeError, match=rf"^PPCA has no hyperparameter 'xyzzy'\. It has {names}\.$"):
        PPCA(xyzzy=1)


def test_all_unknown_names_are_answered():
    with pytest.raises(TypeError, match=r"'epochs'\. Did you mean max_epochs\? VAE has no hyperparameter 'lr'\."):
        VAE(epochs=10, lr=0.1)


class Strangers(LatentVariableEstimator):
    """An estimator of someone else."""

    def __init__(self, latent_dim=2, *, n_pseudo_inputs=5):
        self.latent_dim = latent_dim
        self.n_pseudo_inputs = n_pseudo_inputs

    def fit(self, X, y=None):
        return self

    def _skeleton(self, *, key):
        raise NotImplementedError

    @property
    def likelihood_(self):
        raise NotImplementedError


class Heirs(Strangers):
    """One that inherits its constructor."""


@pytest.mark.parametrize("estimator", [Strangers, Heirs])
def test_the_estimator_of_a_stranger_answers_too(estimator):
    with pytest.raises(
        TypeError, match=rf"^{estimator.__name__} has no .* 'n_components'\. Did you mean latent_dim\?$"
    ):
        estimator(n_components=3)
    with pytest.raises(TypeError, match=r"'n_pseudo_input'\. Did you mean n_pseudo_inputs\?$"):
        estimator(n_pseudo_input=3)


@pytest.mark.parametrize("estimator", [PPCA, VAE, Strangers, Heirs])
def test_the_constructor_is_what_scikit_learn_expects(estimator):
    made = estimator(3)
    assert next(iter(inspect.signature(estimator).parameters)) == "latent_dim"
    assert made.get_params()["latent_dim"] == clone(made).latent_dim == 3
    assert pickle.loads(pickle.dumps(PPCA(3))).latent_dim == 3
