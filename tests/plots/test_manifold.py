"""The mosaic is cut apart again; its ticks are the quantiles, each at the middle of its image."""

import numpy as np
import pytest

from lowerbound.evaluate.codes import quantile_grid, quantiles
from lowerbound.plots import manifold_figure


def decoded(codes: np.ndarray, height: int = 3, width: int = 2) -> np.ndarray:
    """Images that say which code they come from: z_1 in the left column, z_2 in the others."""
    batch = np.repeat(codes[:, 1], height * width).reshape(-1, height, width)
    batch[:, :, 0] = codes[:, :1]
    return batch


@pytest.mark.parametrize("side", [1, 4, 7])
def test_the_image_at_a_place_is_the_decoding_of_the_code_on_the_axes(side: int):
    figure = manifold_figure(decoded(quantile_grid(side)), value_range=(-2.0, 2.0))
    mosaic = np.asarray(figure.axes[0].images[0].get_array()) * 4 - 2
    z = quantiles(side)
    for i, j in np.ndindex(side, side):
        tile = mosaic[3 * i : 3 * i + 3, 2 * j : 2 * j + 2]
        np.testing.assert_allclose(tile[:, 0], z[j], atol=1e-12)
        np.testing.assert_allclose(tile[:, 1], z[side - 1 - i], atol=1e-12)


@pytest.mark.parametrize("side", [1, 2, 5, 20, 21])
def test_ticks_name_the_code_of_the_image_they_stand_at(side: int):
    axes = manifold_figure(decoded(quantile_grid(side, margin=0.01)), margin=0.01).axes[0]
    z = quantiles(side, margin=0.01)
    for axis, size, codes in ((axes.xaxis, 2, z), (axes.yaxis, 3, z[::-1])):
        places = (np.array(axis.get_ticklocs()) / size - 0.5).round(9)
        assert set(places) <= set(range(side))
        assert {0, side - 1} <= set(places)
        np.testing.assert_array_equal(places, (side - 1) - places[::-1])
        texts = [label.get_text().replace("−", "-") for label in axis.get_ticklabels()]
        assert texts == [f"{codes[int(place)]:.2f}" for place in places]
        assert "-0.00" not in texts


def test_pixels_are_square_and_the_page_is_wide_enough():
    figure = manifold_figure(decoded(quantile_grid(5)))
    figure.draw_without_rendering()
    width, height = figure.axes[0].get_position().size * figure.get_size_inches()
    assert height / width == pytest.approx(3 / 2, rel=1e-6)
    assert figure.get_figwidth() <= 6.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, r"a square number of them; got 6"),
        ({"n_side": 3}, r"n_side\^2 = 9; got 6"),
        ({"n_side": 0}, r"n_side of manifold_figure must be at least 1; got 0"),
    ],
)
def test_a_grid_that_is_no_square_is_an_error(arguments: dict, message: str):
    with pytest.raises(ValueError, match=message):
        manifold_figure(np.zeros((6, 2, 2)), **arguments)
