"""Chunks of rows with holes: unpacked again they are the rows, whatever their form."""

import jax
import numpy as np
import pytest

from lowerbound.data.moments import reader
from lowerbound.data.patterns import ChunkShape, chunks, plan_chunks, stacked

RNG = np.random.default_rng(0)
D = 12


def rows(n, n_patterns, *, seed=0):
    """n rows with (at most) so many patterns of holes: 0 for none, n for one each."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, D))
    if n_patterns == 0:
        return X
    patterns = rng.random((n_patterns, D)) < 0.5
    patterns[0] = False
    return np.where(patterns[rng.permutation(n) % n_patterns], np.nan, X)


def unpacked(parts, shape):
    """The rows with weight, NaN where they were not observed, and their weights."""
    X, W = [], []
    for chunk in parts:
        assert chunk.values.shape == (shape.rows, D)
        assert np.isfinite(chunk.values).all()
        seen = np.ones(chunk.values.shape)
        if chunk.patterns is not None:
            seen = chunk.patterns if chunk.pattern is None else chunk.patterns[chunk.pattern]
            assert set(np.unique(chunk.patterns)) <= {0.0, 1.0}
        real = chunk.weight > 0
        X.append(np.where(seen > 0, chunk.values, np.nan)[real])
        W.append(chunk.weight[real])
        np.testing.assert_array_equal(chunk.values[seen == 0], 0)
    return np.concatenate(X), np.concatenate(W)


def cut(X, *, most_rows, weight=None, to_model=lambda x: x):
    weight = np.ones(len(X)) if weight is None else weight
    complete = not np.isnan(X).any()
    shape = plan_chunks(reader(X), len(X), most_rows=most_rows, complete=complete)
    return shape, list(chunks(reader(X), len(X), shape, weight=weight, to_model=to_model))


@pytest.mark.parametrize("n", [3, 64, 65, 200, 1000])
@pytest.mark.parametrize("n_patterns", [0, 3, 1000], ids=["complete", "few", "all"])
@pytest.mark.parametrize("most_rows", [64, 150, 10_000])
def test_every_row_is_in_one_chunk_with_its_holes_and_weight(n, n_patterns, most_rows):
    X, weight = rows(n, min(n_patterns, n)), RNG.uniform(0.5, 2, n)
    shape, parts = cut(X, most_rows=most_rows, weight=weight)
    assert len(parts) == shape.n_chunks
    assert shape.rows <= most_rows
    found, its_weight = unpacked(parts, shape)
    np.testing.assert_array_equal(found, X)
    np.testing.assert_array_equal(its_weight, weight)
    structures = {str(jax.tree.map(np.shape, part)) for part in parts}
    assert len(structures) == 1  # one shape, one compilation


def test_the_form_follows_the_patterns():
    complete, few, own = (cut(rows(400, n), most_rows=1000) for n in (0, 5, 400))
    assert complete[0].patterns == 0
    assert complete[1][0].patterns is None
    assert few[0].patterns == 16  # as for any small number of them
    assert few[1][0].pattern is not None
    assert own[0].patterns == own[0].rows
    assert own[1][0].pattern is None


def test_patterns_are_distinct_and_counted_over_the_worst_chunk():
    X = np.concatenate([rows(100, 2), rows(100, 9, seed=1)])
    shape, parts = cut(X, most_rows=100)
    assert shape.n_chunks == 2
    for chunk in parts:
        assert chunk.patterns.shape == (shape.patterns, D)
        used = np.unique(chunk.pattern[chunk.weight > 0])
        assert len(np.unique(chunk.patterns[used], axis=0)) == len(used)
    assert len(np.unique(parts[1].pattern[parts[1].weight > 0])) > 2


def test_padding_has_no_weight_and_is_whole():
    shape, (chunk,) = cut(rows(70, 70), most_rows=1000)
    assert shape.rows > 70
    np.testing.assert_array_equal(chunk.weight[70:], 0)
    np.testing.assert_array_equal(chunk.patterns[70:], 1)


def test_units_are_changed_and_holes_stay():
    X = rows(80, 4)
    shape, parts = cut(X, most_rows=1000, to_model=lambda x: (x - 3.0) / 2.0)
    np.testing.assert_array_equal(unpacked(parts, shape)[0], (X - 3.0) / 2.0)


def test_small_tables_share_a_shape():
    shapes = {cut(rows(n, 0), most_rows=1000)[0] for n in (2, 30, 64)}
    assert shapes == {ChunkShape(1, 64, 0)}


def test_stacked_chunks_have_one_more_axis():
    X = rows(300, 5)
    shape, parts = cut(X, most_rows=100)
    whole = stacked(iter(parts))
    assert whole.values.shape == (shape.n_chunks, shape.rows, D)
    for i, part in enumerate(parts):
        jax.tree.map(lambda a, b, i=i: np.testing.assert_array_equal(a[i], b), whole, part)


def test_rows_without_any_cell_have_a_pattern_too():
    X = rows(90, 3)
    X[5] = np.nan
    shape, parts = cut(X, most_rows=1000)
    np.testing.assert_array_equal(unpacked(parts, shape)[0], X)
    assert (parts[0].patterns.sum(axis=1) == 0).any()
