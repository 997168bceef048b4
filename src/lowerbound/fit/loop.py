r"""The minibatch loop: epochs of compiled blocks of steps. The algorithm is an argument, so there is no other loop.

    for each epoch: for each block: state, sums, local = train_block(state, block)                 fit/block.py

Between blocks, on the host: progress, Ctrl-C, checkpoints. Between epochs: the validation loss, the best parameters so far, early
stopping. Everything that moves is one pytree, ``TrainState``. The order of the rows is a function of (seed, epoch), the
randomness of a step one of (seed, step). Host work overlaps with the device's: a block is taken while the one before runs.

Validation uses the same random numbers every epoch, with schedules (warm-ups) at their end, so that epochs are comparable.
"""

import math
from collections.abc import Callable
from typing import TypeVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Int, PyTree

from lowerbound.data.batches import Block, Plan, blocks, epoch_order
from lowerbound.data.dataset import Dataset
from lowerbound.fit.block import evaluate_objective, plan_training, train_block
from lowerbound.fit.interrupt import InterruptFlag, interrupt_flag
from lowerbound.fit.local_state import initial_local, with_local_state, write_back
from lowerbound.fit.progress import Reporter, reporter
from lowerbound.fit.result import FitResult, Status
from lowerbound.fit.step import AbstractStep
from lowerbound.fit.train_state import TrainState, begin
from lowerbound.models.model import AbstractModel
from lowerbound.nn.precision import own_settings

ModelType = TypeVar("ModelType", bound=AbstractModel)

_ROWS_AFTER_INTERRUPT = 1024
_MANY_STEPS = 1000


@own_settings()
def fit_minibatches(
    model: ModelType,
    step: AbstractStep,
    dataset: Dataset,
    *,
    max_epochs: int,
    batch_size: int,
    seed: int,
    training_rows: Int[np.ndarray, " rows"] | None = None,
    validation_rows: Int[np.ndarray, " held"] | None = None,
    patience: int | None = None,
    verbose: bool = False,
    state: TrainState | None = None,
    after_block: Callable[[TrainState], None] | None = None,
) -> FitResult[ModelType]:
    """Learn the model's arrays from minibatches.

    Parameters
    ----------
    model
        The start; its inexact arrays are the parameters.
    step
        The algorithm: what a minibatch does to them.
    dataset
        The rows.
    max_epochs, batch_size
        Length of the run; most rows in a minibatch.
    seed
        Drives the order of the rows and all randomness: the same seed gives the same model.
    training_rows
        Numbers of the rows of ``dataset`` to train on, all of them used every epoch; None for all rows.
    validation_rows
        Numbers of the rows on which the loss is watched at every epoch's end; None returns the last parameters.
    patience
        Stop after this many epochs without a better validation loss; None for never.
    verbose
        Show a progress bar on standard error.
    state
        State of an earlier run of the same fit, to go on from; None starts anew.
    after_block
        Called with the state after each block: a checkpoint. Its local state is the loop's own array, to be copied if kept.

    Returns
    -------
    FitResult
        With status "max_epochs", "early_stopping", "interrupted" (Ctrl-C) or "non_finite".
    """
    parameters, static = eqx.partition(model, eqx.is_inexact_array)
    train_key, evaluation_key = jax.random.split(jax.random.key(seed))
    if state is None:
        local = initial_local(model, dataset, key=jax.random.fold_in(train_key, 0x10CA1))
        state = begin(step, parameters, local=local, key=train_key)
    rows = np.arange(len(dataset)) if training_rows is None else training_rows
    shape = plan_training(static, step, dataset, state.moving, state.local, n_rows=len(rows), batch_size=batch_size)
    status = Status("max_epochs", f"ran all {max_epochs} epochs.")

    with (
        interrupt_flag() as interrupted,
        reporter(verbose=verbose, max_epochs=max_epochs, n_rows=len(rows)) as report,
    ):
        while state.epoch < max_epochs:
            epoch = int(state.epoch) + 1
            order = rows[epoch_order(len(rows), seed=seed, epoch=epoch)]
            state, cut = _epoch(state, step, static, dataset, order, shape, interrupted, report, after_block)
            metrics = state.means()
            finite = bool(state.moving.finite)
            validated = finite and not cut and validation_rows is not None
            if validated:
                current = eqx.combine(state.moving.parameters, static)
                held = evaluate_objective(
                    current,
                    step,
                    dataset,
                    memory=state.moving.memory,
                    rows=validation_rows,
                    batch_size=batch_size,
                    key=evaluation_key,
                )
                metrics |= {f"validation_{name}": value for name, value in held.items()}
            state = state.after_epoch(metrics)
            if not finite:
                status = _non_finite(epoch, int(state.moving.step), int(state.best_epoch), step.remedy)
                break
            if validated:
                if not math.isfinite(metrics["validation_loss"]):
                    status = _non_finite_validation(epoch)
                    break
                if metrics["validation_loss"] < state.best_loss:
                    state = state.improved(metrics["validation_loss"], epoch)
            if not cut:
                report.epoch(epoch, metrics)
            if interrupted:  # read here alone, where the epoch's parameters have been judged
                status = Status("interrupted", f"stopped by Ctrl-C in epoch {epoch} of {max_epochs}.")
                break
            if validated and patience is not None and epoch - state.best_epoch >= patience:
                status = Status(
                    "early_stopping", f"no better validation loss for {patience} epochs after epoch {state.best_epoch}."
                )
                break

        if state.best_epoch == 0:  # nothing was validated: the last finite parameters are the ones to return
            state = state.improved(math.nan, int(state.epoch))
        fitted = eqx.combine(state.best_parameters, static)
        loss = float(state.best_loss)
        if math.isnan(loss):
            # After Ctrl-C nobody waits for all rows.
            measured = rows[:_ROWS_AFTER_INTERRUPT] if status.code == "interrupted" else rows
            found = evaluate_objective(
                fitted,
                step,
                dataset,
                memory=state.moving.memory,
                local=state.best_local,
                rows=measured,
                batch_size=batch_size,
                key=evaluation_key,
            )
            loss = found["loss"]
    if status.code == "max_epochs":
        status = status.with_notes(_unfinished(int(state.moving.step), int(state.best_epoch), max_epochs))
    return FitResult(
        model=fitted,
        objective=loss,
        history=dict(state.history),
        steps=int(state.moving.step),
        status=status,
        best_epoch=int(state.best_epoch),
        local=jax.tree.map(lambda leaf: leaf[rows], state.best_local),
    )


