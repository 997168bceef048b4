"""Rows that are read slice by slice: memory-mapped or in memory, stacked or as a stream, in one chunk or many, the fit is one.

Ground truth: the same table in memory, in one piece.
"""

import numpy as np
import pytest

from lowerbound import PPCA
from lowerbound.data import row_chunks
from lowerbound.data.standardize import measure
from lowerbound.interface import em_chunks, weighted_rows
from lowerbound.interface.weighted_rows import WeightedRows
from tests.contracts.registry import STOPPED_EARLY
from tests.estimators.exact_models import MODELS, column_scale, in_user_units, rows, with_holes

X, _ = rows(300)
HOLES = with_holes(X)
WEIGHT = np.random.default_rng(0).uniform(0, 2, len(X))


def on_disk(X, folder):
    """The table as a memory-mapped file."""
    np.save(folder / "table.npy", X)
    return np.load(folder / "table.npy", mmap_mode="r")


def rows_of(values, **options):
    return WeightedRows(PPCA(), values, **({"sample_weight": None, "noise_seed": None} | options))


def assert_same_fit(one, other):
    unit = column_scale(one)
    here, there = in_user_units(one), in_user_units(other)
    np.testing.assert_allclose(other.history_["loss"], one.history_["loss"], rtol=1e-9)
    np.testing.assert_allclose(there.mean / unit, here.mean / unit, atol=1e-7)
    np.testing.assert_allclose(
        there.covariance / unit / unit[:, None], here.covariance / unit / unit[:, None], atol=1e-7
    )


# ---- reading


def test_nothing_is_copied_from_a_memory_map(tmp_path):
    mapped = on_disk(X, tmp_path)
    found = rows_of(mapped)
    assert isinstance(mapped, np.memmap)
    assert np.shares_memory(found._values, mapped)
    np.testing.assert_array_equal(found.read(slice(5, 9)), X[5:9])


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint8, np.bool_])
def test_cells_of_any_type_are_numbers(dtype):
    table = np.abs(X).astype(dtype)
    found = rows_of(table)
    assert found.read(slice(0, 3)).dtype == np.float64
    np.testing.assert_allclose(found.mean, table.astype(float).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(table.T.astype(float), bias=True), rtol=1e-9, atol=1e-9)


def test_the_order_of_cells_in_memory_does_not_matter():
    one, other = (MODELS["mixture diagonal"]().fit(table) for table in (X, np.asfortranarray(X)))
    np.testing.assert_array_equal(one.history_["loss"], other.history_["loss"])
    np.testing.assert_array_equal(one.means_, other.means_)


