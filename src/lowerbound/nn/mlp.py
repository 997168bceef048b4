r"""Multilayer perceptron: x -> W_L a(… a(W_1 x + b_1) …) + b_L, with the activation a between layers and none after the last.

Weights start at Glorot's uniform law, U(-c, c) with c^2 = 6 / (n_in + n_out); biases at zero.

Reference: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.nn.activations import Activation, activate


class Linear(eqx.Module):
    """x -> W x + b."""

    weight: Float[Array, "out in"]
    bias: Float[Array, " out"]

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
        widths = (in_size, *hidden, out_size)
        shapes = [(widths[i + 1], widths[i]) for i in range(len(widths) - 1)]
        # One draw for all layers: every call of the generator costs a seventh of a second to compile.
        ends = np.cumsum([n_out * n_in for n_out, n_in in shapes])
        draws = jnp.split(jax.random.uniform(key, (int(ends[-1]),), jnp.float32, minval=-1.0), ends[:-1])
        self.layers = tuple(
            Linear((6 / sum(shape)) ** 0.5 * draw.reshape(shape), jnp.zeros(shape[0], jnp.float32))
            for shape, draw in zip(shapes, draws, strict=True)
        )
        self.activation = activation

    def __call__(self, x: Float[Array, " in"]) -> Float[Array, " out"]:
        """The network at x."""
        for layer in self.layers[:-1]:
            x = activate(self.activation, layer(x))
        return self.layers[-1](x)
