r"""Expectation maximization: one compiled loop for every exactly solvable model, accelerated, and monotone nevertheless.

    repeat:  statistics = sum over chunks of E-step(model, chunk);   model = M-step(statistics)                  (1)

Plain steps converge linearly, at a rate that can be as bad as 0.999. After two of them, theta_1 = EM(theta_0) and
theta_2 = EM(theta_1), the third starts from a point extrapolated along their path (SQUAREM, scheme S3):

    r = theta_1 - theta_0,   v = (theta_2 - theta_1) - r,   a = max(1, |r| / |v|)
    theta' = theta_0 + 2 a r + a^2 v                        a = 1 is theta_2 itself                              (2)

The next E-step says what log p(x) is there. If it is below that of theta_1, the extrapolation is dropped and the loop goes on
from theta_2: the recorded log p(x) never falls, as long as the steps (1) themselves raise it.

Chunks that fit in memory are stacked, and many iterations are one compiled call; a stream of chunks (a memory-mapped array) is
summed chunk by chunk on the way from the disk, by the same functions in the same order. Everything is float64 inside, NumPy
outside, and JAX's own setting is left alone.

Reference: R. Varadhan, C. Roland, "Simple and globally convergent methods for accelerating the convergence of any EM
algorithm", Scandinavian Journal of Statistics 2008.
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
from lowerbound.models.model import AbstractExactModel
from lowerbound.objectives.expectation_maximization import AbstractExpectationMaximization, AbstractStatistics

ModelType = TypeVar("ModelType", bound=AbstractExactModel)
Problem = AbstractExpectationMaximization[Any, Any, Any]
Stream = Callable[[], Iterable[PyTree]]
"""Gives the chunks anew, one after another, at every call."""

_BLOCK = 64  # iterations recorded in one compiled call
_SECONDS_PER_BLOCK = 0.5  # between two looks at Ctrl-C
_QUIET_CYCLES = 2  # an extrapolation that failed makes one cycle look converged
_ROUNDING = 1e-13  # by which a log p(x) may fall without having fallen
_LOST_DIGITS = 1e-7  # fall of a plain step, relative, that ends the run: noise at a tiny floor costs digits


class EMState(eqx.Module):
    """Everything that moves; ``phase`` 0 and 1 are the plain steps, 2 is the extrapolated point."""

    model: PyTree
    fallback: PyTree
    best: PyTree
    start: PyTree  # theta_0
    middle: PyTree  # theta_1
    log_evidence: Float[Array, ""]  # of the last iteration, per unit of weight
    highest: Float[Array, ""]  # of ``best``
    of_cycle: Float[Array, ""]  # at the start of the cycle before
    longest: Float[Array, ""]  # extrapolation allowed
    phase: Int[Array, ""]
    quiet: Int[Array, ""]
    accepted: Bool[Array, ""]
    converged: Bool[Array, ""]
    finite: Bool[Array, ""]


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
) -> FitResult[ModelType]:
    """Maximize the weighted mean of log p(x) over the chunks.

    Parameters
    ----------
    problem
        E-step and M-step.
    model
        Where to start.
    data
        Chunks stacked along a leading axis, or a function that gives them one after another at each call.
    tol
        Stop when the mean log p(x) per row rises by less than this over a cycle of three steps, twice in a row (one plain step,
        if ``accelerate`` is False); 0 goes on to ``max_iter``.
    max_iter
        Most iterations that count: E-steps at parameters that were kept.
    n_rows
        For the progress bar.
    accelerate
        Whether to extrapolate.
    verbose
        Show a progress bar on standard error.

    Returns
    -------
    FitResult
        With NumPy float64 leaves, the history of "log_evidence" (nats per row, at the parameters that each iteration
        started from) and "loss", its negative; status "converged", "max_iter", "interrupted" or "non_finite".
    """
    with (
        jax.enable_x64(True),
        interrupt_flag() as interrupted,
        reporter(verbose=verbose, max_epochs=max_iter, n_rows=n_rows) as report,
    ):
        state = _start(problem, model)
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
                report.epoch(len(history), {"loss": -history[-1]})
            if state.converged or not state.finite or interrupted:
                break
            seconds = (time.perf_counter() - started) / max(1, int(done))
            block = int(np.clip(_SECONDS_PER_BLOCK / seconds, 1, _BLOCK)) if steps > 1 else 4
    status = _status(state, history, tol=tol, max_iter=max_iter)
    log_evidence = np.array(history)
    return FitResult(
        model=jax.tree.map(np.asarray, state.best),
        objective=-float(state.highest),
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
    """The best of several starts after ``n_steps`` plain steps of all together, and the log p(x) per row that each reached.

    Parameters
    ----------
    models
        One module whose arrays have a leading axis of starts.
    """
    with jax.enable_x64(True):
        begun = models = jax.tree.map(jnp.asarray, models)
        if callable(data):
            for _ in range(n_steps):
                models, found = _step_together(problem, models, _sum_of_stream(problem, models, data, together=True))
        else:
            models, found = _steps_together(problem, models, jax.tree.map(jnp.asarray, data), n_steps)
        reached = np.asarray(found)
        alive = np.isfinite(reached) & _finite_starts(models)
        chosen = int(np.argmax(np.where(alive, reached, -np.inf))) if alive.any() else 0
        models = models if alive.any() else begun
        return jax.tree.map(lambda leaf: np.asarray(leaf)[chosen], models), reached


def _finite_starts(models: PyTree) -> Bool[np.ndarray, " starts"]:
    each = [np.isfinite(leaf).reshape(len(leaf), -1).all(axis=1) for leaf in jax.tree.leaves(models)]
    return np.asarray(np.logical_and.reduce(each))


def _start(problem: Problem, model: ModelType) -> EMState:
    model = jax.tree.map(jnp.asarray, model)
    free = problem.free(model)
    low = jnp.asarray(-jnp.inf)
    return EMState(
        model=model,
        fallback=model,
        best=model,
        start=free,
        middle=free,
        log_evidence=low,
        highest=low,
        of_cycle=low,
        longest=jnp.asarray(4.0),
        phase=jnp.asarray(0),
        quiet=jnp.asarray(0),
        accepted=jnp.asarray(False),
        converged=jnp.asarray(False),
        finite=jnp.asarray(True),
    )


def _advanced(
    problem: Problem, state: EMState, statistics: AbstractStatistics, tol: Float[Array, ""], accelerate: Bool[Array, ""]
) -> EMState:
    """The state after one E-step, whose statistics are given."""
    log_evidence = statistics.log_evidence / statistics.weight
    extrapolated = state.phase == 2
    floor = state.log_evidence - _ROUNDING * (1 + jnp.abs(state.log_evidence))
    finite = jnp.isfinite(log_evidence)
    accepted = finite & (~extrapolated | (log_evidence >= floor))

    improved = problem.maximize(state.model, statistics)
    settled = problem.settled(state.model, statistics)
    here, ahead = problem.free(settled), problem.free(improved)
    first, second = accelerate & (state.phase == 0), state.phase == 1
    guess, length = _extrapolate(state.start, state.middle, ahead, longest=state.longest)
    jumped = problem.with_free(improved, guess)

    model = _choose(second & accepted, jumped, _choose(accepted, improved, state.fallback))
    at_cycle = accepted & (state.phase == 0)
    gain = log_evidence - state.of_cycle
    fell = accepted & (log_evidence < state.log_evidence - _LOST_DIGITS * (1 + jnp.abs(state.log_evidence)))
    higher = accepted & ~(log_evidence < state.highest)
    quiet = jnp.where((gain < tol) & (tol > 0), state.quiet + 1, 0)  # rounding makes gains of a fit at its end negative
    quiet = jnp.where(at_cycle, quiet, state.quiet)
    grown = jnp.where(second & (length >= state.longest), 4 * state.longest, state.longest)
    shrunk = jnp.maximum(1.0, 0.25 * state.longest)
    return EMState(
        model=model,
        fallback=_choose(second & accepted, improved, state.fallback),
        best=_choose(higher, settled, state.best),
        start=_choose(first & accepted, here, state.start),
        middle=_choose(first & accepted, ahead, state.middle),
        log_evidence=jnp.where(accepted, log_evidence, state.log_evidence),
        highest=jnp.where(higher, log_evidence, state.highest),
        of_cycle=jnp.where(at_cycle, log_evidence, state.of_cycle),
        longest=jnp.where(accepted, grown, shrunk),
        phase=jnp.where(accepted & first, 1, jnp.where(accepted & second, 2, 0)),
        quiet=quiet,
        accepted=accepted,
        converged=(quiet >= jnp.where(accelerate, _QUIET_CYCLES, 1)) | fell,
        finite=finite | extrapolated,
    )


def _extrapolate(
    start: PyTree, middle: PyTree, end: PyTree, *, longest: Float[Array, ""]
) -> tuple[PyTree, Float[Array, ""]]:
    """Equation (2), and its a; theta_2 where the steps do not bend or are not finite."""
    step = jax.tree.map(lambda a, b: b - a, start, middle)
    bend = jax.tree.map(lambda a, b, c: (c - b) - (b - a), start, middle, end)
    lengths = jnp.sqrt(_square(step)), jnp.sqrt(_square(bend))
    length = jnp.clip(lengths[0] / jnp.maximum(lengths[1], 1e-300), 1.0, longest)
    length = jnp.where(jnp.isfinite(length), length, 1.0)
    guess = jax.tree.map(
        lambda a, r, v, c: jnp.where(length == 1.0, c, a + 2 * length * r + length**2 * v), start, step, bend, end
    )
    return guess, length


def _square(tree: PyTree) -> Float[Array, ""]:
    return sum((jnp.sum(leaf**2) for leaf in jax.tree.leaves(tree)), start=jnp.zeros(()))


def _choose(condition: Bool[Array, ""], one: PyTree, other: PyTree) -> PyTree:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), one, other)


# ---- sums over chunks: compiled for stacked ones, a call for each of a stream


def _sum_of_stack(problem: Problem, model: PyTree, chunks: PyTree) -> PyTree:
    first = problem.statistics(model, jax.tree.map(lambda leaf: leaf[0], chunks))
    n_chunks = jax.tree.leaves(chunks)[0].shape[0]
    if n_chunks == 1:
        return first

    def add(total: PyTree, chunk: PyTree) -> tuple[PyTree, None]:
        return jax.tree.map(jnp.add, total, problem.statistics(model, chunk)), None

    return jax.lax.scan(add, first, jax.tree.map(lambda leaf: leaf[1:], chunks))[0]


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


@eqx.filter_jit
def _run(
    problem: Problem,
    state: EMState,
    chunks: PyTree,
    n_steps: Int[Array, ""],
    tol: Float[Array, ""],
    accelerate: Bool[Array, ""],
) -> tuple[EMState, Float[Array, " block"], Int[Array, ""], Int[Array, ""]]:
    """Up to ``n_steps`` accepted iterations: the state, their log p(x), their number, and that of all E-steps."""

    def going(carry: tuple[EMState, Array, Array, Array]) -> Bool[Array, ""]:
        state, _, counted, _ = carry
        return (counted < n_steps) & ~state.converged & state.finite

    def step(carry: tuple[EMState, Array, Array, Array]) -> tuple[EMState, Array, Array, Array]:
        state, recorded, counted, done = carry
        state = _advanced(problem, state, _sum_of_stack(problem, state.model, chunks), tol, accelerate)
        recorded = jnp.where(state.accepted, recorded.at[counted].set(state.log_evidence), recorded)
        return state, recorded, counted + state.accepted, done + 1

    return jax.lax.while_loop(going, step, (state, jnp.zeros(_BLOCK), jnp.asarray(0), jnp.asarray(0)))


def _advance_streamed(
    problem: Problem, state: EMState, stream: Stream, n_steps: int, tol: float, accelerate: bool
) -> tuple[EMState, Array, Array, Array]:
    """One E-step, whatever ``n_steps``: a pass over the rows takes time enough."""
    statistics = _sum_of_stream(problem, state.model, stream)
    state = _advance(problem, state, statistics, jnp.asarray(float(tol)), jnp.asarray(accelerate))
    return state, state.log_evidence[None], state.accepted.astype(int), jnp.asarray(1)


@eqx.filter_jit
def _advance(problem: Problem, state: EMState, statistics: PyTree, tol: Array, accelerate: Array) -> EMState:
    return _advanced(problem, state, statistics, tol, accelerate)


@eqx.filter_jit
def _steps_together(problem: Problem, models: PyTree, chunks: PyTree, n_steps: int) -> tuple[PyTree, Array]:
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


def _status(state: EMState, history: list[float], *, tol: float, max_iter: int) -> Status:
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
    rise = ""
    if len(history) > 1:
        rise = f", the last of which raised log p(x) by {history[-1] - history[-2]:.2g} nats per row"
    return Status("max_iter", f"stopped after max_iter = {max_iter} iterations{rise}. Raise max_iter or tol.")
