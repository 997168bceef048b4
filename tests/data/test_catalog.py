"""Named data sets: where each is looked for, in turn, and one error for each way to be absent."""

import difflib
import urllib.error

import numpy as np
import pytest

from lowerbound.data.catalog import describe, load_named, names


@pytest.fixture
def no_folder(tmp_path, monkeypatch):
    """A place from where no data folder is found: none is named, none is beside the current folder."""
    (tmp_path / "work").mkdir()
    monkeypatch.delenv("LOWERBOUND_DATA", raising=False)
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def put_openml(monkeypatch, answer):
    """Put `answer` in the place of scikit-learn's OpenML reader; returns the list of calls."""
    calls = []

    def fetch(title, **options):
        calls.append((title, options))
        return answer()

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch)
    return calls


def test_digits_are_built_in(no_folder):
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    digits = load_named("digits")
    assert digits.x_train.dtype == np.uint8
    assert digits.x_train.max() == 16
    np.testing.assert_array_equal(digits.x_test, x[4::5])
    np.testing.assert_array_equal(digits.y_test, y[4::5])
    np.testing.assert_array_equal(digits.x_train, np.delete(x, np.s_[4::5], axis=0))
    np.testing.assert_array_equal(digits.y_train, np.delete(y, np.s_[4::5]))


def test_the_default_folder_is_beside_the_current_one(no_folder):
    folder = no_folder / "shared" / "data"
    folder.mkdir(parents=True)
    x, y = np.arange(20.0, dtype=np.float32).reshape(10, 2), np.arange(10)
    np.savez(folder / "uci.npz", yacht_x=x, yacht_y=y)
    np.testing.assert_array_equal(load_named("uci/yacht").x_test, x[[4, 9]])
    with pytest.raises(ValueError, match=r"name must be an array of .*uci\.npz.* got 'power_x'"):
        load_named("uci/power")


def test_absent_sets_say_what_to_do(no_folder, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"frey_faces must be in frey_faces\.npz .* LOWERBOUND_DATA"):
        load_named("frey_faces")
    rows = {row.name: row.available for row in describe()}
    assert tuple(rows) == names()
    assert rows["digits"] == "built in"
    assert rows["mnist"] == rows["fashion_mnist"] == "OpenML (a download)"
    assert rows["uci/yacht"] == "put uci.npz in LOWERBOUND_DATA"
    monkeypatch.setenv("LOWERBOUND_DATA", str(no_folder))
    with pytest.raises(FileNotFoundError, match=str(no_folder)):
        load_named("outliers/wbc")


def test_a_variable_that_names_no_folder(no_folder, monkeypatch):
    monkeypatch.setenv("LOWERBOUND_DATA", "nowhere")
    with pytest.raises(ValueError, match="LOWERBOUND_DATA must name a folder; got 'nowhere'"):
        load_named("mnist")
    assert len(load_named("digits").x_train) == 1438


@pytest.mark.parametrize(
    ("wrong", "meant"), [("minst", "mnist"), ("cardio", "outliers/cardio"), ("concrete", "uci/concrete")]
)
def test_unknown_names_list_the_known_and_the_closest(wrong, meant):
    with pytest.raises(ValueError, match=rf"one of digits, mnist, .*; got '{wrong}'\. Did you mean '{meant}'\?"):
        load_named(wrong)
    assert difflib.SequenceMatcher(None, wrong, meant).ratio() > 0.5


def test_an_unknown_name_far_from_all():
    with pytest.raises(ValueError, match=r"got 'zzzz'\. Choose one of these\."):
        load_named("zzzz")


@pytest.mark.parametrize(("name", "title"), [("mnist", "mnist_784"), ("fashion_mnist", "Fashion-MNIST")])
def test_openml_is_asked_where_the_file_is_absent(no_folder, monkeypatch, name, title):
    pixels = np.zeros((70_000, 784), np.uint8)
    pixels[:, 29] = np.arange(70_000) % 251
    labels = (np.arange(70_000) % 10).astype(str).astype(object)
    calls = put_openml(monkeypatch, lambda: (pixels, labels))
    found = load_named(name)
    assert [(title, options["version"]) for title, options in calls] == [(title, 1)]
    assert found.x_train.shape == (60_000, 28, 28)
    assert found.x_test.shape == (10_000, 28, 28)
    assert found.x_train.dtype == found.y_train.dtype == np.uint8
    np.testing.assert_array_equal(found.x_train[:, 1, 1], np.arange(60_000) % 251)
    np.testing.assert_array_equal(found.y_test, np.arange(10_000) % 10)


def test_a_file_is_preferred_to_openml(no_folder, monkeypatch):
    calls = put_openml(monkeypatch, lambda: None)
    monkeypatch.setenv("LOWERBOUND_DATA", str(no_folder))
    images, labels = np.ones((3, 28, 28), np.uint8), np.arange(3)
    np.savez(no_folder / "fashion_mnist.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    np.testing.assert_array_equal(load_named("fashion_mnist").x_test, images)
    assert calls == []


def unreachable():
    """What urllib raises without a network."""
    raise urllib.error.URLError("Name or service not known")


def half_read():
    """What http raises when the line drops."""
    from http.client import IncompleteRead

    raise IncompleteRead(b"", 100)


def no_pandas():
    """What scikit-learn raises where pandas is absent."""
    raise ImportError("requires pandas")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(unreachable, "URLError"), (half_read, "IncompleteRead"), (no_pandas, "ImportError")],
)
def test_a_failed_download_names_the_remedy(no_folder, monkeypatch, answer, reason):
    put_openml(monkeypatch, answer)
    with pytest.raises(OSError, match=rf"mnist must be .* reachable at OpenML; got {reason}.*LOWERBOUND_DATA to it"):
        load_named("mnist")


def test_an_answer_that_is_not_the_set(no_folder, monkeypatch):
    put_openml(monkeypatch, lambda: (np.zeros((5, 784)), np.array(list("12345"))))
    with pytest.raises(OSError, match=r"must have 70000 images; got 5\."):
        load_named("mnist")
