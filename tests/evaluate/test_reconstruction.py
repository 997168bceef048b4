"""Reconstructions and posterior moments against matrices."""

import jax
import numpy as np
import pytest
from scipy.stats import norm

from lowerbound.evaluate.posterior import encode, posterior_moments
from lowerbound.evaluate.reconstruction import log_likelihood_at_code, reconstruct, squared_error
from tests.linear_gaussian import as_dataset, linear_gaussian

TRUTH = linear_gaussian()
X = TRUTH.sample(12, seed=0)
KEY = jax.random.key(0)
PATTERN = np.array([True, False, True, True, False])
CODES = (X - TRUTH.bias) @ TRUTH.posterior_map().T
MEANS = CODES @ TRUTH.weight.T + TRUTH.bias


def test_reconstruction_is_the_decoded_posterior_mean():
    np.testing.assert_allclose(encode(TRUTH.vae(), as_dataset(X), key=KEY), CODES, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(reconstruct(TRUTH.vae(), as_dataset(X), key=KEY), MEANS, rtol=1e-4, atol=1e-5)


def test_squared_error_is_the_mean_over_observed_cells():
    found = squared_error(TRUTH.vae(), as_dataset(X), key=KEY)
    np.testing.assert_allclose(found, ((X - MEANS) ** 2).mean(axis=1), rtol=1e-4)
    model = TRUTH.vae(observed=PATTERN)
    data = as_dataset(np.where(PATTERN, X, 0), np.tile(PATTERN, (12, 1)))
    means = (X - TRUTH.bias) @ TRUTH.posterior_map(PATTERN).T @ TRUTH.weight.T + TRUTH.bias
    np.testing.assert_allclose(
        squared_error(model, data, key=KEY), ((X - means)[:, PATTERN] ** 2).mean(axis=1), rtol=1e-4
    )
    log_likelihood = norm(means, TRUTH.scale).logpdf(X)[:, PATTERN].sum(axis=1)
    np.testing.assert_allclose(log_likelihood_at_code(model, data, key=KEY), log_likelihood, rtol=1e-4)


def test_a_row_without_observed_cells_has_no_error():
    data = as_dataset(np.zeros_like(X), np.zeros(X.shape, bool))
    np.testing.assert_array_equal(squared_error(TRUTH.vae(), data, key=KEY), 0)


@pytest.mark.parametrize("family", ["full", "diagonal"])
def test_posterior_moments_are_those_of_the_textbook(family):
    mean, scale, covariance = posterior_moments(TRUTH.vae(family=family), as_dataset(X), key=KEY)
    np.testing.assert_allclose(mean, CODES, rtol=1e-4, atol=1e-5)
    exact = np.linalg.inv(TRUTH.precision())
    if family == "full":
        np.testing.assert_allclose(covariance, np.tile(exact, (12, 1, 1)), rtol=1e-4)
        np.testing.assert_allclose(scale, np.tile(np.sqrt(np.diag(exact)), (12, 1)), rtol=1e-4)
    else:
        assert covariance is None
        np.testing.assert_allclose(scale, np.tile(np.diag(TRUTH.precision()) ** -0.5, (12, 1)), rtol=1e-4)
