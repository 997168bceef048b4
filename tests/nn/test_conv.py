"""Convolutional networks: composition of their layers, any image size, gradients, initialization."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kstest

from lowerbound.nn.conv import ConvolutionalDecoder, ConvolutionalEncoder, halved
from lowerbound.nn.halving import double, halve

SHAPES = [(9, 13), (4, 4, 1), (5, 6, 3)]


def encoder(shape, out_size=4, *, channels=(2, 3), hidden=(6,), seed=0):
    return ConvolutionalEncoder(
        shape, out_size, channels=channels, hidden=hidden, activation="tanh", key=jax.random.key(seed)
    )


def decoder(outputs_shape, in_size=4, *, channels=(3, 2), hidden=(6,), seed=0):
    return ConvolutionalDecoder(
        in_size, outputs_shape, channels=channels, hidden=hidden, activation="tanh", key=jax.random.key(seed)
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_encoder_is_the_composition_of_its_layers(shape):
    network = encoder(shape)
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    image = jnp.asarray(x.reshape(*shape[:2], -1))
    for kernel, bias in zip(network.kernels, network.biases, strict=True):
        image = jnp.tanh(halve(image, kernel) + bias)
    assert image.shape == (*halved(*shape[:2], times=2), 3)
    np.testing.assert_allclose(network(jnp.asarray(x.ravel())), network.top(image.ravel()), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_decoder_is_the_composition_of_its_layers_with_one_head_per_output(shape, n_outputs):
    network = decoder((n_outputs, *shape))
    z = jnp.linspace(-1, 1, 4)
    image = network.bottom(z).reshape(*halved(*shape[:2], times=2), 3)
    sizes = [halved(*shape[:2], times=1), shape[:2]]
    for kernel, bias, (height, width) in zip(network.kernels, network.biases, sizes, strict=True):
        image = double(jnp.tanh(image), kernel, height=height, width=width) + bias
    folded = np.asarray(network(z)).reshape(n_outputs, *shape)
    for output in range(n_outputs):
        head = np.asarray(image).reshape(*shape[:2], n_outputs, -1)[:, :, output]
        np.testing.assert_allclose(folded[output].reshape(head.shape), head, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(9, 7), (5, 6, 3)])
def test_every_pixel_and_every_weight_counts(shape):
    """No row or column of an odd image is lost, and no parameter is idle."""
    forward, backward = encoder(shape), decoder((1, *shape))
    size = int(np.prod(shape))
    x = jnp.asarray(np.random.default_rng(1).normal(size=size), jnp.float32)
    assert np.all(np.any(jax.jit(jax.jacobian(forward))(x) != 0, axis=0))
    assert np.all(np.any(jax.jit(jax.jacobian(backward))(jnp.ones(4)) != 0, axis=1))
    for network, argument in ((forward, x), (backward, jnp.linspace(0.1, 1, 4))):
        gradient = jax.jit(jax.grad(lambda network, argument: jnp.sum(jnp.sin(network(argument)))))(network, argument)
        assert all(np.all(leaf != 0) for leaf in jax.tree.leaves(gradient))


def test_kernels_start_at_glorots_uniform_law_for_the_numbers_that_enter_and_leave():
    there = encoder((16, 16), channels=(16, 32), seed=3)
    back = decoder((1, 16, 16), channels=(32, 16), seed=3)
    for kernel, fans in ((there.kernels[1], 16 * 16 + 4 * 32), (back.kernels[0], 4 * 32 + 16 * 16)):
        limit = np.sqrt(6 / fans)
        assert kstest(np.asarray(kernel).ravel(), "uniform", args=(-limit, 2 * limit)).pvalue > 1e-3
    assert all(not np.any(bias) for bias in (*there.biases, *back.biases))


def test_the_signal_keeps_its_scale_through_the_untrained_layers():
    """What the law of initialization is for: standard deviations within a factor of two over three linear layers."""
    x = np.random.default_rng(4).normal(size=(32, 32, 16)).astype(np.float32)
    network = encoder((32, 32, 16), channels=(16, 16, 16), seed=5)
    image = jnp.asarray(x)
    for kernel in network.kernels:
        image = halve(image, kernel)
        assert 0.5 < float(jnp.std(image)) < 2.0


def test_networks_are_arrays_only_and_pickle():
    for network, size in ((encoder((6, 5)), 30), (decoder((2, 6, 5)), 4)):
        assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(network))
        again = pickle.loads(pickle.dumps(network))
        np.testing.assert_array_equal(again(jnp.ones(size)), network(jnp.ones(size)))
