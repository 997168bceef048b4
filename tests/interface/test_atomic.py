"""Fits that end before they converged warn, with the remedy. Ground truth: by definition, and scikit-learn's manners."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from lowerbound import PPCA, VAE, Autoencoder, FactorAnalysis, MixtureOfFactorAnalyzers
from tests.contracts.registry import reals

SHORT = {
    "PPCA": lambda: PPCA(1, method="em", max_iter=2),
    "FactorAnalysis": lambda: FactorAnalysis(1, max_iter=2),
    "MixtureOfFactorAnalyzers": lambda: MixtureOfFactorAnalyzers(2, latent_dim=1, max_iter=2, random_state=0),
}


@pytest.mark.parametrize("name", SHORT)
def test_iterations_that_run_out_warn_once_and_the_fit_is_kept(name):
    with pytest.warns(
        ConvergenceWarning, match=rf"^fit of {name}: stopped after max_iter = 2 iterations.*Raise max_iter"
    ) as caught:
        estimator = SHORT[name]().fit(reals())
    assert len(caught) == 1
    assert estimator.status_.code == "max_iter"
    assert estimator.transform(reals()).shape[0] == 40


def test_a_fit_that_overflows_warns():
    X = 1e25 * np.random.default_rng(0).normal(size=(30, 2))
    with pytest.warns(ConvergenceWarning, match=r"^fit of Autoencoder: the loss .*set standardize=True"):
        Autoencoder(1, hidden=(4,), max_epochs=2, standardize=False, random_state=0).fit(X)


def test_a_warning_made_an_error_leaves_nothing_behind():
    estimator = FactorAnalysis(1, max_iter=2)
    before = dict(vars(estimator))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        with pytest.raises(ConvergenceWarning):
            estimator.fit(reals())
    assert vars(estimator) == before


@pytest.mark.parametrize(
    ("options", "code"),
    [({"max_epochs": 2}, "max_epochs"), ({"max_epochs": 300, "patience": 1, "learning_rate": 0.1}, "early_stopping")],
)
def test_epochs_are_a_budget_and_patience_an_end(options, code):
    vae = VAE(1, hidden=(4,), random_state=0, **options).fit(reals(300))  # a warning would be an error here
    assert vae.status_.code == code
