"""MixtureOfFactorAnalyzers, the estimator: clusters with factors of their own; without factors, the Gaussian mixture."""

from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float, Int
from numpy.random import RandomState

from lowerbound.evaluate.notes import cluster_notes, constant_note
from lowerbound.findings.fitted import ClusterParameters, feature_names
from lowerbound.gaussians.full import FullGaussians
from lowerbound.gaussians.mixture import Components, GaussianMixture, lost_clusters
from lowerbound.interface.atomic import all_or_nothing
from lowerbound.interface.base import seed_of
from lowerbound.interface.checks import check_rows
from lowerbound.interface.exact import LEAST_NOISE_FLOOR, ExactEstimator
from lowerbound.interface.hyperparameters import (
    check_bool,
    check_choices,
    check_integer,
    check_number,
    check_seed,
    no_type_check,
)
from lowerbound.interface.linear_gaussian import canonical
from lowerbound.interface.weighted_rows import WeightedRows

Noise = Literal["diagonal", "isotropic", "full"]


class MixtureOfFactorAnalyzers(ExactEstimator):
    r"""p(x) = \sum_k pi_k N(x; mu_k, W_k W_k^T + Psi_k): exact responsibilities, log p(x) and imputation, by EM.

    With ``latent_dim=0`` it is the Gaussian mixture, of diagonal, spherical (isotropic) or full covariances.

    Parameters
    ----------
    n_clusters
        Number K of components, at least 1.
    latent_dim
        Number L of factors of each component, 0 to n_features.
    noise
        Psi_k: "diagonal" (mixture of factor analyzers), "isotropic" (mixture of probabilistic PCA), or "full", for
        ``latent_dim=0`` only.
    shared_noise
        Whether all components have the same Psi.
    standardize
        Isotropic noise only: fit in units of each column's standard deviation. Other noise does not depend on units.
    n_init
        Starts by k-means++; all run a few steps together, and the best goes on.
    dequantize
        X holds integer grey levels 0 … 255; uniform noise on [0, 1) is added, so that log p(x) is that of a density.
    noise_floor
        No noise variance (eigenvalue of a full covariance) is let below this share of its column's variance, or of the mean
        variance of the columns where these share a unit (isotropic noise), at least 1e-7.
    tol
        Stop when log p(x) per row rises by less over a cycle of three iterations, twice in a row.
    max_iter
        Most iterations.
    random_state
        Seed of the starts, of draws and of dequantization.
    verbose
        Show progress on standard error.

    Attributes
    ----------
    weights_, means_
        pi (K,) and mu (K, n_features), the latter in the units of X. Clusters are numbered by falling weight.
    model_
        The fitted module, ``lowerbound.models.mixture.Mixture``.
    history_
        "log_evidence" (nats per training row) and "loss", its negative.
    n_iter_, objective_, status_, best_epoch_
        Iterations, loss of the returned parameters, how the fit ended, the iteration that ``model_`` comes from.
    n_parameters_
        Free parameters, rotations of the factors not counted.
    constant_features_
        True for columns without any spread.

    References
    ----------
    Z. Ghahramani, G. E. Hinton, "The EM algorithm for mixtures of factor analyzers", 1996; M. E. Tipping, C. M. Bishop,
    "Mixtures of probabilistic principal component analysers", Neural Computation 1999.

    Examples
    --------
    >>> import numpy as np
    >>> from lowerbound import MixtureOfFactorAnalyzers
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(size=(60, 2)), 10 + rng.normal(size=(40, 2))])
    >>> mixture = MixtureOfFactorAnalyzers(2, latent_dim=0, random_state=0).fit(X)
    >>> mixture.weights_.round(2).tolist(), int((mixture.predict(X) == 1).sum())
    ([0.6, 0.4], 40)
    """

    model_levels: ClassVar[frozenset[str]] = frozenset(
        (
            "AbstractModel",
            "AbstractGenerativeModel",
            "AbstractDensityModel",
            "AbstractExactModel",
            "AbstractClusterModel",
        )
    )

    @no_type_check
    def __init__(
        self,
        n_clusters: int = 2,
        *,
        latent_dim: int = 2,
        noise: Noise = "diagonal",
        shared_noise: bool = False,
        standardize: bool = False,
        n_init: int = 1,
        dequantize: bool = False,
        noise_floor: float = 1e-6,
        tol: float = 1e-6,
        max_iter: int = 500,
        random_state: int | RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.n_clusters = n_clusters
        self.latent_dim = latent_dim
        self.noise = noise
        self.shared_noise = shared_noise
        self.standardize = standardize
        self.n_init = n_init
        self.dequantize = dequantize
        self.noise_floor = noise_floor
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.verbose = verbose

    @all_or_nothing
    def fit(self, X: Any, y: Any = None, *, sample_weight: Any = None) -> "MixtureOfFactorAnalyzers":
        """Maximize the likelihood of the observed cells of X.

        Parameters
        ----------
        X
            (n, features) array or data frame, or images; n >= 2 and n >= n_clusters; NaN where a cell is missing.
        y
            Ignored.
        sample_weight
            (n,), not negative: a weight of 2 counts a row twice, a weight of 0 leaves it out.

        Raises
        ------
        ValueError
            For hyperparameters out of range, infinities, weights that are negative or all zero, and columns without any cell.
        """
        self._check_hyperparameters()
        array = check_rows(self, X, reset=True)
        self._check_values(array)
        self.seed_ = seed_of(self.random_state)
        noise_seed = self.seed_ if self.dequantize else None
        rows = WeightedRows(self, array, sample_weight=sample_weight, noise_seed=noise_seed)
        self._check_sizes(rows.n_rows)
        per_column = self.noise != "isotropic" or self.standardize
        self.preprocessing_, self.constant_features_ = rows.preprocessing(per_column=per_column)
        from lowerbound.interface import expectation_maximization  # here, since only fits need JAX

        result = expectation_maximization.of_clusters(
            rows,
            self.preprocessing_,
            n_clusters=int(self.n_clusters),
            latent_dim=int(self.latent_dim),
            noise=self.noise,
            shared_noise=bool(self.shared_noise),
            variance_floor=float(self.noise_floor),
            n_starts=int(self.n_init),
            seed=self.seed_,
            tol=float(self.tol),
            max_iter=int(self.max_iter),
            verbose=bool(self.verbose),
        )
        self._set_fitted(rows.in_user_units(result, self.preprocessing_))
        self.density_ = _by_weight(self.density_)
        self.status_ = self.status_.with_notes(self._notes(rows))
        return self

    # ---- clusters

    def predict(self, X: Any) -> Int[np.ndarray, " n"]:
        """The most probable cluster of each row, (n,), numbered by falling weight."""
        return np.argmax(self.predict_proba(X), axis=1)

    def predict_proba(self, X: Any) -> Float[np.ndarray, "n clusters"]:
        """p(cluster given x_observed) of each row, (n, n_clusters); the weights where nothing was observed."""
        dataset = self._rows(X)
        return np.exp(self._verbs.log_responsibility(dataset, key=self._key(0)))

    def sample(
        self,
        n_samples: int = 1,
        *,
        random_state: int | RandomState | None = None,
        return_latents: bool = False,
        return_labels: bool = False,
    ) -> Any:
        """Independent draws x ~ p(x), X-shaped, in the user's units; with their codes and clusters on request.

        Parameters
        ----------
        n_samples
            Number of draws.
        random_state
            None uses the fit's seed: the same call gives the same draws.
        return_latents
            Also the codes, (n, n_clusters * (1 + latent_dim)): the cluster as a one-hot vector, and its factors in its block.
        return_labels
            Also the clusters, (n,), last.
        """
        drawn, codes = super().sample(n_samples, random_state=random_state, return_latents=True)
        labels = np.argmax(codes[:, : int(self.n_clusters)], axis=1)
        wanted = (drawn, *((codes,) if return_latents else ()), *((labels,) if return_labels else ()))
        return wanted if len(wanted) > 1 else drawn

    @property
    def weights_(self) -> Float[np.ndarray, " clusters"]:
        """pi, (n_clusters,), falling."""
        return np.exp(self.density_.log_weight)

    @property
    def means_(self) -> Float[np.ndarray, "clusters features"]:
        """mu, (n_clusters, n_features), in the units of X."""
        scale, shift = self.preprocessing_.scale.reshape(-1), self.preprocessing_.shift.reshape(-1)
        return self.density_.components.mean * scale + shift

    @property
    def cluster_parameters_(self) -> ClusterParameters:
        """Weights, falling, and means; those of grey levels without the noise of dequantization."""
        return ClusterParameters(self.weights_, self.means_ - self.preprocessing_.meaning.mean_noise)

    @property
    def latent_names_(self) -> list[str]:
        """Names of the columns of ``transform``: y1 … yK, the probabilities of K clusters, then the factors of each.

        The latter are yk_z1, yk_z2 and so on.
        """
        clusters = [f"y{k + 1}" for k in range(int(self.n_clusters))]
        return clusters + [f"{cluster}_z{i + 1}" for cluster in clusters for i in range(int(self.latent_dim))]

    @property
    def _sizes(self) -> str:
        return f"{self.n_clusters}, latent_dim={self.latent_dim}"

    @property
    def n_parameters_(self) -> int:
        """Free parameters: weights, means, and loadings up to rotations and noise, at most those of the covariances."""
        n_clusters, d, latent_dim = int(self.n_clusters), self.n_features_in_, int(self.latent_dim)
        noise = {"diagonal": d, "isotropic": 1, "full": d * (d + 1) // 2}[self.noise]
        loadings = d * latent_dim - latent_dim * (latent_dim - 1) // 2
        saturated = d * (d + 1) // 2
        if self.shared_noise:
            covariances = min(n_clusters * loadings + noise, n_clusters * saturated)
        else:
            covariances = n_clusters * min(loadings + noise, saturated)
        return n_clusters - 1 + n_clusters * d + covariances

    # ---- checks and notes

    def _check_hyperparameters(self) -> None:
        owner = "MixtureOfFactorAnalyzers"
        check_choices(self)
        check_integer(owner, "n_clusters", self.n_clusters, minimum=1)
        check_integer(owner, "latent_dim", self.latent_dim, minimum=0)
        if self.noise == "full" and self.latent_dim != 0:
            raise ValueError(
                f"latent_dim of {owner} must be 0 for noise='full', which leaves nothing for factors to explain; got "
                f"{self.latent_dim}. Set latent_dim=0, or noise='diagonal'."
            )
        for name in ("shared_noise", "standardize", "dequantize", "verbose"):
            check_bool(owner, name, getattr(self, name))
        check_integer(owner, "n_init", self.n_init, minimum=1)
        check_number(owner, "noise_floor", self.noise_floor, minimum=LEAST_NOISE_FLOOR, below=1)
        check_number(owner, "tol", self.tol, minimum=0)
        check_integer(owner, "max_iter", self.max_iter, minimum=1)
        check_seed(owner, self.random_state)

    def _check_sizes(self, n_rows: int) -> None:
        owner = "MixtureOfFactorAnalyzers"
        if self.latent_dim > self.n_features_in_:
            raise ValueError(
                f"latent_dim of {owner} must be at most n_features = {self.n_features_in_}; got {self.latent_dim}. "
                "Lower it."
            )
        if self.n_clusters > n_rows:
            raise ValueError(
                f"n_clusters of {owner} must be at most the number of rows, n_samples = {n_rows}; got {self.n_clusters}."
            )

    def _notes(self, rows: WeightedRows) -> tuple[str, ...]:
        """Sentences on what makes the fitted density suspect."""
        parts, names = self.density_.components, feature_names(self)
        log_weight = self.density_.log_weight
        return (
            constant_note(self.constant_features_, names=names)
            + cluster_notes(
                parts.floored_features(),
                floor=parts.variance_floor,
                lost=lost_clusters(log_weight, total_weight=rows.total_weight, latent_dim=parts.latent_dim),
                constant=self.constant_features_,
                names=names,
            )
            + rows.notes()
        )


def _by_weight(density: GaussianMixture) -> GaussianMixture:
    """The mixture with its components by falling weight, and the factors of each in their canonical rotation."""
    order = np.argsort(-density.log_weight, kind="stable")
    parts = density.components
    if isinstance(parts, FullGaussians):
        sorted_parts: Components = replace(parts, mean=parts.mean[order], cholesky=parts.cholesky[order])
        return replace(density, log_weight=density.log_weight[order], components=sorted_parts)
    sorted_parts = replace(
        parts, mean=parts.mean[order], loadings=parts.loadings[order], log_variance=parts.log_variance[order]
    )
    return canonical(replace(density, log_weight=density.log_weight[order], components=sorted_parts))
