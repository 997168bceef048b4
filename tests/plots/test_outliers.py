"""The two rows of images are the ends of the sorted scores."""

from itertools import pairwise

import numpy as np
import pytest

from lowerbound.plots import outlier_figure
from lowerbound.plots.outliers import ends


def images(n: int) -> np.ndarray:
    return np.random.default_rng(n).uniform(size=(n, 4, 4))


def captions(figure) -> list[list[str]]:
    return [[text.get_text() for text in axes.get_xticklabels()] for axes in figure.axes]


def test_the_ends_of_the_sorted_scores_are_shown_in_order():
    batch, scores = images(20), np.random.default_rng(1).normal(size=20) * 10
    figure = outlier_figure(batch, scores, n=3, value_range=(0.0, 1.0))
    order = np.argsort(scores)
    for axes, expected in zip(figure.axes, (order[::-1][:3], order[:3]), strict=True):
        np.testing.assert_array_equal([image.get_array() for image in axes.images], batch[expected])
        texts = [text.get_text() for text in axes.get_xticklabels()]
        assert texts == [f"row {row}\n{scores[row]:.1f}".replace("-", "−") for row in expected]


def test_rows_keep_the_numbers_they_are_given_and_ties_their_order():
    figure = outlier_figure(images(4), np.array([1.0, 5.0, 5.0, 1.0]), n=2, rows=[70, 71, 72, 73])
    assert captions(figure) == [["row 71\n5.0", "row 72\n5.0"], ["row 70\n1.0", "row 73\n1.0"]]


def test_fewer_images_than_asked_for_are_all_shown():
    assert [len(axes.images) for axes in outlier_figure(images(3), np.arange(3.0), n=8).axes] == [3, 3]


def test_images_without_any_density_are_the_most_outlying():
    scores = np.array([1.0, np.inf, 3.0, np.inf])
    assert captions(outlier_figure(images(4), scores, n=3))[0] == ["row 1\n∞", "row 3\n∞", "row 2\n3.0"]


def test_the_ends_alone_make_the_same_figure():
    batch, scores = images(30), np.random.default_rng(1).integers(0, 6, size=30).astype(float)
    shown = ends(scores, n=4)
    assert len(shown) == 8
    whole, part = outlier_figure(batch, scores, n=4), outlier_figure(batch[shown], scores[shown], n=4, rows=shown)
    assert captions(whole) == captions(part)
    for one, other in zip(whole.axes, part.axes, strict=True):
        for a, b in zip(one.images, other.images, strict=True):
            np.testing.assert_array_equal(a.get_array(), b.get_array())


@pytest.mark.parametrize(
    ("method", "words"),
    [("kl", "KL"), ("log_evidence", "−log p(x)"), ("elbo", "−ELBO"), ("reconstruction", "−log p(x given z)")],
)
def test_the_heading_says_what_the_scores_measure(method: str, words: str):
    heading = outlier_figure(images(3), np.arange(3.0), method=method, title="digits").texts[0].get_text()
    assert heading.startswith("digits\n")
    assert words in heading
    assert "nats" in heading


@pytest.mark.parametrize("number", [3, 123456])
def test_captions_stay_beside_each_other(number: int):
    rows = np.arange(20) + number
    figure = outlier_figure(images(20), np.linspace(-98765.4, 98765.4, 20), n=8, rows=rows)
    figure.draw_without_rendering()
    for axes in figure.axes:
        boxes = [text.get_window_extent() for text in axes.get_xticklabels()]
        assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    assert figure.get_figwidth() <= 6.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": np.arange(3.0)}, r"scores of .* one number per image = 4; got 3"),
        ({"scores": np.array([0, 1, 2, np.nan])}, r"scores of .* must be finite; got 1"),
        ({"scores": np.array([0, 1, 2, -np.inf])}, r"scores of .* must be finite; got 1"),
        ({"scores": np.array(list("abcd"))}, r"scores of .* array of numbers"),
        ({"scores": np.zeros((4, 1))}, r"scores of .* must be a vector"),
        ({"rows": [1, 2]}, r"rows of .* one number per image = 4; got 2"),
        ({"n": 0}, r"n of .* at least 1; got 0"),
    ],
)
def test_scores_that_do_not_fit_are_errors(change: dict, message: str):
    arguments = {"images": images(4), "scores": np.arange(4.0)} | change
    with pytest.raises(ValueError, match=message):
        outlier_figure(**arguments)
