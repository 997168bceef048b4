"""Every figure of images refuses what holds none, in the same words; shades are a straight line between black and white."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure

from lowerbound.plots import (
    manifold_figure,
    outlier_figure,
    sample_figure,
    samples_by_dimension_figure,
    traversal_figure,
)
from lowerbound.plots.arrays import black_and_white, shade

FIGURES: dict[str, Callable[[np.ndarray], Figure]] = {
    "manifold_figure": manifold_figure,
    "sample_figure": sample_figure,
    "samples_by_dimension_figure": lambda images: samples_by_dimension_figure({2: images}),
    "outlier_figure": lambda images: outlier_figure(images, np.arange(float(len(images)))),
    "traversal_figure": lambda images: traversal_figure(images[None], dimensions=[0], values=range(len(images))),
}


def images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(size=shape)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("shape", [(4, 8, 6), (4, 8, 6, 1), (4, 8, 6, 3)])
@pytest.mark.parametrize("dtype", [float, np.uint8, bool])
def test_grey_and_coloured_images_of_any_number_type_draw(name: str, shape: tuple[int, ...], dtype: type):
    figure = FIGURES[name]((images(*shape) * 9).astype(dtype))
    shown = [np.asarray(image.get_array()) for axes in figure.axes for image in axes.images]
    assert shown
    assert all(array.min() >= 0 and array.max() <= 1 for array in shown)
    assert all(array.ndim == (3 if shape[-1] == 3 else 2) for array in shown)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (images(4, 64), r"must hold images, .* got shape"),
        (images(4, 8, 8, 2), r"must hold images, .* 1 or 3 channels\); got shape"),
        (images(4, 8, 8, 4), r"must hold images, .* 1 or 3 channels\); got shape"),
        (images(4, 0, 8), r"must hold at least one image; got shape"),
        (np.where(images(4, 8, 8) > 0.5, np.nan, 0.0), r"must be finite; got NaN"),
        (images(4, 8, 8).astype(str), r"must be an array of numbers; got <U"),
        (images(4, 8, 8).astype(complex), r"must be an array of numbers; got complex"),
    ],
)
def test_what_is_no_picture_is_one_clear_error(name: str, wrong: np.ndarray, message: str):
    with pytest.raises(ValueError, match=rf"of {name} {message}") as caught:
        FIGURES[name](wrong)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("limits", [(1.0, 0.0), (0.0, np.inf), (np.nan, 1.0)])
def test_the_range_of_values_ascends(limits: tuple[float, float]):
    with pytest.raises(ValueError, match=r"value_range of sample_figure must ascend and be finite"):
        sample_figure(images(2, 4, 4), value_range=limits)


def test_shades_are_linear_and_clipped():
    values = np.array([-5.0, 0.0, 4.0, 16.0, 99.0])
    np.testing.assert_allclose(shade(values, (0.0, 16.0)), [0, 0, 0.25, 1, 1])
    assert black_and_white(None, [values, values - 1], owner="f") == (-6.0, 99.0)
    np.testing.assert_array_equal(shade(np.full(3, 7.0), (7.0, 7.0)), 0.0)