def _epoch(
    state: TrainState,
    step: AbstractStep,
    static: PyTree,
    dataset: Dataset,
    order: Int[np.ndarray, " rows"],
    shape: Plan,
    interrupted: InterruptFlag,
    report: Reporter,
    after_block: Callable[[TrainState], None] | None,
) -> tuple[TrainState, bool]:
    """The state after the blocks of an epoch that are left, or after the one in which Ctrl-C came, and whether it came."""
    cut = False
    running: tuple[Block, PyTree] | None = None  # the block that the device works on, and the local state it leaves
    for taken in blocks(dataset, order, shape, first=int(state.block)):
        block = with_local_state(taken, state.local)  # rows of other blocks: what is running does not touch them
        _finish(state, running)  # at most one block ahead of the device: Ctrl-C stays prompt
        moving, sums, local = train_block(static, step, dataset.preprocessing, state.moving, state.key, block)
        state, running = state.after_block(moving, sums), (block, local)
        report.rows(len(order) / shape.n_blocks)
        if after_block is not None:
            _finish(state, running)
            after_block(state)
        cut = bool(interrupted)
        if cut:
            break
    _finish(state, running)
    return state, cut


def _finish(state: TrainState, running: tuple[Block, PyTree] | None) -> None:
    """Wait for the running block, and put the local state of its rows in place."""
    if running is None:
        return
    jax.device_get(state.sums[-1]["rows"])
    write_back(state.local, *running)


def _unfinished(steps: int, best_epoch: int, max_epochs: int) -> tuple[str, ...]:
    """A hint for runs that ended while they were still learning: few steps, the last epochs the best.

    The decaying learning rate flattens every loss at the end of its run, so that a flat curve alone says nothing.
    """
    if steps >= _MANY_STEPS or best_epoch < 0.9 * max_epochs:
        return ()
    return (
        f"Only {steps} steps were taken and the last epochs were the best: the fit is probably unfinished. Raise max_epochs or "
        "learning_rate, or lower batch_size.",
    )


def _non_finite(epoch: int, step: int, best_epoch: int, remedy: str) -> Status:
    if step == 0:
        return Status(
            "non_finite",
            "the loss was not finite at the very first step, so nothing was learned. Likely cause: extreme values in X. "
            "Look for outliers, set standardize=True, or clip them.",
        )
    kept = f"those of epoch {best_epoch}, the best one," if best_epoch else "the last finite ones"
    return Status(
        "non_finite",
        f"the loss became non-finite in epoch {epoch}, after {step} steps; of the parameters {kept} were kept. Likely "
        f"cause: steps too large, or outliers in X. {remedy}",
    )


def _non_finite_validation(epoch: int) -> Status:
    return Status(
        "non_finite",
        f"the loss of the validation rows was not finite in epoch {epoch}, so no epoch can be called the best. Likely cause: "
        "extreme values in these rows. Look for outliers in X and clip them, or set validation_fraction=0.",
    )
