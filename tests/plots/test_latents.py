"""Points stand at their codes in the colour of their label; histograms count every row."""

import numpy as np
import pytest
from matplotlib.collections import EllipseCollection
from matplotlib.colors import to_rgb
from matplotlib.patches import Circle

from lowerbound.plots import latent_figure
from lowerbound.plots.style import COLOURS


def codes(n: int = 60, latent_dim: int = 3) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, latent_dim)).astype(np.float32)


def points(figure) -> dict[tuple[float, ...], tuple[float, ...]]:
    """Place of each point, and its colour."""
    cloud = figure.axes[0].collections[0]
    colours = np.broadcast_to(cloud.get_facecolors(), (len(cloud.get_offsets()), 4))
    return {
        tuple(np.asarray(place).tolist()): tuple(colour)
        for place, colour in zip(cloud.get_offsets(), colours[:, :3], strict=True)
    }


def legend(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_each_point_stands_at_its_code_in_the_colour_of_its_label():
    z, labels = codes(), np.arange(60) % 10
    figure = latent_figure(z, labels, dimensions=(2, 0), label_name="digit")
    shown = points(figure)
    assert len(shown) == 60
    for row, label in zip(z, labels, strict=True):
        assert shown[(float(row[2]), float(row[0]))] == pytest.approx(to_rgb(COLOURS[label]))
    assert legend(figure) == [str(digit) for digit in range(10)]
    assert figure.legends[0].get_title().get_text() == "digit"
    assert figure.axes[0].get_xlabel() == "$z_{3}$"
    assert figure.axes[0].get_ylabel() == "$z_{1}$"
    assert figure.axes[0].get_aspect() == 1


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.arange(60) % 2 == 0, ["False", "True"]),
        (["b", "a", "c"] * 20, ["a", "b", "c"]),
        (np.repeat([0.5, 2.0], 30), ["0.5", "2"]),
        (np.array(["x", None] * 30, dtype=object), ["None", "x"]),
    ],
    ids=["booleans", "strings", "reals", "objects"],
)
def test_a_few_labels_of_any_kind_have_names(labels, names: list[str]):
    assert legend(latent_figure(codes(), labels)) == names


def test_many_strings_keep_the_nine_commonest_and_the_rest_is_other():
    labels = [f"class {min(k, 20)}" for k in range(30)] + [f"class {k % 8}" for k in range(30)]
    figure = latent_figure(codes(), labels)
    names = legend(figure)
    assert names == [*(f"class {k}" for k in (0, 1, 2, 20, 3, 4, 5, 6, 7)), "other (12 labels)"]
    assert len(points(figure)) == 60


def test_many_numbers_go_along_a_colour_bar():
    figure = latent_figure(codes(), np.linspace(0, 1, 60), label_name="age")
    assert len(figure.axes) == 2
    assert figure.axes[1].get_ylabel() == "age"
    np.testing.assert_allclose(figure.axes[0].collections[0].get_array(), np.linspace(0, 1, 60))


def test_the_prior_has_circles_of_one_and_two_standard_deviations():
    def radii(figure) -> list[float]:
        return [patch.get_radius() for patch in figure.axes[0].patches if isinstance(patch, Circle)]

    assert radii(latent_figure(codes() / 10)) == [1, 2]
    assert radii(latent_figure(codes(), prior=False)) == []
    figure = latent_figure(codes() / 10)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert min(axes.get_xlim()[1], axes.get_ylim()[1]) > 2
    assert max(axes.get_xlim()[0], axes.get_ylim()[0]) < -2


def test_ellipses_have_the_posterior_scales_as_half_axes():
    z, scales = codes(5), np.random.default_rng(1).uniform(0.1, 1, size=(5, 3))
    figure = latent_figure(z, scales=scales, dimensions=(0, 2))
    (ellipses,) = (c for c in figure.axes[0].collections if isinstance(c, EllipseCollection))
    np.testing.assert_allclose(ellipses.get_offsets(), z[:, [0, 2]])
    np.testing.assert_allclose(ellipses.get_widths(), 2 * scales[:, 0])
    np.testing.assert_allclose(ellipses.get_heights(), 2 * scales[:, 2])
    many = latent_figure(codes(500), scales=np.ones((500, 3)))
    (ellipses,) = (c for c in many.axes[0].collections if isinstance(c, EllipseCollection))
    assert len(ellipses.get_offsets()) == 40


def test_thousands_of_points_are_pixels_also_in_vector_files():
    assert latent_figure(codes(5000)).axes[0].collections[0].get_rasterized()


@pytest.mark.parametrize("labels", [None, np.arange(60) % 4])
def test_one_latent_is_a_histogram_of_all_rows(labels: np.ndarray | None):
    figure = latent_figure(codes(60, 1), labels)
    assert sum(bar.get_height() for bar in figure.axes[0].patches) == 60
    if labels is not None:
        assert set(legend(figure)) == {"0", "1", "2", "3", "prior N(0, 1)"}
        heights = [sum(bar.get_height() for bar in group) for group in figure.axes[0].containers]
        assert heights == [15, 15, 15, 15]


def test_one_latent_against_many_numbers_is_a_strip():
    z, labels = codes(60, 1), np.linspace(0, 1, 60)
    shown = points(latent_figure(z, labels, label_name="age"))
    assert {(float(a), float(b)) for a, b in zip(z[:, 0], labels, strict=True)} == set(shown)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"codes": np.zeros(5)}, r"codes of .* matrix \(n, latent_dim\).* got shape \(5,\)"),
        ({"codes": np.zeros((0, 2))}, r"codes of .* got shape \(0, 2\)"),
        ({"codes": np.array([[0, np.nan], [1, 1], [0, 0]])}, r"codes of .* finite; got 1 rows"),
        ({"labels": [1, 2]}, r"labels of .* one per row = 3; got shape \(2,\)"),
        ({"labels": np.array([1, np.nan, 2])}, r"labels of .* finite; got 1 NaN"),
        ({"scales": np.ones((3, 1))}, r"scales of .* shape of the codes = \(3, 2\); got \(3, 1\)"),
        ({"dimensions": (0, 2)}, r"dimensions of .* from 0 to 1; got \(0, 2\)"),
        ({"dimensions": (1, 1)}, r"dimensions of .* two different ones"),
    ],
)
def test_what_does_not_fit_is_an_error(change: dict, message: str):
    with pytest.raises(ValueError, match=message):
        latent_figure(**({"codes": codes(3, 2)} | change))


def test_axes_of_no_codes_have_names_of_their_own():
    figure = latent_figure(codes(), prior=False, axis_names=("length", "width"))
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("length", "width")


def test_codes_without_a_prior_share_a_scale_only_where_that_shows_both():
    z = codes(latent_dim=2)
    assert latent_figure(z, prior=False).axes[0].get_aspect() == 1
    assert latent_figure(z * [100.0, 1.0], prior=False).axes[0].get_aspect() == "auto"
    assert latent_figure(z * [100.0, 1.0], prior=True).axes[0].get_aspect() == 1
