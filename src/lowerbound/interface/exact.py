"""ExactEstimator: what the exactly solvable models share beyond the verbs of all: missing cells, imputation, float64.

    X with NaN  --Dataset-->  finite values and a mask  --models.*-->  exact posteriors and log p(x_observed)

A row's missing cells are integrated out, exactly. A row without any observed cell has log p = 0, the prior as its posterior and
the marginal distribution as its imputation.
"""

from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Shaped

from lowerbound.data.preprocessing import check_grey_levels
from lowerbound.evaluate.outliers import OutlierMethod
from lowerbound.interface.missing_cells import ImputingEstimator
from lowerbound.likelihoods.gaussian import AbstractGaussian
from lowerbound.likelihoods.likelihood import Support

LEAST_NOISE_FLOOR = 1e-7
"""Least ``noise_floor``: digits of log p(x) are lost in proportion to its inverse."""


class ExactEstimator(ImputingEstimator):
    """Base of PPCA, FactorAnalysis and MixtureOfFactorAnalyzers; see the module for the way of missing cells."""

    takes_missing: ClassVar[bool] = True
    computes_in: ClassVar[Literal["float32", "float64"]] = "float64"
    maximizes_evidence: ClassVar[bool] = True
    outlier_methods: ClassVar[tuple[OutlierMethod, ...]] = ("log_evidence", "kl", "elbo", "reconstruction")

    dequantize: bool

    @property
    @abstractmethod
    def n_parameters_(self) -> int:
        """Number of free parameters, rotations of the factors not counted."""

    @property
    def support_(self) -> Support:
        """Real numbers."""
        return AbstractGaussian.support

    @property
    def base_measure_(self) -> str:
        """What ``log_evidence`` is a density with respect to."""
        return self._base_measure(AbstractGaussian.base_measure)

    def _check_values(self, array: Shaped[np.ndarray, "n *event"]) -> None:
        """Raise for what is no grey level, if such are to be dequantized; ``check_rows`` has seen to the rest."""
        if self._dequantized:
            check_grey_levels(array, "dequantize", white_level=255, owner=type(self).__name__)

    @property
    def _dequantized(self) -> bool:
        """Whether grey levels are dequantized: as fitted, or as asked where nothing is fitted yet."""
        return (
            self.preprocessing_.treatment == "dequantize" if hasattr(self, "preprocessing_") else bool(self.dequantize)
        )
