"""Standardization against NumPy in one piece, and scikit-learn's StandardScaler."""

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from lowerbound.data import row_chunks
from lowerbound.data.standardize import measure, standardization


@pytest.mark.parametrize("shape", [(50, 4), (1, 3), (2, 1), (40, 3, 5, 2)])
def test_moments_are_numpys(shape):
    X = np.random.default_rng(0).normal(size=shape) * 3 + 10
    shift, scale, constant, _ = measure(X)
    np.testing.assert_allclose(shift, X.mean(axis=0), rtol=1e-12)
    np.testing.assert_array_equal(constant, np.full(shape[1:], shape[0] == 1))
    np.testing.assert_allclose(scale, np.where(constant, 1.0, X.std(axis=0)), rtol=1e-12)


def test_moments_are_those_of_scikit_learn_at_wild_scales():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(500, 6)) * [1e-8, 1.0, 1e6, 100.0, 1e-3, 3.0] + [0.0, -5.0, 1e7, 1.6e9, 1.0, 0.0]
    shift, scale, constant, _ = measure(X)
    scaler = StandardScaler().fit(X)
    np.testing.assert_allclose(shift, scaler.mean_, rtol=1e-12, atol=1e-20)
    np.testing.assert_allclose(scale, scaler.scale_, rtol=1e-9)
    assert not constant.any()


@pytest.mark.parametrize("value", [0.0, 0.1, -1e9, 1e-300, 1 / 3])
def test_constant_columns_keep_scale_one_and_are_named(value):
    X = np.stack([np.full(1001, value), np.arange(1001.0)], axis=1)
    shift, scale, constant, _ = measure(X)
    np.testing.assert_array_equal(constant, [True, False])
    assert scale[0] == 1
    np.testing.assert_allclose(shift[0], value, rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.uint8, np.bool_, np.float32, np.float16, np.int64])
def test_moments_are_added_in_float64_whatever_the_dtype(dtype):
    X = np.random.default_rng(2).integers(0, 2 if dtype == np.bool_ else 200, size=(3000, 3)).astype(dtype)
    shift, scale, *_ = measure(X)
    assert shift.dtype == scale.dtype == np.float64
    np.testing.assert_allclose(shift, X.astype(np.float64).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(scale, X.astype(np.float64).std(axis=0), rtol=1e-12)


def test_extra_variance_is_added_before_the_root():
    X = np.random.default_rng(3).integers(0, 9, size=(100, 2)).astype(np.uint8)
    X[:, 1] = 4
    _, scale, constant, _ = measure(X, extra_variance=1 / 12)
    np.testing.assert_allclose(scale, np.sqrt(X.var(axis=0) + 1 / 12), rtol=1e-12)
    assert not constant.any()


def test_chunks_give_what_the_whole_gives(monkeypatch):
    X = np.random.default_rng(4).normal(size=(101, 3)) * 5 + 1e6
    whole = measure(X)
    monkeypatch.setattr(row_chunks, "_CHUNK_CELLS", 10)
    assert len(row_chunks.row_chunks(101, 3)) == 34
    for part, expected in zip(measure(X), whole, strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-11)


@pytest.mark.parametrize(("n_rows", "cells"), [(0, 5), (1, 10**9), (7, 0), (10_000_000, 3), (999, 4096)])
def test_row_chunks_cover_the_rows_in_order_within_the_limit(n_rows, cells):
    slices = row_chunks.row_chunks(n_rows, cells)
    stops = [0, *(chunk.stop for chunk in slices)]
    assert [chunk.start for chunk in slices] == stops[:-1]
    assert stops[-1] == n_rows
    assert all((chunk.stop - chunk.start) * cells <= 4_000_000 or chunk.stop - chunk.start == 1 for chunk in slices)


def test_missing_cells_are_left_out():
    X = np.random.default_rng(5).normal(size=(200, 4)) * [1, 2, 3, 1e-3] + 50
    X[np.random.default_rng(6).random(X.shape) < 0.3] = np.nan
    found = measure(X)
    np.testing.assert_allclose(found.shift, np.nanmean(X, axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.scale, np.nanstd(X, axis=0), rtol=1e-12)
    np.testing.assert_array_equal(found.seen, (~np.isnan(X)).sum(axis=0))


def test_one_scale_for_all_is_the_root_of_the_mean_variance_of_those_that_vary():
    found = standardization(np.zeros(3), np.array([4.0, 0.0, 12.0]), seen=np.ones(3), per_feature=False)
    np.testing.assert_allclose(found.scale, np.sqrt(8.0))
    np.testing.assert_array_equal(found.constant, [False, True, False])
