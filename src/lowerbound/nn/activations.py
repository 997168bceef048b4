"""Activations by name: a function held as a leaf would break pickling and plain ``jit``; a name is static and serializable."""

from collections.abc import Callable
from typing import Literal

import jax
from jaxtyping import Array

Activation = Literal["relu", "tanh", "gelu", "silu", "elu", "softplus"]

ACTIVATIONS: dict[Activation, Callable[[Array], Array]] = {
    "relu": jax.nn.relu,
    "tanh": jax.numpy.tanh,
    "gelu": jax.nn.gelu,
    "silu": jax.nn.silu,
    "elu": jax.nn.elu,
    "softplus": jax.nn.softplus,
}


def activate(name: Activation, x: Array) -> Array:
    """Apply the named activation elementwise."""
    return ACTIVATIONS[name](x)
