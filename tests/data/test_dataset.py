"""Datasets: NumPy indexing, and hashes that know the content of a row and nothing else."""

import jax
import numpy as np
import pytest

from lowerbound.data import row_chunks
from lowerbound.data.dataset import Dataset, hash_rows, split_rows
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.data.record import Record
from tests.linear_gaussian import as_dataset


def small(n_rows=20, *, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 2, 3))
    dataset = as_dataset(X, rng.random(X.shape) < 0.8)
    return Dataset(
        dataset.values, dataset.preprocessing, dataset.observed, rng.normal(size=(n_rows, 2)).astype(np.float32)
    )


@pytest.mark.parametrize(
    "rows", [np.array([3, 1, 1]), np.array([[0, 1], [5, 2]]), np.arange(20) % 3 == 0], ids=["list", "grid", "mask"]
)
def test_take_is_numpy_indexing_of_every_part(rows):
    dataset = small()
    part = dataset.take(rows)
    for name in ("values", "observed", "condition"):
        np.testing.assert_array_equal(getattr(part, name), getattr(dataset, name)[rows])
    assert part.preprocessing is dataset.preprocessing


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16, np.uint8])
def test_records_are_the_same_rows_whenever_they_are_taken(dtype):
    X = np.random.default_rng(0).integers(0, 200, size=(30, 4)).astype(dtype)
    units = Preprocessing(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.5, 1.0, 2.0, 3.0]))
    grid = np.array([[3, 1], [5, 3]])
    record = Dataset(X, units).records(grid)
    assert record.observed is None
    assert record.values.dtype == (np.uint8 if dtype == np.uint8 else np.float32)
    expected = X[grid] if dtype == np.uint8 else (X[grid] - units.shift) / units.scale
    np.testing.assert_allclose(record.values, expected, rtol=1e-6)


def test_a_missing_cell_is_marked_and_holds_a_finite_value():
    X = np.array([[1.0, np.nan], [3.0, 4.0], [np.nan, np.nan]])
    dataset = Dataset(X, Preprocessing(np.array([1.0, 2.0]), np.array([2.0, 2.0])))
    assert not dataset.complete
    record = dataset.records(np.arange(3))
    np.testing.assert_array_equal(record.observed, ~np.isnan(X))
    np.testing.assert_array_equal(record.values, [[0, 0], [1, 1], [0, 0]])
    assert dataset.records(np.array([1])).observed is not None  # one shape for all blocks of a data set


def test_a_given_mask_counts_beside_nan():
    X = np.array([[1.0, np.nan], [3.0, 4.0]])
    dataset = Dataset(X, Preprocessing(np.zeros(2), np.ones(2)), np.array([[False, True], [True, True]]))
    np.testing.assert_array_equal(dataset.records(np.arange(2)).observed, [[False, False], [True, True]])


def test_a_memory_map_is_read_where_it_is_taken(tmp_path):
    X = np.random.default_rng(0).normal(size=(50, 3))
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    dataset = Dataset(mapped, Preprocessing(X.mean(axis=0), X.std(axis=0)))
    assert dataset.values is mapped
    rows = np.array([4, 40])
    np.testing.assert_array_equal(dataset.records(rows).values, Dataset(X, dataset.preprocessing).records(rows).values)


def test_every_field_of_a_record_is_taken_and_moved_with_its_rows():
    record = Record(*(np.arange(6) + 10 * i for i in range(len(Record._fields))))
    taken = jax.tree.map(lambda leaf: leaf[np.array([[4, 2]])], record).on_device()
    for i, part in enumerate(taken):
        np.testing.assert_array_equal(part, [[10 * i + 4, 10 * i + 2]])


def test_length_and_event_shape():
    assert (len(small()), small().event_shape) == (20, (2, 3))


def test_parts_of_other_lengths_are_refused():
    dataset = small()
    with pytest.raises(ValueError, match=r"observed of Dataset must have .* = 20; got 19"):
        Dataset(dataset.values, dataset.preprocessing, dataset.observed[:-1])
    with pytest.raises(ValueError, match=r"condition of Dataset must have .* = 20; got 3"):
        Dataset(dataset.values, dataset.preprocessing, None, np.zeros((3, 1), np.float32))


def test_hash_depends_neither_on_place_nor_on_company():
    dataset = small()
    order = np.random.default_rng(1).permutation(20)
    hashes = dataset.row_hashes()
    np.testing.assert_array_equal(dataset.take(order).row_hashes(), hashes[order])
    for i in range(20):
        assert dataset.take(np.array([i])).row_hashes()[0] == hashes[i]


