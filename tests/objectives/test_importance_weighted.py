"""L_k: between the ELBO and log p(x), climbing with k."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy.special import logsumexp

from lowerbound.data.datum import Datum
from lowerbound.objectives.elbo import ELBO
from lowerbound.objectives.importance_weighted import ImportanceWeighted
from tests.linear_gaussian import batch_of, linear_gaussian

TRUTH = linear_gaussian()
X = TRUTH.sample(4, seed=0)
STEP = jnp.asarray(0)


@eqx.filter_jit
def draw(model, x, key):
    return model.draw(Datum(x), key=key)


@eqx.filter_jit
def _bounds(objective, model, keys):
    return jax.vmap(lambda key: objective(model, batch_of(X), key, STEP)[1]["bound"])(keys)


def bounds(objective, model, *, n_keys=2000, seed=0):
    """Bound of the minibatch at many keys."""
    return np.asarray(_bounds(objective, model, jax.random.split(jax.random.key(seed), n_keys)), np.float64)


def test_the_bound_is_the_log_mean_of_the_weights_of_its_draws():
    model, key = TRUTH.vae(shift=0.3, stretch=1.3), jax.random.key(1)
    loss, metrics = ImportanceWeighted(7)(model, batch_of(X, (1, 0, 1, 1)), key, STEP)
    rows = []
    for x, row_key in zip(X, jax.random.split(key, 4), strict=True):
        draws = [draw(model, jnp.asarray(x, float), k) for k in jax.random.split(row_key, 7)]
        log_weights = np.array([draw.log_weight for draw in draws], np.float64)
        kl = np.mean([draw.log_posterior - draw.log_prior for draw in draws])
        rows.append((logsumexp(log_weights) - np.log(7), np.mean([draw.log_likelihood for draw in draws]), kl))
    expected = np.mean([rows[0], rows[2], rows[3]], axis=0)
    found = [metrics[name] for name in ("bound", "log_likelihood", "kl")]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(loss, -expected[0], rtol=1e-5)


def test_one_draw_is_the_sampled_elbo_in_the_mean():
    model = TRUTH.vae(shift=0.3, stretch=1.3)
    first = bounds(ImportanceWeighted(1), model)
    second = bounds(ELBO(kl="sampled"), model, seed=1)
    assert abs(first.mean() - second.mean()) < 4.5 * np.sqrt((first.var() + second.var()) / 2000)


def test_the_bound_climbs_with_k_towards_log_p_of_x():
    model = TRUTH.vae(shift=0.15, stretch=1.5)
    exact = TRUTH.log_evidence(X).mean()
    found = [bounds(ImportanceWeighted(k), model, n_keys=n_keys) for k, n_keys in ((1, 2000), (5, 2000), (300, 200))]
    means = np.array([values.mean() for values in found])
    errors = np.array([values.std() / np.sqrt(len(values)) for values in found])
    assert (np.diff(means) > 3 * np.hypot(errors[1:], errors[:-1])).all()
    assert (means - exact < 3 * errors).all()
    assert abs(means[-1] - exact) < 0.02 + 3 * errors[-1]
    assert exact - means[0] > 0.3


@pytest.mark.parametrize("k", [1, 5])
def test_with_the_exact_posterior_every_bound_is_log_p_of_x(k):
    np.testing.assert_allclose(bounds(ImportanceWeighted(k), TRUTH.vae()), TRUTH.log_evidence(X).mean(), rtol=1e-5)


def test_gradient_is_that_of_finite_differences():
    with jax.enable_x64(True):
        model = TRUTH.vae(shift=0.3, stretch=1.3)
        vector, unravel = ravel_pytree(model)
        loss = jax.jit(
            lambda v: ImportanceWeighted(3)(unravel(v), batch_of(X, (1, 1, 0, 1)), jax.random.key(2), STEP)[0]
        )
        gradient = jax.grad(loss)(vector)
        for seed in range(3):
            way = jnp.asarray(np.random.default_rng(seed).normal(size=vector.shape))
            slope = (loss(vector + 1e-6 * way) - loss(vector - 1e-6 * way)) / 2e-6
            np.testing.assert_allclose(np.vdot(gradient, way), slope, rtol=1e-6)
