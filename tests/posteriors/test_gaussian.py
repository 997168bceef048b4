"""Gaussian posteriors: densities against SciPy, KL against the matrix formula, quadrature and the chain rule."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm

from lowerbound.posteriors.gaussian import (
    DiagonalGaussian,
    PrecisionGaussian,
    gaussian_from_precision,
    n_posterior_outputs,
    posterior_from_outputs,
)
from lowerbound.priors.standard_normal import StandardNormal

ENCODED = ["diagonal", "full"]
every_family = pytest.mark.parametrize("family", [*ENCODED, "precision"])
every_encoded_family = pytest.mark.parametrize("family", ENCODED)
every_dim = pytest.mark.parametrize("latent_dim", [1, 2, 5])


def n_outputs(family, latent_dim):
    """As many numbers as a family needs: the precision's triangle has those of the covariance's."""
    return n_posterior_outputs("full" if family == "precision" else family, latent_dim)


def free_outputs(family, latent_dim, *, seed=0):
    return 0.8 * np.random.default_rng(seed).normal(size=n_outputs(family, latent_dim))


def posterior(family, latent_dim, outputs):
    """The posterior of these numbers: mean, logs of the diagonal of a triangle, and what is below it."""
    if family != "precision":
        return posterior_from_outputs(family, latent_dim, outputs)
    mean, log_diagonal, below = jnp.split(outputs, [latent_dim, 2 * latent_dim])
    C = jnp.diag(jnp.exp(log_diagonal)).at[jnp.tril_indices(latent_dim, -1)].set(below)
    return PrecisionGaussian(mean, -jnp.log(jnp.diagonal(C)), jnp.linalg.inv(C).T)


def textbook(family, latent_dim, outputs):
    """Mean and covariance, written out entry by entry."""
    L = np.diag(np.exp(outputs[latent_dim : 2 * latent_dim]))
    if family != "diagonal":
        below = iter(outputs[2 * latent_dim :])
        for i in range(latent_dim):
            for j in range(i):
                L[i, j] = next(below)
    return outputs[:latent_dim], np.linalg.inv(L @ L.T) if family == "precision" else L @ L.T


@partial(jax.jit, static_argnums=(0, 1))
def facts(family, latent_dim, outputs):
    """Mean, covariance, variance, KL by dimension."""
    q = posterior(family, latent_dim, outputs)
    return q.mean, q.covariance(), q.variance(), q.kl(StandardNormal(len(q.mean)))


@partial(jax.jit, static_argnums=(0, 1))
def draws_of(family, latent_dim, outputs, key):
    """Ten thousand draws, and their log densities."""
    q = posterior(family, latent_dim, outputs)
    return jax.vmap(lambda key: q.draw(key=key))(jax.random.split(key, 10_000))


@every_family
@every_dim
def test_moments_are_the_textbooks(family, latent_dim):
    outputs = free_outputs(family, latent_dim)
    mean, covariance = textbook(family, latent_dim, outputs)
    found = facts(family, latent_dim, jnp.asarray(outputs))
    np.testing.assert_allclose(found[0], mean, rtol=1e-6)
    np.testing.assert_allclose(found[1], covariance, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[2], np.diag(covariance), rtol=1e-5)


@every_family
@every_dim
def test_log_prob_of_draws_is_scipys(family, latent_dim):
    outputs = free_outputs(family, latent_dim, seed=1)
    draws = draws_of(family, latent_dim, jnp.asarray(outputs), jax.random.key(0))
    expected = multivariate_normal(*textbook(family, latent_dim, outputs)).logpdf(np.asarray(draws.z, float))
    np.testing.assert_allclose(draws.log_prob, expected, atol=1e-4)


@every_family
@every_dim
def test_draws_have_the_moments(family, latent_dim):
    n = 10_000
    outputs = free_outputs(family, latent_dim, seed=2)
    mean, covariance = textbook(family, latent_dim, outputs)
    z = np.asarray(draws_of(family, latent_dim, jnp.asarray(outputs), jax.random.key(1)).z, float)
    assert np.abs((z.mean(axis=0) - mean) / np.sqrt(np.diag(covariance) / n)).max() < 4.5
    # Var of a product of two centred Gaussians: S_ii S_jj + S_ij^2.
    error = np.sqrt((np.outer(np.diag(covariance), np.diag(covariance)) + covariance**2) / n)
    centred = z - mean
    assert np.abs((centred.T @ centred / n - covariance) / error).max() < 4.5


@every_family
@every_dim
def test_kl_is_the_matrix_formula(family, latent_dim):
    for seed in range(5):
        outputs = free_outputs(family, latent_dim, seed=seed)
        mean, covariance = textbook(family, latent_dim, outputs)
        expected = 0.5 * (np.trace(covariance) + mean @ mean - latent_dim - np.linalg.slogdet(covariance)[1])
        kl = facts(family, latent_dim, jnp.asarray(outputs))[3]
        np.testing.assert_allclose(kl.sum(), expected, rtol=1e-5)


def divergence_density(z, q, p):
    return q.pdf(z) * (q.logpdf(z) - p.logpdf(z))


def test_kl_in_one_dimension_is_the_integral():
    for seed in range(3):
        mean, log_scale = free_outputs("diagonal", 1, seed=seed)
        q, p = norm(mean, np.exp(log_scale)), norm(0, 1)
        expected = quad(divergence_density, *q.interval(1 - 1e-13), args=(q, p))[0]
        np.testing.assert_allclose(
            DiagonalGaussian(jnp.array([mean]), jnp.array([log_scale])).kl(StandardNormal(1))[0], expected, rtol=1e-5
        )


@every_family
def test_kl_in_two_dimensions_is_the_integral(family):
    outputs = free_outputs(family, 2, seed=3)
    q, p = multivariate_normal(*textbook(family, 2, outputs)), multivariate_normal(np.zeros(2))
    grid = np.linspace(-14, 14, 801)
    z = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1)
    expected = np.sum(divergence_density(z, q, p)) * (grid[1] - grid[0]) ** 2
    np.testing.assert_allclose(facts(family, 2, jnp.asarray(outputs))[3].sum(), expected, rtol=1e-5)


@every_family
@every_dim
def test_kl_by_dimension_is_the_chain_rule(family, latent_dim):
    # KL_i = E KL( q(z_i given z_1 ... z_{i-1}) || N(0, 1) ), conditionals by Schur complements of the covariance; from the last
    # latent to the first where the precision is factorized.
    outputs = free_outputs(family, latent_dim, seed=4)
    mean, S = textbook(family, latent_dim, outputs)
    if family == "precision":
        mean, S = mean[::-1], S[::-1, ::-1]
    expected = []
    for i in range(latent_dim):
        regression = np.linalg.solve(S[:i, :i], S[:i, i]) if i else np.zeros(0)
        explained = regression @ S[:i, i]
        variance = S[i, i] - explained
        expected.append(0.5 * (variance + mean[i] ** 2 + explained - 1 - np.log(variance)))
    kl = facts(family, latent_dim, jnp.asarray(outputs))[3]
    np.testing.assert_allclose(kl[::-1] if family == "precision" else kl, expected, rtol=1e-4, atol=1e-6)
    assert (kl >= 0).all()


@every_encoded_family
@pytest.mark.parametrize("size", [-1e4, -30.0, 30.0, 1e4])
def test_extreme_outputs_stay_finite_with_their_gradients(family, size):
    @jax.jit
    @jax.value_and_grad
    def total(outputs):
        q = posterior_from_outputs(family, 3, outputs)
        draw = q.draw(key=jax.random.key(2))
        return q.kl(StandardNormal(len(q.mean))).sum() + draw.log_prob + draw.z.sum()

    value, gradient = total(jnp.full(n_posterior_outputs(family, 3), size))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@every_family
def test_the_prior_itself_has_no_divergence(family):
    _, covariance, _, kl = facts(family, 2, jnp.zeros(n_outputs(family, 2)))
    np.testing.assert_array_equal(kl, 0)
    np.testing.assert_array_equal(covariance, np.eye(2))


def test_no_latents_have_no_divergence():
    q = gaussian_from_precision(jnp.zeros((0, 0)), jnp.zeros(0))
    draw = q.draw(key=jax.random.key(0))
    assert (draw.z.shape, float(draw.log_prob), float(q.kl(StandardNormal(len(q.mean))).sum())) == ((0,), 0.0, 0.0)