def test_hash_does_not_depend_on_the_chunks(monkeypatch):
    hashes = small().row_hashes()
    monkeypatch.setattr(row_chunks, "_CHUNK_CELLS", 7)
    np.testing.assert_array_equal(small().row_hashes(), hashes)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, np.int16, np.bool_])
def test_hash_does_not_depend_on_the_dtype(dtype):
    bits = np.random.default_rng(0).integers(0, 2, size=(30, 9))
    plain = as_dataset(bits.astype(np.float32))
    other = Dataset(bits.astype(dtype), plain.preprocessing)
    np.testing.assert_array_equal(other.row_hashes(), plain.row_hashes())


def test_hash_takes_both_zeros_for_one():
    plus, minus = as_dataset(np.array([[0.0, 1.0]])), as_dataset(np.array([[-0.0, 1.0]]))
    np.testing.assert_array_equal(plus.row_hashes(), minus.row_hashes())


def test_hash_sees_the_last_bit_of_a_cell():
    dataset = small()
    changed = dataset.values.copy()
    changed[4, 1, 2] = np.nextafter(changed[4, 1, 2], np.float32(9))
    other = Dataset(changed, dataset.preprocessing, dataset.observed, dataset.condition)
    np.testing.assert_array_equal(np.flatnonzero(other.row_hashes() != dataset.row_hashes()), [4])


def test_equal_rows_under_different_conditions_are_different_rows():
    values, c = np.zeros((3, 4)), np.array([[0.0], [1.0], [-0.0]])
    hashes = Dataset(values, as_dataset(values).preprocessing, condition=c).row_hashes()
    assert hashes[0] == hashes[2] != hashes[1]
    # A condition is no more cells of x, and a row without one keeps its hash.
    np.testing.assert_array_equal(hash_rows(values), as_dataset(values).row_hashes())
    images = np.random.default_rng(0).normal(size=(5, 2, 2))
    np.testing.assert_array_equal(
        hash_rows(images, images[:, 0]), [hash_rows(one[None], one[None, 0])[0] for one in images]
    )


def test_cells_that_are_hidden_join_those_that_are_unobserved():
    dataset, hidden = small(), np.zeros((2, 3), bool)
    hidden[1, 2] = True
    np.testing.assert_array_equal(dataset.without(hidden).observed, dataset.observed & ~hidden)
    values = np.array([[1.0, np.nan], [2.0, 3.0]])
    records = as_dataset(np.zeros((2, 2))).without(np.array([True, False])).records(np.arange(2))
    np.testing.assert_array_equal(records.observed, [[False, True], [False, True]])
    holes = Dataset(values, as_dataset(np.zeros((2, 2))).preprocessing).without(np.array([True, False]))
    np.testing.assert_array_equal(holes.records(np.arange(2)).observed, [[False, False], [False, True]])


def test_given_hashes_stay_with_their_rows():
    values = small().values
    hashes = hash_rows(values)
    dataset = Dataset(values * 2, small().preprocessing, hashes=hashes)
    np.testing.assert_array_equal(dataset.take(np.array([3, 1])).row_hashes(), hashes[[3, 1]])


def test_distinct_rows_hardly_ever_share_a_hash():
    # 20 000 rows, 2^32 hashes: 0.05 pairs expected by chance.
    grey = np.random.default_rng(0).integers(0, 256, size=(20_000, 6)).astype(np.uint8)
    distinct = np.unique(grey, axis=0)
    assert len(np.unique(as_dataset(distinct).row_hashes())) >= len(distinct) - 2


@pytest.mark.parametrize(
    ("n_rows", "fraction", "held"), [(200, 0.1, 20), (1000, 0.25, 250), (199, 0.1, 0), (300, 0.0, 0)]
)
def test_split_is_a_partition_chosen_by_the_seed(n_rows, fraction, held):
    train, validation = split_rows(n_rows, fraction=fraction, minimum_rows=200, seed=3)
    assert len(validation) == held
    np.testing.assert_array_equal(np.sort(np.concatenate([train, validation])), np.arange(n_rows))
    assert (np.diff(train) > 0).all()
    assert (np.diff(validation) > 0).all()
    again = split_rows(n_rows, fraction=fraction, minimum_rows=200, seed=3)
    np.testing.assert_array_equal(validation, again[1])
    if held:
        assert (split_rows(n_rows, fraction=fraction, minimum_rows=200, seed=4)[1] != validation).any()
