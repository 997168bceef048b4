"""AbstractStep: what one minibatch does to the parameters, the algorithm that ``fit.loop`` takes as an argument.

    begin      parameters, key                               ->  memory (moments of an optimizer, a second player, …)
    __call__   model at its parameters, memory, minibatch    ->  new ones, metrics, the rows' new local state
    evaluate   model, memory, minibatch                      ->  metrics at fixed parameters, schedules at their end

A step is an Equinox module whose numbers are array leaves, so that another learning rate compiles nothing. Its metrics have
"loss" among them, and the same names at every step. A memory may hold modules, such as the networks of a player that is no
part of the model (a discriminator): it is a pytree whose leaves are arrays of fixed shapes.
"""

from abc import abstractmethod
from typing import NamedTuple

import equinox as eqx
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

from lowerbound.models.model import AbstractModel
from lowerbound.objectives.objective import Batch, Metrics


class StepState(eqx.Module):
    """What a step changes: the carry of the compiled scan.

    Attributes
    ----------
    parameters
        The model's inexact arrays.
    memory
        What the algorithm keeps from step to step.
    step
        Number of steps taken.
    finite
        False after a step whose loss or gradient was not finite: from then on nothing moves.
    """

    parameters: PyTree
    memory: PyTree
    step: Int[Array | np.ndarray, ""]
    finite: Bool[Array | np.ndarray, ""]


class StepResult(NamedTuple):
    """The state after a step, its metrics (means over the minibatch's real rows), and the rows' local state."""

    state: StepState
    metrics: Metrics
    local: PyTree


class AbstractStep(eqx.Module):
    """One step of an algorithm that learns from minibatches."""

    @property
    @abstractmethod
    def remedy(self) -> str:
        """What to try where the steps were too large, in a sentence."""

    @abstractmethod
    def begin(self, parameters: PyTree, *, key: PRNGKeyArray) -> PyTree:
        """The memory before the first step."""

    @abstractmethod
    def __call__(self, static: PyTree, state: StepState, batch: Batch, *, key: PRNGKeyArray) -> StepResult:
        """One step from ``state``; ``eqx.combine(state.parameters, static)`` is the model."""

    @abstractmethod
    def evaluate(
        self, model: AbstractModel, memory: PyTree, batch: Batch, *, key: PRNGKeyArray
    ) -> dict[str, Float[Array, ""]]:
        """Metrics of a fixed model and memory, every schedule at its end."""
