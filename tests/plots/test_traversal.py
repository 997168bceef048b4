"""Each image lies in the row of its dimension and the column of its value, which the labels name."""

from itertools import pairwise

import numpy as np
import pytest

from lowerbound.plots import traversal_figure


def images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(size=shape)


def test_rows_are_dimensions_and_columns_are_values():
    batch = images(2, 5, 4, 3)
    figure = traversal_figure(
        batch, dimensions=[6, 0], values=np.linspace(-2, 2, 5), kl=np.array([1.234, 0.0]), value_range=(0.0, 1.0)
    )
    axes = figure.axes[0]
    for (i, j), shown in zip(np.ndindex(2, 5), axes.images, strict=True):
        np.testing.assert_array_equal(shown.get_array(), batch[i, j])
        left, right, bottom, top = shown.get_extent()
        assert (left + right) / 2 == pytest.approx(axes.get_xticks()[j])
        assert (bottom + top) / 2 == pytest.approx(axes.get_yticks()[i])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["$z_{7}$  1.23 nats", "$z_{1}$  0.00 nats"]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["−2", "−1", "0", "1", "2"]
    assert axes.yaxis_inverted()


def test_without_kl_a_row_has_its_name_alone():
    axes = traversal_figure(images(1, 2, 4, 4), dimensions=[2], values=[0, 1]).axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["$z_{3}$"]


def test_pixels_are_square_and_nothing_leaves_the_paper():
    figure = traversal_figure(
        images(3, 11, 8, 4), dimensions=[0, 1, 2], values=range(11), kl=[1, 2, 3], title="t " * 90
    )
    figure.draw_without_rendering()
    width, height = figure.get_size_inches() * figure.dpi
    assert figure.get_figwidth() <= 6.5
    box = figure.axes[0].images[0].get_window_extent()
    assert box.height / box.width == pytest.approx(2, rel=1e-6)
    for text in [*figure.texts, *figure.axes[0].get_yticklabels(), *figure.axes[0].get_xticklabels()]:
        extent = text.get_window_extent()
        assert min(extent.x0, extent.y0) >= 0, text
        assert extent.x1 <= width, text
        assert extent.y1 <= height, text


@pytest.mark.parametrize("shape", [(4, 100), (100, 4), (1, 60)])
def test_names_of_thin_rows_and_columns_stay_apart(shape: tuple[int, int]):
    figure = traversal_figure(
        images(4, 9, *shape), dimensions=[0, 1, 2, 13], values=np.linspace(-2, 2, 9), kl=[1.0, 2.0, 3.0, 4.0]
    )
    figure.draw_without_rendering()
    axes = figure.axes[0]
    rows = [label.get_window_extent() for label in axes.get_yticklabels()]
    assert all(upper.y0 >= lower.y1 for upper, lower in pairwise(rows))
    columns = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert all(left.x1 <= right.x0 for left, right in pairwise(columns))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dimensions": [0]}, r"dimensions of .* one number per row of images = 2; got 1"),
        ({"dimensions": [0, -1]}, r"dimensions of .* whole numbers from 0 on; got \[0, -1\]"),
        ({"dimensions": np.array([0.5, 1.0])}, r"dimensions of .* whole numbers"),
        ({"values": [0.0]}, r"values of .* one number per column of images = 3; got 1"),
        ({"values": [0.0, np.nan, 1.0]}, r"values of .* must be finite"),
        ({"kl": np.ones(5)}, r"kl of .* one number per row of images = 2; got 5. Choose .* kl\[dimensions\]"),
        ({"kl": [1.0, np.inf]}, r"kl of .* must be finite"),
    ],
)
def test_labels_that_do_not_fit_are_errors(change: dict, message: str):
    arguments = {"dimensions": [0, 1], "values": [-1.0, 0.0, 1.0]} | change
    with pytest.raises(ValueError, match=message):
        traversal_figure(images(2, 3, 4, 4), **arguments)
