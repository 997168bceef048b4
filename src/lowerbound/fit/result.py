"""FitResult and Status: what every iterative fit returns, whatever the loop."""

from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from jaxtyping import Float

Code = Literal["closed_form", "converged", "max_iter", "max_epochs", "early_stopping", "interrupted", "non_finite"]

ModelType = TypeVar("ModelType")


@dataclass(frozen=True)
class Status:
    """How a fit ended, with the remedy where one is needed.

    Attributes
    ----------
    code
        "closed_form", "converged" or "max_iter" (expectation maximization), "max_epochs" or "early_stopping" (gradient),
        "interrupted" or "non_finite".
    message
        For a person: how the fit ended in its first line, then a line for each note.
    """

    code: Code
    message: str

    @property
    def ok(self) -> bool:
        """Whether the fit ran to an end of its own choosing."""
        return self.code in ("closed_form", "converged", "max_epochs", "early_stopping")

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found besides; () for a clean fit."""
        return tuple(self.message.split("\n")[1:])

    def with_notes(self, notes: tuple[str, ...]) -> "Status":
        """The same status, with what the estimator found besides (constant features, scales at their floor)."""
        return Status(self.code, "\n".join((self.message, *notes)))

    def __str__(self) -> str:
        return f"{self.code}: {' '.join(self.message.split())}"


@dataclass(frozen=True)
class FitResult(Generic[ModelType]):
    """Result of an iterative fit.

    Attributes
    ----------
    model
        The returned parameters: those of the best validation epoch, else the last finite ones.
    objective
        The loss of exactly these parameters (nats per row, lower is better): on the validation rows if there are any, else on
        the training rows (after Ctrl-C on the first 1024 of them) with the local state that they have; schedules at their end.
    history
        One number per epoch (or step of expectation maximization) and name, equal lengths: means over the epoch's training
        rows while the parameters moved, and ``validation_…`` ones at the end of the epoch.
    steps
        Parameter updates done.
    status
        How the fit ended.
    best_epoch
        The epoch (from 1) whose end the returned parameters come from.
    local
        Local state of the training rows at the end of that epoch (a mean-field row, a chain's positions), leaves (n, …) in the
        order of these rows; None for a model without local state.
    """

    model: ModelType
    objective: float
    history: dict[str, Float[np.ndarray, " epochs"]]
    steps: int
    status: Status
    best_epoch: int
    local: Any = None
