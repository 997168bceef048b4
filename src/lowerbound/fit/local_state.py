"""Local state: what a model keeps for each training row during a fit (a mean-field row, a chain's positions), on the host.

It enters a block of minibatches as scanned inputs and leaves it as outputs, each row once an epoch. Padding repeats rows; its
outputs are never written back.
"""

from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, PRNGKeyArray, PyTree

from lowerbound.data.batches import Block
from lowerbound.data.dataset import Dataset
from lowerbound.data.datums import datum_of
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.data.record import Record
from lowerbound.data.row_chunks import row_chunks
from lowerbound.models.model import AbstractLocalModel, AbstractModel


@eqx.filter_jit
def _initial(
    model: AbstractLocalModel, preprocessing: Preprocessing, record: Record, row: Array, key: PRNGKeyArray
) -> PyTree:
    def one(record: Record, row: Array) -> PyTree:
        data_key, state_key = jax.random.split(jax.random.fold_in(key, row))
        return model.initial(datum_of(preprocessing, record, key=data_key), key=state_key)

    return jax.vmap(one)(record, row)


def initial_local(model: AbstractModel, dataset: Dataset, *, key: PRNGKeyArray) -> PyTree:
    """The first local state of every row, leaves (n, …) on the host; None for a model without local state."""
    if not isinstance(model, AbstractLocalModel):
        return None
    parts = []
    for rows in row_chunks(len(dataset), int(np.prod(dataset.event_shape))):
        numbers = np.arange(rows.start, rows.stop)
        found = _initial(
            model, dataset.preprocessing, dataset.records(numbers).on_device(), jax.numpy.asarray(numbers), key
        )
        parts.append(jax.device_get(found))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


def with_local_state(block: Block, local: PyTree) -> Block:
    """The block with the local state of its rows."""
    if local is None:
        return block
    rows = np.asarray(block.row)
    return replace(block, local=jax.tree.map(lambda leaf: jax.numpy.asarray(leaf[rows]), local))


def write_back(local: PyTree, block: Block, found: PyTree) -> None:
    """Put the local state that a block left, leaves (steps, rows, …), in its rows' places; padding is passed over."""
    if local is None:
        return
    real = np.asarray(block.weight) > 0
    rows = np.asarray(block.row)[real]

    def put(kept: np.ndarray, new: Any) -> None:
        kept[rows] = np.asarray(new)[real]

    jax.tree.map(put, local, jax.device_get(found))
