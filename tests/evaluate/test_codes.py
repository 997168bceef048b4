"""Ground truth: the normal distribution function of Python's standard library, and a loop over the codes."""

from statistics import NormalDist

import numpy as np
import pytest

from lowerbound.evaluate.codes import most_active, quantile_grid, quantiles, traversal_codes


@pytest.mark.parametrize(("n", "margin"), [(2, 0.05), (5, 0.01), (20, 0.2)])
def test_quantiles_have_evenly_spaced_probabilities(n: int, margin: float):
    z = quantiles(n, margin=margin)
    probabilities = [NormalDist().cdf(value) for value in z]
    np.testing.assert_allclose(probabilities, np.linspace(margin, 1 - margin, n), rtol=1e-12)
    np.testing.assert_array_equal(z, -z[::-1])


def test_a_single_quantile_is_the_median():
    assert quantiles(1).tolist() == [0.0]


def test_the_grid_lies_as_the_image_does():
    z = quantiles(4)
    grid = quantile_grid(4)
    assert grid.shape == (16, 2)
    for i, j in np.ndindex(4, 4):
        assert grid[4 * i + j].tolist() == [z[j], z[3 - i]]
    assert grid[0, 0] == grid[:, 0].min()
    assert grid[0, 1] == grid[:, 1].max()


def test_a_traversal_replaces_one_coordinate():
    center = np.array([0.5, -1.0, 2.0], np.float32)
    codes = traversal_codes(center, [2, 0], values=[-3, 0, 3])
    assert codes.shape == (2, 3, 3)
    assert codes.dtype == np.float32
    for i, dimension in enumerate((2, 0)):
        for j, value in enumerate((-3, 0, 3)):
            expected = center.copy()
            expected[dimension] = value
            np.testing.assert_array_equal(codes[i, j], expected)
    np.testing.assert_array_equal(center, np.array([0.5, -1.0, 2.0]))


def test_whole_numbers_as_center_do_not_truncate_the_values():
    assert traversal_codes(np.zeros(2), [1], values=np.array([0.5]))[0, 0, 1] == 0.5


def test_latents_by_falling_activity():
    activity = np.array([0.1, 0.7, 0.1, 0.9])
    assert most_active(activity) == [3, 1, 0, 2]
    assert most_active(activity, n=2) == [3, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: quantile_grid(0), r"n_side of quantile_grid must be at least 1; got 0"),
        (lambda: quantile_grid(3, margin=0.5), r"margin of quantile_grid must be above 0 and below 0.5; got 0.5"),
        (lambda: traversal_codes(np.zeros(2), [2], values=[0.0]), r"dimensions of .* from 0 to 1; got \[2\]"),
        (lambda: traversal_codes(np.zeros(2), [-1], values=[0.0]), r"dimensions of .* got \[-1\]"),
        (lambda: traversal_codes(np.zeros(2), [], values=[0.0]), r"dimensions of .* got \[\]"),
        (lambda: traversal_codes(np.zeros(2), [0], values=[]), r"values of .* one or more"),
        (lambda: most_active(np.zeros(2), n=0), r"n of most_active must be at least 1; got 0"),
    ],
)
def test_what_cannot_be_walked_is_one_clear_error(call, message: str):
    with pytest.raises(ValueError, match=message):
        call()
