"""Bars and lines are the shares of rows between the shared edges; the columns are chosen by a distance computed by hand."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.patches import Rectangle, StepPatch

from lowerbound.plots import marginals_figure


def tables(n: int = 400, m: int = 300, features: int = 5) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.normal(size=(n, features)), generator.normal(size=(m, features))


def bars(axes) -> np.ndarray:
    return np.array([patch.get_height() for patch in axes.patches if isinstance(patch, Rectangle)])


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Largest difference between two distribution functions, at every value there is."""
    return max(abs((a <= x).mean() - (b <= x).mean()) for x in np.concatenate([a, b]))


def test_bars_and_line_are_shares_between_shared_edges():
    real, samples = tables(features=1)
    axes = marginals_figure(real, samples).axes[0]
    (line,) = (patch for patch in axes.patches if isinstance(patch, StepPatch))
    values, edges, _ = line.get_data()
    for table, shares in ((real, bars(axes)), (samples, values)):
        assert shares.sum() == pytest.approx(1)
        inner = [((table > a) & (table <= b)).mean() for a, b in pairwise(edges[1:-1])]
        np.testing.assert_allclose(shares[1:-1], inner)


def test_a_column_of_few_values_has_a_bar_and_a_dot_for_each():
    real, samples = np.array([[0.0], [0.0], [1.0], [3.0]]), np.array([[0.0], [1.2], [0.8], [2.9], [50.0]])
    axes = marginals_figure(real, samples).axes[0]
    np.testing.assert_allclose(bars(axes), [0.5, 0.25, 0.25])
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [0, 1, 3])
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [0.2, 0.4, 0.4])


def test_a_heavy_tail_does_not_squash_the_middle():
    generator = np.random.default_rng(0)
    real, samples = generator.standard_cauchy((2000, 1)), generator.standard_cauchy((2000, 1))
    axes = marginals_figure(real, samples).axes[0]
    low, high = axes.get_xlim()
    assert high - low < 0.5 * np.ptp(real)
    assert bars(axes).sum() == pytest.approx(1)


def test_the_columns_furthest_apart_are_chosen_and_the_title_says_so():
    real, samples = tables(features=6)
    samples[:, 4] += 2.0
    samples[:, 1] *= 3.0
    figure = marginals_figure(real, samples, names=list("abcdef"), n_features=2, title="draws")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    distances = [distance(real[:, j], samples[:, j]) for j in (4, 1)]
    assert titles == [f"e\nKS {distances[0]:.2f}", f"b\nKS {distances[1]:.2f}"]
    words = figure.get_suptitle()
    assert words.startswith("draws\n2 of 6 columns: those with the largest")
    assert "Kolmogorov–Smirnov" in words


def test_columns_that_all_fit_stay_in_their_order():
    figure = marginals_figure(*tables(features=5), title="all")
    assert [axes.get_title(loc="left").split("\n")[0] for axes in figure.axes] == [f"$x_{{{k}}}$" for k in range(5)]
    assert figure.get_suptitle() == "all"


def test_missing_cells_are_left_out():
    real, samples = tables(features=1)
    holes = real.copy()
    holes[::2] = np.nan
    np.testing.assert_array_equal(
        bars(marginals_figure(holes, samples).axes[0]), bars(marginals_figure(real[1::2], samples).axes[0])
    )


@pytest.mark.parametrize("value", [0.0, 1e-9, 1e9])
def test_a_constant_column_draws(value: float):
    figure = marginals_figure(np.full((9, 1), value), np.full((5, 1), value))
    np.testing.assert_allclose(bars(figure.axes[0]), [1.0])
    assert len(marginals_figure(np.full((9, 1), value), np.linspace(-1, 1, 5)[:, None]).axes) == 1


def test_long_names_are_cut_and_dollars_are_no_mathematics():
    figure = marginals_figure(*tables(features=2), names=["income in $ a year of $ 2020", "b" * 60])
    figure.draw_without_rendering()
    names = [axes.get_title(loc="left").split("\n")[0] for axes in figure.axes]
    assert names[0] == r"income in \$ a year…"
    assert len(names[1]) == 20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"real": np.zeros(3)}, r"real of .* must be a table .* got shape \(3,\)"),
        ({"samples": np.zeros((0, 2))}, r"samples of .* not empty; got shape \(0, 2\)"),
        ({"samples": np.zeros((3, 3))}, r"samples of .* the real columns = 2; got 3"),
        ({"samples": np.full((3, 2), np.nan)}, r"samples of .* must be finite; got 6 cells"),
        ({"real": np.full((3, 2), np.inf)}, r"real of .* must be finite; got 6 cells"),
        ({"real": np.array([[1, np.nan], [2, np.nan]])}, r"real of .* in each column; got none in column 1"),
        ({"names": ["a"]}, r"names of .* one per column = 2; got 1"),
        ({"n_features": 0}, r"n_features of .* at least 1; got 0"),
        ({"real": np.array([["a", "b"]])}, r"real of .* array of numbers"),
    ],
)
def test_what_is_no_table_is_an_error(change: dict, message: str):
    with pytest.raises(ValueError, match=message):
        marginals_figure(**({"real": np.zeros((4, 2)), "samples": np.zeros((3, 2))} | change))
