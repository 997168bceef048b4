"""Cells hold the loadings in their order; the columns left out are those with the smallest."""

import numpy as np
import pytest

from lowerbound.plots import loadings_figure

LOADINGS = np.array([[0.9, -0.1], [0.05, 0.02], [-0.3, 0.8]])


def written(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_each_cell_has_its_number_and_its_colour():
    figure = loadings_figure(LOADINGS, names=["a", "b", "$c"], noise=[0.2, 1.0, 0.0], title="wine")
    cells, noise = figure.axes[:2]
    assert written(cells) == ["0.90", "−0.10", "0.05", "0.02", "−0.30", "0.80"]
    assert written(noise) == ["0.20", "1.00", "0.00"]
    np.testing.assert_array_equal(cells.collections[0].get_array().reshape(3, 2), LOADINGS)
    assert cells.collections[0].get_clim() == (-1, 1)
    assert [label.get_text() for label in cells.get_yticklabels()] == ["a", "b", r"\$c"]
    assert [label.get_text() for label in cells.get_xticklabels()] == ["$z_{1}$", "$z_{2}$"]
    assert cells.yaxis_inverted()  # the first column is on top
    assert figure.get_suptitle() == "wine"


def test_numbers_can_be_read_on_their_ground():
    figure = loadings_figure(np.array([[1.0, 0.1, -1.0]]))
    assert [text.get_color() for text in figure.axes[0].texts][:2] == ["white", "#1a1a1a"]


def test_the_columns_with_the_largest_loadings_stay_in_their_order():
    figure = loadings_figure(LOADINGS, n_features=2)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["$x_{0}$", "$x_{2}$"]
    assert " ".join(figure.get_suptitle().split()) == "2 of 3 columns: those with the largest loadings"


def test_factors_keep_their_numbers():
    figure = loadings_figure(LOADINGS, numbers=[4, 0])
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["$z_{5}$", "$z_{1}$"]


def test_many_factors_are_colours_alone():
    figure = loadings_figure(np.zeros((2, 40)))
    assert written(figure.axes[0]) == []
    assert len(figure.axes[0].get_xticks()) == 8


def test_a_trifle_below_zero_is_no_minus_zero():
    assert written(loadings_figure(np.array([[-0.001]])).axes[0]) == ["0.00"]


@pytest.mark.parametrize(
    ("loadings", "options", "reason"),
    [
        (np.zeros(3), {}, r"must be a matrix .*; got shape \(3,\)"),
        (np.zeros((0, 2)), {}, "not empty"),
        (np.array([[np.nan, 1.0]]), {}, "must be finite; got 1 NaN"),
        (LOADINGS, {"names": ["a"]}, "names of loadings_figure must be one per column = 3; got 1"),
        (LOADINGS, {"noise": [0.1]}, "noise of loadings_figure must have one number per column = 3; got 1"),
        (LOADINGS, {"numbers": [0]}, "numbers of loadings_figure must be one per factor = 2; got 1"),
        (LOADINGS, {"n_features": 0}, "n_features of loadings_figure must be at least 1"),
    ],
)
def test_bad_input_is_named(loadings: np.ndarray, options: dict, reason: str):
    with pytest.raises(ValueError, match=reason):
        loadings_figure(loadings, **options)
