"""Exactly solvable Gaussian models with random parameters, and what NumPy says of them by the textbook's matrices.

    p(x) = sum_k pi_k N(x; mu_k, C_k);   x_m given x_o, k ~ N(mu_m + C_mo C_oo^-1 (x_o - mu_o), C_mm - C_mo C_oo^-1 C_om)

Parameters are NumPy float64: use the models inside ``jax.enable_x64(True)``.
"""

from dataclasses import dataclass

import jax
import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from lowerbound.data.patterns import Chunk
from lowerbound.models.full_gaussian import FullGaussian
from lowerbound.models.linear_gaussian import LinearGaussian
from lowerbound.models.mixture import Mixture

FLOOR = 1e-6


def factor_analyzer(n_features=5, latent_dim=2, *, noise="diagonal", seed=0, event_shape=None):
    """A random LinearGaussian."""
    rng = np.random.default_rng(seed)
    mean, loadings = rng.normal(size=n_features), rng.normal(size=(n_features, latent_dim))
    log_variance = np.log(rng.uniform(0.2, 1.0, () if noise == "isotropic" else n_features))
    return LinearGaussian(mean, loadings, np.asarray(log_variance), FLOOR, event_shape or (n_features,))


def full_gaussian(n_features=5, *, seed=0, event_shape=None):
    """A random FullGaussian."""
    rng = np.random.default_rng(seed)
    root = np.tril(rng.normal(size=(n_features, n_features)), -1) + np.diag(rng.uniform(0.5, 1.5, n_features))
    return FullGaussian(rng.normal(size=n_features), root, FLOOR, event_shape or (n_features,))


def mixture_of(*parts, seed=0):
    """The mixture of these components, with random weights."""
    weight = np.random.default_rng(seed).dirichlet(np.full(len(parts), 3.0))
    return Mixture(np.log(weight), jax.tree.map(lambda *leaves: np.stack(leaves), *parts))


def mixture(n_clusters=3, n_features=5, latent_dim=2, *, noise="diagonal", seed=0, event_shape=None):
    """A random mixture, its components near enough to each other that responsibilities are soft."""
    seeds = range(100 * seed + 1, 100 * seed + 1 + n_clusters)
    if noise == "full":
        return mixture_of(*(full_gaussian(n_features, seed=one, event_shape=event_shape) for one in seeds), seed=seed)
    options = {"noise": noise, "event_shape": event_shape}
    return mixture_of(*(factor_analyzer(n_features, latent_dim, seed=one, **options) for one in seeds), seed=seed)


@dataclass(frozen=True)
class Textbook:
    """pi (clusters,), mu (clusters, features), C (clusters, features, features)."""

    weight: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray

    def log_joint(self, x, seen):
        """Log pi_k + log p_k(x_observed) for every k, by the marginal's matrix."""
        if not seen.any():
            return np.log(self.weight)
        parts = zip(self.mean, self.covariance, strict=True)
        marginals = [multivariate_normal(mean[seen], C[np.ix_(seen, seen)]) for mean, C in parts]
        return np.log(self.weight) + [marginal.logpdf(x[seen]) for marginal in marginals]

    def log_evidence(self, X, observed):
        """Log p(x_observed) of each row."""
        return np.array([logsumexp(self.log_joint(x, seen)) for x, seen in zip(X, observed, strict=True)])

    def responsibility(self, x, seen):
        """p(y = k given x_observed)."""
        log_joint = self.log_joint(x, seen)
        return np.exp(log_joint - logsumexp(log_joint))

    def conditional(self, x, seen, k=0):
        """Mean and covariance of the missing cells given the observed ones, in cluster k."""
        mean, C = self.mean[k], self.covariance[k]
        regression = np.linalg.solve(C[np.ix_(seen, seen)], C[np.ix_(seen, ~seen)]).T
        return mean[~seen] + regression @ (x - mean)[seen], C[np.ix_(~seen, ~seen)] - regression @ C[
            np.ix_(seen, ~seen)
        ]

    def moments_of_missing(self, x, seen):
        """Mean and covariance of the missing cells given the observed ones, over all clusters."""
        r = self.responsibility(x, seen)
        means, covariances = zip(*(self.conditional(x, seen, k) for k in range(len(r))), strict=True)
        mean = np.tensordot(r, means, axes=1)
        second = [C + np.outer(m - mean, m - mean) for m, C in zip(means, covariances, strict=True)]
        return mean, np.tensordot(r, second, axes=1)

    def sample(self, n_rows, *, seed):
        """Rows, and the clusters that they come from."""
        rng = np.random.default_rng(seed)
        labels = rng.choice(len(self.weight), size=n_rows, p=self.weight)
        return np.stack([rng.multivariate_normal(self.mean[k], self.covariance[k]) for k in labels]), labels


def noise_of(part):
    """psi (clusters, features) of stacked factor analyzers."""
    log_variance = np.asarray(part.log_variance)
    return np.exp(np.broadcast_to(log_variance.reshape(len(part.mean), -1), part.mean.shape))


def textbook(model):
    """The matrices of a LinearGaussian, a FullGaussian, or a mixture of either."""
    if not isinstance(model, Mixture):
        model = Mixture(np.zeros(1), jax.tree.map(lambda leaf: np.asarray(leaf)[None], model))
    part = model.components
    if isinstance(part, FullGaussian):
        roots = np.asarray(part.cholesky)
        covariance = roots @ roots.transpose(0, 2, 1)
    else:
        loadings = np.asarray(part.loadings)
        covariance = loadings @ loadings.transpose(0, 2, 1) + np.stack([np.diag(psi) for psi in noise_of(part)])
    return Textbook(np.exp(np.asarray(model.log_weight)), np.asarray(part.mean), covariance)


def random_patterns(n_rows, n_features, *, share=0.4, seed=0):
    """What is observed: at random, but all of the first row, and nothing of the second."""
    observed = np.random.default_rng(seed).random((n_rows, n_features)) > share
    observed[0], observed[1] = True, False
    return observed


def chunk_of(X, observed=None, weight=None, *, form="own"):
    """All rows as one chunk, its patterns of holes in one of three forms: "none", "indexed", or "own"."""
    weight = np.ones(len(X)) if weight is None else weight
    if observed is None or form == "none":
        return Chunk(X, weight)
    values = np.where(observed, X, 0.0)
    if form == "own":
        return Chunk(values, weight, observed.astype(float))
    distinct, pattern = np.unique(observed, axis=0, return_inverse=True)
    return Chunk(values, weight, distinct.astype(float), pattern.reshape(-1))


def stack(*chunks):
    """Chunks with a leading axis, as ``fit_em`` takes them."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *chunks)
