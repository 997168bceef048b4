"""Algorithms and models that no tenant of the library has yet, for tests of the loop: local state that counts visits."""

import jax
import jax.numpy as jnp

from lowerbound.fit.step import AbstractStep, StepResult, StepState
from lowerbound.models.model import AbstractLocalModel, AbstractModel
from lowerbound.nn.mlp import MLP


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


class Costly(AbstractLocalModel):
    """A model that refines a row by one product, and finds a new row's state by a hundred thousand of them."""

    weight: jnp.ndarray

    @property
    def latent_dim(self):
        return 1

    def log_likelihood(self, datum, z):
        return -jnp.sum((datum.values - z) ** 2)

    def encode(self, datum):
        return datum.local[:1]

    def decode(self, z, condition=None):
        return jnp.broadcast_to(z, (3,))

    def initial(self, datum, *, key):
        return jnp.zeros(len(self.weight))

    def refine(self, datum, *, key):
        return datum.local + self.weight @ datum.local

    def fit_local(self, datum, *, key):
        one = jnp.ones(len(self.weight))
        return jax.lax.scan(lambda local, _: (local + self.weight @ local, None), one, length=100_000)[0]


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

    def begin(self, parameters, *, key):
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

    def evaluate(self, model, memory, batch, *, key):
        return {"loss": jnp.sum((batch.mean(batch.datums.values) - model.first) ** 2)}


class Critics(AbstractStep):
    """A model's location against a linear critic, which lives in the memory of the step and not in the model.

    The critic f(x) = w x learns to tell rows from ``first``, its weight decaying, and ``first`` follows its slope:
    (w, first) spirals into (0, mean of the rows).
    """

    rate: jnp.ndarray

    @property
    def remedy(self):
        return "Lower the rate."

    def begin(self, parameters, *, key):
        return MLP(len(parameters.first), 1, hidden=(), activation="relu", key=key)

    def __call__(self, static, state, batch, *, key):
        metrics = self.evaluate(state.parameters, state.memory, batch, key=key)

        def gap(critic):
            weight = critic.layers[0].weight
            return (
                jnp.sum(critic(batch.mean(batch.datums.values)) - critic(state.parameters.first))
                - weight @ weight.T / 2
            )

        slope = jax.grad(lambda critic: jnp.sum(gap(critic)))(state.memory)
        critic = jax.tree.map(lambda leaf, up: leaf + self.rate * up, state.memory, slope)
        toward = jax.grad(lambda x: jnp.sum(critic(x)))(state.parameters.first)
        moved = Players(state.parameters.first + self.rate * toward, state.parameters.second)
        return StepResult(StepState(moved, critic, state.step + 1, jnp.asarray(True)), metrics, None)

    def evaluate(self, model, memory, batch, *, key):
        target = batch.mean(batch.datums.values)
        return {"loss": jnp.sum((target - model.first) ** 2), "critic": jnp.sum(memory(target) - memory(model.first))}
