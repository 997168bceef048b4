r"""Factorizations of small matrices, in batches, that never run at the same time.

    A = L L^T,      L^{-1} A L^{-T} = I,      A^{-1} = L^{-T} L^{-1},      log det A = 2 \sum_i log L_ii                  (1)

jaxlib 0.10.2, the last version for Python 3.11, hands a batch of LAPACK calls (Cholesky factors, triangular solves, eigenvectors)
to the threads of the CPU and blocks the thread that asked. Two batches at the same time can block all threads for ever. XLA may
run any two instructions at the same time unless one depends on the other's numbers; ``jax.lax.optimization_barrier`` does not
change that. Hence the rules of this file, which is the only one that calls LAPACK from a compiled function:

- A function makes one factorization, and each further LAPACK call takes the numbers of the one before. What follows is products.
- The functions of one matrix begin with the same calls, which the compiler merges where they meet.
- What could meet another call waits for its result: :func:`times_cholesky`, :func:`map_in_turn`, ``after``.

Loops (``scan``, ``map``) run one step after another, but the compiler removes a loop of a single step.
``tests/contracts/test_lapack_order.py`` looks for independent LAPACK calls in the compiled programs.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import jax.scipy.linalg
from jaxtyping import Array, Float, PyTree

Tree = TypeVar("Tree", bound=PyTree)

Matrices = Float[Array, "*stack n n"]
Columns = Float[Array, "*stack n columns"]


class Whitening(NamedTuple):
    r"""Equation (1) in the form in which solves are products.

    Attributes
    ----------
    matrix
        L^-1, lower triangular: the covariance of L^-1 x is I if that of x is A.
    log_diagonal
        log L_ii, (\*stack, n).
    """

    matrix: Matrices
    log_diagonal: Float[Array, "*stack n"]

    @property
    def log_determinant(self) -> Float[Array, "*stack"]:
        """Log det A."""
        return 2 * jnp.sum(self.log_diagonal, axis=-1)

    @property
    def inverse(self) -> Matrices:
        """A^-1."""
        return jnp.swapaxes(self.matrix, -1, -2) @ self.matrix


def whiten(matrix: Matrices) -> Whitening:
    """Whitening by positive definite matrices A; leading axes stack them.

    Examples
    --------
    >>> found = whiten(jnp.array([[4.0, 0.0], [0.0, 1.0]]))
    >>> found.matrix.tolist(), found.inverse.tolist(), round(float(found.log_determinant), 4)
    ([[0.5, 0.0], [0.0, 1.0]], [[0.25, 0.0], [0.0, 1.0]], 1.3863)
    """
    return whiten_by_cholesky(cholesky_factor(matrix))


def cholesky_factor(matrix: Matrices) -> Matrices:
    """L of equation (1)."""
    return jnp.linalg.cholesky(matrix)


def whiten_by_cholesky(cholesky: Matrices, *, after: Float[Array, "..."] | None = None) -> Whitening:
    """Whitening by L L^T, given a lower triangular L; log |L_ii| where entries of its diagonal are negative.

    ``after`` is the result of another solve with L, if there is one: this one waits for it.
    """
    if after is not None:
        cholesky = _tied(cholesky, after)
    identity = jnp.broadcast_to(jnp.eye(cholesky.shape[-1], dtype=cholesky.dtype), cholesky.shape)
    diagonal = jnp.diagonal(cholesky, axis1=-2, axis2=-1)
    return Whitening(solve_triangular(cholesky, identity, lower=True), jnp.log(jnp.abs(diagonal)))


def solve_triangular(
    matrix: Matrices, right: Float[Array, "*stack n"] | Columns, *, lower: bool
) -> Float[Array, "*stack n"] | Columns:
    """Solution x of R x = ``right`` with a triangular R."""
    return jax.scipy.linalg.solve_triangular(matrix, right, lower=lower)


def solve_positive_definite(matrix: Matrices, right: Columns) -> Columns:
    """Solution X of A X = ``right`` by two triangular solves: accurate where A is nearly singular."""
    return jax.scipy.linalg.cho_solve((jnp.linalg.cholesky(matrix), True), right)


def times_cholesky(left: Float[Array, "*stack rows n"], matrix: Matrices) -> Float[Array, "*stack rows n"]:
    """Product of ``left`` and L, whose factorization waits for ``left``: so ``left`` may come from LAPACK itself."""
    return left @ jnp.linalg.cholesky(_tied(matrix, left))


def cholesky_with_floor(matrix: Matrices, *, floor: float) -> Matrices:
    """Cholesky factors of symmetric matrices whose eigenvalues were raised to at least ``floor``.

    Examples
    --------
    >>> cholesky_with_floor(jnp.array([[4.0, 0.0], [0.0, -1.0]]), floor=1.0).tolist()
    [[2.0, 0.0], [0.0, 1.0]]
    """
    values, vectors = jnp.linalg.eigh(0.5 * (matrix + jnp.swapaxes(matrix, -1, -2)))
    raised = (vectors * jnp.maximum(values, floor)[..., None, :]) @ jnp.swapaxes(vectors, -1, -2)
    return jnp.linalg.cholesky(raised)


class RitzPairs(NamedTuple):
    """Approximate eigenvalues of a symmetric B, falling; their vectors V (n, pairs), orthonormal; and B V."""

    values: Float[Array, " pairs"]
    vectors: Float[Array, "n pairs"]
    images: Float[Array, "n pairs"]


def rayleigh_ritz(
    multiply: Callable[[Float[Array, "n columns"]], Float[Array, "n columns"]],
    span: Float[Array, "n columns"],
    *,
    n_pairs: int,
) -> RitzPairs:
    """Best approximations to the largest eigenvalues of B, and their vectors, in the space that columns span.

    Parameters
    ----------
    multiply
        From columns Q to B Q.
    span
        Columns, not more than n.
    n_pairs
        Number of eigenvalues.

    Examples
    --------
    >>> found = rayleigh_ritz(lambda q: jnp.array([[1.0], [3.0]]) * q, jnp.eye(2), n_pairs=1)
    >>> found.values.tolist(), jnp.abs(found.images[:, 0]).tolist()
    ([3.0], [0.0, 3.0])
    """
    basis, _ = jnp.linalg.qr(span)
    image = multiply(basis)
    values, turn = jnp.linalg.eigh(basis.T @ image)
    turn = turn[:, ::-1][:, :n_pairs]
    return RitzPairs(values[::-1][:n_pairs], basis @ turn, image @ turn)


def map_in_turn(function: Callable[[PyTree], PyTree], items: PyTree, *, after: Float[Array, "..."]) -> PyTree:
    """``jax.lax.map`` over the leading axes of real arrays, whose first step waits for ``after``."""
    return jax.lax.map(function, _tied(items, after))


def _tied(value: Tree, earlier: Float[Array, "..."]) -> Tree:
    """``value``, once ``earlier`` is known; NaN where ``earlier`` begins with NaN."""
    if earlier.size == 0:
        return value
    zero = jnp.minimum(jnp.abs(jnp.ravel(earlier)[0]), 0)  # 0, which the compiler does not know
    result: Tree = jax.tree.map(lambda leaf: leaf + zero.astype(leaf.dtype), value)
    return result
