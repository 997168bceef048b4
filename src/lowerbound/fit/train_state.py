"""TrainState: everything that moves during a fit by minibatches, enough to go on elsewhere.

Its leaves are arrays and numbers: a state survives ``jax.tree.flatten``, a file of arrays, and ``jax.tree.unflatten`` with the
same structure. The fit that goes on from there ends where the uninterrupted one does, to the last bit.
"""

import math
from dataclasses import replace

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree, UInt32

from lowerbound.fit.block import Sums, first_state, means_over_rows
from lowerbound.fit.step import AbstractStep, StepState


class TrainState(eqx.Module):
    """State of a fit after any block.

    Attributes
    ----------
    moving
        Parameters, memory of the algorithm, number of steps.
    local
        Local state of the rows, leaves (n, …) on the host; None where the model has none.
    key_data
        The key of the fit as numbers.
    epoch, block
        Epochs that are over, and blocks of the running one that are.
    sums
        Sums over rows of the running epoch's metrics, by block.
    history
        Name -> one number per finished epoch; NaN where an epoch has none.
    best_parameters, best_local, best_loss, best_epoch
        State of the epoch with the lowest validation loss; epoch 0 and infinity before there is one.
    """

    moving: StepState
    local: PyTree
    key_data: UInt32[Array | np.ndarray, "..."]
    epoch: int | Int[np.ndarray, ""]
    block: int | Int[np.ndarray, ""]
    sums: tuple[Sums, ...]
    history: dict[str, Float[np.ndarray, " epochs"]]
    best_parameters: PyTree
    best_local: PyTree
    best_loss: float | Float[np.ndarray, ""]
    best_epoch: int | Int[np.ndarray, ""]

    @property
    def key(self) -> PRNGKeyArray:
        """The key of the fit."""
        return jax.random.wrap_key_data(jax.numpy.asarray(self.key_data))

    def after_block(self, moving: StepState, sums: Sums) -> "TrainState":
        """The state one block later."""
        return replace(self, moving=moving, block=int(self.block) + 1, sums=(*self.sums, sums))

    def after_epoch(self, metrics: dict[str, float]) -> "TrainState":
        """The state at the end of the running epoch, whose metrics are given."""
        n_epochs = int(self.epoch)
        names = sorted(set(self.history) | set(metrics), key=lambda name: (name != "loss", name))
        missing = np.full(n_epochs, math.nan)
        history = {
            name: np.append(self.history.get(name, missing), metrics.get(name, math.nan)).astype(np.float64)
            for name in names
        }
        return replace(self, epoch=n_epochs + 1, block=0, sums=(), history=history)

    def means(self) -> dict[str, float]:
        """Metrics of the running epoch so far, means over its rows."""
        return means_over_rows(list(self.sums))

    def improved(self, loss: float, epoch: int) -> "TrainState":
        """The state with its present parameters, and the rows' local state beside them, as the best ones."""
        kept = jax.tree.map(np.array, self.local)  # the loop goes on writing into its own
        return replace(self, best_parameters=self.moving.parameters, best_local=kept, best_loss=loss, best_epoch=epoch)


def begin(step: AbstractStep, parameters: PyTree, *, local: PyTree, key: PRNGKeyArray) -> TrainState:
    """The state before the first block."""
    return TrainState(
        moving=first_state(step, parameters, key),
        local=local,
        key_data=jax.random.key_data(key),
        epoch=0,
        block=0,
        sums=(),
        history={},
        best_parameters=parameters,
        best_local=local,
        best_loss=math.inf,
        best_epoch=0,
    )
