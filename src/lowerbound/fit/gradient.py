r"""The compiled minibatch loop: stochastic gradient on a lower bound, a block of minibatches per compiled call.

    for each epoch: for each block: state, sums = train_block(state, block)                        fit/block.py

Between blocks, on the host: progress, Ctrl-C, the finite flag. Between epochs: the validation loss, the best parameters so far,
early stopping. Everything that moves is one pytree, ``TrainState``; the order of the rows is a function of (seed, epoch), the
randomness of a step one of (seed, step). Host work overlaps with the device's: a block is gathered while the one before runs.

Validation uses the same random numbers every epoch, with schedules (warm-ups) at their end, so that epochs are comparable.
"""

import math
from dataclasses import replace
from typing import Any, TypeVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray, PyTree

from lowerbound.data.batches import blocks, epoch_order
from lowerbound.data.dataset import Dataset
from lowerbound.fit.block import Moving, Sums, evaluate_objective, means_over_rows, plan_epoch, start, train_block
from lowerbound.fit.interrupt import interrupt_flag
from lowerbound.fit.optimizer import Adam
from lowerbound.fit.progress import reporter
from lowerbound.fit.result import FitResult, Status
from lowerbound.models.model import AbstractModel
from lowerbound.objectives.objective import AbstractObjective

ModelType = TypeVar("ModelType", bound=AbstractModel)


_ROWS_AFTER_INTERRUPT = 1024
_MANY_STEPS = 1000


class TrainState(eqx.Module):
    """Every array that moves during a fit; with the epoch and the history, enough to go on elsewhere."""

    moving: Moving
    key: PRNGKeyArray
    best_parameters: PyTree
    best_loss: float
    best_epoch: int


def fit_gradient(
    model: ModelType,
    objective: AbstractObjective[Any],
    dataset: Dataset,
    *,
    optimizer: Adam,
    max_epochs: int,
    batch_size: int,
    seed: int,
    training_rows: Int[np.ndarray, " rows"] | None = None,
    validation: Dataset | None = None,
    patience: int | None = None,
    verbose: bool = False,
) -> FitResult[ModelType]:
    """Minimize the objective over the model's arrays.

    Parameters
    ----------
    model
        Where to start; its inexact arrays are the parameters.
    objective
        (model, batch, key, step) -> loss, metrics.
    dataset
        Where the training rows are.
    optimizer
        Learning rate, decay, clipping.
    max_epochs, batch_size
        Length of the run; most rows in a minibatch.
    seed
        Drives the order of the rows and all randomness: the same seed gives the same model.
    training_rows
        Numbers of the rows of ``dataset`` to train on, all of them used every epoch; None for all rows.
    validation
        Rows on which the loss is watched at every epoch's end; None returns the last parameters.
    patience
        Stop after this many epochs without a better validation loss; None for never.
    verbose
        Show a progress bar on standard error.

    Returns
    -------
    FitResult
        With status "max_epochs", "early_stopping", "interrupted" (Ctrl-C) or "non_finite".
    """
    parameters, static = eqx.partition(model, eqx.is_inexact_array)
    train_key, evaluation_key = jax.random.split(jax.random.key(seed))
    state = TrainState(
        moving=start(optimizer, parameters),
        key=train_key,
        best_parameters=parameters,
        best_loss=math.inf,
        best_epoch=0,
    )
    rows = np.arange(len(dataset)) if training_rows is None else training_rows
    shape = plan_epoch(model, objective, dataset, n_rows=len(rows), batch_size=batch_size)
    history: list[dict[str, float]] = []
    status = Status("max_epochs", f"ran all {max_epochs} epochs.")

    with (
        interrupt_flag() as interrupted,
        reporter(verbose=verbose, max_epochs=max_epochs, n_rows=len(rows)) as report,
    ):
        for epoch in range(1, max_epochs + 1):
            sums: list[Sums] = []
            for block in blocks(dataset, rows[epoch_order(len(rows), seed=seed, epoch=epoch)], shape):
                if sums:
                    jax.device_get(sums[-1]["rows"])  # at most one block ahead of the device: Ctrl-C stays prompt
                moving, block_sums = train_block(
                    static, objective, optimizer, dataset.preprocessing, state.moving, state.key, block
                )
                state = replace(state, moving=moving)
                sums.append(block_sums)
                report.rows(len(rows) / shape.n_blocks)
                if interrupted:
                    break
            metrics = means_over_rows(sums)
            history.append(metrics)
            if not bool(state.moving.finite):
                status = _non_finite(epoch, int(state.moving.step), float(optimizer.learning_rate), state.best_epoch)
                break
            if interrupted:
                status = Status("interrupted", f"stopped by Ctrl-C in epoch {epoch} of {max_epochs}.")
                break
            if validation is not None:
                current = eqx.combine(state.moving.parameters, static)
                held = evaluate_objective(current, objective, validation, batch_size=batch_size, key=evaluation_key)
                metrics |= {f"validation_{name}": value for name, value in held.items()}
                if not math.isfinite(held["loss"]):
                    status = _non_finite_validation(epoch)
                    break
                if held["loss"] < state.best_loss:
                    state = _improved(state, held["loss"], epoch)
            report.epoch(epoch, metrics)
            if validation is not None and patience is not None and epoch - state.best_epoch >= patience:
                status = Status(
                    "early_stopping", f"no better validation loss for {patience} epochs after epoch {state.best_epoch}."
                )
                break

        if state.best_epoch == 0:  # nothing was validated: the last finite parameters are the ones to return
            state = _improved(state, math.nan, len(history))
        fitted = eqx.combine(state.best_parameters, static)
        loss = state.best_loss
        if math.isnan(loss):
            # After Ctrl-C nobody waits for all rows.
            measured = rows[:_ROWS_AFTER_INTERRUPT] if status.code == "interrupted" else rows
            loss = evaluate_objective(
                fitted, objective, dataset, rows=measured, batch_size=batch_size, key=evaluation_key
            )["loss"]
    if status.code == "max_epochs":
        status = status.with_notes(_unfinished(int(state.moving.step), state.best_epoch, max_epochs))
    return FitResult(
        model=fitted,
        objective=loss,
        history=_columns(history),
        steps=int(state.moving.step),
        status=status,
        best_epoch=state.best_epoch,
    )


def _improved(state: TrainState, loss: float, epoch: int) -> TrainState:
    """The state with its present parameters as the best ones."""
    return replace(state, best_parameters=state.moving.parameters, best_loss=loss, best_epoch=epoch)


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


def _non_finite(epoch: int, step: int, learning_rate: float, best_epoch: int) -> Status:
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
        f"cause: steps too large, or outliers in X. Try learning_rate={learning_rate / 3:.2g} or max_gradient_norm=10.",
    )


def _non_finite_validation(epoch: int) -> Status:
    return Status(
        "non_finite",
        f"the loss of the validation rows was not finite in epoch {epoch}, so no epoch can be called the best. Likely cause: "
        "extreme values in these rows. Look for outliers in X and clip them, or set validation_fraction=0.",
    )


def _columns(history: list[dict[str, float]]) -> dict[str, Float[np.ndarray, " epochs"]]:
    """One array per name; an epoch that was cut short has no validation numbers: NaN there."""
    names = sorted({name for metrics in history for name in metrics}, key=lambda name: (name != "loss", name))
    return {name: np.array([metrics.get(name, np.nan) for metrics in history]) for name in names}
