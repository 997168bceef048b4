"""The encoder with one covariance for all data, against the exact posterior of factor analysis, and numbers by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lowerbound.data.datum import Datum
from lowerbound.models.vae import VAE
from lowerbound.posteriors.shared import SharedCovarianceEncoder
from tests.linear_gaussian import linear_gaussian


def exact_encoder(truth):
    """The posterior of a LinearGaussian: V, b and a Cholesky factor of A^{-1}."""
    L = np.linalg.cholesky(np.linalg.inv(truth.precision()))
    return SharedCovarianceEncoder(
        weight=jnp.asarray(truth.posterior_map(), float),
        center=jnp.asarray(truth.bias, float),
        log_scale=jnp.asarray(np.log(np.diag(L)), float),
        below=jnp.asarray(L[np.tril_indices(truth.latent_dim, -1)], float),
        latent_dim=truth.latent_dim,
        with_mask=False,
    )


def test_mean_and_covariance_are_those_written_out():
    encoder = SharedCovarianceEncoder(
        weight=jnp.array([[1.0, 2.0], [0.0, -1.0], [3.0, 0.5]]),
        center=jnp.array([1.0, -1.0]),
        log_scale=jnp.log(jnp.array([1.0, 2.0, 0.5])),
        below=jnp.array([0.1, 0.2, 0.3]),
        latent_dim=3,
        with_mask=False,
    )
    q = encoder.of_features(jnp.array([2.0, 3.0]))
    L = np.array([[1.0, 0, 0], [0.1, 2.0, 0], [0.2, 0.3, 0.5]])
    np.testing.assert_allclose(q.mean, [1 + 8, -4, 3 + 2], rtol=1e-6)
    np.testing.assert_allclose(q.cholesky, L, rtol=1e-6)
    np.testing.assert_allclose(q.covariance(), L @ L.T, rtol=1e-6)


def test_rows_differ_in_the_mean_alone():
    encoder = exact_encoder(linear_gaussian(5, 3))
    X = jnp.asarray(np.random.default_rng(0).normal(size=(4, 5)), jnp.float32)
    mean, covariance = jax.vmap(lambda x: (encoder.of_features(x).mean, encoder.of_features(x).covariance()))(X)
    assert len(np.unique(np.asarray(mean), axis=0)) == 4
    assert len(np.unique(np.asarray(covariance), axis=0)) == 1


@pytest.mark.parametrize("latent_dim", [1, 2, 4])
def test_the_exact_posterior_of_factor_analysis_makes_every_draw_say_log_p(latent_dim):
    truth = linear_gaussian(6, latent_dim)
    X = truth.sample(5, seed=1)
    with jax.enable_x64(True):
        linear = truth.vae()
        model = VAE(linear.prior, exact_encoder(truth), linear.decoder, linear.likelihood)
        keys = jax.random.split(jax.random.key(0), 20)
        for x, expected in zip(X, truth.log_evidence(X), strict=True):
            weights = jax.vmap(lambda key, x=x: model.draw(Datum(jnp.asarray(x)), key=key).log_weight)(keys)
            np.testing.assert_allclose(weights, expected, rtol=1e-9)


def test_learning_starts_at_the_covariance_of_the_prior():
    encoder = SharedCovarianceEncoder.untrained(5, 3, key=jax.random.key(0))
    q = encoder.of_features(jnp.ones(5))
    np.testing.assert_array_equal(q.covariance(), np.eye(3))
    assert encoder.latent_dim == len(np.unique(np.asarray(q.mean))) == 3


def test_the_gradient_of_a_draw_reaches_every_number():
    encoder = SharedCovarianceEncoder.untrained(5, 3, key=jax.random.key(0))
    gradient = jax.grad(lambda encoder: jnp.sum(encoder.of_features(jnp.ones(5)).draw(key=jax.random.key(1)).z))(
        encoder
    )
    for name in ("weight", "center", "log_scale", "below"):
        assert np.all(np.asarray(getattr(gradient, name)) != 0), name
