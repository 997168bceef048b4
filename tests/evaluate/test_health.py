"""Health numbers against closed forms, and advice on planted ailments."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lowerbound.evaluate.latent_health import health
from lowerbound.likelihoods.categorical import Categorical
from lowerbound.models.decoder import Decoder
from lowerbound.nn.mlp import MLP
from tests.linear_gaussian import LinearGaussian, as_dataset, linear_gaussian
from tests.shifted_prior import ShiftedNormal

TRUTH = linear_gaussian()
X = TRUTH.sample(3000, seed=0)


def examine(model, X=X):
    return health(model, as_dataset(X), key=jax.random.key(0))


def first_layer(model):
    """Weight and bias of the linear encoder."""
    layer = model.encoder.network.layers[0]
    return layer.weight, layer.bias


def advice_of(model, X=X):
    return " ".join(examine(model, X).advice)


def test_numbers_are_those_of_the_closed_forms():
    found = examine(TRUTH.vae())
    means = (X - TRUTH.bias) @ TRUTH.posterior_map().T
    covariance = np.linalg.inv(TRUTH.precision())
    np.testing.assert_allclose(found.activity, means.var(axis=0), rtol=1e-3)
    np.testing.assert_allclose(found.aggregate_mean, means.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(found.aggregate_variance, means.var(axis=0) + np.diag(covariance), rtol=1e-3)
    kl = 0.5 * ((means**2).sum(axis=1).mean() + np.trace(covariance) - 2 - np.linalg.slogdet(covariance)[1])
    np.testing.assert_allclose(found.kl_per_dimension.sum(), kl, rtol=1e-4)
    np.testing.assert_allclose(found.noise_scale, TRUTH.scale, rtol=1e-4)
    assert (found.active_units, found.cells_at_floor) == (2, 0)


def test_the_aggregate_posterior_of_the_models_own_data_is_the_prior():
    found = examine(TRUTH.vae())
    assert np.abs(found.aggregate_mean).max() < 4.5 / np.sqrt(len(X))
    assert np.abs(found.aggregate_variance - 1).max() < 4.5 * np.sqrt(2 / len(X))
    assert "aggregate" not in " ".join(found.advice)


def test_a_weak_but_honest_model_is_well():
    honest = LinearGaussian(np.array([[0.9], [0.5], [0.4]]), np.zeros(3), np.ones(3))
    assert examine(honest.vae(), honest.sample(2000, seed=1)).advice == (
        "Every check passed: active units, prior, scales.",
    )


def test_collapse_is_named():
    blind = eqx.tree_at(first_layer, TRUTH.vae(), (jnp.zeros((5, 5)), jnp.zeros(5)))
    found = examine(blind)
    assert found.active_units == 0
    np.testing.assert_array_equal(found.kl_per_dimension, 0)
    assert "Posterior collapse" in " ".join(found.advice)


def test_idle_dimensions_are_counted():
    model = TRUTH.vae()
    weight, bias = first_layer(model)
    half = eqx.tree_at(first_layer, model, (weight.at[1].set(0), bias))
    assert examine(half).active_units == 1
    assert "1 of 2 latent dimensions carries nothing" in advice_of(half)
    assert "latent_dim=1" in advice_of(half)


def test_active_units_are_those_of_the_priors_variance_whatever_the_unit_of_the_latents():
    # Prior N(0, 0.05^2 I), and an encoder of a twentieth of the outputs.
    model, small = TRUTH.vae(), 0.05
    weight, bias = first_layer(model)
    unit = jnp.full(2, jnp.log(small), jnp.float32)
    bias = bias.at[:2].multiply(small).at[2:4].add(unit).at[4:].multiply(small)
    rescaled = eqx.tree_at(
        lambda m: (m.prior, *first_layer(m)),
        model,
        (ShiftedNormal(jnp.zeros(2), unit), weight.at[:2].multiply(small).at[4:].multiply(small), bias),
    )
    found, expected = examine(rescaled), examine(model)
    assert found.activity.max() < 0.01
    np.testing.assert_allclose(found.activity / found.prior_variance, expected.activity, rtol=1e-4)
    assert found.active_units == expected.active_units == 2
    np.testing.assert_array_equal(found.active, [True, True])
    assert "Posterior collapse" not in " ".join(found.advice)


def test_busy_dimensions_ask_for_more():
    crowded = LinearGaussian(3 * np.eye(5, 2), np.zeros(5), np.full(5, 0.5))
    # Half of log(1 + 9 / 0.25) nats each: 1.8.
    assert "Every latent dimension is busy (at least 1.8 nats each)" in advice_of(
        crowded.vae(), crowded.sample(3000, seed=1)
    )


@pytest.mark.parametrize("spoiled", [{"shift": 1.0}, {"stretch": 4.0}], ids=["mean", "variance"])
def test_an_aggregate_posterior_away_from_the_prior_is_named(spoiled):
    assert "aggregate posterior is not the prior in" in advice_of(TRUTH.vae(**spoiled))


def test_scales_at_their_floor_are_counted():
    model = TRUTH.vae()
    sunk = model.likelihood.free_log_scale.at[2].set(-20.0)
    floored = eqx.tree_at(lambda m: m.likelihood.free_log_scale, model, sunk)
    found = examine(floored)
    assert found.cells_at_floor == pytest.approx(1 / 5)
    assert "20.0% of the decoder's scales are at their floor" in " ".join(found.advice)


def test_codes_have_health_too():
    model = TRUTH.vae()
    decoder = MLP(2, 3 * 5, hidden=(), activation="relu", key=jax.random.key(0))
    encoder = MLP(15, 5, hidden=(), activation="relu", key=jax.random.key(1))
    model = eqx.tree_at(
        lambda m: (m.likelihood, m.decoder, m.encoder.network),
        model,
        (Categorical(np.array(3), 3), Decoder(decoder, (3, 5)), encoder),
    )
    found = examine(model, np.random.default_rng(0).integers(0, 3, size=(50, 5)).astype(float))
    assert found.noise_scale is None  # codes have no variance
    assert np.isfinite([found.cells_at_floor, *found.kl_per_dimension, *found.aggregate_variance]).all()


def test_an_exact_model_is_not_told_to_train_longer():
    from lowerbound import PPCA

    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 1)) @ rng.normal(size=(1, 4)) + 0.5 * rng.normal(size=(500, 4))
    ppca = PPCA(1).fit(x)
    at_the_fit = ppca.health(x)
    np.testing.assert_allclose(at_the_fit.aggregate_mean, 0, atol=1e-9)
    np.testing.assert_allclose(at_the_fit.aggregate_variance, 1, rtol=1e-9)  # so at every maximum of the likelihood
    elsewhere = ppca.health(x + ppca.loadings_[:, 0])
    assert elsewhere.exact
    assert not elsewhere.ok
    advice = " ".join(elsewhere.advice)
    assert "these rows are not like those of the fit" in advice
    assert "beta" not in advice
    nothing = PPCA(1).fit(np.tile(np.eye(4), (20, 1)) * np.sign(rng.normal(size=(80, 1))))
    assert not any(word in " ".join(nothing.health(np.zeros((5, 4))).advice) for word in ("warmup", "free_bits"))
