"""Factor analysis from a covariance: against rows one by one, eigenvectors written out, and loops over E[z z^T]."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from lowerbound.models.linear_gaussian import LinearGaussian
from lowerbound.objectives.factor_analysis import CovarianceChunk, CovarianceEM
from tests.gaussians import FLOOR, factor_analyzer, textbook

N_ROWS, N_FEATURES = 30, 7
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N_ROWS, 3)) @ RNG.normal(size=(3, N_FEATURES)) + 0.7 * RNG.normal(size=(N_ROWS, N_FEATURES))
WEIGHT = RNG.integers(0, 4, N_ROWS).astype(float)
MEAN = WEIGHT @ X / WEIGHT.sum()
CHUNK = CovarianceChunk(np.cov(X.T, bias=True, aweights=WEIGHT), np.asarray(WEIGHT.sum()))
PROBLEM = CovarianceEM()


@pytest.fixture(autouse=True)
def double():
    """64-bit arithmetic in every test."""
    with jax.enable_x64(True):
        yield


def at_mean(latent_dim, *, noise="diagonal", seed=0):
    """A random model whose mean is that of the rows."""
    model = factor_analyzer(N_FEATURES, latent_dim, noise=noise, seed=seed)
    return LinearGaussian(MEAN, model.loadings, model.log_variance, FLOOR, (N_FEATURES,))


@jax.jit
def e_step(model):
    return PROBLEM.statistics(model, CHUNK)


def at_e_step(model):
    return jax.tree.map(np.asarray, PROBLEM.at_e_step(model, e_step(model)))


def log_evidence(model):
    """Of all rows, one by one, by the marginal's matrix."""
    return WEIGHT @ textbook(model).log_evidence(X, np.ones(X.shape, bool))


every_noise = pytest.mark.parametrize("noise", ["diagonal", "isotropic"])
every_dim = pytest.mark.parametrize("latent_dim", [1, 2, 5])


@every_noise
@every_dim
def test_the_evidence_is_that_of_the_rows_at_the_loadings_of_the_e_step(latent_dim, noise):
    model = at_mean(latent_dim, noise=noise)
    np.testing.assert_allclose(e_step(model).log_evidence, log_evidence(at_e_step(model)), rtol=1e-12)
    assert e_step(model).weight == WEIGHT.sum()


@every_noise
@every_dim
def test_new_loadings_are_no_worse_than_those_before(latent_dim, noise):
    for seed in range(4):
        model = at_mean(latent_dim, noise=noise, seed=seed)
        assert log_evidence(at_e_step(model)) > log_evidence(model)
        np.testing.assert_array_equal(at_e_step(model).log_variance, model.log_variance)


@every_noise
@every_dim
def test_repeated_e_steps_come_to_the_best_loadings_for_the_noise(latent_dim, noise):
    model = at_mean(latent_dim, noise=noise)
    psi = np.exp(np.broadcast_to(model.log_variance, N_FEATURES))
    B = CHUNK.matrix / np.sqrt(np.outer(psi, psi))
    values, axes = np.linalg.eigh(B)
    values, axes = values[::-1][:latent_dim], axes[:, ::-1][:, :latent_dim]
    signal = np.maximum(values - 1, 0)
    best = np.sqrt(psi)[:, None] * axes * np.sqrt(signal)
    for _ in range(60):
        model = at_e_step(model)
    np.testing.assert_allclose(model.loadings @ model.loadings.T, best @ best.T, atol=1e-6)


@every_noise
@every_dim
def test_the_m_step_of_many_columns_takes_what_the_factors_leave(latent_dim, noise):
    model = at_mean(latent_dim, noise=noise)
    found = CovarianceEM(few_columns=0).statistics(model, CHUNK)
    here = jax.tree.map(np.asarray, PROBLEM.at_e_step(model, found))
    psi = np.exp(np.broadcast_to(here.log_variance, N_FEATURES))
    spread = np.linalg.inv(np.eye(latent_dim) + here.loadings.T @ (here.loadings / psi[:, None]))
    left = np.zeros(N_FEATURES)
    for x, w in zip(X - MEAN, WEIGHT, strict=True):
        m = spread @ here.loadings.T @ (x / psi)
        for j in range(N_FEATURES):
            row = here.loadings[j]
            left[j] += w * ((x[j] - row @ m) ** 2 + row @ spread @ row) / WEIGHT.sum()
    np.testing.assert_allclose(found.variance, left, rtol=1e-10)
    better = PROBLEM.maximize(model, found)
    expected = left if noise == "diagonal" else left.mean()
    np.testing.assert_allclose(np.exp(better.log_variance), expected, rtol=1e-10)
    np.testing.assert_array_equal(better.loadings, here.loadings)
    assert log_evidence(jax.tree.map(np.asarray, better)) > log_evidence(here)


