r"""One iteration of accelerated expectation maximization: SQUAREM, scheme S3, with a guard that keeps it monotone.

Plain steps converge linearly, at a rate that can be as bad as 0.999. After two of them, theta_1 = EM(theta_0) and
theta_2 = EM(theta_1), the third starts from a point extrapolated along their path:

    r = theta_1 - theta_0,   v = (theta_2 - theta_1) - r,   a = max(1, |r| / |v|)
    theta' = theta_0 + 2 a r + a^2 v                        a = 1 is theta_2 itself                              (1)

The next E-step says what log p(x) is there. If it is below that of theta_1, the extrapolation is dropped and the loop goes on
from theta_2: the recorded log p(x) never falls, as long as the plain steps themselves raise it.

Three E-steps make a cycle: ``first_state`` and ``next_state`` are what ``fit.em`` loops over.

Reference: R. Varadhan, C. Roland, "Simple and globally convergent methods for accelerating the convergence of any EM
algorithm", Scandinavian Journal of Statistics 2008.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree

from lowerbound.models.model import AbstractExactModel
from lowerbound.objectives.expectation_maximization import AbstractExpectationMaximization, AbstractStatistics

Problem = AbstractExpectationMaximization[Any, Any, Any]

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


def first_state(problem: Problem, model: AbstractExactModel) -> EMState:
    """The state before the first E-step, at ``model``."""
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


def next_state(
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
    """Equation (1), and its a; theta_2 where the steps do not bend or are not finite."""
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
