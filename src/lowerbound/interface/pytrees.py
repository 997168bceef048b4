"""Pytrees of arrays in saved models: their arrays by path, and the way back by a skeleton that says structure and shapes."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray, PyTree

from lowerbound.nn.precision import own_settings
from lowerbound.persist import SavedModelError

Arrays = dict[str, np.ndarray]
_GENERATORS = ("threefry2x32", "rbg", "unsafe_rbg")


def n_numbers(tree: PyTree) -> int:
    """Number of real numbers in the arrays of a pytree."""
    return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_inexact_array)))


def is_pytree(value: object) -> bool:
    """Whether a value is made of JAX's arrays, so that only a skeleton can restore it."""
    return isinstance(value, eqx.Module | dict | jax.Array)


def _path_name(prefix: str, path: tuple[Any, ...]) -> str:
    return f"{prefix}/{jax.tree_util.keystr(path)}"


def named_leaves(tree: PyTree, prefix: str) -> Arrays:
    """Every array of a pytree, named by its path; random keys as their numbers."""
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(tree, eqx.is_array))
    return {
        _path_name(prefix, path): np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
        for path, leaf in leaves
    }


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


@own_settings()
def declared(skeleton: Callable[..., PyTree]) -> PyTree:
    """The pytree that the function makes, with shapes in place of JAX's arrays, which are not computed."""
    rest = []

    def of_jax(key: PRNGKeyArray) -> PyTree:
        traced, other = eqx.partition(skeleton(key=key), lambda leaf: isinstance(leaf, jax.Array))
        rest.append(other)  # NumPy's arrays among it, which say float64 where they mean it
        return traced

    shapes = eqx.filter_eval_shape(of_jax, jax.random.key(0))
    return eqx.combine(shapes, *rest)


@own_settings()
def filled(skeleton: PyTree, arrays: Arrays, prefix: str) -> PyTree:
    """The skeleton with the saved arrays in place of its own, each checked; a NumPy array in place of one."""

    def leaf(path: tuple[Any, ...], declared: Any) -> Any:
        if not isinstance(declared, jax.ShapeDtypeStruct | np.ndarray | np.generic):
            return declared
        name = _path_name(prefix, path)
        found, is_key = arrays[name], _is_key(declared)
        shape = jax.eval_shape(jax.random.key_data, declared) if is_key else declared
        if found.shape != shape.shape or found.dtype != shape.dtype:
            raise SavedModelError(
                f"array {name} should be {shape.dtype}{list(shape.shape)} but is {found.dtype}{list(found.shape)}"
            )
        if is_key:
            return jax.random.wrap_key_data(jnp.asarray(found), impl=_implementation(declared))
        return jnp.asarray(found) if isinstance(declared, jax.ShapeDtypeStruct) else found

    return jax.tree_util.tree_map_with_path(leaf, skeleton)


def _implementation(key: Any) -> str:
    """Name of the random generator of a key, which JAX tells of keys with numbers only."""
    return next(name for name in _GENERATORS if jax.random.key(0, impl=name).dtype == key.dtype)
