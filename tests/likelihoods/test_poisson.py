"""Counts at the ends of the range of rates."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import poisson

from lowerbound.data.datum import Datum
from lowerbound.likelihoods.poisson import LARGEST_LOG_RATE, Poisson


def log_prob(log_rate, count):
    return float(Poisson().log_prob(jnp.array([[log_rate]]), Datum(jnp.array([count]))))


@pytest.mark.parametrize(("log_rate", "count"), [(-15.0, 0.0), (-15.0, 3.0), (5.0, 150.0), (8.0, 3000.0), (12.0, 0.0)])
def test_rates_across_the_range_are_scipys(log_rate, count):
    # The three terms cancel: float32 leaves an error of their size times 2^-23.
    terms = abs(count * log_rate) + np.exp(log_rate) + count * np.log(count + 1)
    assert abs(log_prob(log_rate, count) - poisson(np.exp(log_rate)).logpmf(count)) < 1e-6 * terms + 1e-6


def test_log_rates_are_held_and_named_beyond_twenty():
    assert log_prob(1e4, 7.0) == log_prob(LARGEST_LOG_RATE, 7.0)
    assert log_prob(-1e4, 7.0) == log_prob(-LARGEST_LOG_RATE, 7.0)
    np.testing.assert_array_equal(
        Poisson().at_floor(jnp.array([[-21.0, -19.0, 19.0, 21.0]])), [True, False, False, True]
    )


def test_large_counts_keep_their_digits():
    # x r - exp(r) - log x! would be off by tens of nats here in float32.
    count = np.array([15.0, 16.0, 17.0, 1e3, 1e5, 1e6, 1e7, 1e8], np.float32)
    for factor in (0.999, 1.0, 1.001):
        outputs = np.log(count.astype(np.float64) * factor).astype(np.float32)[None]
        for i in range(len(count)):
            found = Poisson().log_prob(jnp.asarray(outputs[:, i : i + 1]), Datum(jnp.asarray(count[i : i + 1])))
            rate = np.exp(outputs[0, i].astype(np.float64))
            expected = poisson(rate).logpmf(count[i])
            # The log rate itself has a rounding error of 1e-6: its effect is that times |x - rate|, and its square times x.
            slack = 1e-6 * abs(count[i] - rate) + 1e-12 * count[i] + 1e-4
            assert abs(float(found) - expected) < slack
