r"""Convolutional networks for images of any height and width, from vector to vector like every network here.

The encoder halves height and width layer by layer (``nn.halving``), then an MLP follows; the decoder is its mirror image. The
last layer has as many channels as the likelihood has outputs for a cell's channels: a mean and a scale sigma(z) are two heads
of one network.

Weights start at Glorot's uniform law, U(-c, c) with c^2 = 6 / (n_in + n_out): n_in numbers enter one, one enters n_out.

Reference: A. Radford, L. Metz, S. Chintala, "Unsupervised representation learning with deep convolutional generative adversarial
networks", ICLR 2016 (strides in place of pooling; kernels of 4 x 4 as in their published code).
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.nn.activations import Activation, activate
from lowerbound.nn.halving import Kernel, double, halve
from lowerbound.nn.mlp import MLP


class ConvolutionalEncoder(eqx.Module):
    """Network from an image, as one vector, to a vector: halving layers, one for each number of channels, then an MLP.

    Parameters
    ----------
    image_shape
        (height, width), or (height, width, channels), whose row-major entries the vector holds; further axes are channels too.
    out_size
        Length of the vector that goes out.
    channels
        Channels of the halving layers.
    hidden
        Widths of the MLP's hidden layers.
    activation
        Name of the function between all layers.

    Examples
    --------
    >>> import jax
    >>> network = ConvolutionalEncoder(
    ...     (28, 20), 4, channels=(8, 16), hidden=(32,), activation="relu", key=jax.random.key(0)
    ... )
    >>> network(jax.numpy.ones(28 * 20)).shape
    (4,)
    """

    kernels: tuple[Kernel, ...]
    biases: tuple[Float[Array, " out"], ...]
    top: MLP
    image_shape: tuple[int, int, int] = eqx.field(static=True)
    activation: Activation = eqx.field(static=True)

    def __init__(
        self,
        image_shape: tuple[int, ...],
        out_size: int,
        *,
        channels: tuple[int, ...],
        hidden: tuple[int, ...],
        activation: Activation,
        key: PRNGKeyArray,
    ) -> None:
        kernel_key, top_key = jax.random.split(key)
        height, width = image_shape[:2]
        self.image_shape = (height, width, math.prod(image_shape[2:]))
        pairs = list(zip((self.image_shape[2], *channels), channels, strict=False))
        # 16 pixels enter one, one enters 4.
        self.kernels = _draw_kernels(pairs, fans=[(16 * n_in, 4 * n_out) for n_in, n_out in pairs], key=kernel_key)
        self.biases = tuple(jnp.zeros(n_out, jnp.float32) for n_out in channels)
        top_height, top_width = halved(height, width, times=len(channels))
        flat = top_height * top_width * channels[-1]
        self.top = MLP(flat, out_size, hidden=hidden, activation=activation, key=top_key)
        self.activation = activation

    def __call__(self, x: Float[Array, " flat"]) -> Float[Array, " out"]:
        """The network at x."""
        image = x.reshape(self.image_shape)
        for kernel, bias in zip(self.kernels, self.biases, strict=True):
            image = activate(self.activation, halve(image, kernel) + bias)
        return self.top(image.reshape(-1))


class ConvolutionalDecoder(eqx.Module):
    r"""Network from a vector to images of one size, as one vector: an MLP, then doubling layers, one for each number of channels.

    Parameters
    ----------
    in_size
        Length of the vector that comes in.
    outputs_shape
        (n_outputs, height, width), or (n_outputs, height, width, channels): what the vector that goes out folds into.
    channels
        Channels of the images that enter the doubling layers.
    hidden, activation, key
        As for :class:`ConvolutionalEncoder`.
    """

    bottom: MLP
    kernels: tuple[Kernel, ...]
    biases: tuple[Float[Array, " out"], ...]
    outputs_shape: tuple[int, ...] = eqx.field(static=True)
    activation: Activation = eqx.field(static=True)

    def __init__(
        self,
        in_size: int,
        outputs_shape: tuple[int, ...],
        *,
        channels: tuple[int, ...],
        hidden: tuple[int, ...],
        activation: Activation,
        key: PRNGKeyArray,
    ) -> None:
        bottom_key, kernel_key = jax.random.split(key)
        n_outputs, height, width = outputs_shape[:3]
        last = n_outputs * math.prod(outputs_shape[3:])
        pairs = list(zip(channels, (*channels[1:], last), strict=True))
        bottom_height, bottom_width = halved(height, width, times=len(channels))
        flat = bottom_height * bottom_width * channels[0]
        self.bottom = MLP(in_size, flat, hidden=hidden, activation=activation, key=bottom_key)
        # 4 pixels enter one, one enters 16.
        self.kernels = _draw_kernels(pairs, fans=[(4 * n_in, 16 * n_out) for n_in, n_out in pairs], key=kernel_key)
        self.biases = tuple(jnp.zeros(n_out, jnp.float32) for _, n_out in pairs)
        self.outputs_shape = outputs_shape
        self.activation = activation

    def __call__(self, z: Float[Array, " in"]) -> Float[Array, " flat"]:
        """The network at z."""
        n_outputs, height, width = self.outputs_shape[:3]
        n_layers = len(self.kernels)
        image = self.bottom(z).reshape(*halved(height, width, times=n_layers), -1)
        for i, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            next_height, next_width = halved(height, width, times=n_layers - 1 - i)
            activated = activate(self.activation, image)
            image = double(activated, kernel, height=next_height, width=next_width) + bias
        return jnp.moveaxis(image.reshape(height, width, n_outputs, -1), 2, 0).reshape(-1)


def halved(height: int, width: int, *, times: int) -> tuple[int, int]:
    """Height and width after that many halving layers.

    >>> halved(28, 28, times=2), halved(5, 9, times=1)
    ((7, 7), (3, 5))
    """
    factor = 2**times
    return -(-height // factor), -(-width // factor)


def _draw_kernels(
    pairs: list[tuple[int, int]], *, fans: list[tuple[int, int]], key: PRNGKeyArray
) -> tuple[Kernel, ...]:
    """Kernels for pairs (n_in, n_out) of channels, uniform by Glorot's law for the given numbers in and out; one draw for all."""
    ends = np.cumsum([16 * n_in * n_out for n_in, n_out in pairs])
    draws = jnp.split(jax.random.uniform(key, (int(ends[-1]),), jnp.float32, minval=-1.0), ends[:-1])
    return tuple(
        (6 / sum(fan)) ** 0.5 * draw.reshape(4, 4, *pair) for pair, fan, draw in zip(pairs, fans, draws, strict=True)
    )
