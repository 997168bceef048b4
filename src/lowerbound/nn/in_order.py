"""One computation after another: what keeps batches of factorizations from waiting for each other for ever.

jaxlib 0.10.2, the last one for Python 3.11, hands a batch of LAPACK calls (Cholesky factors, triangular solves, eigenvectors) to
the threads of the CPU and blocks the thread that asked. Two batches at the same time can block all of them. XLA runs at the same
time what does not depend on one another, and ``jax.lax.optimization_barrier`` does not change that: it orders instructions, not
threads. So a factorization that could meet another one takes a number from it. Loops (``scan``, ``map``) are in order by
themselves, but one of a single step is none, and its first step taken apart is none of it either.
"""

from typing import TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

Tree = TypeVar("Tree", bound=PyTree)


def after(value: Tree, earlier: Float[Array, "..."]) -> Tree:
    """``value``, once ``earlier`` is known; NaN (False in a mask) where ``earlier`` begins with NaN.

    Parameters
    ----------
    value
        Real arrays and masks.
    earlier
        Of one element or more.

    Examples
    --------
    >>> after((jnp.array([1.5, -2.0]), jnp.array([True, False])), jnp.array([-jnp.inf]))
    (Array([ 1.5, -2. ], dtype=float32), Array([ True, False], dtype=bool))
    """
    zero = jnp.minimum(jnp.abs(jnp.ravel(earlier)[0]), 0)  # 0, which the compiler does not know

    def tied(leaf: Array) -> Array:
        return leaf & (zero == 0) if leaf.dtype == bool else leaf + zero.astype(leaf.dtype)

    result: Tree = jax.tree.map(tied, value)
    return result
