r"""Expectation maximization: one compiled loop for every exactly solvable model, accelerated, and monotone nevertheless.

    repeat:  statistics = sum over chunks of E-step(model, chunk);   model = M-step(statistics)                  (1)

Two plain steps (1) are followed by one from a point extrapolated along their path, which ``fit.squarem`` guards: the recorded
log p(x) never falls, as long as the steps (1) themselves raise it.

Chunks that fit in memory are stacked, and many iterations are one compiled call; a stream of chunks (a memory-mapped array) is
read and summed chunk by chunk, by the same functions in the same order. Everything is float64 inside, NumPy
outside, and JAX's own setting is left alone.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

from lowerbound.fit.interrupt import interrupt_flag
from lowerbound.fit.progress import reporter
from lowerbound.fit.result import FitResult, Status
from lowerbound.fit.squarem import EMState, Problem, first_state, next_state
from lowerbound.models.model import AbstractExactModel
from lowerbound.nn.bounded_programs import bounded_jit
from lowerbound.nn.precision import own_settings
from lowerbound.objectives.expectation_maximization import AbstractExpectationMaximization

ModelType = TypeVar("ModelType", bound=AbstractExactModel)
Stream = Callable[[], Iterable[PyTree]]
"""Function that gives all chunks, one after another, at every call."""

_BLOCK = 64  # iterations recorded in one compiled call
_SECONDS_PER_BLOCK = 0.5  # between two looks at Ctrl-C


def fit_em(
    problem: AbstractExpectationMaximization[ModelType, Any, Any],
    model: ModelType,
    data: PyTree | Stream,
    *,
    tol: float,
    max_iter: int,
    n_rows: int,
    accelerate: bool = True,
    verbose: bool = False,
    offset: float = 0.0,
) -> FitResult[ModelType]:
    """Maximize the weighted mean of log p(x) over the chunks.

    Parameters
    ----------
    problem
        E-step and M-step.
    model
        Initial parameters.
    data
        Chunks stacked along a leading axis, or a function that gives them one after another at each call.
    tol
        Stop when log p(x) per row rises by less than this over a cycle of three steps, twice in a row; over one step, once, if
        ``accelerate`` is False. 0 goes on to ``max_iter``.
    max_iter
        Most iterations that count: E-steps at parameters that were kept.
    n_rows
        For the progress bar.
    accelerate
        Whether to extrapolate.
    verbose
        Show a progress bar on standard error.
    offset
        Nats per row that the bar adds to the loss: from model units to the user's.

    Returns
    -------
    FitResult
        With NumPy float64 leaves, the history of "log_evidence" (nats per row, at the parameters that each iteration
        started from) and "loss", its negative; status "converged", "max_iter", "interrupted" or "non_finite".
    """
    with (
        own_settings(double=True),
        interrupt_flag() as interrupted,
        reporter(verbose=verbose, max_epochs=max_iter, n_rows=n_rows) as report,
    ):
        state = first_state(problem, model)
        chunks = data if callable(data) else jax.tree.map(jnp.asarray, data)
        advance = _advance_streamed if callable(data) else _advance_stacked
        history: list[float] = []
        steps, block = 0, 1
        while len(history) < max_iter:
            started = time.perf_counter()
            state, recorded, counted, done = jax.device_get(
                advance(problem, state, chunks, min(block, max_iter - len(history)), tol, accelerate)
            )
            history.extend(recorded[: int(counted)].tolist())
            steps += int(done)
            if history:
                report.rows(n_rows * int(counted))
                report.epoch(len(history), {"loss": offset - history[-1]})
            if state.converged or not state.finite or interrupted:
                break
            seconds = (time.perf_counter() - started) / max(1, int(done))
            block = int(np.clip(_SECONDS_PER_BLOCK / seconds, 1, _BLOCK)) if steps > 1 else 4
    status = _status(state, history, tol=tol, max_iter=max_iter, accelerate=accelerate)
    log_evidence = np.array(history)
    return FitResult(
        model=jax.tree.map(np.asarray, state.best),
        objective=-float(state.best_log_evidence),
        history={"loss": -log_evidence, "log_evidence": log_evidence},
        steps=steps,
        status=status,
        best_epoch=len(history) - int(np.argmax(log_evidence[::-1])) if history else 0,
    )


def best_start(
    problem: AbstractExpectationMaximization[ModelType, Any, Any],
    models: ModelType,
    data: PyTree | Stream,
    *,
    n_steps: int,
) -> tuple[ModelType, Float[np.ndarray, " starts"]]:
    """Best of several initial models after ``n_steps`` plain steps of all together, and the log p(x) per row that each reached.

    Parameters
    ----------
    models
        One module whose arrays have a leading axis of starts.
    """
    with own_settings(double=True):
        begun = models = jax.tree.map(jnp.asarray, models)
        if callable(data):
            for _ in range(n_steps):
                models, found = _step_together(problem, models, _sum_of_stream(problem, models, data, together=True))
        else:
            models, found = _steps_together(problem, models, jax.tree.map(jnp.asarray, data), jnp.asarray(n_steps))
        reached = np.asarray(found)
        alive = np.isfinite(reached) & _finite_starts(models)
        chosen = int(np.argmax(np.where(alive, reached, -np.inf))) if alive.any() else 0
        models = models if alive.any() else begun
        return jax.tree.map(lambda leaf: np.asarray(leaf)[chosen], models), reached


def _finite_starts(models: PyTree) -> Bool[np.ndarray, " starts"]:
    each = [np.isfinite(leaf).reshape(len(leaf), -1).all(axis=1) for leaf in jax.tree.leaves(models)]
    return np.asarray(np.logical_and.reduce(each))


# ---- sums over chunks: compiled for stacked ones, a call for each of a stream


def _sum_of_stack(problem: Problem, model: PyTree, chunks: PyTree) -> PyTree:
    one = jax.tree.map(lambda leaf: leaf[0], chunks)
    if jax.tree.leaves(chunks)[0].shape[0] == 1:
        return problem.statistics(model, one)

    def add(total: PyTree, chunk: PyTree) -> tuple[PyTree, None]:
        return jax.tree.map(jnp.add, total, problem.statistics(model, chunk)), None

    # From zeros, not from the first chunk: all chunks have to be steps of the loop (``nn.linear_algebra``).
    shapes = jax.eval_shape(problem.statistics, model, one)
    return jax.lax.scan(add, jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes), chunks)[0]


def _sum_of_stream(problem: Problem, model: PyTree, stream: Stream, *, together: bool = False) -> PyTree:
    total = None
    for chunk in stream():
        found = _statistics(problem, model, jax.tree.map(jnp.asarray, chunk), together)
        total = found if total is None else _add(total, found)
    return total


@eqx.filter_jit
def _statistics(problem: Problem, model: PyTree, chunk: PyTree, together: bool) -> PyTree:
    if together:
        return jax.vmap(lambda one: problem.statistics(one, chunk))(model)
    return problem.statistics(model, chunk)


@eqx.filter_jit
def _add(total: PyTree, found: PyTree) -> PyTree:
    return jax.tree.map(jnp.add, total, found)


def _advance_stacked(
    problem: Problem, state: EMState, chunks: PyTree, n_steps: int, tol: float, accelerate: bool
) -> tuple[EMState, Array, Array, Array]:
    return _run(problem, state, chunks, jnp.asarray(n_steps), jnp.asarray(float(tol)), jnp.asarray(accelerate))


@bounded_jit
def _run(
    problem: Problem,
    state: EMState,
    chunks: PyTree,
    n_steps: Int[Array, ""],
    tol: Float[Array, ""],
    accelerate: Bool[Array, ""],
) -> tuple[EMState, Float[Array, " block"], Int[Array, ""], Int[Array, ""]]:
    """State after up to ``n_steps`` accepted iterations, their log p(x), their number, and the number of all E-steps."""

    def going(carry: tuple[EMState, Array, Array, Array]) -> Bool[Array, ""]:
        state, _, counted, _ = carry
        return (counted < n_steps) & ~state.converged & state.finite

    def step(carry: tuple[EMState, Array, Array, Array]) -> tuple[EMState, Array, Array, Array]:
        state, recorded, counted, done = carry
        state = next_state(problem, state, _sum_of_stack(problem, state.model, chunks), tol, accelerate)
        recorded = jnp.where(state.accepted, recorded.at[counted].set(state.log_evidence), recorded)
        return state, recorded, jnp.where(state.accepted, counted + 1, counted), done + 1

    return jax.lax.while_loop(going, step, (state, jnp.zeros(_BLOCK), jnp.asarray(0), jnp.asarray(0)))


def _advance_streamed(
    problem: Problem, state: EMState, stream: Stream, n_steps: int, tol: float, accelerate: bool
) -> tuple[EMState, Array, Array, Array]:
    """State after one E-step, whatever ``n_steps``: a pass over the rows takes long enough."""
    statistics = _sum_of_stream(problem, state.model, stream)
    state = _advance(problem, state, statistics, jnp.asarray(float(tol)), jnp.asarray(accelerate))
    return state, state.log_evidence[None], state.accepted.astype(int), jnp.asarray(1)


@eqx.filter_jit
def _advance(problem: Problem, state: EMState, statistics: PyTree, tol: Array, accelerate: Array) -> EMState:
    return next_state(problem, state, statistics, tol, accelerate)


@bounded_jit
def _steps_together(problem: Problem, models: PyTree, chunks: PyTree, n_steps: Int[Array, ""]) -> tuple[PyTree, Array]:
    def step(_: Array, carry: tuple[PyTree, Array]) -> tuple[PyTree, Array]:
        models, _found = carry
        statistics = jax.vmap(lambda model: _sum_of_stack(problem, model, chunks))(models)
        return _maximized(problem, models, statistics)

    n_starts = jax.tree.leaves(models)[0].shape[0]
    return jax.lax.fori_loop(0, n_steps, step, (models, jnp.zeros(n_starts)))


@eqx.filter_jit
def _step_together(problem: Problem, models: PyTree, statistics: PyTree) -> tuple[PyTree, Array]:
    return _maximized(problem, models, statistics)


def _maximized(problem: Problem, models: PyTree, statistics: PyTree) -> tuple[PyTree, Array]:
    return jax.vmap(problem.maximize)(models, statistics), statistics.log_evidence / statistics.weight


def _status(state: EMState, history: list[float], *, tol: float, max_iter: int, accelerate: bool) -> Status:
    if not state.finite:
        return Status(
            "non_finite",
            f"log p(x) became non-finite in iteration {len(history) + 1}; the last finite parameters were kept. Likely cause: "
            "extreme values in X. Look for outliers, or raise noise_floor.",
        )
    if state.converged:
        return Status("converged", f"converged in {len(history)} iterations (tol = {tol:g} nats per row).")
    if len(history) < max_iter:
        return Status("interrupted", f"stopped by Ctrl-C in iteration {len(history)} of {max_iter}.")
    stopped = f"stopped after max_iter = {max_iter} iterations"
    cycle, twice = ("cycle", ", twice in a row") if accelerate else ("step", "")
    if tol == 0:
        return Status("max_iter", f"{stopped}, as tol = 0 asks. Raise max_iter for more.")
    if not np.isfinite(state.cycle_gain):
        return Status("max_iter", f"{stopped}, within the first {cycle}. Raise max_iter.")
    return Status(
        "max_iter",
        f"{stopped}; the last {cycle} raised log p(x) by {float(state.cycle_gain):.2g} nats per row, and tol = {tol:g} asks for "
        f"less{twice}. Raise max_iter or tol.",
    )
