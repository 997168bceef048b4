"""Moments of weighted rows with holes: against NumPy, by chunks, from disk, and in single precision where that is safe."""

import numpy as np
import pytest

from lowerbound.data import moments
from lowerbound.data.moments import covariance, means, no_spread, reader, variances

RNG = np.random.default_rng(0)
N, D = 200, 5
X = 1e3 + RNG.normal(size=(N, 3)) @ RNG.normal(size=(3, D)) + 0.3 * RNG.normal(size=(N, D))
WEIGHT = RNG.integers(0, 4, N).astype(float)
HOLES = np.where(RNG.random((N, D)) < 0.3, np.nan, X)


@pytest.fixture
def small_chunks(monkeypatch):
    """Rows are read seven at a time."""
    monkeypatch.setattr("lowerbound.data.row_chunks._CHUNK_CELLS", 7 * D)


@pytest.fixture
def single_precision(monkeypatch):
    """Every covariance counts as a large one; the dtypes that products were taken in."""
    used = []

    def spy(*args, dtype, **options):
        used.append(dtype)
        return products(*args, dtype=dtype, **options)

    products = moments._mean_of_products
    monkeypatch.setattr(moments, "_MANY_PRODUCTS", 0.0)
    monkeypatch.setattr(moments, "_mean_of_products", spy)
    return used


@pytest.mark.parametrize("weight", [np.ones(N), WEIGHT], ids=["equal", "weighted"])
def test_moments_of_complete_rows_are_numpys(weight, small_chunks):
    mean, seen, complete = means(reader(X), N, D, weight=weight)
    np.testing.assert_allclose(mean, np.average(X, axis=0, weights=weight), rtol=1e-13)
    np.testing.assert_array_equal(seen, np.full(D, weight.sum()))
    assert complete
    found = covariance(reader(X), N, weight=weight, mean=mean)
    np.testing.assert_allclose(found, np.cov(X.T, bias=True, aweights=weight), rtol=1e-10, atol=1e-10)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_allclose(variances(reader(X), N, weight=weight, mean=mean), np.diag(found), rtol=1e-12)


@pytest.mark.parametrize("weight", [np.ones(N), WEIGHT], ids=["equal", "weighted"])
def test_moments_with_holes_are_those_of_repeated_rows(weight, small_chunks):
    mean, seen, complete = means(reader(HOLES), N, D, weight=weight)
    repeated = np.repeat(HOLES, weight.astype(int), axis=0)
    np.testing.assert_allclose(mean, np.nanmean(repeated, axis=0), rtol=1e-13)
    np.testing.assert_array_equal(seen, np.sum(~np.isnan(repeated), axis=0))
    assert not complete
    found = variances(reader(HOLES), N, weight=weight, mean=mean)
    np.testing.assert_allclose(found, np.nanvar(repeated, axis=0), rtol=1e-10)


def test_columns_never_observed_say_so():
    empty = X.copy()
    empty[:, 1] = np.nan
    mean, seen, complete = means(reader(empty), N, D, weight=WEIGHT)
    assert (mean[1], seen[1], complete) == (0, 0, False)
    assert (seen[[0, 2, 3, 4]] == WEIGHT.sum()).all()
    assert variances(reader(empty), N, weight=WEIGHT, mean=mean)[1] == 0
    # Seen in rows without weight only: that is never, too.
    rare = empty.copy()
    rare[np.flatnonzero(WEIGHT == 0)[0], 1] = 3.0
    mean, seen, _ = means(reader(rare), N, D, weight=WEIGHT)
    assert (mean[1], seen[1]) == (0, 0)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9 / 3, -1e-200])
def test_constant_columns_have_no_spread(value):
    constant = np.column_stack([np.full(999, value), value + 1e-6 * (1 + abs(value)) * RNG.normal(size=999)])
    weight = RNG.uniform(0, 1, 999)
    mean, _, _ = means(reader(constant), 999, 2, weight=weight)
    variance = variances(reader(constant), 999, weight=weight, mean=mean)
    np.testing.assert_array_equal(no_spread(variance, mean), [True, False])


@pytest.mark.parametrize("weight", [np.ones(N), WEIGHT], ids=["equal", "weighted"])
def test_single_precision_products_agree_with_double_ones(weight, single_precision):
    mean = np.average(X, axis=0, weights=weight)
    found = covariance(reader(X), N, weight=weight, mean=mean)
    assert single_precision == [np.float32]
    exact = np.cov(X.T, bias=True, aweights=weight)
    deviation = np.sqrt(np.diag(exact))
    off = np.abs(found - exact) / deviation / deviation[:, None]
    assert 0 < off.max() < 1e-6


def test_nearly_collinear_columns_are_done_again_in_double(single_precision):
    collinear = np.column_stack([X, X[:, 0] + 1e-4 * RNG.normal(size=N), np.ones(N)])
    mean = collinear.mean(axis=0)
    found = covariance(reader(collinear), N, weight=np.ones(N), mean=mean)
    assert single_precision == [np.float32, np.float64]
    np.testing.assert_allclose(found, np.cov(collinear.T, bias=True), rtol=1e-9, atol=1e-9)


def test_constant_columns_do_not_count_as_collinear(single_precision):
    constant = np.column_stack([X, np.ones(N)])
    found = covariance(reader(constant), N, weight=np.ones(N), mean=constant.mean(axis=0))
    assert single_precision == [np.float32]
    np.testing.assert_array_equal(found[-1], 0)


def test_small_covariances_are_not_worth_the_check(monkeypatch):
    def refused(*args):
        raise AssertionError

    monkeypatch.setattr(moments, "_well_conditioned", refused)
    covariance(reader(X), N, weight=WEIGHT, mean=X.mean(axis=0))


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int64])
def test_rows_from_disk_give_the_same_bits_whatever_their_dtype(tmp_path, dtype, small_chunks):
    images = (X - X.min()).astype(dtype)[:, :4].reshape(N, 2, 2)
    np.save(tmp_path / "rows.npy", images)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    found = []
    for rows in (images, mapped, images.astype(np.float64)):
        mean, seen, complete = means(reader(rows), N, 4, weight=WEIGHT)
        variance = variances(reader(rows), N, weight=WEIGHT, mean=mean)
        found.append((mean, seen, complete, variance, covariance(reader(rows), N, weight=WEIGHT, mean=mean)))
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("weight", [None, np.linspace(0.5, 2, 200_000)], ids=["equal", "weighted"])
@pytest.mark.parametrize("missing", [False, True])
def test_means_of_many_rows_far_from_zero_keep_their_digits(weight, missing):
    """A plain sum of 200 000 cells of 10^12 + 3 +- 1 has a mean that is off by their deviation."""
    near = np.round(np.random.default_rng(0).normal(3, 1, (200_000, 2)) * 1024) / 1024  # which 10^12 leaves exact
    if missing:
        near[::3, 1] = np.nan
    expected = means(reader(near), len(near), 2, weight=weight)
    found = means(reader(near + 1e12), len(near), 2, weight=weight)
    np.testing.assert_allclose(found[0] - 1e12, expected[0], atol=2e-4)  # the distance of doubles there
    np.testing.assert_array_equal(found[1], expected[1])
    assert means(reader(np.full((1000, 1), 0.1)), 1000, 1)[0] == 0.1  # so the mean of equal numbers is that number
