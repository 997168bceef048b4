"""Random numbers of rows: bit for bit those of JAX, and NumPy's own generator started from a row's key."""

import jax
import numpy as np
import pytest

from lowerbound.data.threefry import generators, key_of_seed, keys_of_rows, purpose_key, uniform

HASHES = np.random.default_rng(0).integers(0, 2**32, 50, dtype=np.uint32)
KEYS = keys_of_rows(purpose_key(12345, 3), HASHES)


def test_keys_are_those_of_jax():
    key = jax.random.fold_in(jax.random.key(12345), 3)
    np.testing.assert_array_equal(purpose_key(12345, 3), jax.random.key_data(key))
    folded = jax.vmap(lambda number: jax.random.fold_in(key, number))(HASHES)
    np.testing.assert_array_equal(KEYS, jax.random.key_data(folded))
    np.testing.assert_array_equal(key_of_seed(2**31 - 2), jax.random.key_data(jax.random.key(2**31 - 2)))


@pytest.mark.parametrize("n_numbers", [1, 7, 20_000])
def test_uniform_numbers_are_those_of_jax(n_numbers):
    expected = jax.vmap(lambda key: jax.random.uniform(key, (n_numbers,), np.float32))(jax.random.wrap_key_data(KEYS))
    np.testing.assert_array_equal(uniform(KEYS, n_numbers), expected)


def test_generators_start_anew_from_each_key():
    drawn = [(g.random(3), g.integers(9, size=5, dtype=np.int32), g.standard_normal(4)) for g in generators(KEYS)]
    high, low = (int(part) for part in KEYS[7])
    fresh = np.random.Generator(np.random.Philox(key=np.array([high << 32 | low, 0], np.uint64)))
    for found, expected in zip(
        drawn[7], (fresh.random(3), fresh.integers(9, size=5, dtype=np.int32), fresh.standard_normal(4)), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    assert len({numbers.tobytes() for numbers, _, _ in drawn}) == len(KEYS)
