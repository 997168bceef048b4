r"""The compiled part of training: one step, a block of steps, and the evaluation of an objective at fixed parameters.

One step, inside ``lax.scan`` (theta are the model's inexact arrays):

    1. stored rows -> datums, with a key per row and step                                          Preprocessing
    2. g = grad of objective(model, batch, key, step)                                              AbstractObjective
    3. theta <- theta - rate(step) * Adam(clip(g))                                                 Adam
    4. if the loss or |g| is not finite: keep theta, here and in every later step

The jitted functions live at module level and every number that may differ between fits is traced, so that a second fit of the
same shapes compiles nothing. The randomness of a step is a function of (key, step).
"""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

from lowerbound.data.batches import Block, Plan, blocks, plan
from lowerbound.data.dataset import Dataset
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.fit.optimizer import Adam
from lowerbound.models.cost import model_cost
from lowerbound.models.model import AbstractModel
from lowerbound.objectives.objective import AbstractObjective, Batch

Sums = dict[str, Float[Array, ""]]

# The step at which every warm-up and temperature has reached its end: validation looks at the final objective.
_END_OF_SCHEDULES = 2**30

_BLOCK_WORK = 1e11  # floating-point operations
_BLOCK_BYTES = 2**26


class Moving(eqx.Module):
    """What a step changes: the carry of the compiled scan."""

    parameters: PyTree
    optimizer_state: PyTree
    step: Int[Array, ""]
    finite: Bool[Array, ""]


def _batch(preprocessing: Preprocessing, block: Block, key: PRNGKeyArray) -> Batch:
    """One minibatch of datums from one step of a block."""
    keys = jax.random.split(key, block.weight.shape[0])
    datums = jax.vmap(lambda values, observed, condition, key: preprocessing(values, observed, condition, key=key))(
        block.values, block.observed, block.condition, keys
    )
    return Batch(datums, block.weight, block.row)


@eqx.filter_jit
def start(optimizer: Adam, parameters: PyTree) -> Moving:
    """The state before the first step."""
    return Moving(parameters, optimizer.init(parameters), jnp.asarray(0, jnp.int32), jnp.asarray(True))


@eqx.filter_jit
def train_block(
    static: PyTree,
    objective: AbstractObjective[Any],
    optimizer: Adam,
    preprocessing: Preprocessing,
    moving: Moving,
    key: PRNGKeyArray,
    block: Block,
) -> tuple[Moving, Sums]:
    """Run the block's steps; give the moved state and the sums over rows of loss and metrics."""

    def one_step(old: Moving, block: Block) -> tuple[Moving, Sums]:
        data_key, objective_key = jax.random.split(jax.random.fold_in(key, old.step))
        batch = _batch(preprocessing, block, data_key)

        def loss_of(parameters: PyTree) -> tuple[Float[Array, ""], Sums]:
            return objective(eqx.combine(parameters, static), batch, objective_key, old.step)

        (loss, metrics), gradients = jax.value_and_grad(loss_of, has_aux=True)(old.parameters)
        parameters, optimizer_state, finite = optimizer.update(
            gradients,
            old.optimizer_state,
            old.parameters,
            step=old.step,
            allowed=old.finite & jnp.isfinite(loss),
        )
        # After the first non-finite step nothing moves any more, and steps not taken add nothing to the means.
        moved = Moving(parameters, optimizer_state, old.step + finite, finite)
        count = jnp.sum(batch.weight)
        sums = {name: jnp.where(finite, value * count, 0.0) for name, value in ({"loss": loss} | metrics).items()}
        return moved, sums | {"rows": jnp.where(finite, count, 0.0)}

    moving, sums = jax.lax.scan(one_step, moving, block)
    return moving, jax.tree.map(jnp.sum, sums)


@eqx.filter_jit
def _evaluate_block(
    static: PyTree,
    objective: AbstractObjective[Any],
    preprocessing: Preprocessing,
    parameters: PyTree,
    key: PRNGKeyArray,
    block: Block,
) -> Sums:
    """Sums over rows of loss and metrics at fixed parameters, schedules at their end."""

    def one_step(carry: None, numbered: tuple[Int[Array, ""], Block]) -> tuple[None, Sums]:
        number, block = numbered
        data_key, objective_key = jax.random.split(jax.random.fold_in(key, number))
        batch = _batch(preprocessing, block, data_key)
        model = eqx.combine(parameters, static)
        loss, metrics = objective(model, batch, objective_key, jnp.asarray(_END_OF_SCHEDULES))
        count = jnp.sum(batch.weight)
        return carry, {name: value * count for name, value in ({"loss": loss} | metrics).items()} | {"rows": count}

    _, sums = jax.lax.scan(one_step, None, (jnp.arange(block.weight.shape[0]), block))
    return jax.tree.map(jnp.sum, sums)


def means_over_rows(sums: list[Sums]) -> dict[str, float]:
    """Means over rows of per-block sums, added in float64."""
    fetched = jax.device_get(sums)
    totals = {name: float(np.sum([block[name] for block in fetched], dtype=np.float64)) for name in fetched[0]}
    rows = totals.pop("rows")
    return {name: total / rows if rows else math.nan for name, total in totals.items()}


def plan_epoch(
    model: AbstractModel, objective: AbstractObjective[Any], dataset: Dataset, *, n_rows: int, batch_size: int
) -> Plan:
    """The shape of an epoch whose blocks are short enough for Ctrl-C to be prompt, and small enough to gather on the host.

    With its gradient a computation costs about three times itself.
    The bound on a block's work is half a second's on two cores, or on a GPU a few thousandths.
    """
    encode, decode = model_cost(model, dataset.event_shape)
    per_row = encode.operations + objective.decodings_per_row * decode.operations
    work = 3 * max(1, per_row) * min(batch_size, n_rows)
    size = dataset.values[:1].nbytes * min(batch_size, n_rows)
    return plan(n_rows, batch_size=batch_size).with_blocks_of(int(min(_BLOCK_WORK / work, _BLOCK_BYTES / size)))


def evaluate_objective(
    model: AbstractModel,
    objective: AbstractObjective[Any],
    dataset: Dataset,
    *,
    rows: Int[np.ndarray, " rows"] | None = None,
    batch_size: int,
    key: PRNGKeyArray,
) -> dict[str, float]:
    """Mean loss and metrics of a fixed model over rows, schedules at their end.

    Parameters
    ----------
    model, objective, dataset
        What is evaluated, by which loss, on which rows.
    rows
        Numbers of the rows to look at; None for all.
    batch_size
        Most rows in a minibatch.
    key
        Randomness; the same key gives the same numbers.
    """
    parameters, static = eqx.partition(model, eqx.is_inexact_array)
    order = np.arange(len(dataset)) if rows is None else rows
    shape = plan_epoch(model, objective, dataset, n_rows=len(order), batch_size=batch_size)
    sums: list[Sums] = []
    for b, block in enumerate(blocks(dataset, order, shape)):
        if sums:
            jax.device_get(sums[-1]["rows"])  # at most one block ahead of the device: data may be larger than memory
        block_key = jax.random.fold_in(key, b)
        sums.append(_evaluate_block(static, objective, dataset.preprocessing, parameters, block_key, block))
    return means_over_rows(sums)
