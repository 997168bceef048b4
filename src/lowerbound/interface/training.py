"""What the estimators trained by gradient share: their hyperparameters' checks, validation rows, and the call of the loop."""

import math
from typing import Any, Protocol, runtime_checkable

from numpy.random import RandomState

from lowerbound.data.batches import plan
from lowerbound.data.dataset import Dataset, split_rows
from lowerbound.fit.gradient_step import GradientStep
from lowerbound.fit.loop import fit_minibatches
from lowerbound.fit.optimizer import Adam, Decay
from lowerbound.fit.result import FitResult
from lowerbound.fit.step import AbstractStep
from lowerbound.interface.hyperparameters import check_bool, check_integer, check_number, check_seed
from lowerbound.models.model import AbstractModel
from lowerbound.objectives.objective import AbstractObjective

MINIMUM_ROWS_FOR_VALIDATION = 200
"""Below this many rows nothing is held out, whatever ``validation_fraction`` says."""


@runtime_checkable
class TrainingHyperparameters(Protocol):
    """The hyperparameters that every estimator trained by gradient has."""

    max_epochs: int
    batch_size: int
    learning_rate: float
    learning_rate_decay: Decay
    max_gradient_norm: float | None
    validation_fraction: float
    patience: int | None
    random_state: int | RandomState | None
    verbose: bool


def check_training(owner: str, given: TrainingHyperparameters) -> None:
    """Raise one clear error for the first hyperparameter of training that is out of its range."""
    check_integer(owner, "max_epochs", given.max_epochs, minimum=1)
    check_integer(owner, "batch_size", given.batch_size, minimum=1)
    check_number(owner, "learning_rate", given.learning_rate, minimum=0, above=True)
    if given.max_gradient_norm is not None:
        check_number(owner, "max_gradient_norm", given.max_gradient_norm, minimum=0, above=True)
    check_number(owner, "validation_fraction", given.validation_fraction, minimum=0, below=1)
    if given.patience is not None:
        check_integer(owner, "patience", given.patience, minimum=1)
    check_seed(owner, given.random_state)
    check_bool(owner, "verbose", given.verbose)


class Training:
    """Rows split for training and validation, and the run itself."""

    def __init__(self, given: TrainingHyperparameters, dataset: Dataset, *, seed: int) -> None:
        train, held = split_rows(
            len(dataset),
            fraction=float(given.validation_fraction),
            minimum_rows=MINIMUM_ROWS_FOR_VALIDATION,
            seed=seed,
        )
        self._given, self._seed = given, seed
        self._dataset, self._train = dataset, train
        self._held = held if len(held) else None

    @property
    def steps_per_epoch(self) -> int:
        """Parameter updates in an epoch: the unit of warm-ups."""
        return plan(len(self._train), batch_size=self._given.batch_size).steps_per_epoch

    @property
    def optimizer(self) -> Adam:
        """Adam as the hyperparameters say, its decay over the whole run."""
        given = self._given
        return Adam(
            given.learning_rate,
            given.max_epochs * self.steps_per_epoch,
            decay=given.learning_rate_decay,
            max_gradient_norm=math.inf if given.max_gradient_norm is None else given.max_gradient_norm,
        )

    def gradient_step(self, objective: AbstractObjective[Any]) -> GradientStep:
        """The algorithm that minimizes an objective by ``optimizer``."""
        return GradientStep(objective, self.optimizer)

    def run(self, model: AbstractModel, step: AbstractStep) -> FitResult[Any]:
        """Result of training by the algorithm ``step``, from the given model on."""
        given = self._given
        return fit_minibatches(
            model,
            step,
            self._dataset,
            max_epochs=given.max_epochs,
            batch_size=given.batch_size,
            seed=self._seed,
            training_rows=self._train,
            validation_rows=self._held,
            patience=given.patience,
            verbose=given.verbose,
        )
