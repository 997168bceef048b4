"""Outlier scores against closed forms, and a planted outlier found by all of them."""

import jax
import numpy as np
import pytest
from scipy.stats import norm

from lowerbound.evaluate.outliers import METHODS, outlier_scores
from lowerbound.likelihoods.gaussian import FixedScaleGaussian
from lowerbound.models.autoencoder import Autoencoder
from tests.linear_gaussian import as_dataset, linear_gaussian

TRUTH = linear_gaussian()
X = TRUTH.sample(20, seed=0)
X[7] = TRUTH.bias + 8 * TRUTH.weight @ np.array([1.0, 1.0]) + 9 * TRUTH.scale  # far in both spaces


def scores(method, model=None):
    model = TRUTH.vae() if model is None else model
    return outlier_scores(model, as_dataset(X), method=method, n_samples=300, key=jax.random.key(0))


def test_kl_is_the_closed_form():
    covariance = np.linalg.inv(TRUTH.precision())
    means = (X - TRUTH.bias) @ TRUTH.posterior_map().T
    constant = np.trace(covariance) - 2 - np.linalg.slogdet(covariance)[1]
    np.testing.assert_allclose(scores("kl"), 0.5 * ((means**2).sum(axis=1) + constant), rtol=1e-4)


def test_log_evidence_is_minus_log_p_of_x():
    np.testing.assert_allclose(scores("log_evidence"), -TRUTH.log_evidence(X), rtol=2e-5)


def test_elbo_is_minus_log_p_of_x_within_its_draws():
    # With the exact posterior; the spread of log p(x given z) - KL over 300 draws is that of a chi-square of two degrees.
    np.testing.assert_allclose(scores("elbo"), -TRUTH.log_evidence(X), atol=0.5)


def test_reconstruction_is_minus_log_p_of_x_given_its_code():
    means = (X - TRUTH.bias) @ TRUTH.posterior_map().T @ TRUTH.weight.T + TRUTH.bias
    np.testing.assert_allclose(scores("reconstruction"), -norm(means, TRUTH.scale).logpdf(X).sum(axis=1), rtol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_the_planted_outlier_has_the_largest_score(method):
    assert scores(method).argmax() == 7


def test_a_deterministic_autoencoder_has_its_reconstruction_only():
    vae = TRUTH.vae()
    encoder = type(vae.encoder.network)(5, 2, hidden=(), activation="relu", key=jax.random.key(0))
    autoencoder = Autoencoder(encoder, vae.decoder, FixedScaleGaussian(1.0), 2, with_mask=False)
    assert np.isfinite(scores("reconstruction", autoencoder)).all()
    for method in set(METHODS) - {"reconstruction"}:
        with pytest.raises(ValueError, match=f"method of Autoencoder must be 'reconstruction'.*got '{method}'"):
            scores(method, autoencoder)
