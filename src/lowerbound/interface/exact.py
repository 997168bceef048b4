"""ExactEstimator: what the exactly solvable models share beyond the verbs of all: missing cells, imputation, float64.

    fit          EM or a closed form  -->  density_, NumPy                       compiled by JAX, loaded when fit is called
    other verbs  X with NaN  --Dataset-->  rows and holes  --gaussians-->  exact posteriors and log p(x_observed)       NumPy

A row's missing cells are integrated out, exactly. A row without any observed cell has log p = 0, the prior as its posterior and
the marginal distribution as its imputation.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Shaped

from lowerbound.data.preprocessing import check_grey_levels
from lowerbound.evaluate.closed_form import ClosedFormVerbs
from lowerbound.evaluate.outlier_methods import OutlierMethod
from lowerbound.findings.fitted import feature_names
from lowerbound.gaussians.mixture import GaussianMixture
from lowerbound.gaussians.saved import MisfitError
from lowerbound.interface.missing_cells import ImputingEstimator
from lowerbound.likelihoods.support import LEBESGUE, Support

LEAST_NOISE_FLOOR = 1e-7
"""Least ``noise_floor``: digits of log p(x) are lost in proportion to its inverse."""


class ExactEstimator(ImputingEstimator):
    """Base of PPCA, FactorAnalysis and MixtureOfFactorAnalyzers; see the module for the way of missing cells."""

    takes_missing: ClassVar[bool] = True
    computes_in: ClassVar[Literal["float32", "float64"]] = "float64"
    maximizes_evidence: ClassVar[bool] = True
    outlier_methods: ClassVar[tuple[OutlierMethod, ...]] = ("log_evidence", "kl", "elbo", "reconstruction")

    model_levels: ClassVar[frozenset[str]]
    """Names of the levels of ``model_``, which tell the verbs without loading JAX."""

    dequantize: bool
    density_: GaussianMixture

    @property
    def model_(self) -> Any:
        """The fitted density as an Equinox module, made anew from ``density_``: JAX is loaded now if it was not before."""
        from lowerbound.models.gaussians import module_of

        density: GaussianMixture | None = vars(self).get("density_")
        if density is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute 'model_': it is not fitted.")
        return module_of(density)

    @property
    def _verbs(self) -> ClosedFormVerbs:
        return ClosedFormVerbs(self.density_)

    @property
    def _n_features_out(self) -> int:
        return self.density_.latent_dim

    def _skeletons(self) -> Mapping[str, Any]:
        """Nothing: ``density_`` says its own structure."""
        return {}

    def _check_restored(self) -> None:
        density = vars(self).get("density_")
        if density is None:
            return
        found = (density.components.latent_dim, density.event_shape)
        if found != (int(self.latent_dim), tuple(self.input_shape_)):
            raise MisfitError(f"density_ is of latent_dim and row shape {found}, the estimator of others")

    def _set_model(self, model: GaussianMixture) -> None:
        self.density_ = model

    def _model_levels(self) -> frozenset[str]:
        return self.model_levels

    @property
    @abstractmethod
    def n_parameters_(self) -> int:
        """Number of free parameters, rotations of the factors not counted."""

    @property
    def support_(self) -> Support:
        """Real numbers."""
        return "reals"

    @property
    def base_measure_(self) -> str:
        """What ``log_evidence`` is a density with respect to."""
        return self._base_measure(LEBESGUE)

    def _check_values(self, array: Shaped[np.ndarray, "n *event"]) -> None:
        """Raise for what is no grey level, if such are to be dequantized; ``check_rows`` has seen to the rest."""
        if self._dequantized:
            check_grey_levels(
                array, "dequantize", white_level=255, owner=type(self).__name__, names=feature_names(self)
            )

    @property
    def _dequantized(self) -> bool:
        """Whether grey levels are dequantized: as fitted, or as asked where nothing is fitted yet."""
        return (
            self.preprocessing_.treatment == "dequantize" if hasattr(self, "preprocessing_") else bool(self.dequantize)
        )
