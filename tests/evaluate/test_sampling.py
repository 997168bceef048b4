"""Draws: the right law, and the first ones unmoved by asking for more."""

import jax
import numpy as np
import pytest
from scipy.stats import kstest

from lowerbound.evaluate.sampling import decode, sample, sample_posterior
from tests.linear_gaussian import as_dataset, linear_gaussian

TRUTH = linear_gaussian()
KEY = jax.random.key(0)


def test_more_draws_leave_the_first_ones_as_they_were():
    x, z = sample(TRUTH.vae(), 600, key=KEY)
    assert x.shape == (600, 5)
    for n in (1, 10, 64, 65, 513):  # within a chunk, and across sizes of chunks
        fewer_x, fewer_z = sample(TRUTH.vae(), n, key=KEY)
        np.testing.assert_array_equal(fewer_z, z[:n])
        np.testing.assert_allclose(fewer_x, x[:n], rtol=1e-5, atol=1e-6)


def test_draws_follow_the_marginal():
    x, z = sample(TRUTH.vae(), 4000, key=KEY)
    whitened = np.linalg.solve(np.linalg.cholesky(TRUTH.covariance), (x - TRUTH.bias).T)
    for column in (*whitened, *z.T):
        assert kstest(column, "norm").pvalue > 1e-4
    np.testing.assert_allclose(
        np.corrcoef(np.concatenate([whitened, z.T]))[:5, :5], np.eye(5), atol=4.5 / np.sqrt(4000)
    )


def test_other_keys_give_other_draws():
    first, second = (sample(TRUTH.vae(), 5, key=jax.random.key(seed))[1] for seed in (0, 1))
    assert (first != second).all()


@pytest.mark.parametrize("n_rows", [1, 64, 65])
def test_decoding_is_the_mean_of_every_row(n_rows):
    z = np.random.default_rng(0).normal(size=(n_rows, 2)).astype(np.float32)
    found = decode(TRUTH.vae(), z)
    np.testing.assert_allclose(found, z @ TRUTH.weight.T + TRUTH.bias, rtol=1e-4, atol=1e-5)


def test_posterior_draws_have_the_posteriors_moments_and_stay_with_their_rows():
    X, n = TRUTH.sample(6, seed=1), 3000
    z = sample_posterior(TRUTH.vae(), as_dataset(X), n_draws=n, key=KEY).astype(np.float64)
    means, covariance = (X - TRUTH.bias) @ TRUTH.posterior_map().T, np.linalg.inv(TRUTH.precision())
    error = np.sqrt(np.diag(covariance) / n)
    assert np.abs((z.mean(axis=1) - means) / error).max() < 4.5
    for row in z:
        spread = np.sqrt((np.outer(np.diag(covariance), np.diag(covariance)) + covariance**2) / n)
        assert np.abs((np.cov(row.T) - covariance) / spread).max() < 4.5
    order = np.array([3, 0, 5])
    again = sample_posterior(TRUTH.vae(), as_dataset(X[order]), n_draws=n, key=KEY)
    np.testing.assert_allclose(again, z[order], rtol=1e-4, atol=1e-5)
    # Rows do not share their numbers.
    noise = z - z.mean(axis=1, keepdims=True)
    assert np.abs(np.corrcoef(noise[:, :, 0])[np.triu_indices(6, 1)]).max() < 4.5 / np.sqrt(n)
