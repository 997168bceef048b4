"""The linear Gaussian model beyond what every exact model promises (``test_model.py``): its posterior, noise and precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lowerbound.data.datum import Datum
from lowerbound.models.linear_gaussian import LinearGaussian
from tests.gaussians import FLOOR, factor_analyzer, noise_of, random_patterns, textbook


@pytest.fixture(autouse=True)
def double():
    """64-bit arithmetic in every test."""
    with jax.enable_x64(True):
        yield


def joint_covariance(model):
    """Of (x, z)."""
    W = model.loadings
    return np.block([[textbook(model).covariance[0], W], [W.T, np.eye(model.latent_dim)]])


def rows_of(model, n_rows=10, *, seed=0):
    observed = random_patterns(n_rows, len(model.mean), seed=seed)
    return textbook(model).sample(n_rows, seed=seed)[0], observed


@pytest.mark.parametrize("latent_dim", [1, 3, 7])
@pytest.mark.parametrize("noise", ["isotropic", "diagonal"])
def test_the_posterior_is_the_conditional_of_the_joint(latent_dim, noise):
    model = factor_analyzer(5, latent_dim, noise=noise, seed=latent_dim)
    X, observed = rows_of(model)
    evidence, *found = jax.jit(jax.vmap(lambda x, seen: _answers(model, Datum(x, seen))))(X, observed)
    np.testing.assert_allclose(evidence, textbook(model).log_evidence(X, observed), atol=1e-9)
    C = joint_covariance(model)
    for x, seen, mean, covariance, variance in zip(X, observed, *map(np.asarray, found), strict=True):
        rows = np.flatnonzero(seen)
        V = np.linalg.solve(C[np.ix_(rows, rows)], C[np.ix_(rows, range(5, 5 + latent_dim))]).T
        np.testing.assert_allclose(mean, V @ (x - model.mean)[seen], atol=1e-9)
        expected = np.eye(latent_dim) - V @ C[np.ix_(rows, range(5, 5 + latent_dim))]
        np.testing.assert_allclose(covariance, expected, atol=1e-9)
        np.testing.assert_allclose(variance, np.diag(expected), atol=1e-9)


def _answers(model, datum):
    posterior = model.posterior(datum)
    return model.log_evidence(datum), posterior.mean, posterior.covariance(), posterior.variance()


def test_observed_cells_are_predicted_as_if_measured_once_more():
    # A second measurement x' shares z with x, and has noise of its own: Cov(x', x) = W W^T, without Psi.
    model = factor_analyzer(seed=1)
    X, observed = rows_of(model)
    found = jax.jit(jax.vmap(lambda x, seen: model.predictive(Datum(x, seen))))(X, observed)
    C, signal = textbook(model).covariance[0], model.loadings @ model.loadings.T
    for x, seen, mean, variance in zip(X, observed, *map(np.asarray, found[1:]), strict=True):
        regression = np.linalg.solve(C[np.ix_(seen, seen)], signal[seen]).T
        np.testing.assert_allclose(mean[0], model.mean + regression @ (x - model.mean)[seen], atol=1e-9)
        np.testing.assert_allclose(variance[0], np.diag(C) - np.sum(regression * signal[seen].T, axis=1), atol=1e-9)


def test_rotated_factors_give_the_same_density_and_a_rotated_posterior():
    model, x = factor_analyzer(6, 3), np.linspace(-2, 2, 6)
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    turned = LinearGaussian(model.mean, model.loadings @ turn, model.log_variance, FLOOR, (6,))
    datum = Datum(jnp.asarray(x), jnp.arange(6) != 2)
    np.testing.assert_allclose(turned.log_evidence(datum), model.log_evidence(datum), rtol=1e-13)
    np.testing.assert_allclose(turned.encode(datum), turn.T @ model.encode(datum), atol=1e-12)
    np.testing.assert_allclose(turned.decode(turned.encode(datum)), model.decode(model.encode(datum)), atol=1e-12)


def in_long_double(model, x):
    """Log p(x) by a Cholesky factorization of the covariance in extended precision."""
    W, psi = model.loadings.astype(np.longdouble), noise_of(_stacked(model))[0].astype(np.longdouble)
    C, d = W @ W.T + np.diag(psi), len(x)
    L = np.zeros_like(C)
    for j in range(d):
        L[j, j] = np.sqrt(C[j, j] - L[j, :j] @ L[j, :j])
        for i in range(j + 1, d):
            L[i, j] = (C[i, j] - L[i, :j] @ L[j, :j]) / L[j, j]
    y = x.astype(np.longdouble) - model.mean
    for j in range(d):
        y[j] = (y[j] - L[j, :j] @ y[:j]) / L[j, j]
    return float(-0.5 * (y @ y) - np.sum(np.log(np.diag(L))) - 0.5 * d * np.log(2 * np.longdouble(np.pi)))


def _stacked(model):
    return jax.tree.map(lambda leaf: np.asarray(leaf)[None], model)


@pytest.mark.parametrize("log_variance", [-20.0, -10.0, 0.0])
def test_little_noise_costs_few_digits(log_variance):
    # Noise of e^-20 beside loadings of order 1: the textbook's quadratic form loses the nine digits that divide them.
    assert np.finfo(np.longdouble).eps < 1e-18, "the platform's long double is no longer than a double"
    W = np.random.default_rng(1).normal(size=(5, 2))
    model = LinearGaussian(np.ones(5), W, np.full(5, log_variance), 1e-12, (5,))
    rng = np.random.default_rng(2)
    x = 1 + W @ rng.normal(size=2) + np.exp(0.5 * log_variance) * rng.normal(size=5)
    np.testing.assert_allclose(model.log_evidence(Datum(jnp.asarray(x))), in_long_double(model, x), rtol=1e-8)


def test_noise_and_its_floor_are_those_of_the_cells():
    log_variance = np.log(np.array([[FLOOR, 1.0, 1.05 * FLOOR], [1.2 * FLOOR, 4.0, 0.5]])).reshape(-1)
    model = LinearGaussian(np.zeros(6), np.zeros((6, 1)), log_variance, FLOOR, (2, 3))
    z = jnp.zeros(1)
    np.testing.assert_allclose(model.noise_scale(z), np.exp(0.5 * log_variance).reshape(2, 3))
    np.testing.assert_array_equal(model.at_floor(z), [[True, False, True], [False, False, False]])
    equal = LinearGaussian(np.zeros(6), np.zeros((6, 1)), np.asarray(np.log(4.0)), FLOOR, (6,))
    np.testing.assert_allclose(equal.noise_scale(z), 2.0)
    np.testing.assert_allclose(equal.variance, 4.0)


def test_a_cell_without_loadings_is_a_gaussian_by_itself():
    model = LinearGaussian(np.array([1.0, 2.0]), np.array([[0.0], [3.0]]), np.log([4.0, 1.0]), FLOOR, (2,))
    found = model.predictive(Datum(jnp.array([0.0, 9.0]), jnp.array([False, True])))
    np.testing.assert_allclose((found.mean[0, 0], found.variance[0, 0]), (1.0, 4.0))


def test_models_of_single_precision_stay_so():
    model = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), factor_analyzer())
    with jax.enable_x64(False):
        datum = Datum(jnp.linspace(-1, 1, 5))
        said = (model.log_evidence(datum), model.draw(datum, key=jax.random.key(0)), model.predictive(datum))
        assert {leaf.dtype for leaf in jax.tree.leaves(said)} == {np.dtype(np.float32)}
    exact = textbook(factor_analyzer()).log_evidence(np.linspace(-1, 1, 5)[None], np.ones((1, 5), bool))
    np.testing.assert_allclose(said[0], exact[0], rtol=1e-5)
