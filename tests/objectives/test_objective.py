"""Means over the real rows of a minibatch."""

import jax.numpy as jnp
import numpy as np

from tests.linear_gaussian import batch_of


def test_mean_counts_real_rows_only():
    per_row = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    weight = np.array([1, 0, 1, 1, 0], np.float32)
    batch = batch_of(np.zeros((5, 2)), weight)
    np.testing.assert_allclose(batch.mean(jnp.asarray(per_row)), per_row[weight == 1].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(batch.mean(jnp.asarray(per_row[:, 0])), per_row[weight == 1, 0].mean(), rtol=1e-5)


def test_mean_of_no_rows_is_zero():
    batch = batch_of(np.zeros((2, 1)), np.zeros(2))
    assert batch.mean(jnp.array([3.0, 4.0])) == 0
