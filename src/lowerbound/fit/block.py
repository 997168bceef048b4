r"""The compiled part of training: a block of steps, the evaluation of a fixed model, and the rows' first local state.

Inside ``lax.scan``, for each minibatch of the block:

    1. records -> datums, with a key per row and step                                              Preprocessing
    2. one step of the algorithm                                                                   AbstractStep
    3. sums over rows of its metrics

The jitted functions live at module level and every number that may differ between fits is traced, so that a second fit of the
same shapes compiles nothing. The randomness of a step is a function of (key, step).
"""

import math
from collections.abc import Callable, Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from lowerbound.data.batches import Block, Plan, blocks, plan
from lowerbound.data.dataset import Dataset
from lowerbound.data.datum import Datum
from lowerbound.data.datums import datum_of
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.data.record import Record
from lowerbound.fit.local_state import with_local_state
from lowerbound.fit.step import AbstractStep, StepResult, StepState
from lowerbound.models.model import AbstractLocalModel, AbstractModel, infer, with_local
from lowerbound.nn.cost import cached_cost
from lowerbound.objectives.objective import Batch, Metrics

Sums = Mapping[str, Float[Array | np.ndarray, ""]]

_BLOCK_WORK = 1e11  # floating-point operations
_BLOCK_BYTES = 2**26

_BEGIN = 0x7BE61117  # beyond the numbers of steps, whose keys are made in the same way


def _batch(preprocessing: Preprocessing, block: Block, key: PRNGKeyArray) -> Batch:
    """One minibatch of datums from one step of a block."""

    def datum(record: Record, local: PyTree, key: PRNGKeyArray) -> Datum:
        return with_local(datum_of(preprocessing, record, key=key), local)

    keys = jax.random.split(key, block.weight.shape[0])
    return Batch(jax.vmap(datum)(block.record, block.local, keys), block.weight, block.row)


@eqx.filter_jit
def first_state(step: AbstractStep, parameters: PyTree, key: PRNGKeyArray) -> StepState:
    """The state before the first step."""
    memory = step.begin(parameters, key=jax.random.fold_in(key, _BEGIN))
    return StepState(parameters, memory, jnp.asarray(0, jnp.int32), jnp.asarray(True))


@eqx.filter_jit
def train_block(
    static: PyTree, step: AbstractStep, preprocessing: Preprocessing, state: StepState, key: PRNGKeyArray, block: Block
) -> tuple[StepState, Sums, PyTree]:
    """Run the block's steps: the moved state, sums over rows of the metrics, and the rows' local state (steps, rows, …)."""

    def one(old: StepState, block: Block) -> tuple[StepState, tuple[Sums, PyTree]]:
        data_key, step_key = jax.random.split(jax.random.fold_in(key, old.step))
        batch = _batch(preprocessing, block, data_key)
        new, metrics, local = step(static, old, batch, key=step_key)
        # Steps not taken add nothing to the means.
        count = jnp.sum(batch.weight)
        sums = {name: jnp.where(new.finite, value * count, 0.0) for name, value in metrics.items()}
        return new, (sums | {"rows": jnp.where(new.finite, count, 0.0)}, local)

    state, (sums, local) = jax.lax.scan(one, state, block)
    return state, jax.tree.map(jnp.sum, sums), local


@eqx.filter_jit
def _evaluate_block(
    static: PyTree,
    step: AbstractStep,
    preprocessing: Preprocessing,
    parameters: PyTree,
    memory: PyTree,
    key: PRNGKeyArray,
    block: Block,
) -> Sums:
    """Sums over rows of the metrics at fixed parameters and memory, schedules at their end."""

    def one(carry: None, numbered: tuple[Int[Array, ""], Block]) -> tuple[None, Sums]:
        number, block = numbered
        data_key, step_key = jax.random.split(jax.random.fold_in(key, number))
        model = eqx.combine(parameters, static)
        batch = _inferred(model, _batch(preprocessing, block, data_key), key=step_key)
        count = jnp.sum(batch.weight)
        metrics = step.evaluate(model, memory, batch, key=step_key)
        return carry, {name: value * count for name, value in metrics.items()} | {"rows": count}

    _, sums = jax.lax.scan(one, None, (jnp.arange(block.weight.shape[0]), block))
    return jax.tree.map(jnp.sum, sums)


def _inferred(model: AbstractModel, batch: Batch, *, key: PRNGKeyArray) -> Batch:
    """The minibatch with local state found for its rows; itself where they have it, or the model has none."""
    if not isinstance(model, AbstractLocalModel) or batch.datums.local is not None:
        return batch
    keys = jax.random.split(jax.random.fold_in(key, 1), len(batch.weight))
    datums = jax.vmap(lambda datum, key: infer(model, datum, key=key))(batch.datums, keys)
    return Batch(datums, batch.weight, batch.row)


