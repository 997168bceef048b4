r"""Gradient step: one step of stochastic gradient on an objective.

1. local state of the rows refined, the model held fixed                                       AbstractLocalModel
2. g = grad of objective(model, batch, key, step)                                              AbstractObjective
3. theta <- theta - rate(step) * Adam(clip(g))                                                 Adam
4. if the loss or |g| is not finite: keep theta, here and in every later step
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from lowerbound.data.datum import Datum
from lowerbound.fit.optimizer import Adam
from lowerbound.fit.step import AbstractStep, StepResult, StepState
from lowerbound.models.model import AbstractLocalModel, AbstractModel, with_local
from lowerbound.objectives.objective import AbstractObjective, Batch, Metrics

# The step at which every warm-up and temperature has reached its end: validation looks at the final objective.
_END_OF_SCHEDULES = 2**30


class GradientStep(AbstractStep):
    """Adam on an objective.

    Attributes
    ----------
    objective
        (model, batch, key, step) -> loss, metrics.
    optimizer
        Learning rate, decay, clipping.
    """

    objective: AbstractObjective[Any]
    optimizer: Adam

    @property
    def remedy(self) -> str:
        """Smaller steps, or shorter ones where a gradient is large."""
        return f"Try learning_rate={float(self.optimizer.learning_rate) / 3:.2g} or max_gradient_norm=10."

    def begin(self, parameters: PyTree, *, key: PRNGKeyArray) -> PyTree:
        """Adam's moments at zero."""
        return self.optimizer.init(parameters)

    def __call__(self, static: PyTree, state: StepState, batch: Batch, *, key: PRNGKeyArray) -> StepResult:
        """One step; see the module."""
        batch = _refined(eqx.combine(state.parameters, static), batch, key=key)

        def loss_of(parameters: PyTree) -> tuple[Float[Array, ""], Metrics]:
            return self.objective(eqx.combine(parameters, static), batch, key, jnp.asarray(state.step))

        (loss, metrics), gradients = jax.value_and_grad(loss_of, has_aux=True)(state.parameters)
        parameters, memory, finite = self.optimizer.update(
            gradients,
            state.memory,
            state.parameters,
            step=jnp.asarray(state.step),
            allowed=jnp.asarray(state.finite & jnp.isfinite(loss)),
        )
        # After the first non-finite step nothing moves any more.
        moved = StepState(parameters, memory, state.step + finite.astype(state.step.dtype), finite)
        return StepResult(moved, {"loss": loss} | metrics, batch.datums.local)

    def evaluate(self, model: AbstractModel, memory: PyTree, batch: Batch, *, key: PRNGKeyArray) -> Metrics:
        """Loss and metrics at the end of the schedules."""
        loss, metrics = self.objective(model, batch, key, jnp.asarray(_END_OF_SCHEDULES))
        return {"loss": loss} | metrics


def _refined(model: AbstractModel, batch: Batch, *, key: PRNGKeyArray) -> Batch:
    """The minibatch with its rows' local state refined; itself where the model has none."""
    if not isinstance(model, AbstractLocalModel):
        return batch

    def refine(datum: Datum, key: PRNGKeyArray) -> Datum:
        return with_local(datum, model.refine(datum, key=key))

    keys = jax.random.split(jax.random.fold_in(key, 1), len(batch.weight))
    return Batch(jax.lax.stop_gradient(jax.vmap(refine)(batch.datums, keys)), batch.weight, batch.row)
