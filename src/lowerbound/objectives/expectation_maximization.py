r"""AbstractExpectationMaximization: (model, chunk of rows) -> expected statistics, and their sum -> a better model.

    E-step   s(theta) = \sum_n w_n E[ t(x_n, z_n) given x_n; theta ]          sums over rows: chunks add up               (1)
    M-step   theta'   = argmax_theta E[ log p(x, z; theta) ], from s alone    closed form                                 (2)

Each step raises the weighted log p(x) of the observed cells, or leaves it where it is: the lower bound that (2) maximizes
touches log p(x) at theta. Statistics carry the log p(x) of the parameters that they were taken at, since the E-step knows it.

This is what ``fit/em.py`` needs of a model, as ``AbstractStep`` is what ``fit/loop.py`` needs.

Reference: A. P. Dempster, N. M. Laird, D. B. Rubin, "Maximum likelihood from incomplete data via the EM algorithm", JRSS B 1977.
"""

from abc import abstractmethod
from typing import Generic, TypeVar

import equinox as eqx
from jaxtyping import Array, Float, PyTree

from lowerbound.models.model import AbstractExactModel

ModelType = TypeVar("ModelType", bound=AbstractExactModel)
ChunkType = TypeVar("ChunkType", bound=eqx.Module)


class AbstractStatistics(eqx.Module):
    """Sums over rows, a pytree that can be added; ``log_evidence`` is the sum of w log p(x), ``weight`` that of w."""

    log_evidence: eqx.AbstractVar[Float[Array, ""]]
    weight: eqx.AbstractVar[Float[Array, ""]]


StatisticsType = TypeVar("StatisticsType", bound=AbstractStatistics)


class AbstractExpectationMaximization(eqx.Module, Generic[ModelType, ChunkType, StatisticsType]):
    """E-step and M-step of a family of models."""

    @abstractmethod
    def statistics(self, model: ModelType, chunk: ChunkType) -> StatisticsType:
        """Equation (1) for the rows of a chunk."""

    @abstractmethod
    def maximize(self, model: ModelType, statistics: StatisticsType) -> ModelType:
        """Equation (2); ``model`` is where the statistics were taken, kept where they say nothing."""

    @abstractmethod
    def at_e_step(self, model: ModelType, statistics: StatisticsType) -> ModelType:
        """The model that ``statistics.log_evidence`` belongs to: ``model`` itself, unless the E-step improved a part of it."""

    @abstractmethod
    def unconstrained(self, model: ModelType) -> PyTree:
        """The unconstrained parameters whose path the loop may extrapolate."""

    @abstractmethod
    def with_unconstrained(self, model: ModelType, parameters: PyTree) -> ModelType:
        """The model with these parameters in place of its own, brought back where a bound was overstepped."""
