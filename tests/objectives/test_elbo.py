"""The ELBO's weights, its two forms of KL and its gradients, against formulas, exact values and finite differences."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from lowerbound.data.datum import Datum
from lowerbound.objectives.elbo import ELBO
from tests.linear_gaussian import batch_of, linear_gaussian

TRUTH = linear_gaussian()
X = TRUTH.sample(6, seed=0)
KEY = jax.random.key(0)


def spoiled(family="full"):
    """A model whose posterior is not the exact one."""
    return TRUTH.vae(family=family, shift=0.3, stretch=1.3)


@eqx.filter_jit
def evaluate(objective, model, batch, key, step):
    return objective(model, batch, key, step)


def loss_of(objective, *, step=10**6, key=KEY, batch=None, model=None):
    batch = batch_of(X) if batch is None else batch
    loss, metrics = evaluate(objective, spoiled() if model is None else model, batch, key, jnp.asarray(step))
    return float(loss), {name: float(value) for name, value in metrics.items()}


def kl_by_dimension(model, rows):
    """Mean KL of each latent dimension over rows."""
    return np.mean(
        [np.asarray(model.posterior(Datum(jnp.asarray(x, float))).kl(model.prior), float) for x in rows], axis=0
    )


@pytest.mark.parametrize("kl", ["closed_form", "sampled"])
def test_the_loss_is_linear_in_beta_and_the_bound_does_not_know_it(kl):
    plain, metrics = loss_of(ELBO(kl=kl))
    np.testing.assert_allclose(plain, -metrics["bound"], rtol=1e-6)
    np.testing.assert_allclose(metrics["bound"], metrics["log_likelihood"] - metrics["kl"], rtol=1e-6)
    for beta in (0.0, 0.5, 4.0):
        loss, weighted = loss_of(ELBO(beta=beta, kl=kl))
        np.testing.assert_allclose(loss, -metrics["log_likelihood"] + beta * metrics["kl"], rtol=1e-5)
        assert weighted == metrics


def test_the_weight_grows_linearly_over_the_warm_up():
    _, metrics = loss_of(ELBO())
    for step, share in ((0, 0.0), (1, 0.02), (25, 0.5), (50, 1.0), (51, 1.0), (2**30, 1.0)):
        loss, _ = loss_of(ELBO(beta=2.0, warmup_steps=50), step=step)
        np.testing.assert_allclose(loss, -metrics["log_likelihood"] + 2 * share * metrics["kl"], rtol=1e-5)
    assert loss_of(ELBO(warmup_steps=0), step=0) == loss_of(ELBO(), step=10)


def test_free_bits_cost_nothing_by_dimension():
    kl = kl_by_dimension(spoiled(), X)
    _, metrics = loss_of(ELBO())
    np.testing.assert_allclose(metrics["kl"], kl.sum(), rtol=1e-5)
    for free_bits in (kl.min() / 2, kl.mean(), kl.max() * 2):
        loss, weighted = loss_of(ELBO(beta=3.0, free_bits=free_bits))
        paid = np.maximum(kl, free_bits).sum()
        np.testing.assert_allclose(loss, -metrics["log_likelihood"] + 3 * paid, rtol=1e-5)
        assert weighted == metrics


def test_free_bits_act_on_the_mean_over_real_rows():
    loss, metrics = loss_of(ELBO(free_bits=0.7), batch=batch_of(X, [1, 0, 1, 0, 0, 1]))
    paid = np.maximum(kl_by_dimension(spoiled(), X[[0, 2, 5]]), 0.7).sum()
    np.testing.assert_allclose(loss, -metrics["log_likelihood"] + paid, rtol=1e-5)


def test_both_forms_of_the_kl_have_the_same_mean():
    keys = jax.random.split(jax.random.key(1), 4000)
    model, batch = spoiled(), batch_of(X)
    bounds = {}
    for kl in ("closed_form", "sampled"):
        over_keys = eqx.filter_vmap(evaluate, in_axes=(None, None, None, 0, None))
        bounds[kl] = np.asarray(over_keys(ELBO(kl=kl), model, batch, keys, jnp.asarray(0))[1]["bound"], float)
    first, second = bounds.values()
    error = np.sqrt((first.var() + second.var()) / len(keys))
    assert error < 0.05
    assert abs(first.mean() - second.mean()) < 4.5 * error
    assert first.mean() < TRUTH.log_evidence(X).mean()


def test_the_sampled_bound_of_the_exact_posterior_is_log_p_of_x_whatever_the_key():
    exact = TRUTH.log_evidence(X).mean()
    for seed in range(5):
        _, metrics = loss_of(ELBO(kl="sampled"), key=jax.random.key(seed), model=TRUTH.vae())
        np.testing.assert_allclose(metrics["bound"], exact, rtol=1e-5)


# Gradients


@eqx.filter_jit
def loss_and_gradient(objective, model, batch, step):
    """The loss, and its gradient as one vector."""
    objective_of = eqx.filter_value_and_grad(lambda model: objective(model, batch, KEY, step)[0])
    loss, gradient = objective_of(model)
    return loss, ravel_pytree(gradient)[0]


@pytest.mark.parametrize("family", ["full", "diagonal"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"kl": "sampled"}, {"beta": 2.0, "warmup_steps": 10}, {"free_bits": 0.7}],
    ids=["plain", "sampled", "warm-up", "free bits"],
)
def test_gradient_is_that_of_finite_differences(settings, family):
    with jax.enable_x64(True):
        fixed = ELBO(**settings), batch_of(X, [1, 1, 1, 0, 1, 1]), jnp.asarray(4)
        vector, unravel = ravel_pytree(spoiled(family))

        def at(vector):
            return loss_and_gradient(fixed[0], unravel(vector), *fixed[1:])

        _, gradient = at(vector)
        for seed in range(3):
            way = jnp.asarray(np.random.default_rng(seed).normal(size=vector.shape))
            slope = (at(vector + 1e-6 * way)[0] - at(vector - 1e-6 * way)[0]) / 2e-6
            np.testing.assert_allclose(np.vdot(gradient, way), slope, rtol=1e-6)


@pytest.mark.parametrize("kl", ["closed_form", "sampled"])
def test_padding_rows_change_neither_loss_nor_gradient(kl):
    weight = np.array([1, 1, 0, 1, 0, 1])
    found = []
    for padding in (0.0, 1e3):
        rows = np.where(weight[:, None] == 1, X, padding)
        found.append(loss_and_gradient(ELBO(kl=kl), spoiled(), batch_of(rows, weight), jnp.asarray(0)))
    assert found[0][0] == found[1][0]
    np.testing.assert_array_equal(found[0][1], found[1][1])


@pytest.mark.parametrize("kl", ["closed_form", "sampled"])
def test_gradient_of_a_minibatch_is_the_mean_of_its_rows(kl):
    weight = np.array([1, 1, 0, 1, 1, 1.0])
    with jax.enable_x64(True):
        whole, *rows = (
            loss_and_gradient(ELBO(kl=kl), spoiled(), batch_of(X, part), jnp.asarray(0))
            for part in (weight, *np.eye(6)[weight == 1])
        )
        np.testing.assert_allclose(whole[0], np.mean([row[0] for row in rows]), rtol=1e-12)
        np.testing.assert_allclose(whole[1], np.mean([row[1] for row in rows], axis=0), rtol=1e-9, atol=1e-12)


def test_a_minibatch_without_rows_has_no_loss_and_no_gradient():
    loss, gradient = loss_and_gradient(ELBO(), spoiled(), batch_of(X, np.zeros(6)), jnp.asarray(0))
    assert loss == 0
    np.testing.assert_array_equal(gradient, 0)