def test_the_noise_of_dequantization_is_one_draw_whatever_the_slices():
    grey = np.random.default_rng(0).integers(0, 4, size=(50, 2, 3)).astype(np.uint8)
    grey[:25] = grey[25:]  # rows of equal content have noise of their own
    found = rows_of(grey, noise_seed=7)
    whole = found.read(slice(0, 50))
    parts = [found.read(slice(start, start + 10)) for start in range(0, 50, 10)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(rows_of(grey, noise_seed=7).read(slice(13, 14)), whole[13:14])
    noise = whole - grey.reshape(50, 6)
    assert np.all((noise >= 0) & (noise < 1))
    assert len(np.unique(noise)) == noise.size
    assert np.abs(rows_of(grey, noise_seed=8).read(slice(0, 50)) - whole).max() > 0.1


def test_rows_of_equal_numbers_are_taken_in_order():
    found = rows_of(HOLES, sample_weight=WEIGHT)
    chosen = found.evenly_spaced(10)
    assert len(chosen) == 10
    assert np.all(np.diff(chosen) > 0)
    np.testing.assert_array_equal(found.take(chosen), HOLES[chosen])


def test_means_and_variances_are_those_of_observed_cells():
    found = rows_of(HOLES, sample_weight=WEIGHT)
    for j, column in enumerate(HOLES.T):
        seen = ~np.isnan(column)
        mean = np.average(column[seen], weights=WEIGHT[seen])
        variance = np.average((column[seen] - mean) ** 2, weights=WEIGHT[seen])
        np.testing.assert_allclose((found.mean[j], found.variance[j]), (mean, variance), rtol=1e-12)
    assert not found.complete
    assert found.notes() == ("1 row has no observed cell and said nothing.",)


@pytest.mark.parametrize("chunk_cells", [10**6, 40])
@pytest.mark.parametrize("per_column", [True, False])
@pytest.mark.parametrize("table", [X, HOLES, HOLES.reshape(-1, 2, 3)], ids=["complete", "holes", "images"])
def test_shift_and_scale_are_those_of_standardization(table, per_column, chunk_cells, monkeypatch):
    monkeypatch.setattr(row_chunks, "_CHUNK_CELLS", chunk_cells)
    table = table.copy()
    table[:, 1, ...] = 3.25
    found, constant = rows_of(table).preprocessing(per_column=per_column)
    expected = measure(table)  # without weights: sums round otherwise
    np.testing.assert_array_equal(constant, expected.constant)
    assert constant.any()
    np.testing.assert_allclose(found.shift, expected.shift, rtol=1e-12, atol=1e-15)
    scale = expected.scale if per_column else np.sqrt(np.mean(expected.scale[~constant] ** 2))
    np.testing.assert_allclose(found.scale, np.broadcast_to(scale, found.scale.shape), rtol=1e-12)


def test_the_rule_of_standardization_is_written_once(monkeypatch):
    asked = []
    rule = weighted_rows.standardization
    monkeypatch.setattr(
        weighted_rows, "standardization", lambda *given, **options: asked.append(options) or rule(*given, **options)
    )
    rows_of(HOLES, sample_weight=WEIGHT).preprocessing(per_column=False)
    assert [options["per_feature"] for options in asked] == [False]


# ---- fits


@pytest.mark.parametrize("name", ["PPCA", "FactorAnalysis", "mixture diagonal", "mixture full"])
@pytest.mark.parametrize("table", [X, HOLES], ids=["complete", "holes"])
def test_a_memory_map_is_fitted_as_the_array_in_memory(name, table, tmp_path):
    one, other = (MODELS[name]().fit(given, sample_weight=WEIGHT) for given in (table, on_disk(table, tmp_path)))
    np.testing.assert_array_equal(other.history_["loss"], one.history_["loss"])
    np.testing.assert_array_equal(in_user_units(other).covariance, in_user_units(one).covariance)
    assert other.status_ == one.status_


@pytest.mark.filterwarnings(STOPPED_EARLY)
@pytest.mark.parametrize("name", ["FactorAnalysis", "mixture diagonal", "mixture full"])
def test_a_stream_of_chunks_is_fitted_as_one_piece(name, tmp_path, monkeypatch):
    whole = MODELS[name](max_iter=20).fit(HOLES, sample_weight=WEIGHT)
    monkeypatch.setattr(em_chunks, "_CELLS_PER_CHUNK", 100)
    in_chunks = MODELS[name](max_iter=20).fit(HOLES, sample_weight=WEIGHT)
    monkeypatch.setattr(em_chunks, "_STREAMED_BYTES", 0)
    passes = []
    chunks = em_chunks.chunks
    monkeypatch.setattr(em_chunks, "chunks", lambda *given, **options: passes.append(0) or chunks(*given, **options))
    streamed = MODELS[name](max_iter=20).fit(on_disk(HOLES, tmp_path), sample_weight=WEIGHT)
    assert len(passes) >= streamed.n_iter_  # read anew in every iteration
    assert streamed.n_iter_ == in_chunks.n_iter_ == whole.n_iter_
    assert_same_fit(whole, in_chunks)
    assert_same_fit(whole, streamed)


@pytest.mark.filterwarnings(STOPPED_EARLY)
def test_several_starts_are_streamed_together(tmp_path, monkeypatch):
    whole = MODELS["mixture diagonal"](n_init=3, max_iter=20).fit(X)
    monkeypatch.setattr(em_chunks, "_CELLS_PER_CHUNK", 100)
    monkeypatch.setattr(em_chunks, "_STREAMED_BYTES", 0)
    assert_same_fit(whole, MODELS["mixture diagonal"](n_init=3, max_iter=20).fit(on_disk(X, tmp_path)))
