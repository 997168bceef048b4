"""Notes on a fit: what makes a density suspect is named."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from lowerbound.evaluate.fit_notes import fit_notes
from lowerbound.evaluate.notes import features_in_words
from lowerbound.likelihoods.gaussian import NetworkScaleGaussian
from lowerbound.likelihoods.poisson import Poisson
from lowerbound.models.decoder import Decoder
from lowerbound.nn.mlp import MLP
from tests.linear_gaussian import as_dataset, linear_gaussian

TRUTH = linear_gaussian()
NONE = np.zeros(5, bool)


def notes(model, constant=NONE, names=None):
    dataset = as_dataset(TRUTH.sample(30, seed=0))
    return fit_notes(model, model.likelihood, dataset, constant=constant, names=names, key=jax.random.key(0))


def test_a_clean_fit_has_none():
    assert notes(TRUTH.vae()) == ()


def test_constant_features_are_named_by_their_position():
    (one,) = notes(TRUTH.vae(), np.arange(5) == 3)
    assert one.startswith("1 feature (3) is constant")
    (two,) = notes(TRUTH.vae(), np.isin(np.arange(5), [0, 4]))
    assert two.startswith("2 features (0, 4) are constant")


def test_scales_at_their_floor_are_named_unless_the_feature_is_constant():
    model = TRUTH.vae()
    sunk = model.likelihood.free_log_scale.at[jnp.array([1, 2])].set(-30.0)
    model = eqx.tree_at(lambda m: m.likelihood.free_log_scale, model, sunk)
    (note,) = notes(model)
    assert "2 features (1, 2) rest on its floor" in note
    constant, floored = notes(model, np.arange(5) == 1)
    assert "1 feature (1) is constant" in constant
    assert "1 feature (2) rests on its floor" in floored


def test_scales_of_a_network_are_looked_at_on_the_rows():
    model = TRUTH.vae()
    decoder = MLP(2, 10, hidden=(), activation="relu", key=jax.random.key(0))
    bias = jnp.zeros(10).at[5 + 4].set(-50.0)
    decoder = eqx.tree_at(lambda d: d.layers[0].bias, decoder, bias)
    model = eqx.tree_at(lambda m: (m.likelihood, m.decoder), model, (NetworkScaleGaussian(), Decoder(decoder, (2, 5))))
    (note,) = notes(model)
    assert "1 feature (4) rests on its floor" in note


def test_features_are_named_by_their_names_where_there_are_some():
    model = TRUTH.vae()
    sunk = model.likelihood.free_log_scale.at[jnp.array([1, 2])].set(-30.0)
    model = eqx.tree_at(lambda m: m.likelihood.free_log_scale, model, sunk)
    constant, floored = notes(model, np.arange(5) == 1, names=["age", "height", "weight", "a", "b"])
    assert constant.startswith("1 feature (height) is constant in the training rows")
    assert "noise scale of 1 feature (weight) rests on its floor of 0.001" in floored


def test_a_rate_at_its_bound_is_no_noise_scale():
    model = TRUTH.vae()
    decoder = MLP(2, 5, hidden=(), activation="relu", key=jax.random.key(0))
    decoder = eqx.tree_at(lambda d: d.layers[0].bias, decoder, jnp.zeros(5).at[3].set(-90.0))
    model = eqx.tree_at(lambda m: (m.likelihood, m.decoder), model, (Poisson(), Decoder(decoder, (1, 5))))
    (note,) = notes(model)
    assert note.startswith("The rate of 1 feature (3) rests on its numerical bound (exp of -20 or 20).")


def test_pixels_have_places_and_only_the_first_few_are_listed():
    assert features_in_words(np.ones((2, 4), bool), verb="is") == (
        "8 features ((0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), …) are"
    )
