"""Encoders: what they see of a datum, and what their numbers mean."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lowerbound.data.datum import Datum
from lowerbound.likelihoods.categorical import Categorical
from lowerbound.likelihoods.gaussian import FixedScaleGaussian
from lowerbound.likelihoods.poisson import Poisson
from lowerbound.nn.mlp import MLP
from lowerbound.posteriors.encoder import GaussianEncoder, encoder_features
from lowerbound.posteriors.gaussian import n_posterior_outputs, posterior_from_outputs

VALUES = np.array([[0.0, 2.0, 1.0], [2.0, 1.0, 0.0]])
OBSERVED = np.array([[True, False, True], [False, True, True]])


@pytest.mark.parametrize(
    ("likelihood", "features"),
    [
        (FixedScaleGaussian(1.0), VALUES),
        (Poisson(), np.log1p(VALUES)),
        (Categorical(np.array(3), 3), np.eye(3)[VALUES.astype(int)]),
    ],
    ids=["gaussian", "poisson", "categorical"],
)
def test_encoders_see_features_with_zeros_for_missing_cells(likelihood, features):
    seen = encoder_features(likelihood, Datum(jnp.asarray(VALUES)), with_mask=False)
    np.testing.assert_allclose(seen, features, rtol=1e-6)
    features = np.where(OBSERVED.reshape(OBSERVED.shape + (1,) * (features.ndim - 2)), features, 0)
    for fill in (0.0, 2.0):  # whatever stands in a missing cell
        datum = Datum(jnp.where(OBSERVED, VALUES, fill), jnp.asarray(OBSERVED))
        np.testing.assert_allclose(encoder_features(likelihood, datum, with_mask=False), features, rtol=1e-6)


@pytest.mark.parametrize("shape", [(6,), (2, 3), (1, 2, 3)], ids=["table", "image", "image of three channels"])
def test_an_encoder_of_holes_sees_the_mask_as_further_channels(shape):
    values, observed = VALUES.reshape(shape), OBSERVED.reshape(shape)
    datum = Datum(jnp.where(observed, values, 9.0), jnp.asarray(observed))
    seen = encoder_features(FixedScaleGaussian(1.0), datum, with_mask=True)
    n_channels = 3 if len(shape) == 3 else 1
    assert seen.shape == (*shape[:2], 2 * n_channels)
    np.testing.assert_array_equal(seen[..., :n_channels].ravel(), np.where(observed, values, 0).ravel())
    np.testing.assert_array_equal(seen[..., n_channels:].ravel(), observed.ravel())
    whole = encoder_features(FixedScaleGaussian(1.0), Datum(jnp.asarray(values)), with_mask=True)
    np.testing.assert_array_equal(whole[..., n_channels:], 1.0)


@pytest.mark.parametrize(("family", "n_outputs"), [("diagonal", 8), ("full", 14)])
def test_encoder_gives_the_posterior_of_its_networks_outputs(family, n_outputs):
    assert n_posterior_outputs(family, 4) == n_outputs
    network = MLP(6, n_outputs, hidden=(5,), activation="tanh", key=jax.random.key(0))
    x = jnp.asarray(VALUES.ravel())
    q, expected = (
        GaussianEncoder(network, 4, family, with_mask=False).of_features(x),
        posterior_from_outputs(family, 4, network(x)),
    )
    np.testing.assert_array_equal(q.mean, expected.mean)
    np.testing.assert_array_equal(q.covariance(), expected.covariance())
