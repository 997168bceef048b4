"""The floor under Gaussian noise scales."""

import jax
import jax.numpy as jnp
import numpy as np

from lowerbound.data.datum import Datum
from lowerbound.likelihoods.gaussian import (
    SCALE_FLOOR,
    FeatureScaleGaussian,
    FixedScaleGaussian,
    NetworkScaleGaussian,
)

LOG_FLOOR = np.log(SCALE_FLOOR)


def network_scale(free):
    """Scale that NetworkScaleGaussian gives for free log scales."""
    outputs = jnp.stack([jnp.zeros_like(free), free])
    return jnp.sqrt(NetworkScaleGaussian().distribution(outputs).variance)


def test_scales_are_never_below_the_floor_and_far_above_it_are_their_own():
    free = jnp.asarray(np.concatenate([np.linspace(-1e4, 1e4, 2001), np.linspace(-30, 10, 401)]))
    for scale in (FeatureScaleGaussian(free).scale, network_scale(free)):
        assert (scale >= SCALE_FLOOR * (1 - 1e-5)).all()
        assert np.isfinite(scale).all()
        own = (free > LOG_FLOOR + 6) & (free < 19)
        np.testing.assert_allclose(scale[own], np.exp(free[own]), rtol=4e-3)
    order = np.argsort(free)
    assert (np.diff(np.asarray(FeatureScaleGaussian(free).scale)[order]) >= 0).all()


def test_a_gradient_leads_back_from_below_the_floor():
    free = jnp.asarray(LOG_FLOOR + np.array([5.0, 0.0, -1.0, -5.0, -20.0, -60.0]))
    far = Datum(jnp.ones(6))  # a thousand floors away from the mean: the scale should grow

    def log_prob(free):
        return FeatureScaleGaussian(free).log_prob(jnp.zeros((1, 6)), far)

    gradient = jax.grad(log_prob)(free)
    assert (gradient > 0).all()
    assert np.isfinite(gradient).all()
    outputs = jnp.stack([jnp.zeros(6), free])
    np.testing.assert_allclose(jax.grad(NetworkScaleGaussian().log_prob)(outputs, far)[1], gradient, rtol=1e-5)


def test_at_floor_names_scales_within_a_tenth_of_it():
    free = jnp.asarray(np.linspace(LOG_FLOOR - 10, LOG_FLOOR + 10, 301))
    scale = FeatureScaleGaussian(free).scale
    expected = np.asarray(scale) < 1.1 * SCALE_FLOOR
    assert 0 < expected.sum() < 301
    np.testing.assert_array_equal(FeatureScaleGaussian(free).at_floor(jnp.zeros((1, 301))), expected)
    np.testing.assert_array_equal(NetworkScaleGaussian().at_floor(jnp.stack([free, free])), expected)
    assert not FixedScaleGaussian(1e-9).at_floor(jnp.zeros((1, 301))).any()
