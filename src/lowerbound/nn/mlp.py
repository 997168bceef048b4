r"""Multilayer perceptron: x -> W_L a(… a(W_1 x + b_1) …) + b_L, with the activation a between layers and none after the last."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.nn.activations import Activation, activate


class Linear(eqx.Module):
    """x -> W x + b, started at Glorot's uniform law with zero bias.

    Reference: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """

    weight: Float[Array, "out in"]
    bias: Float[Array, " out"]

    def __init__(self, in_size: int, out_size: int, *, key: PRNGKeyArray) -> None:
        limit = (6 / (in_size + out_size)) ** 0.5
        self.weight = jax.random.uniform(key, (out_size, in_size), minval=-limit, maxval=limit)
        self.bias = jnp.zeros(out_size)

    def __call__(self, x: Float[Array, " in"]) -> Float[Array, " out"]:
        """W x + b."""
        return self.weight @ x + self.bias


class MLP(eqx.Module):
    """A network of linear layers for one vector; arrays are its only leaves.

    Parameters
    ----------
    in_size, out_size
        Lengths of the vectors that come in and go out.
    hidden
        Widths of the hidden layers; () makes the network linear.
    activation
        Name of the function between layers.

    Examples
    --------
    >>> import jax
    >>> network = MLP(3, 2, hidden=(8,), activation="tanh", key=jax.random.key(0))
    >>> network(jax.numpy.ones(3)).shape
    (2,)
    """

    layers: tuple[Linear, ...]
    activation: Activation = eqx.field(static=True)

    def __init__(
        self, in_size: int, out_size: int, *, hidden: tuple[int, ...], activation: Activation, key: PRNGKeyArray
    ) -> None:
        sizes = (in_size, *hidden, out_size)
        keys = jax.random.split(key, len(sizes) - 1)
        self.layers = tuple(Linear(sizes[i], sizes[i + 1], key=keys[i]) for i in range(len(keys)))
        self.activation = activation

    def __call__(self, x: Float[Array, " in"]) -> Float[Array, " out"]:
        """The network at x."""
        for layer in self.layers[:-1]:
            x = activate(self.activation, layer(x))
        return self.layers[-1](x)
