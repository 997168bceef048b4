"""FactorAnalysis, the estimator: common factors and a noise of its own for each column (model: ``models.linear_gaussian``)."""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from numpy.random import RandomState

from lowerbound.findings.fitted import LinearFactors
from lowerbound.gaussians.linear import LinearGaussians
from lowerbound.gaussians.mixture import GaussianMixture
from lowerbound.interface.atomic import all_or_nothing
from lowerbound.interface.base import Posterior
from lowerbound.interface.hyperparameters import check_choices, no_type_check
from lowerbound.interface.linear_gaussian import LinearGaussianEstimator, canonical, with_loadings
from lowerbound.interface.weighted_rows import WeightedRows
from lowerbound.models.rotation import promax, quartimax, varimax

RotationName = Literal["varimax", "quartimax", "promax"]


class FactorAnalysis(LinearGaussianEstimator):
    r"""Factor analysis: z ~ N(0, I), x given z ~ N(mu + W z, diag psi); exact posterior, log p(x) and imputation.

    The likelihood does not change with the units of the columns, nor with a rotation of the factors. It is maximized by
    expectation/conditional maximization on the covariance (over the rows where cells are missing), to its very maximum
    (among noise variances above ``noise_floor``).

    Parameters
    ----------
    latent_dim
        Number L of factors, 1 to n_features.
    rotation
        None: the factors are ordered by how much the data says of them. "varimax" and "quartimax" turn them so that few
        loadings are large; "promax" lets them be correlated (``factor_correlation_``). The density is the same.
    dequantize
        X holds integer grey levels 0 … 255; uniform noise on [0, 1) is added, so that log p(x) is that of a density.
    noise_floor
        No column's noise variance is let below this share of its variance; columns that rest there (Heywood cases) are named in
        ``status_``. Nearly collinear columns overfit below 1e-3; 1e-6 is the maximum of the likelihood for all purposes.
    tol
        Stop when log p(x) per row rises by less over a cycle of three iterations, twice in a row.
    max_iter
        Most iterations.
    random_state
        Seed of the draws of ``sample``, ``impute(n_draws=…)`` and dequantization; the fit itself has no randomness.

    Attributes
    ----------
    mean_, loadings_, noise_variance_
        mu (n_features,), W (n_features, latent_dim), psi (n_features,), in the units of X; the sign of each factor is that
        of its large loadings.
    factor_mixing_
        (latent_dim, latent_dim): from the model's uncorrelated factors to the reported ones; the identity, unless "promax".
    factor_correlation_
        (latent_dim, latent_dim): the identity, unless the rotation is "promax". The covariance of the model is
        ``loadings_ @ factor_correlation_ @ loadings_.T + diag(noise_variance_)``.
    model_
        The fitted module, ``lowerbound.models.linear_gaussian.LinearGaussian``, whose factors are uncorrelated.
    history_
        "log_evidence" (nats per training row) and "loss", its negative.
    n_iter_, objective_, status_, best_epoch_
        Iterations, loss of the returned parameters, how the fit ended, the iteration that ``model_`` comes from.
    n_parameters_
        Free parameters: 2 d + d L - L (L - 1) / 2, at most those of mean and covariance, d + d (d + 1) / 2.
    constant_features_
        True for columns without any spread.

    References
    ----------
    D. B. Rubin, D. T. Thayer, "EM algorithms for ML factor analysis", Psychometrika 1982; C. Liu, D. B. Rubin, "The ECME
    algorithm", Biometrika 1994.

    Examples
    --------
    >>> import numpy as np
    >>> from lowerbound import FactorAnalysis
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 1)) @ [[2.0, 1.0, 1.0, 3.0]] + rng.normal(size=(300, 4)) * [1.0, 0.5, 0.1, 2.0]
    >>> fa = FactorAnalysis(latent_dim=1).fit(X)
    >>> fa.loadings_[:, 0].round().tolist(), fa.status_.code
    ([2.0, 1.0, 1.0, 3.0], 'converged')
    """

    @no_type_check
    def __init__(
        self,
        latent_dim: int = 2,
        *,
        rotation: RotationName | None = None,
        dequantize: bool = False,
        noise_floor: float = 1e-3,
        tol: float = 1e-7,
        max_iter: int = 1000,
        random_state: int | RandomState | None = None,
    ) -> None:
        self.latent_dim = latent_dim
        self.rotation = rotation
        self.dequantize = dequantize
        self.noise_floor = noise_floor
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state

    @all_or_nothing
    def fit(self, X: Any, y: Any = None, *, sample_weight: Any = None) -> "FactorAnalysis":
        """Maximize the likelihood of the observed cells of X, then turn the factors.

        Parameters
        ----------
        X
            (n, features) array or data frame, or images; n >= 2; NaN where a cell is missing.
        y
            Ignored.
        sample_weight
            (n,), not negative: a weight of 2 counts a row twice, a weight of 0 leaves it out.

        Raises
        ------
        ValueError
            For hyperparameters out of range, infinities, weights that are negative or all zero, and columns without any cell.
        """
        self._fit_to(X, sample_weight)
        return self

    def _fit_rows(self, rows: WeightedRows) -> None:
        variance = np.diag(rows.covariance) if rows.by_covariance else None
        self.preprocessing_, self.constant_features_ = rows.preprocessing(per_column=True, variance=variance)
        self._set_fitted(rows.in_user_units(self._expectation_maximization(rows), self.preprocessing_))
        self.density_, self.factor_mixing_ = self._rotated(canonical(self.density_))
        self.status_ = self.status_.with_notes(self._notes(rows))

    def _rotated(self, density: GaussianMixture) -> tuple[GaussianMixture, Float[np.ndarray, "latent latent"]]:
        """The density with its factors turned, and the matrix from them to the reported, maybe correlated ones."""
        identity = np.eye(int(self.latent_dim))
        assert isinstance(density.components, LinearGaussians)
        loadings = density.components.loadings[0]
        match self.rotation:
            case "varimax":
                return with_loadings(density, varimax(loadings).loadings[None]), identity
            case "quartimax":
                return with_loadings(density, quartimax(loadings).loadings[None]), identity
            case "promax":
                return density, np.linalg.inv(promax(loadings).matrix)
        return density, identity

    # ---- the reported factors: those of the model, mixed if the rotation is oblique

    @property
    def loadings_(self) -> Float[np.ndarray, "features latent"]:
        """W, (n_features, latent_dim), user's units; with "promax" the pattern matrix."""
        scale = self.preprocessing_.scale.reshape(-1)
        return np.linalg.solve(self.factor_mixing_.T, self._component.loadings[0].T).T * scale[:, None]

    @property
    def factor_correlation_(self) -> Float[np.ndarray, "latent latent"]:
        """Correlation of the reported factors under the model."""
        return self.factor_mixing_ @ self.factor_mixing_.T

    @property
    def linear_factors_(self) -> LinearFactors:
        """Loadings, noise, and the reported factors."""
        return replace(super().linear_factors_, correlation=self.factor_correlation_, rotation=self.rotation)

    @property
    def noise_variance_(self) -> Float[np.ndarray, " features"]:
        """psi, (n_features,), in the units of X, squared."""
        return self._variances()

    @property
    def _orthogonal(self) -> bool:
        """Whether the reported factors are those of the model."""
        return bool(np.array_equal(self.factor_mixing_, np.eye(len(self.factor_mixing_))))

    def _reported(self, latents: Float[np.ndarray, "*rows latent"]) -> Float[np.ndarray, "*rows latent"]:
        return latents if self._orthogonal else latents @ self.factor_mixing_.T

    def _of_model(self, latents: Float[np.ndarray, "*rows latent"]) -> Float[np.ndarray, "*rows latent"]:
        return latents if self._orthogonal else np.linalg.solve(self.factor_mixing_, latents.T).T

    def _reported_posterior(self, posterior: Posterior) -> Posterior:
        if self._orthogonal:
            return posterior
        covariance = self.factor_mixing_ @ posterior.covariance @ self.factor_mixing_.T
        return Posterior(self._reported(posterior.mean), np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)), covariance)

    @property
    def _isotropic(self) -> bool:
        return False

    def _check_hyperparameters(self) -> None:
        check_choices(self)
        self._check_common("FactorAnalysis")
