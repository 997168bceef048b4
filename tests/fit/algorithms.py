"""Algorithms and models that no tenant of the library has yet, for tests of the loop: local state that counts visits."""

import jax.numpy as jnp

from lowerbound.fit.step import AbstractStep, StepResult, StepState
from lowerbound.models.model import AbstractLocalModel, AbstractModel


class Counting(AbstractLocalModel):
    """A model whose local state is (how often the row was refined, the row's first cell): x is not modelled at all."""

    weight: jnp.ndarray

    @property
    def latent_dim(self):
        return 1

    def log_likelihood(self, datum, z):
        return -jnp.sum((datum.values - z) ** 2)

    def encode(self, datum):
        return datum.local[1:]

    def decode(self, z, condition=None):
        return jnp.broadcast_to(z, (3,))

    def initial(self, datum, *, key):
        return jnp.array([0.0, datum.values[0]])

    def refine(self, datum, *, key):
        return datum.local + jnp.array([1.0, 0.0])

    def fit_local(self, datum, *, key):
        return jnp.array([-1.0, datum.values[0]])


class Players(AbstractModel):
    """Two groups of parameters that learn in turns: the first follows the data, the second the first."""

    first: jnp.ndarray
    second: jnp.ndarray

    @property
    def latent_dim(self):
        return 3

    def log_likelihood(self, datum, z):
        return -jnp.sum((datum.values - z) ** 2)

    def encode(self, datum):
        return self.first

    def decode(self, z, condition=None):
        return z


class TwoPlayers(AbstractStep):
    """Alternating updates of two parameter groups, with a memory of its own: how often each moved."""

    rate: jnp.ndarray

    @property
    def remedy(self):
        return "Lower the rate."

    def begin(self, parameters):
        return jnp.zeros(2)

    def __call__(self, static, state, batch, *, key):
        turn = state.step % 2
        target = batch.mean(batch.datums.values)
        first, second = state.parameters.first, state.parameters.second
        moved = Players(
            jnp.where(turn == 0, first + self.rate * (target - first), first),
            jnp.where(turn == 1, second + self.rate * (first - second), second),
        )
        loss = jnp.sum((target - first) ** 2)
        state = StepState(moved, state.memory.at[turn].add(1.0), state.step + 1, jnp.asarray(True))
        return StepResult(state, {"loss": loss}, None)

    def evaluate(self, model, batch, *, key):
        return {"loss": jnp.sum((batch.mean(batch.datums.values) - model.first) ** 2)}
