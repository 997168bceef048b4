"""Cost of a function of arrays, read from its computation: floating-point operations, and the widest array on the way.

Only what depends on the arguments counts, since the rest (a kernel laid out anew, say) is done once for a whole batch. Only
products and convolutions are counted as work. Where platforms or branches differ, the dearest counts.
"""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var
from jaxtyping import Array, PyTree


class Cost(NamedTuple):
    """Floating-point operations of the matrix products and convolutions; entries of the widest array on the way."""

    operations: int
    widest: int


def cost(function: Callable[..., Any], *arguments: Any) -> Cost:
    """The cost of one call; arguments may be arrays or ``jax.ShapeDtypeStruct``, and nothing is computed.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> cost(lambda x: (x @ jnp.ones((3, 50))) @ jnp.ones((50, 2)), jnp.ones(3))
    Cost(operations=500, widest=50)
    """
    return _cost_by_last(lambda given: function(*given), arguments)


def cached_cost(function: Callable[[Any, Any], Any], constants: PyTree, arguments: PyTree) -> Cost:
    """The cost of ``function(constants, arguments)``, read once for each structure and shape of the two trees.

    Parameters
    ----------
    function
        A module-level function, or a hashable object.
    constants
        What a batch shares (a model's parameters): work on it alone is not counted.
    arguments
        What every row brings.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> cached_cost(jnp.dot, jnp.ones((3, 4)), jnp.ones(4))
    Cost(operations=24, widest=3)
    """
    return _cost_of_shapes(function, _described(constants), _described(arguments))


class _Described(NamedTuple):
    """A tree without its numbers, hashable: shapes in place of arrays; what is no array (a function, say) is itself."""

    structure: jax.tree_util.PyTreeDef
    leaves: tuple[Any, ...]

    @property
    def shapes(self) -> list[jax.ShapeDtypeStruct]:
        """Shapes and dtypes of the arrays, in order."""
        return [leaf for leaf in self.leaves if isinstance(leaf, jax.ShapeDtypeStruct)]

    def filled(self, arrays: Sequence[Any]) -> PyTree:
        """The tree with these arrays."""
        given = iter(arrays)
        leaves = [next(given) if isinstance(leaf, jax.ShapeDtypeStruct) else leaf for leaf in self.leaves]
        return jax.tree.unflatten(self.structure, leaves)


def _described(tree: PyTree) -> _Described:
    leaves, structure = jax.tree.flatten(tree)
    shapes = (_shape_of(leaf) if eqx.is_array(leaf) else leaf for leaf in leaves)
    return _Described(structure, tuple(shapes))


def _shape_of(leaf: Array | np.ndarray | np.generic) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, jnp.result_type(leaf))  # type: ignore[no-untyped-call]  # of JAX


@functools.lru_cache(maxsize=512)
def _cost_of_shapes(function: Callable[[Any, Any], Any], constants: _Described, arguments: _Described) -> Cost:
    def of_arrays(shared: Sequence[Any], given: Sequence[Any]) -> Any:
        return function(constants.filled(shared), arguments.filled(given))

    return _cost_by_last(of_arrays, constants.shapes, arguments.shapes)


def _cost_by_last(function: Callable[..., Any], *arguments: Any) -> Cost:
    """The cost of one call in which the last argument is what a row brings, and the others are shared."""
    jaxpr = jax.make_jaxpr(function)(*arguments).jaxpr
    n_given = len(jax.tree.leaves(arguments[-1]))
    return _jaxpr_cost(jaxpr, set(jaxpr.invars[len(jaxpr.invars) - n_given :]))


def _jaxpr_cost(jaxpr: Jaxpr, dependent: set[Var]) -> Cost:
    """Cost of the equations that depend on the given variables; the set grows by their results."""
    operations, widest = 0, 0
    for equation in jaxpr.eqns:
        depends = [not isinstance(variable, Literal) and variable in dependent for variable in equation.invars]
        if any(depends):
            dependent |= set(equation.outvars)
            costs = [_body_cost(equation, body, depends) for body in _bodies(equation)]
            operations += _own_operations(equation) + max((inner.operations for inner in costs), default=0)
            sizes = [math.prod(_shape(out)) for out in equation.outvars]
            widest = max([widest, *sizes, *(inner.widest for inner in costs)])
    return Cost(operations, widest)


def _body_cost(equation: JaxprEqn, body: Jaxpr, depends: list[bool]) -> Cost:
    """Cost of a computation inside an equation; a scan runs it ``length`` times, of other loops one round counts."""
    # A body's inputs are the equation's last ones: before them stands the index of a choice, or what a loop's condition needs.
    inputs = {variable for variable, yes in zip(body.invars[::-1], depends[::-1], strict=False) if yes}
    if equation.primitive.name != "scan":
        return _jaxpr_cost(body, inputs)
    n_consts, n_carry = equation.params["num_consts"], equation.params["num_carry"]
    carried = body.invars[n_consts : n_consts + n_carry]
    while True:  # a carry that starts as a constant depends from the second round on, if what is written back does
        reached = set(inputs)
        round_cost = _jaxpr_cost(body, reached)
        grown = inputs | {
            old
            for old, new in zip(carried, body.outvars[:n_carry], strict=True)
            if not isinstance(new, Literal) and new in reached
        }
        if grown == inputs:
            return Cost(equation.params["length"] * round_cost.operations, round_cost.widest)
        inputs = grown


def _bodies(equation: JaxprEqn) -> Iterator[Jaxpr]:
    """The computations inside an equation: a called function, or the branches of a choice."""
    for value in equation.params.values():
        for item in value if isinstance(value, tuple | list) else (value,):
            if isinstance(item, ClosedJaxpr | Jaxpr):
                yield item.jaxpr if isinstance(item, ClosedJaxpr) else item


def _own_operations(equation: JaxprEqn) -> int:
    """Two for each multiplication with its addition."""
    if equation.primitive.name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        left = _shape(equation.invars[0])
        return 2 * math.prod(_shape(equation.outvars[0])) * math.prod(left[axis] for axis in contracted)
    if equation.primitive.name == "conv_general_dilated":
        kernel = _shape(equation.invars[1])
        out_axis = equation.params["dimension_numbers"].rhs_spec[0]
        # Between dilated rows and columns stand zeros that no implementation multiplies.
        per_output = math.prod(kernel) // kernel[out_axis] // math.prod(equation.params["lhs_dilation"])
        return 2 * math.prod(_shape(equation.outvars[0])) * per_output
    return 0


def _shape(variable: Var | Literal) -> tuple[int, ...]:
    aval: Any = variable.aval
    return tuple(aval.shape)
