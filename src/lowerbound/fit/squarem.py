r"""One iteration of accelerated expectation maximization: SQUAREM, scheme S3, with a guard that keeps it monotone.

Plain steps converge linearly, at a rate that can be as bad as 0.999. After two of them, theta_1 = EM(theta_0) and
theta_2 = EM(theta_1), the third starts from a point extrapolated along their path:

    r = theta_1 - theta_0,   v = (theta_2 - theta_1) - r,   a = max(1, |r| / |v|)
    theta' = theta_0 + 2 a r + a^2 v                        a = 1 gives theta_2                                  (1)

The next E-step says what log p(x) is there. If it is below that of theta_1, the extrapolated point is rejected and the loop goes
on from theta_2: the recorded log p(x) never falls, as long as the plain steps themselves raise it.

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

_STALLED_CYCLES = 2  # an extrapolation that failed makes one cycle look converged
_ROUNDING = 1e-13  # by which a log p(x) may fall without having fallen
_LOST_DIGITS = 1e-7  # fall of a plain step, relative, that ends the run: noise at a tiny floor costs digits


class EMState(eqx.Module):
    """State of the loop between two E-steps. Values of log p(x) are nats per unit of weight.

    Attributes
    ----------
    model
        Parameters of the next E-step.
    fallback
        theta_2 as a model: where the loop goes on if the extrapolated point is rejected.
    best, best_log_evidence
        The model of the highest log p(x) so far, and that log p(x).
    theta_0, theta_1
        Unconstrained parameters at the start of the cycle, and after its first plain step.
    log_evidence
        At the last accepted E-step.
    log_evidence_at_cycle_start
        At the first E-step of the cycle.
    cycle_gain
        Rise of log p(x) from the start of the cycle before to the start of this one; inf in the first cycle.
    max_step_length
        Largest a of equation (1) that is allowed.
    phase
        0 and 1 for the plain steps of a cycle, 2 for the extrapolated point.
    n_stalled_cycles
        Cycles in a row that raised log p(x) by less than ``tol``.
    accepted
        Whether the last E-step counts: False for a rejected extrapolation.
    converged, finite
        Whether the loop has to end: at a maximum, or since log p(x) is not finite.
    """

    model: PyTree
    fallback: PyTree
    best: PyTree
    theta_0: PyTree
    theta_1: PyTree
    log_evidence: Float[Array, ""]
    best_log_evidence: Float[Array, ""]
    log_evidence_at_cycle_start: Float[Array, ""]
    cycle_gain: Float[Array, ""]
    max_step_length: Float[Array, ""]
    phase: Int[Array, ""]
    n_stalled_cycles: Int[Array, ""]
    accepted: Bool[Array, ""]
    converged: Bool[Array, ""]
    finite: Bool[Array, ""]


def first_state(problem: Problem, model: AbstractExactModel) -> EMState:
    """State before the first E-step, at ``model``."""
    model = jax.tree.map(jnp.asarray, model)
    theta = problem.unconstrained(model)
    low = jnp.asarray(-jnp.inf)
    return EMState(
        model=model,
        fallback=model,
        best=model,
        theta_0=theta,
        theta_1=theta,
        log_evidence=low,
        best_log_evidence=low,
        log_evidence_at_cycle_start=low,
        cycle_gain=-low,
        max_step_length=jnp.asarray(4.0),
        phase=jnp.asarray(0),
        n_stalled_cycles=jnp.asarray(0),
        accepted=jnp.asarray(False),
        converged=jnp.asarray(False),
        finite=jnp.asarray(True),
    )


def next_state(
    problem: Problem, state: EMState, statistics: AbstractStatistics, tol: Float[Array, ""], accelerate: Bool[Array, ""]
) -> EMState:
    """State after an E-step, whose statistics are given, and the M-step that follows it."""
    log_evidence = statistics.log_evidence / statistics.weight
    extrapolated = state.phase == 2
    lowest_accepted = state.log_evidence - _ROUNDING * (1 + jnp.abs(state.log_evidence))
    finite = jnp.isfinite(log_evidence)
    accepted = finite & (~extrapolated | (log_evidence >= lowest_accepted))

    improved = problem.maximize(state.model, statistics)
    evaluated = problem.at_e_step(state.model, statistics)
    before, after = problem.unconstrained(evaluated), problem.unconstrained(improved)
    first, second = accelerate & (state.phase == 0), state.phase == 1
    theta, length = _extrapolate(state.theta_0, state.theta_1, after, max_step_length=state.max_step_length)
    extrapolated_model = problem.with_unconstrained(improved, theta)

    model = _choose(second & accepted, extrapolated_model, _choose(accepted, improved, state.fallback))
    cycle_starts = accepted & (state.phase == 0)
    gain = log_evidence - state.log_evidence_at_cycle_start
    fell = accepted & (log_evidence < state.log_evidence - _LOST_DIGITS * (1 + jnp.abs(state.log_evidence)))
    best = accepted & ~(log_evidence < state.best_log_evidence)
    # Rounding makes the gains of a fit at its end negative.
    n_stalled = jnp.where((gain < tol) & (tol > 0), state.n_stalled_cycles + 1, 0)
    n_stalled = jnp.where(cycle_starts, n_stalled, state.n_stalled_cycles)
    longest = state.max_step_length
    grown = jnp.where(second & (length >= longest), 4 * longest, longest)
    shrunk = jnp.maximum(1.0, 0.25 * longest)
    return EMState(
        model=model,
        fallback=_choose(second & accepted, improved, state.fallback),
        best=_choose(best, evaluated, state.best),
        theta_0=_choose(first & accepted, before, state.theta_0),
        theta_1=_choose(first & accepted, after, state.theta_1),
        log_evidence=jnp.where(accepted, log_evidence, state.log_evidence),
        best_log_evidence=jnp.where(best, log_evidence, state.best_log_evidence),
        cycle_gain=jnp.where(cycle_starts, gain, state.cycle_gain),
        log_evidence_at_cycle_start=jnp.where(cycle_starts, log_evidence, state.log_evidence_at_cycle_start),
        max_step_length=jnp.where(accepted, grown, shrunk),
        phase=jnp.where(accepted & first, 1, jnp.where(accepted & second, 2, 0)),
        n_stalled_cycles=n_stalled,
        accepted=accepted,
        converged=(n_stalled >= jnp.where(accelerate, _STALLED_CYCLES, 1)) | fell,
        finite=finite | extrapolated,
    )


def _extrapolate(
    theta_0: PyTree, theta_1: PyTree, theta_2: PyTree, *, max_step_length: Float[Array, ""]
) -> tuple[PyTree, Float[Array, ""]]:
    """theta' and a of equation (1); theta_2 and 1 where r or v is not finite."""
    r = jax.tree.map(lambda zero, one: one - zero, theta_0, theta_1)
    v = jax.tree.map(lambda zero, one, two: (two - one) - (one - zero), theta_0, theta_1, theta_2)
    length = jnp.sqrt(_sum_of_squares(r)) / jnp.maximum(jnp.sqrt(_sum_of_squares(v)), 1e-300)
    a = jnp.clip(length, 1.0, max_step_length)
    a = jnp.where(jnp.isfinite(a), a, 1.0)
    theta = jax.tree.map(
        lambda zero, r, v, two: jnp.where(a == 1.0, two, zero + 2 * a * r + a**2 * v), theta_0, r, v, theta_2
    )
    return theta, a


def _sum_of_squares(tree: PyTree) -> Float[Array, ""]:
    return sum((jnp.sum(leaf**2) for leaf in jax.tree.leaves(tree)), start=jnp.zeros(()))


def _choose(condition: Bool[Array, ""], one: PyTree, other: PyTree) -> PyTree:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), one, other)
