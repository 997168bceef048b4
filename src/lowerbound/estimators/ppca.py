"""PPCA, the estimator: principal components as a density (model: ``lowerbound.models.linear_gaussian`` with psi = sigma^2)."""

from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from numpy.random import RandomState

from lowerbound.data.principal_axes import spectrum_of_covariance, spectrum_of_rows
from lowerbound.fit.result import FitResult, Status
from lowerbound.gaussians.mixture import GaussianMixture
from lowerbound.interface.atomic import all_or_nothing
from lowerbound.interface.hyperparameters import check_bool, check_choices, no_type_check
from lowerbound.interface.linear_gaussian import LinearGaussianEstimator, canonical
from lowerbound.interface.weighted_rows import WeightedRows
from lowerbound.nn.constants import LOG_TWO_PI

PPCAMethod = Literal["closed_form", "em"]


class PPCA(LinearGaussianEstimator):
    r"""Probabilistic PCA: z ~ N(0, I), x given z ~ N(mu + W z, sigma^2 I); exact posterior, log p(x) and imputation.

    The maximum of the likelihood is known: with the eigenvalues l_1 >= … >= l_d of the covariance (dividing by n) and U the
    first L eigenvectors, sigma^2 is the mean of the other d - L eigenvalues, and W = U (diag(l_1 … l_L) - sigma^2 I)^{1/2}.

    Parameters
    ----------
    latent_dim
        Number L of components, 1 to n_features.
    method
        "closed_form", or "em", which reaches the same likelihood. Rows with missing cells have no closed form: EM is used.
    standardize
        Fit in units of each column's standard deviation, as for tables whose columns have units of their own; log p(x) is
        reported in the units of X either way.
    dequantize
        X holds integer grey levels 0 … 255; uniform noise on [0, 1) is added, so that log p(x) is that of a density.
    noise_floor
        sigma^2 is not let below this share of the mean variance of the columns.
    tol
        EM stops when log p(x) per row rises by less over a cycle of three iterations, twice in a row.
    max_iter
        Most iterations of EM.
    random_state
        Seed of the draws of ``sample``, ``impute(n_draws=…)`` and dequantization; the fit itself has no randomness.

    Attributes
    ----------
    mean_, loadings_, noise_variance_
        mu (n_features,), W (n_features, latent_dim), sigma^2 (a number, or (n_features,) after ``standardize``), in the
        units of X. The columns of W are orthogonal, the longest first, the largest entry of each positive.
    explained_variance_ratio_
        Share of the total variance along each component, sigma^2 included, (latent_dim,).
    model_
        The fitted module, ``lowerbound.models.linear_gaussian.LinearGaussian``.
    history_
        "log_evidence" (nats per training row) and "loss", its negative; one number for the closed form.
    n_iter_, objective_, status_, best_epoch_
        Iterations, loss of the returned parameters, how the fit ended, the iteration that ``model_`` comes from.
    n_parameters_
        Free parameters: d + d L - L (L - 1) / 2 + 1, at most those of mean and covariance, d + d (d + 1) / 2.
    constant_features_
        True for columns without any spread.

    References
    ----------
    M. E. Tipping, C. M. Bishop, "Probabilistic principal component analysis", JRSS B 1999.

    Examples
    --------
    >>> import numpy as np
    >>> from lowerbound import PPCA
    >>> X = np.random.default_rng(0).normal(size=(200, 2)) @ [[3.0, 1.0, 0.0], [0.0, 1.0, 2.0]]
    >>> X[0, 2] = np.nan
    >>> ppca = PPCA(latent_dim=1).fit(X)
    >>> ppca.transform(X).shape, ppca.log_evidence(X).exact, bool(np.isnan(ppca.impute(X)).any())
    ((200, 1), True, False)
    """

    @no_type_check
    def __init__(
        self,
        latent_dim: int = 2,
        *,
        method: PPCAMethod = "closed_form",
        standardize: bool = False,
        dequantize: bool = False,
        noise_floor: float = 1e-6,
        tol: float = 1e-7,
        max_iter: int = 1000,
        random_state: int | RandomState | None = None,
    ) -> None:
        self.latent_dim = latent_dim
        self.method = method
        self.standardize = standardize
        self.dequantize = dequantize
        self.noise_floor = noise_floor
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state

    @all_or_nothing
    def fit(self, X: Any, y: Any = None, *, sample_weight: Any = None) -> "PPCA":
        """Maximize the likelihood of the observed cells of X.

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
        self.preprocessing_, self.constant_features_ = rows.preprocessing(
            per_column=self.standardize, variance=variance
        )
        closed = self.method == "closed_form" and rows.complete
        result = self._closed_form(rows) if closed else self._expectation_maximization(rows)
        self._set_fitted(rows.in_user_units(result, self.preprocessing_))
        self.density_ = canonical(self.density_)
        self.status_ = self.status_.with_notes(self._notes(rows))

    def _closed_form(self, rows: WeightedRows) -> FitResult[GaussianMixture]:
        """The maximum of the likelihood, from the covariance or, where there are fewer rows than columns, from these."""
        latent_dim, n_features = int(self.latent_dim), rows.n_features
        if rows.by_covariance:
            _, scale = self._shift_and_scale()
            values, vectors, rest = spectrum_of_covariance(rows.covariance / scale / scale[:, None], latent_dim)
        else:
            values, vectors, rest = spectrum_of_rows(rows.root_weighted(self.preprocessing_), latent_dim)
        variance = max(rest, float(self.noise_floor))
        signal = np.maximum(values - variance, 0.0)
        explained, n_others = signal + variance, n_features - latent_dim
        log_evidence = -0.5 * (
            n_features * LOG_TWO_PI
            + np.log(explained).sum()
            + n_others * np.log(variance)
            + np.sum(values / explained)
            + n_others * rest / variance
        )
        density = self._density(vectors * np.sqrt(signal), np.asarray(np.log(variance)))
        history = {"loss": np.array([-log_evidence]), "log_evidence": np.array([log_evidence])}
        status = Status("closed_form", "the maximum of the likelihood, in closed form.")
        return FitResult(density, -float(log_evidence), history, 1, status, 1)

    @property
    def noise_variance_(self) -> float | Float[np.ndarray, " features"]:
        """sigma^2 in the units of X, squared: one number, or one for each column after ``standardize``."""
        variances = self._variances()
        return float(variances[0]) if np.ptp(self._shift_and_scale()[1]) == 0 else variances

    @property
    def explained_variance_ratio_(self) -> Float[np.ndarray, " latent"]:
        """Share of the total variance (of the standardized columns, if so fitted) along each component, noise included."""
        noise = float(np.exp(self._component.log_variance[0]))
        signal = np.sum(np.square(self._component.loadings[0]), axis=0)
        return np.asarray((signal + noise) / (signal.sum() + self.n_features_in_ * noise))

    @property
    def _isotropic(self) -> bool:
        return True

    def _check_hyperparameters(self) -> None:
        check_choices(self)
        self._check_common("PPCA")
        check_bool("PPCA", "standardize", self.standardize)
