"""Bounded programs: compiled functions of many shapes, of which only so many are kept in memory.

A program takes tens of megabytes, which JAX keeps for good: a search over a hundred widths of a table would take gigabytes. A
function made here forgets all its programs when it meets more shapes than it may keep; what was freed is used again by the next.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

import jax

MOST: Final = 32
"""Programs that one function keeps."""

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def bounded_jit(function: Callable[_Given, _Result], *, most: int = MOST) -> Callable[_Given, _Result]:
    """``jax.jit`` of a function of pytrees of arrays, which keeps the programs of at most ``most`` shapes."""
    compiled: Any = jax.jit(function)
    met: set[Any] = set()

    @wraps(function)
    def bounded(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        leaves, structure = jax.tree.flatten((args, kwargs))
        shapes = (structure, *((jax.numpy.shape(leaf), jax.numpy.result_type(leaf)) for leaf in leaves))
        if shapes not in met:
            if len(met) >= most:
                compiled.clear_cache()
                met.clear()
            met.add(shapes)
        result: _Result = compiled(*args, **kwargs)
        return result

    return bounded
