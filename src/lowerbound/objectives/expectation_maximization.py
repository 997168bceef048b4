r"""AbstractExpectationMaximization: (model, chunk of rows) -> expected statistics, and their sum -> a better model.

    E-step   s(theta) = \sum_n w_n E[ t(x_n, z_n) given x_n; theta ]          sums over rows: chunks add up               (1)
    M-step   theta'   = argmax_theta E[ log p(x, z; theta) ], from s alone    closed form                                 (2)

A step never lowers the weighted log p(x) of the observed cells: (2) maximizes a lower bound that equals log p(x) at theta. The
E-step computes log p(x) at theta on its way, and the statistics carry it.

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
        """Equation (2); parameters without data keep their values in ``model``, the model of the E-step."""

    @abstractmethod
    def at_e_step(self, model: ModelType, statistics: StatisticsType) -> ModelType:
        """Model whose log p(x) the statistics carry: ``model`` itself, unless the E-step improved a part of it."""

    @abstractmethod
    def unconstrained(self, model: ModelType) -> PyTree:
        """Unconstrained parameters, a pytree of arrays whose path the loop may extrapolate."""

    @abstractmethod
    def with_unconstrained(self, model: ModelType, parameters: PyTree) -> ModelType:
        """Model with these parameters, moved to the nearest bound where they violate one."""
