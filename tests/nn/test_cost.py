"""The cost of a computation against sums by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from jax import lax

from lowerbound.nn.conv import ConvolutionalDecoder
from lowerbound.nn.cost import cached_cost, cost
from lowerbound.nn.mlp import MLP


def test_an_mlp_costs_two_operations_per_weight():
    network = MLP(20, 784, hidden=(400, 300), activation="relu", key=jax.random.key(0))
    found = cost(network, jnp.ones(20))
    assert found.operations == 2 * (20 * 400 + 400 * 300 + 300 * 784)
    assert found.widest == 784


@pytest.mark.parametrize("platform_products", [True, False])
def test_a_convolution_costs_what_its_kernel_sums(platform_products):
    x, kernel = jnp.ones((1, 8, 8, 3)), jnp.ones((4, 4, 3, 5))

    def strided(x):
        return lax.conv_general_dilated(x, kernel, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    def dilated(x):
        return lax.conv_general_dilated(
            x, kernel, (1, 1), ((2, 2), (2, 2)), lhs_dilation=(2, 2), dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    function, n_outputs, per_output = (strided, 16, 16) if platform_products else (dilated, 256, 4)
    assert cost(function, x).operations == 2 * n_outputs * 5 * per_output * 3


def test_the_convolutional_decoder_costs_its_products_and_its_gathered_neighbours():
    network = ConvolutionalDecoder(
        20, (1, 28, 28), channels=(64, 32), hidden=(256,), activation="relu", key=jax.random.key(0)
    )
    found = cost(network, jnp.ones(20))
    dense = 2 * (20 * 256 + 256 * 3136)
    # 8 x 8 places gather 4 x 64 and make 4 x 32; 16 x 16 make 4 x 4 out of 32
    assert found.operations == dense + 2 * (64 * 256 * 128 + 256 * 32 * 16)
    assert found.widest == 8 * 8 * 4 * 64


def test_inner_computations_count_and_what_does_not_depend_does_not():
    weight = jnp.ones((4, 4))

    def scanned(x):
        return lax.scan(lambda carry, _: (weight @ carry, None), x, None, length=7)[0]

    assert cost(jax.jit(scanned), jnp.ones(4)).operations == 7 * 2 * 16

    def recurrent(x):
        return lax.scan(lambda carry, _: (jnp.tanh(weight @ carry + x), None), jnp.zeros(4), None, length=7)[0]

    assert cost(recurrent, jnp.ones(4)).operations == 7 * 2 * 16  # though the first carry is a constant
    assert cost(lambda x: x + (weight @ weight)[0], jnp.ones(4)) == (0, 4)
    branches = [lambda x: x, lambda x: weight @ x]
    assert cost(lambda i, x: lax.switch(i, branches, x), jnp.asarray(0), jnp.ones(4)).operations == 32


class Noisy(eqx.Module):
    """A network of Equinox's own, whose activations are leaves, and a random key."""

    network: eqx.nn.MLP
    key: jax.Array

    def __call__(self, x):
        return self.network(x) + jax.random.normal(self.key)


@pytest.mark.parametrize("activation", [jax.nn.relu, jnp.tanh, lambda x: x])
def test_leaves_that_are_no_arrays_are_structure(activation):
    network = eqx.nn.MLP(20, 7, width_size=40, depth=1, activation=activation, key=jax.random.key(0))
    found = cached_cost(Noisy.__call__, Noisy(network, jax.random.key(1)), jnp.ones(20))
    assert found.operations == 2 * (20 * 40 + 40 * 7)
    assert found.widest == 40
