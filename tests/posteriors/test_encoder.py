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
from lowerbound.posteriors.encoder import GaussianEncoder, encoder_input
from lowerbound.posteriors.gaussian import n_posterior_outputs, posterior_from_outputs

VALUES = np.array([[0.0, 2.0, 1.0], [2.0, 1.0, 0.0]])
OBSERVED = np.array([[True, False, True], [False, True, True]])


@pytest.mark.parametrize(
    ("likelihood", "features"),
    [
        (FixedScaleGaussian(1.0), VALUES),
        (Poisson(), np.log1p(VALUES)),
        (Categorical(3), np.eye(3)[VALUES.astype(int)]),
    ],
    ids=["gaussian", "poisson", "categorical"],
)
def test_encoders_see_features_with_zeros_for_missing_cells(likelihood, features):
    np.testing.assert_allclose(encoder_input(likelihood, Datum(jnp.asarray(VALUES))), features.ravel(), rtol=1e-6)
    features = np.where(OBSERVED.reshape(OBSERVED.shape + (1,) * (features.ndim - 2)), features, 0)
    for fill in (0.0, 2.0):  # whatever stands in a missing cell
        datum = Datum(jnp.where(OBSERVED, VALUES, fill), jnp.asarray(OBSERVED))
        np.testing.assert_allclose(encoder_input(likelihood, datum), features.ravel(), rtol=1e-6)


@pytest.mark.parametrize(("family", "n_outputs"), [("diagonal", 8), ("full", 14)])
def test_encoder_gives_the_posterior_of_its_networks_outputs(family, n_outputs):
    assert n_posterior_outputs(family, 4) == n_outputs
    network = MLP(6, n_outputs, hidden=(5,), activation="tanh", key=jax.random.key(0))
    x = jnp.asarray(VALUES.ravel())
    q, expected = GaussianEncoder(network, 4, family)(x), posterior_from_outputs(family, 4, network(x))
    np.testing.assert_array_equal(q.mean, expected.mean)
    np.testing.assert_array_equal(q.covariance(), expected.covariance())
