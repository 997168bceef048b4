"""Networks against the same sums in NumPy."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf, expit
from scipy.stats import kstest

from lowerbound.nn.activations import ACTIVATIONS, activate
from lowerbound.nn.mlp import MLP

NUMPY = {
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "gelu": lambda x: 0.5 * x * (1 + erf(x / np.sqrt(2))),
    "silu": lambda x: x * expit(x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "softplus": lambda x: np.logaddexp(x, 0),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_what_their_names_say(name):
    x = np.linspace(-6, 6, 101)
    # jax.nn.gelu is the tanh approximation by default: within 5e-4 of the exact one.
    np.testing.assert_allclose(activate(name, jnp.asarray(x)), NUMPY[name](x), atol=5e-4 if name == "gelu" else 1e-6)


@pytest.mark.parametrize("hidden", [(), (7,), (8, 3, 5)])
def test_mlp_is_the_composition_of_its_layers(hidden):
    network = MLP(4, 2, hidden=hidden, activation="tanh", key=jax.random.key(0))
    assert [layer.weight.shape[0] for layer in network.layers] == [*hidden, 2]
    x = value = np.linspace(-1, 1, 4)
    for i, layer in enumerate(network.layers):
        value = np.asarray(layer.weight, float) @ value + np.asarray(layer.bias, float)
        value = np.tanh(value) if i < len(hidden) else value
    np.testing.assert_allclose(network(jnp.asarray(x)), value, rtol=1e-5, atol=1e-6)


def test_every_layer_starts_at_glorots_uniform_law_and_on_its_own():
    first, second = MLP(300, 100, hidden=(80,), activation="relu", key=jax.random.key(1)).layers
    for layer, sizes in ((first, 300 + 80), (second, 80 + 100)):
        limit = np.sqrt(6 / sizes)
        assert kstest(np.asarray(layer.weight).ravel(), "uniform", args=(-limit, 2 * limit)).pvalue > 1e-3
        np.testing.assert_array_equal(layer.bias, 0)
    together = np.corrcoef(np.asarray(first.weight).ravel()[:8000], np.asarray(second.weight).ravel())[0, 1]
    assert abs(together) < 4.5 / np.sqrt(8000)


def test_networks_are_arrays_only_and_pickle():
    network = MLP(3, 2, hidden=(4,), activation="elu", key=jax.random.key(2))
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(network))
    again = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(again(jnp.ones(3)), network(jnp.ones(3)))