@every_dim
def test_the_m_step_of_few_columns_puts_one_variance_after_another_where_it_is_best(latent_dim):
    model = at_mean(latent_dim, noise="diagonal")
    here, found = at_e_step(model), e_step(model)
    psi, S = np.exp(np.array(here.log_variance)), CHUNK.matrix

    def loss(variance, j):
        each = np.where(np.arange(N_FEATURES) == j, variance, psi)
        covariance = here.loadings @ here.loadings.T + np.diag(each)
        return np.linalg.slogdet(covariance)[1] + np.trace(np.linalg.solve(covariance, S))

    for j in range(N_FEATURES):
        best = minimize_scalar(
            lambda log, j=j: loss(np.exp(log), j), bounds=(-9, 5), method="bounded", options={"xatol": 1e-9}
        )
        psi[j] = np.exp(best.x)
    np.testing.assert_allclose(found.variance, psi, rtol=1e-5)
    better = PROBLEM.maximize(model, found)
    np.testing.assert_allclose(np.exp(better.log_variance), found.variance, rtol=1e-12)
    assert log_evidence(jax.tree.map(np.asarray, better)) > log_evidence(here)


def test_noise_is_kept_at_its_floor():
    duplicate = np.ones((2, 2))
    model = LinearGaussian(np.zeros(2), np.full((2, 1), 0.9), np.log([0.1, 0.1]), FLOOR, (2,))
    chunk = CovarianceChunk(duplicate, np.ones(()))
    step = eqx.filter_jit(lambda model: PROBLEM.maximize(model, PROBLEM.statistics(model, chunk)))
    for _ in range(300):
        model = step(model)
    np.testing.assert_allclose(np.exp(model.log_variance), FLOOR, rtol=1e-12)
    np.testing.assert_allclose(np.asarray(model.loadings)[:, 0] ** 2, 1, atol=1e-5)
    # By the other M-step too, whose variances come unclipped.
    found = PROBLEM.statistics(model, chunk)
    low = replace(found, variance=jnp.array([FLOOR / 10, -FLOOR]))
    np.testing.assert_allclose(np.exp(PROBLEM.maximize(model, low).log_variance), FLOOR, rtol=1e-12)


def test_directions_without_signal_have_no_loadings():
    # B has the eigenvalues 13, 1, 1, 1: the second factor has nothing to explain.
    S = np.eye(4) + 3 * np.ones((4, 4))
    start = factor_analyzer(4, 2)
    model = LinearGaussian(np.zeros(4), start.loadings, np.zeros(4), FLOOR, (4,))
    chunk = CovarianceChunk(S, np.ones(()))
    step = eqx.filter_jit(lambda model: PROBLEM.at_e_step(model, PROBLEM.statistics(model, chunk)))
    for _ in range(40):
        model = step(model)
    lengths = np.sort(np.linalg.norm(model.loadings, axis=0))
    np.testing.assert_allclose(lengths, [0, np.sqrt(12)], atol=1e-5)


def test_only_the_noise_is_free():
    model = at_mean(2)
    np.testing.assert_array_equal(PROBLEM.unconstrained(model), model.log_variance)
    moved = PROBLEM.with_unconstrained(
        model, jnp.asarray(model.log_variance) - np.where(np.arange(N_FEATURES) == 1, 50.0, 0.0)
    )
    expected = np.where(np.arange(N_FEATURES) == 1, np.log(FLOOR), model.log_variance)
    np.testing.assert_allclose(moved.log_variance, expected, rtol=1e-14)
    np.testing.assert_array_equal(moved.loadings, model.loadings)
