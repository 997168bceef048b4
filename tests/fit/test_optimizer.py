"""Adam with clipping and decay against optax's chain of the same parts."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lowerbound.fit.optimizer import Adam


def gradients(step):
    """Made-up gradients of very different sizes."""
    rng = np.random.default_rng(step)
    return {
        "w": jnp.asarray(rng.normal(size=(3, 2)) * 10.0 ** rng.integers(-6, 4)),
        "b": jnp.asarray(rng.normal(size=2)),
    }


START = {"w": jnp.arange(6.0).reshape(3, 2), "b": jnp.array([-1.0, 0.5])}


@eqx.filter_jit
def update(optimizer, gradients, state, parameters, step, allowed):
    return optimizer.update(gradients, state, parameters, step=step, allowed=allowed)


@pytest.mark.parametrize("decay", ["cosine", "none"])
@pytest.mark.parametrize("limit", [math.inf, 0.5])
def test_steps_are_those_of_optax(decay, limit):
    schedule = optax.cosine_decay_schedule(0.1, 20) if decay == "cosine" else 0.1
    clip = optax.identity() if limit == math.inf else optax.clip_by_global_norm(limit)
    reference = optax.chain(clip, optax.adam(schedule))
    optimizer = Adam(0.1, 20, max_gradient_norm=limit, decay=decay)
    ours, theirs = START, START
    state, reference_state = optimizer.init(START), reference.init(START)
    for step in range(25):  # five steps beyond the end of the decay
        ours, state, taken = update(optimizer, gradients(step), state, ours, jnp.asarray(step), jnp.asarray(True))
        with jax.numpy_dtype_promotion("standard"):  # Optax divides by an integer count
            updates, reference_state = reference.update(gradients(step), reference_state)
        theirs = optax.apply_updates(theirs, updates)
        assert taken
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), ours, theirs)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_a_gradient_without_finite_length_moves_nothing(bad):
    optimizer = Adam(0.1, 20)
    _, state, _ = update(optimizer, gradients(0), optimizer.init(START), START, jnp.asarray(0), jnp.asarray(True))
    spoiled = {"w": gradients(1)["w"].at[1, 1].set(bad), "b": gradients(1)["b"]}
    for wrong, allowed in ((spoiled, True), (gradients(1), False)):
        parameters, _, taken = update(optimizer, wrong, state, START, jnp.asarray(1), jnp.asarray(allowed))
        assert not taken
        jax.tree.map(np.testing.assert_array_equal, parameters, START)


def test_a_gradient_of_zero_is_a_step_without_motion():
    optimizer = Adam(0.1, 20, max_gradient_norm=1.0)
    zero = jax.tree.map(jnp.zeros_like, START)
    parameters, _, taken = update(optimizer, zero, optimizer.init(START), START, jnp.asarray(0), jnp.asarray(True))
    assert taken
    jax.tree.map(np.testing.assert_array_equal, parameters, START)


def test_rate_falls_along_half_a_cosine():
    steps = np.arange(0, 130, 10)
    rates = [float(Adam(3e-3, 100).rate(jnp.asarray(step))) for step in steps]
    np.testing.assert_allclose(rates, 1.5e-3 * (1 + np.cos(np.pi * np.minimum(steps / 100, 1))), rtol=1e-5, atol=1e-9)
    assert Adam(3e-3, 100, decay="none").rate(jnp.asarray(99)) == np.float32(3e-3)
