"""The exactly solvable VAE that bounds are held against: a linear decoder with Gaussian noise.

    z ~ N(0, I),  x given z ~ N(W z + b, S),  S = diag s^2
    p(x) = N(b, W W^T + S),   p(z given x) = N(V (x - b), A^{-1}),   A = I + W^T S^{-1} W,  V = A^{-1} W^T S^{-1}

Everything here is NumPy in float64, by the textbook's matrices. Models take the dtype of JAX at the time of the call: build
them inside ``jax.enable_x64(True)`` for float64.
"""

import math
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import multivariate_normal

from lowerbound.data.dataset import Dataset
from lowerbound.data.datum import Datum
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.likelihoods.gaussian import SCALE_FLOOR, FeatureScaleGaussian, FixedScaleGaussian
from lowerbound.models.decoder import Decoder
from lowerbound.models.vae import VAE
from lowerbound.nn.mlp import MLP
from lowerbound.objectives.objective import Batch
from lowerbound.posteriors.encoder import GaussianEncoder
from lowerbound.posteriors.gaussian import n_posterior_outputs
from lowerbound.priors.standard_normal import StandardNormal


@dataclass(frozen=True)
class LinearGaussian:
    """W (features, latents), b (features,), s (features,)."""

    weight: np.ndarray
    bias: np.ndarray
    scale: np.ndarray

    @property
    def latent_dim(self):
        return self.weight.shape[1]

    @property
    def covariance(self):
        return self.weight @ self.weight.T + np.diag(self.scale**2)

    def precision(self, observed=None):
        """A, given the observed features (all of them, if None)."""
        seen = np.ones(len(self.bias), bool) if observed is None else observed
        W, s = self.weight[seen], self.scale[seen]
        return np.eye(self.latent_dim) + W.T @ (W / s[:, None] ** 2)

    def posterior_map(self, observed=None):
        """V (latents, features), with zero columns for what is not observed."""
        seen = np.ones(len(self.bias), bool) if observed is None else observed
        return np.linalg.solve(self.precision(seen), (self.weight * seen[:, None] / self.scale[:, None] ** 2).T)

    def log_evidence(self, X, observed=None):
        """Log p(x_observed) of each row, by the marginal's matrix."""
        seen = np.ones(len(self.bias), bool) if observed is None else observed
        marginal = multivariate_normal(self.bias[seen], self.covariance[np.ix_(seen, seen)])
        return np.atleast_1d(marginal.logpdf(X[:, seen]))

    def diagonal_gap(self):
        """KL(q || p(z given x)) of the best diagonal q: the same for every x."""
        A = self.precision()
        return 0.5 * (np.log(np.diag(A)).sum() - np.linalg.slogdet(A)[1])

    def sample(self, n_rows, *, seed):
        return np.random.default_rng(seed).multivariate_normal(self.bias, self.covariance, size=n_rows)

    def vae(self, *, family="full", noise="feature", observed=None, shift=0.0, stretch=1.0):
        """The VAE with this p(x, z), and the exact posterior or the best diagonal one.

        ``observed`` makes the posterior exact for that pattern of missing features; ``shift`` and ``stretch`` spoil its mean
        (in every latent) and its scales.
        """
        n_features, latent_dim = self.weight.shape
        encoder = MLP(
            n_features, n_posterior_outputs(family, latent_dim), hidden=(), activation="relu", key=jax.random.key(0)
        )
        decoder = MLP(latent_dim, n_features, hidden=(), activation="relu", key=jax.random.key(1))
        A, V = self.precision(observed), self.posterior_map(observed)
        if family == "full":
            L = np.linalg.cholesky(np.linalg.inv(A)) * stretch
            free = np.concatenate([np.log(np.diag(L)), L[np.tril_indices(latent_dim, -1)]])
        else:
            free = -0.5 * np.log(np.diag(A)) + math.log(stretch)
        weight = np.concatenate([V, np.zeros((len(free), n_features))])
        bias = np.concatenate([shift - V @ self.bias, free])
        encoder = _with_layer(encoder, weight, bias)
        decoder = _with_layer(decoder, self.weight, self.bias)
        return VAE(
            prior=StandardNormal(latent_dim),
            encoder=GaussianEncoder(encoder, latent_dim, family, with_mask=False),
            decoder=Decoder(decoder, (1, n_features)),
            likelihood=self._likelihood(noise),
        )

    def _likelihood(self, noise):
        if noise == "fixed":
            assert np.ptp(self.scale) == 0
            return FixedScaleGaussian(float(self.scale[0]))
        log_floor = math.log(SCALE_FLOOR)
        return FeatureScaleGaussian(jnp.asarray(log_floor + np.log(np.expm1(np.log(self.scale) - log_floor)), float))


def _with_layer(network, weight, bias):
    """A network of one linear layer, with these numbers."""
    numbers = (jnp.asarray(weight, float), jnp.asarray(bias, float))
    return eqx.tree_at(lambda n: (n.layers[0].weight, n.layers[0].bias), network, numbers)


def linear_gaussian(n_features=5, latent_dim=2, *, seed=0, equal_noise=False):
    """A random one whose true posterior is strongly correlated (A is far from diagonal)."""
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(n_features, latent_dim)) + 0.8
    scale = np.full(n_features, 0.7) if equal_noise else rng.uniform(0.4, 1.2, n_features)
    return LinearGaussian(weight, rng.normal(size=n_features), scale)


def read_back(vae):
    """The LinearGaussian that a VAE with linear decoder has come to."""
    layer = vae.decoder.network.layers[0]
    return LinearGaussian(*(np.asarray(part, np.float64) for part in (layer.weight, layer.bias, vae.likelihood.scale)))


def posterior_gap(vae, X):
    """Mean over rows of KL(q(z given x) || p(z given x)), both Gaussian, in closed form: log p(x) - ELBO."""
    truth = read_back(vae)
    A, V = truth.precision(), truth.posterior_map()
    gaps = []
    for x in X:
        q = vae.posterior(Datum(jnp.asarray(x, float)))
        C, m = np.asarray(q.covariance(), np.float64), np.asarray(q.mean, np.float64)
        off = m - V @ (x - truth.bias)
        log_determinants = np.linalg.slogdet(C)[1] + np.linalg.slogdet(A)[1]
        gaps.append(0.5 * (np.trace(A @ C) + off @ A @ off - len(m) - log_determinants))
    return float(np.mean(gaps))


def as_dataset(X, observed=None):
    """Rows in the user's units = the model's units."""
    event = X.shape[1:]
    values = X if X.dtype in (np.uint8, np.bool_) else X.astype(np.float32)
    return Dataset(values, Preprocessing(np.zeros(event), np.ones(event)), observed)


def batch_of(X, weight=None, observed=None):
    """A minibatch of these rows, as the loop makes them."""
    weight = np.ones(len(X)) if weight is None else weight
    if observed is None:
        datums = jax.vmap(Datum)(jnp.asarray(X, float))
    else:
        datums = jax.vmap(Datum)(jnp.asarray(X, float), jnp.asarray(observed))
    return Batch(datums, jnp.asarray(weight, float), jnp.arange(len(X)))
