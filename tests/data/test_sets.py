"""Named data sets: shapes and splits against the files themselves."""

import numpy as np
import pytest

from lowerbound.data.catalog import describe, load_named, names

IN_FILES = [name for name in names() if name not in ("digits", "fashion_mnist")]


@pytest.fixture
def real(data_folder, monkeypatch):
    """The folder of real data, named by the environment variable."""
    monkeypatch.setenv("LOWERBOUND_DATA", str(data_folder))
    return data_folder


@pytest.mark.parametrize("name", IN_FILES)
def test_shapes_are_as_the_catalogue_says(real, name):
    row = next(row for row in describe() if row.name == name)
    found = load_named(name)
    assert (len(found.x_train) + len(found.x_test), *found.x_train.shape[1:]) == row.shape
    assert found.x_train.shape[1:] == found.x_test.shape[1:]
    assert found.x_train.dtype == found.x_test.dtype == np.dtype(row.dtype)
    assert row.available.startswith(str(real))
    assert found.description.endswith(".")
    assert found.source
    if found.y_train is not None:
        assert found.y_test is not None
        assert len(found.y_train) == len(found.x_train)
        assert len(found.y_test) == len(found.x_test)


@pytest.mark.parametrize(
    ("name", "file", "prefix"),
    [
        ("outliers/cardio", "outliers.npz", "cardio_"),
        ("uci/yacht", "uci.npz", "yacht_"),
        ("olivetti_faces", "olivetti_faces.npz", ""),
    ],
)
def test_every_fifth_row_is_a_test_row(real, name, file, prefix):
    with np.load(real / file) as archive:
        x, y = archive[f"{prefix}x"], archive[f"{prefix}y"]
    found = load_named(name)
    np.testing.assert_array_equal(found.x_test, x[4::5])
    np.testing.assert_array_equal(found.y_test, y[4::5])
    np.testing.assert_array_equal(found.x_train, np.delete(x, np.s_[4::5], axis=0))
    np.testing.assert_array_equal(found.y_train, np.delete(y, np.s_[4::5]))


@pytest.mark.parametrize("name", [name for name in names() if name.startswith("outliers/")])
def test_both_parts_hold_outliers(real, name):
    found = load_named(name)
    assert set(found.y_train) == set(found.y_test) == {0, 1}


def test_olivetti_test_rows_are_two_of_each_person(real):
    np.testing.assert_array_equal(np.bincount(load_named("olivetti_faces").y_test), np.full(40, 2))


def test_frey_faces_are_split_in_blocks(real):
    with np.load(real / "frey_faces.npz") as archive:
        frames = archive["x"]
    found = load_named("frey_faces")
    blocks = np.split(frames, 15)
    np.testing.assert_array_equal(found.x_test, np.concatenate([blocks[4], blocks[9], blocks[14]]))
    np.testing.assert_array_equal(found.x_train, np.concatenate([blocks[j] for j in range(15) if j not in (4, 9, 14)]))
    assert found.y_train is None
    assert found.y_test is None


def test_binarized_mnist_keeps_the_published_parts(real):
    with np.load(real / "binarized_mnist.npz") as archive:
        valid, test, labels = archive["x_valid"], archive["x_test"], archive["y_test"]
    found = load_named("binarized_mnist")
    np.testing.assert_array_equal(found.x_train[50_000:], valid)
    np.testing.assert_array_equal(found.x_test, test)
    assert np.all(np.diff(labels.astype(int)) >= 0)
    assert "sorted by class" in found.description
