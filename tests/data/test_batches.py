"""Epochs in blocks: every row once, evenly spread, against counting."""

import itertools

import numpy as np
import pytest
from scipy.stats import chisquare

from lowerbound.data.batches import blocks, bucket, epoch_order, plan
from tests.linear_gaussian import as_dataset

ROWS = (1, 2, 3, 5, 31, 63, 64, 65, 67, 127, 128, 129, 131, 200, 257, 1000, 1025, 4097, 8193)
BATCH_SIZES = (1, 2, 3, 32, 100, 128, 5000)


def epoch_of(n_rows, batch_size, *, seed=0):
    """A dataset whose cell is its row number, the order, the plan and the blocks of one epoch."""
    dataset = as_dataset(np.arange(n_rows, dtype=np.float32)[:, None])
    order = epoch_order(n_rows, seed=seed, epoch=1)
    shape = plan(n_rows, batch_size=batch_size)
    return dataset, order, shape, list(blocks(dataset, order, shape))


@pytest.mark.parametrize("batch_size", BATCH_SIZES)
@pytest.mark.parametrize("n_rows", ROWS)
def test_every_row_once_in_order_and_evenly_spread(n_rows, batch_size):
    _, order, shape, found = epoch_of(n_rows, batch_size)
    weight = np.concatenate([block.weight for block in found])
    row = np.concatenate([block.row for block in found])
    values = np.concatenate([block.record.values for block in found])
    assert weight.shape == (shape.steps_per_epoch, shape.rows)
    assert {block.weight.shape for block in found} == {(shape.steps, shape.rows)}
    assert shape.rows <= batch_size
    np.testing.assert_array_equal(row[weight == 1], order)
    assert set(np.unique(weight)) <= {0.0, 1.0}
    sizes = weight.sum(axis=1)
    assert sizes.min() >= 1
    assert sizes.max() - sizes.min() <= 1
    np.testing.assert_array_equal(values[..., 0], row)


@pytest.mark.parametrize("n_rows", [65, 129, 1000])
def test_padding_repeats_a_row_of_its_own_minibatch(n_rows):
    _, _, _, found = epoch_of(n_rows, 32)
    for block in found:
        for row, weight in zip(np.asarray(block.row), np.asarray(block.weight), strict=True):
            assert set(row[weight == 0]) <= set(row[weight == 1])


def test_epochs_cost_few_steps_more_than_asked():
    for n_rows, batch_size in itertools.product(range(2, 20_000, 97), (2, 7, 64, 128)):
        asked = -(-n_rows // batch_size)
        assert asked <= plan(n_rows, batch_size=batch_size).steps_per_epoch <= asked * 9 / 8 + 1


def test_mask_and_condition_travel_with_their_rows():
    rng = np.random.default_rng(0)
    X, observed, condition = rng.normal(size=(37, 2, 3)), rng.random((37, 2, 3)) < 0.7, rng.normal(size=(37, 4))
    dataset = as_dataset(X, observed)
    dataset = type(dataset)(dataset.values, dataset.preprocessing, observed, condition.astype(np.float32))
    for block in blocks(dataset, epoch_order(37, seed=3, epoch=2), plan(37, batch_size=8)):
        seen = observed[block.row]
        np.testing.assert_array_equal(block.record.values, np.where(seen, dataset.values[block.row], 0))
        np.testing.assert_array_equal(block.record.observed, observed[block.row])
        np.testing.assert_array_equal(block.record.condition, dataset.condition[block.row])


def test_order_is_a_function_of_seed_and_epoch():
    first = epoch_order(100, seed=5, epoch=7)
    np.testing.assert_array_equal(first, epoch_order(100, seed=5, epoch=7))
    np.testing.assert_array_equal(np.sort(first), np.arange(100))
    for seed, epoch in ((6, 7), (5, 8), (7, 5)):
        assert (first != epoch_order(100, seed=seed, epoch=epoch)).any()


def test_order_puts_a_row_anywhere_with_equal_chance():
    places = [int(np.flatnonzero(epoch_order(10, seed=1, epoch=epoch) == 0)[0]) for epoch in range(2000)]
    assert chisquare(np.bincount(places, minlength=10)).pvalue > 1e-3


def test_bucket_holds_n_within_an_eighth_and_is_monotone():
    n = np.arange(1, 20_001)
    buckets = np.array([bucket(int(i)) for i in n])
    assert (buckets >= n).all()
    assert (buckets < n * 9 / 8).all()
    assert (np.diff(buckets) >= 0).all()
    assert [bucket(int(b)) for b in buckets[::97]] == buckets[::97].tolist()
    assert len(np.unique(buckets)) < 100


@pytest.mark.parametrize("n_rows", [1, 7, 1000, 60_000, 10_007])
@pytest.mark.parametrize("most", [0, 1, 5, 1000])
def test_shorter_blocks_hold_the_same_minibatches(n_rows, most):
    whole = plan(n_rows, batch_size=128)
    cut = whole.with_blocks_of(most)
    assert (cut.steps_per_epoch, cut.rows) == (whole.steps_per_epoch, whole.rows)
    assert cut.steps <= max(1, most)
