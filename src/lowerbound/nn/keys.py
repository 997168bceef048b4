"""Keys: the random key of JAX that a NumPy key stands for (``data.threefry``)."""

import jax
import numpy as np
from jaxtyping import PRNGKeyArray, UInt32


def as_key(key: UInt32[np.ndarray, "2"]) -> PRNGKeyArray:
    """The key of these two numbers, whatever generator JAX is set to.

    >>> bool(as_key(np.array([0, 7], np.uint32)) == jax.random.key(7))
    True
    """
    return jax.random.wrap_key_data(jax.numpy.asarray(key), impl="threefry2x32")
