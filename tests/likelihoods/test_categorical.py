"""Category codes."""

import itertools

import jax.numpy as jnp
import numpy as np

from lowerbound.data.datum import Datum
from lowerbound.likelihoods.categorical import Categorical


def test_masses_of_all_codes_add_to_one():
    outputs = jnp.asarray(np.random.default_rng(0).normal(size=(4, 2)) * 3)
    masses = [
        np.exp(Categorical(np.array(4), 4).log_prob(outputs, Datum(jnp.array(codes, float))))
        for codes in itertools.product(range(4), repeat=2)
    ]
    np.testing.assert_allclose(np.sum(masses), 1, rtol=1e-5)


def test_features_are_one_hot_along_the_last_axis():
    values = np.array([[0, 2, 1], [2, 2, 0]])
    np.testing.assert_array_equal(Categorical(np.array(3), 3).features(jnp.asarray(values, float)), np.eye(3)[values])


def test_categories_shift_together_without_effect():
    outputs = jnp.asarray(np.random.default_rng(1).normal(size=(3, 5)))
    datum = Datum(jnp.array([0.0, 1.0, 2.0, 1.0, 0.0]))
    np.testing.assert_allclose(
        Categorical(np.array(3), 3).log_prob(outputs + 50.0, datum),
        Categorical(np.array(3), 3).log_prob(outputs, datum),
        rtol=1e-4,
    )
