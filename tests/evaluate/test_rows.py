"""Row by row in chunks: against a loop over rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lowerbound.data.dataset import Dataset
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.evaluate.rows import chunk_rows, map_rows
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


@pytest.mark.parametrize(
    ("n_rows", "cells", "rows"),
    [(1, 5, 64), (64, 784, 64), (65, 784, 512), (10**6, 784, 4096), (100, 10**5, 40), (9, 10**7, 1)],
)
def test_chunk_sizes_are_few_and_bounded(n_rows, cells, rows):
    assert chunk_rows(n_rows, cells) == rows
    assert rows * cells <= 4_000_000 or rows == 1
