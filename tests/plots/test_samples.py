"""Each image is where its number says; blocks carry the captions and share one scale of grey."""

import numpy as np
import pytest

from lowerbound.plots import sample_figure, samples_by_dimension_figure


def images(n: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(n).uniform(size=(n, *shape))


def test_samples_lie_row_by_row():
    batch = images(7, 4, 4)
    axes = sample_figure(batch, n_columns=3, value_range=(0.0, 1.0), title="draws").axes[0]
    np.testing.assert_array_equal([image.get_array() for image in axes.images], batch)
    corners = [(image.get_extent()[3], image.get_extent()[0]) for image in axes.images]  # top, left
    assert corners == sorted(corners)
    tops, lefts = zip(*corners, strict=True)
    assert [tops.count(top) for top in sorted(set(tops))] == [3, 3, 1]
    assert len(set(lefts)) == 3


def test_images_do_not_overlap_and_have_square_pixels():
    figure = sample_figure(images(20, 4, 8))
    figure.draw_without_rendering()
    boxes = [image.get_window_extent() for image in figure.axes[0].images]
    assert all(box.width == pytest.approx(2 * box.height) for box in boxes)
    assert boxes[0].x1 < boxes[1].x0
    assert boxes[0].y0 > boxes[8].y1
    assert figure.get_figwidth() <= 6.5


def test_blocks_hold_the_first_images_of_each_model():
    samples = {2: images(9, 4, 4), 20: images(5, 4, 4)}
    figure = samples_by_dimension_figure(
        samples, captions={20: "20 latents: −104.3 nats"}, n_side=2, value_range=(0.0, 1.0), title="by latents"
    )
    assert [text.get_text() for text in figure.texts] == ["2 latents", "20 latents: −104.3 nats", "by latents"]
    for axes, batch in zip(figure.axes, samples.values(), strict=True):
        np.testing.assert_array_equal([image.get_array() for image in axes.images], batch[:4])


def test_blocks_share_one_scale_of_grey():
    figure = samples_by_dimension_figure({1: np.full((1, 2, 2), 10.0), 2: np.full((1, 2, 2), 30.0)})
    assert [float(axes.images[0].get_array().max()) for axes in figure.axes] == [0.0, 1.0]


def test_five_blocks_need_a_second_row():
    figure = samples_by_dimension_figure({d: images(4, 4, 4) for d in range(1, 6)}, n_side=2)
    tops = [round(axes.get_position().y1, 6) for axes in figure.axes]
    assert len(set(tops[:4])) == 1
    assert tops[4] < tops[0]
    assert figure.get_figwidth() <= 6.5


@pytest.mark.parametrize(
    ("samples", "arguments", "message"),
    [
        ({}, {}, r"samples of .* one or more numbers of latents; got none"),
        ({2: images(1, 4, 4), 5: images(1, 4, 5)}, {}, r"samples\[5\] of .* = \(4, 4\); got \(4, 5\)"),
        ({2: images(1, 4, 4), 5: images(1, 4, 4, 3)}, {}, r"samples\[5\] of .* = \(4, 4\); got \(4, 4, 3\)"),
        ({2: images(1, 4, 4)}, {"captions": {3: "three"}}, r"captions of .* must name blocks, 2; got 3"),
        ({2: images(1, 4, 4)}, {"n_side": 0}, r"n_side of .* at least 1; got 0"),
    ],
)
def test_blocks_that_do_not_belong_together_are_errors(samples: dict, arguments: dict, message: str):
    with pytest.raises(ValueError, match=message):
        samples_by_dimension_figure(samples, **arguments)


def test_no_columns_is_an_error():
    with pytest.raises(ValueError, match="n_columns of sample_figure must be at least 1; got 0"):
        sample_figure(images(1, 4, 4), n_columns=0)
