"""Adam with clipping and decay, built inside the compiled function from numbers that are traced.

An optax transformation is a pair of fresh closures: passed into ``jit`` it hashes anew at every fit and recompiles. Here the
numbers travel as array leaves, so a second fit, or a search over learning rates, compiles nothing.
"""

import math
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PyTree

Decay = Literal["cosine", "none"]


class Adam(eqx.Module):
    """Adam (Kingma & Ba 2015) on the mean loss, after clipping by global norm.

    Parameters
    ----------
    learning_rate
        Step size at the start.
    total_steps
        Length of the decay.
    max_gradient_norm
        Gradients longer than this are scaled down to it; inf for never.
    decay
        "cosine": learning_rate * (1 + cos(pi step / total_steps)) / 2; "none": constant.
    """

    learning_rate: Float[Array, ""]
    total_steps: Float[Array, ""]
    max_gradient_norm: Float[Array, ""]
    decay: Decay = eqx.field(static=True)

    def __init__(
        self,
        learning_rate: int | float,
        total_steps: int,
        *,
        max_gradient_norm: int | float = math.inf,
        decay: Decay = "cosine",
    ) -> None:
        self.learning_rate = jnp.asarray(learning_rate, jnp.float32)
        self.total_steps = jnp.asarray(total_steps, jnp.float32)
        self.max_gradient_norm = jnp.asarray(max_gradient_norm, jnp.float32)
        self.decay = decay

    def init(self, parameters: PyTree) -> optax.OptState:
        """First and second moments at zero."""
        return optax.scale_by_adam().init(parameters)

    def rate(self, step: Int[Array, ""]) -> Float[Array, ""]:
        """Learning rate at a step."""
        if self.decay == "none":
            return self.learning_rate
        return (
            self.learning_rate
            * 0.5
            * (1 + jnp.cos(jnp.pi * jnp.minimum(step.astype(jnp.float32) / self.total_steps, 1.0)))
        )

    def update(
        self,
        gradients: PyTree,
        state: optax.OptState,
        parameters: PyTree,
        *,
        step: Int[Array, ""],
        allowed: Bool[Array, ""],
    ) -> tuple[PyTree, optax.OptState, Bool[Array, ""]]:
        """New parameters, new moments, and whether the step was taken.

        It is not taken, and the parameters come back to the last bit, unless ``allowed`` and the gradient is finite. The
        guard zeroes gradient and rate: both melt into Adam's elementwise pass, where choosing between old and new
        parameters would cost a pass of its own (an eighth of the time of a step of a small VAE).
        """
        norm = optax.tree.norm(gradients)
        shrink = jnp.minimum(1.0, self.max_gradient_norm / jnp.maximum(norm, 1e-30))
        taken = allowed & jnp.isfinite(norm)
        clipped = jax.tree.map(lambda g: jnp.where(taken, g * shrink.astype(g.dtype), 0.0), gradients)
        with jax.numpy_dtype_promotion("standard"):  # Optax divides by an integer count
            directions, state = optax.scale_by_adam().update(clipped, state)
        rate = jnp.where(taken, self.rate(step), 0.0)
        moved = jax.tree.map(lambda p, d: p - (rate.astype(d.dtype) * d).astype(p.dtype), parameters, directions)
        return moved, state, taken
