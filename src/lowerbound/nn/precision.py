"""Precision: models that hold float64 compute in float64, whatever JAX is set to, and leave that setting alone.

The exactly solvable models need it (expectation maximization in float32 stalls nats short of its maximum); networks do not. JAX
truncates a float64 array that it touches outside of ``jax.enable_x64(True)``, so such models keep NumPy arrays, and whoever
hands one to a compiled function enters this context around the call.
"""

import contextlib
from collections.abc import Iterator

import jax
import numpy as np
from jaxtyping import PyTree

from lowerbound.nn.process import check_process


def holds_double(tree: PyTree) -> bool:
    """Whether any array of the tree is float64.

    >>> holds_double({"a": np.zeros(2, np.float32)}), holds_double([np.zeros(2)])
    (False, True)
    """
    return any(getattr(leaf, "dtype", None) == np.float64 for leaf in jax.tree.leaves(tree))


@contextlib.contextmanager
def own_settings(*, double: bool = False) -> Iterator[None]:
    """Within: JAX's checks of ranks, of NaN and of infinities are off, whatever the program around has set.

    Shapes are broadcast here on purpose, infinities mean "not yet" and "none", and NaN is the value of what has no variance.
    With ``double``, 64-bit arithmetic. Every compiled function of this library is entered in this context.
    """
    check_process()
    with contextlib.ExitStack() as stack:
        for setting in (jax.numpy_rank_promotion("allow"), jax.debug_nans(False), jax.debug_infs(False)):
            stack.enter_context(setting)
        if double:
            stack.enter_context(jax.enable_x64(True))
        yield


@contextlib.contextmanager
def precision_of(model: PyTree) -> Iterator[None]:
    """Within: our own settings, and 64-bit arithmetic if the model holds float64; an error in a forked worker.

    >>> import jax.numpy as jnp
    >>> with precision_of([np.zeros(2)]):
    ...     jnp.ones(1).dtype
    dtype('float64')
    """
    with own_settings(double=holds_double(model)):
        yield
