"""Halving and doubling against loops over pixels, and the lowerings against each other."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lowerbound.nn import halving

# n_in and n_out on both sides of every choice between gathering and shifting, in both operations
CHANNELS = [(1, 8), (2, 6), (8, 1), (16, 1)]


def images_and_kernel(n_in, n_out, *, height=4, width=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, height, width, n_in)), rng.normal(size=(4, 4, n_in, n_out))


def halve_slowly(x, kernel):
    """Equation (1), pixel by pixel; zero outside."""
    height, width, _ = x.shape
    y = np.zeros((-(-height // 2), -(-width // 2), kernel.shape[3]))
    for i, j, k, m in np.ndindex(*y.shape[:2], 4, 4):
        row, column = 2 * i + k - 1, 2 * j + m - 1
        if 0 <= row < height and 0 <= column < width:
            y[i, j] += kernel[k, m].T @ x[row, column]
    return y


def double_slowly(x, kernel):
    """Equation (2), pixel by pixel; zero outside and at half indices."""
    height, width, _ = x.shape
    y = np.zeros((2 * height, 2 * width, kernel.shape[3]))
    for i, j, k, m in np.ndindex(*y.shape[:2], 4, 4):
        row, column = (i + k) / 2 - 1, (j + m) / 2 - 1
        if row in range(height) and column in range(width):
            y[i, j] += kernel[k, m].T @ x[int(row), int(column)]
    return y


@pytest.mark.parametrize("size", [(4, 6), (5, 3)])
@pytest.mark.parametrize(("n_in", "n_out"), CHANNELS[1:3])
def test_halving_is_the_sum_over_the_kernel(n_in, n_out, size):
    x, kernel = images_and_kernel(n_in, n_out, height=size[0], width=size[1])
    np.testing.assert_allclose(
        jax.jit(halving.halve)(jnp.asarray(x[0]), jnp.asarray(kernel)), halve_slowly(x[0], kernel), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(("n_in", "n_out"), CHANNELS[1:3])
def test_doubling_is_the_sum_over_the_kernel_and_is_cut_to_size(n_in, n_out):
    x, kernel = images_and_kernel(n_in, n_out)
    slow = double_slowly(x[0], kernel)
    for height, width in ((8, 12), (7, 11)):
        y = halving.double(jnp.asarray(x[0]), jnp.asarray(kernel), height=height, width=width)
        np.testing.assert_allclose(y, slow[:height, :width], rtol=1e-4, atol=1e-4)


LOWERINGS = [
    (halving.halve_natively, halving.halve_by_products),
    (halving.double_natively, halving.double_by_products),
]


@pytest.mark.parametrize(("n_in", "n_out"), CHANNELS)
@pytest.mark.parametrize("lowerings", LOWERINGS, ids=["halve", "double"])
def test_both_lowerings_agree_in_value_and_in_every_derivative(lowerings, n_in, n_out):
    x, kernel = map(jnp.asarray, images_and_kernel(n_in, n_out, seed=1))
    dx, dkernel = map(jnp.asarray, images_and_kernel(n_in, n_out, seed=2))

    @partial(jax.jit, static_argnums=0)
    def everything(lowering, x, kernel):
        def batch(x, kernel):
            return jax.vmap(lowering, in_axes=(0, None))(x, kernel)

        def scalar(x, kernel):
            return jnp.sum(jnp.sin(batch(x, kernel) / 10))

        value, tangent = jax.jvp(batch, (x, kernel), (dx, dkernel))
        gradients = jax.grad(scalar, (0, 1))(x, kernel)
        curvature = jax.jvp(jax.grad(scalar, (0, 1)), (x, kernel), (dx, dkernel))[1]
        per_image = jax.vmap(jax.grad(scalar), in_axes=(0, None))(x[:, None], kernel)
        return value, tangent, gradients, curvature, per_image

    native, products = (everything(lowering, x, kernel) for lowering in lowerings)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4), native, products)


def test_doubling_is_the_transpose_of_halving_with_the_same_kernel():
    x, kernel = images_and_kernel(3, 2)
    y = np.random.default_rng(5).normal(size=(2, 3, 2))
    there = np.sum(np.asarray(jax.jit(halving.halve)(jnp.asarray(x[0]), jnp.asarray(kernel))) * y)
    back = halving.double(jnp.asarray(y), jnp.asarray(kernel[::-1, ::-1].swapaxes(2, 3)), height=4, width=6)
    # Turned by half a circle, since (2) runs through the kernel the other way.
    np.testing.assert_allclose(there, np.sum(np.asarray(back) * x[0]), rtol=1e-4)


@pytest.mark.parametrize("platform", ["cpu", "cuda"])
def test_a_gpu_gets_its_native_convolution_and_a_cpu_products(platform):
    x, kernel = images_and_kernel(3, 2)
    lowered = jax.jit(halving.halve).trace(jnp.asarray(x[0]), jnp.asarray(kernel)).lower(lowering_platforms=(platform,))
    text = lowered.as_text()
    assert ("stablehlo.convolution" in text) == (platform == "cuda")
    assert ("stablehlo.dot_general" in text) == (platform == "cpu")