def means_over_rows(sums: list[Sums]) -> dict[str, float]:
    """Means over rows of per-block sums, added in float64."""
    fetched = jax.device_get(sums)
    totals = {name: float(np.sum([block[name] for block in fetched], dtype=np.float64)) for name in fetched[0]}
    rows = totals.pop("rows")
    return {name: total / rows if rows else math.nan for name, total in totals.items()}


def plan_training(
    static: PyTree,
    step: AbstractStep,
    dataset: Dataset,
    state: StepState,
    local: PyTree,
    *,
    n_rows: int,
    batch_size: int,
) -> Plan:
    """The shape of an epoch of training: its blocks are short enough for Ctrl-C to be prompt.

    The work of a row is read from the program of a step, gradient and refinement of local state included.
    """

    def operations() -> int:
        constants = (static, step, dataset.preprocessing, state)
        return cached_cost(_train_one, constants, _one_row(dataset, local)).operations

    return _plan(dataset, operations, n_rows=n_rows, batch_size=batch_size)


def _plan_evaluation(
    model: AbstractModel,
    step: AbstractStep,
    dataset: Dataset,
    memory: PyTree,
    local: PyTree,
    *,
    n_rows: int,
    batch_size: int,
) -> Plan:
    """The shape of an evaluation of ``n_rows`` rows."""
    if isinstance(model, AbstractLocalModel) and local is None:
        # How often ``fit_local`` refines, a program need not say; against its work a call for each minibatch is nothing.
        return plan(n_rows, batch_size=batch_size).with_blocks_of(1)

    def operations() -> int:
        constants = (model, step, dataset.preprocessing, memory)
        return cached_cost(_evaluate_one, constants, _one_row(dataset, local)).operations

    return _plan(dataset, operations, n_rows=n_rows, batch_size=batch_size)


def _plan(dataset: Dataset, operations: Callable[[], int], *, n_rows: int, batch_size: int) -> Plan:
    """The shape of a pass with so many floating-point operations a row, in blocks small enough to take on the host.

    The bound on a block's work is half a second's on two cores, or on a GPU a few thousandths.
    """
    shape = plan(n_rows, batch_size=batch_size)
    if shape.steps == 1:  # nothing to cut: the program, which takes a while to read, is left alone
        return shape
    rows = min(batch_size, n_rows)
    work, size = max(1, operations()) * rows, dataset.values[:1].nbytes * rows
    return shape.with_blocks_of(int(min(_BLOCK_WORK / work, _BLOCK_BYTES / size)))


def _one_row(dataset: Dataset, local: PyTree) -> Block:
    """A block of one minibatch of one row, to read a program's work from."""
    record = dataset.records(np.zeros((1, 1), np.int64)).on_device()
    block = Block(record, jnp.ones((1, 1), jnp.float32), jnp.zeros((1, 1), jnp.int32))
    return with_local_state(block, local)


def _minibatch(preprocessing: Preprocessing, block: Block, *, key: PRNGKeyArray) -> Batch:
    return _batch(preprocessing, jax.tree.map(lambda leaf: leaf[0], block), key)


def _train_one(constants: tuple[PyTree, AbstractStep, Preprocessing, StepState], block: Block) -> StepResult:
    static, step, preprocessing, state = constants
    key = jax.random.key(0)
    return step(static, state, _minibatch(preprocessing, block, key=key), key=key)


def _evaluate_one(constants: tuple[AbstractModel, AbstractStep, Preprocessing, PyTree], block: Block) -> Metrics:
    model, step, preprocessing, memory = constants
    key = jax.random.key(0)
    return step.evaluate(model, memory, _minibatch(preprocessing, block, key=key), key=key)


def evaluate_objective(
    model: AbstractModel,
    step: AbstractStep,
    dataset: Dataset,
    *,
    memory: PyTree = None,
    local: PyTree = None,
    rows: Int[np.ndarray, " rows"] | None = None,
    batch_size: int,
    key: PRNGKeyArray,
) -> dict[str, float]:
    """Mean metrics of a fixed model over rows, schedules at their end.

    Parameters
    ----------
    model, step, dataset
        What is evaluated, by which algorithm's metrics, on which rows.
    memory
        What the algorithm keeps from step to step; None for one whose metrics do not depend on it.
    local
        Local state of all rows of ``dataset``, leaves (n, …) on the host; None has it found for each row.
    rows
        Numbers of the rows to look at; None for all.
    batch_size
        Most rows in a minibatch.
    key
        Randomness; the same key gives the same numbers.
    """
    parameters, static = eqx.partition(model, eqx.is_inexact_array)
    order = np.arange(len(dataset)) if rows is None else rows
    shape = _plan_evaluation(model, step, dataset, memory, local, n_rows=len(order), batch_size=batch_size)
    sums: list[Sums] = []
    for b, taken in enumerate(blocks(dataset, order, shape)):
        block = with_local_state(taken, local)
        if sums:
            jax.device_get(sums[-1]["rows"])  # at most one block ahead of the device: data may be larger than memory
        block_key = jax.random.fold_in(key, b)
        sums.append(_evaluate_block(static, step, dataset.preprocessing, parameters, memory, block_key, block))
    return means_over_rows(sums)
