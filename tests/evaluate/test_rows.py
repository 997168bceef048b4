"""Row by row in chunks: against a loop over rows."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lowerbound.data.dataset import Dataset
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.evaluate.importance_sampling import LogWeights
from lowerbound.evaluate.rows import MEMORY_BUDGET, bytes_per_row, chunk_rows, map_rows
from lowerbound.nn.mlp import MLP
from tests.gaussians import factor_analyzer
from tests.linear_gaussian import as_dataset, linear_gaussian

MODEL = linear_gaussian().vae()


def total_and_noise(model, datum, *, key):
    return {"total": jnp.sum(datum.values), "noise": jax.random.uniform(key)}


@pytest.mark.parametrize("n_rows", [1, 63, 64, 65, 512, 513])
def test_chunks_cover_every_row_in_order(n_rows):
    X = np.random.default_rng(0).normal(size=(n_rows, 5))
    found = map_rows(total_and_noise, MODEL, as_dataset(X), key=jax.random.key(0))
    np.testing.assert_allclose(found["total"], X.sum(axis=1), rtol=1e-4, atol=1e-5)
    assert len(np.unique(found["noise"])) == n_rows


def test_equal_rows_get_equal_numbers_and_others_their_own():
    X = np.random.default_rng(1).normal(size=(30, 5))
    X[20] = X[3]
    noise = map_rows(total_and_noise, MODEL, as_dataset(X), key=jax.random.key(0))["noise"]
    assert noise[20] == noise[3]
    alone = map_rows(total_and_noise, MODEL, as_dataset(X[7:8]), key=jax.random.key(0))["noise"]
    assert alone[0] == noise[7]
    assert (map_rows(total_and_noise, MODEL, as_dataset(X), key=jax.random.key(1))["noise"] != noise).all()


def test_binarization_happens_once_per_row_by_its_key():
    grey = np.random.default_rng(2).integers(0, 256, size=(100, 5)).astype(np.uint8)
    preprocessing = Preprocessing(np.zeros(5), np.ones(5), 255.0, "dynamic")
    first, again = (
        map_rows(total_and_noise, MODEL, Dataset(rows, preprocessing), key=jax.random.key(0))["total"]
        for rows in (grey, grey[::-1].copy())
    )
    np.testing.assert_array_equal(first, again[::-1])
    assert set(first) <= {0.0, 1.0, 2.0, 3.0, 4.0, 5.0}


def precision_seen(model, datum, *, key):
    return datum.values, jnp.ones(()) / 3


@pytest.mark.parametrize("n_rows", [3, 70])
def test_models_of_double_precision_are_asked_in_it(n_rows):
    X = np.random.default_rng(3).normal(size=(n_rows, 5))
    data = Dataset(X, Preprocessing(np.zeros(5), np.ones(5), 1.0, "real", "float64"))
    values, third = map_rows(precision_seen, factor_analyzer(), data, key=jax.random.key(0))
    np.testing.assert_array_equal(values, X)  # to the last bit
    np.testing.assert_array_equal(third, np.full(n_rows, 1 / 3))
    assert jnp.ones(1).dtype == np.float32  # and JAX is left as it was
    assert map_rows(precision_seen, MODEL, as_dataset(X), key=jax.random.key(0))[1].dtype == np.float32


@pytest.mark.parametrize(
    ("n_rows", "bytes_per_row", "rows"),
    [(1, 100, 64), (64, 10_000, 64), (65, 10_000, 512), (10**6, 10_000, 4096), (100, 10**6, 64), (9, 10**9, 1)],
)
def test_chunk_sizes_are_few_and_bounded(n_rows, bytes_per_row, rows):
    assert chunk_rows(n_rows, bytes_per_row) == rows
    assert rows * bytes_per_row <= MEMORY_BUDGET or rows == 1


def decoded(model, datum, *, key):
    return model.decode(model.encode(datum))


def test_the_widest_array_of_the_program_counts():
    # 5 cells and 2 latents, but a hidden layer of 300: eight float32 arrays of that width.
    network = MLP(2, 5, hidden=(300,), activation="tanh", key=jax.random.key(0))
    model = eqx.tree_at(lambda m: m.decoder.network, MODEL, network)
    data = as_dataset(np.zeros((1, 5)))
    assert bytes_per_row(decoded, model, data) == 32 * 300
    assert bytes_per_row(total_and_noise, model, data) == 32 * 64  # it decodes nothing


def test_draws_count_as_often_as_they_are_decoded_at_once():
    data = as_dataset(np.zeros((1, 5)))
    one, many = (bytes_per_row(LogWeights(1000, at_once), MODEL, data) for at_once in (1, 1000))
    assert one <= 32 * 2000 + 1  # a thousand keys of two numbers
    assert many >= 32 * 5000
