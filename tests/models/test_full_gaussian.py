"""The Gaussian with a full covariance beyond what every exact model promises (``test_model.py``)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lowerbound.data.datum import Datum
from lowerbound.models.full_gaussian import FullGaussian
from lowerbound.priors.standard_normal import StandardNormal
from tests.gaussians import FLOOR, full_gaussian, textbook


@pytest.fixture(autouse=True)
def double():
    """64-bit arithmetic in every test."""
    with jax.enable_x64(True):
        yield


def test_observed_cells_are_predicted_by_their_marginal():
    # Without latents, a second measurement of a cell knows nothing of the first.
    model = full_gaussian()
    x, seen = jnp.array([3.0, -1.0, 0.5, 9.0, 2.0]), jnp.array([True, False, True, True, False])
    found = model.predictive(Datum(x, seen))
    C = textbook(model).covariance[0]
    np.testing.assert_allclose(found.mean[0][seen], model.mean[np.asarray(seen)], atol=1e-12)
    np.testing.assert_allclose(found.variance[0][seen], np.diag(C)[np.asarray(seen)], rtol=1e-12)
    whole = model.predictive(Datum(x))
    np.testing.assert_allclose(whole.mean[0], model.mean, atol=1e-12)
    np.testing.assert_allclose(whole.variance[0], np.diag(C), rtol=1e-12)


def test_there_are_no_latents():
    model, datum = full_gaussian(6, event_shape=(2, 3)), Datum(jnp.zeros((2, 3)))
    assert model.latent_dim == 0
    posterior = model.posterior(datum)
    assert posterior.mean.shape == (0,)
    assert posterior.covariance().shape == (0, 0)
    assert posterior.kl(StandardNormal(0)).sum() == 0
    assert model.encode(datum).shape == (0,)
    draw = model.draw(datum, key=jax.random.key(0))
    assert (draw.z.shape, draw.log_prior, draw.log_posterior) == ((0,), 0, 0)
    np.testing.assert_array_equal(model.decode(model.encode(datum)), model.mean.reshape(2, 3))


def test_noise_is_the_spread_of_the_cells():
    model = full_gaussian(6, event_shape=(2, 3))
    expected = np.sqrt(np.diag(textbook(model).covariance[0])).reshape(2, 3)
    np.testing.assert_allclose(model.noise_scale(jnp.zeros(0)), expected, rtol=1e-12)


def test_cells_that_the_others_explain_are_at_the_floor():
    # x_3 = x_1 + x_2 up to the floor: each of the three is known from the other two, the fourth is not.
    mixing = np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 1.0]])
    root = np.linalg.cholesky(mixing @ mixing.T + 0.3 * FLOOR * np.eye(4))
    model = FullGaussian(np.zeros(4), root, FLOOR, (4,))
    given_others = 1 / np.diag(np.linalg.inv(root @ root.T))
    assert (given_others[:3] < FLOOR).all()
    np.testing.assert_array_equal(model.at_floor(jnp.zeros(0)), [True, True, True, False])


def test_a_diagonal_covariance_is_a_product():
    scale = np.array([0.5, 2.0, 1.0])
    model = FullGaussian(np.array([1.0, -1.0, 0.0]), np.diag(scale), FLOOR, (3,))
    x = np.array([2.0, 0.0, 5.0])
    by_hand = -0.5 * ((x - model.mean) / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi)
    for seen in ([True, True, True], [True, False, True], [False, False, True]):
        found = model.log_evidence(Datum(jnp.asarray(x), jnp.array(seen)))
        np.testing.assert_allclose(found, by_hand[seen].sum(), rtol=1e-12)
