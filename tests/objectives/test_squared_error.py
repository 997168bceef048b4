"""Squared error: the optimum of a linear autoencoder is the principal subspace (Baldi & Hornik 1989)."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from lowerbound.likelihoods.gaussian import FixedScaleGaussian
from lowerbound.models.autoencoder import Autoencoder
from lowerbound.models.decoder import Decoder
from lowerbound.nn.mlp import MLP
from lowerbound.objectives.squared_error import SquaredError
from tests.linear_gaussian import batch_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5)) @ RNG.normal(size=(5, 5)) + 3
MEAN = X.mean(axis=0)
_, SINGULAR, DIRECTIONS = np.linalg.svd(X - MEAN, full_matrices=False)


def linear_autoencoder(U, W):
    """x -> U (x - mean) -> W z + mean."""
    encoder = MLP(5, 2, hidden=(), activation="relu", key=jax.random.key(0))
    decoder = MLP(2, 5, hidden=(), activation="relu", key=jax.random.key(1))
    model = Autoencoder(encoder, Decoder(decoder, (1, 5)), FixedScaleGaussian(1.0), 2, with_mask=False)
    e, d = model.encoder.layers[0], model.decoder.network.layers[0]
    numbers = tuple(jnp.asarray(part, float) for part in (U, -U @ MEAN, W, MEAN))
    layers = eqx.tree_at(lambda m: (m[0].weight, m[0].bias, m[1].weight, m[1].bias), (e, d), numbers)
    return eqx.tree_at(lambda m: (m.encoder.layers[0], m.decoder.network.layers[0]), model, layers)


@eqx.filter_jit
def _value_and_gradient(model, batch):
    loss_of = eqx.filter_value_and_grad(
        lambda model: SquaredError()(model, batch, jax.random.key(0), jnp.asarray(0))[0]
    )
    loss, gradient = loss_of(model)
    return loss, ravel_pytree(gradient)[0]


def value_and_gradient(model, X, *, weight=None, observed=None):
    return _value_and_gradient(model, batch_of(X, weight, observed))


def test_the_principal_subspace_is_stationary_in_any_basis_and_no_other_is_as_good():
    discarded = np.sum(SINGULAR[2:] ** 2) / len(X)
    with jax.enable_x64(True):
        for mixing in (np.eye(2), RNG.normal(size=(2, 2))):
            model = linear_autoencoder(np.linalg.inv(mixing) @ DIRECTIONS[:2], DIRECTIONS[:2].T @ mixing)
            loss, gradient = value_and_gradient(model, X)
            np.testing.assert_allclose(loss, discarded, rtol=1e-10)
            np.testing.assert_allclose(gradient, 0, atol=1e-9)
        for _ in range(20):
            basis = np.linalg.qr(DIRECTIONS[:2].T + 0.1 * RNG.normal(size=(5, 2)))[0]
            loss, gradient = value_and_gradient(linear_autoencoder(basis.T, basis), X)
            assert loss > discarded
            assert np.abs(gradient).max() > 1e-3


@pytest.mark.parametrize("masked", [False, True])
def test_the_loss_is_numpys_sum_over_observed_cells_of_real_rows(masked):
    U, W = RNG.normal(size=(2, 5)), RNG.normal(size=(5, 2))
    observed = RNG.random(X.shape) < 0.7 if masked else None
    weight = (np.arange(60) % 3 > 0).astype(float)
    rows = np.where(observed, X, 0) if masked else X
    loss, _ = value_and_gradient(linear_autoencoder(U, W), rows, weight=weight, observed=observed)
    error = (rows - ((rows - MEAN) @ U.T @ W.T + MEAN)) ** 2
    expected = (error * (observed if masked else 1)).sum(axis=1)[weight == 1].mean()
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
