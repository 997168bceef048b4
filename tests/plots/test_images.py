"""The picture is looked at pixel by pixel: each image is where its row says, in its own grey."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from lowerbound.plots import reconstruction_figure, write_figure


def images(n: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(n).uniform(size=(n, *shape))


def shown(figure) -> list[np.ndarray]:
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes]


def test_three_labelled_rows_hold_the_images_in_their_order():
    real, reconstruction, generation = images(12, 4, 5), images(12, 4, 5) / 2, images(7, 4, 5)
    figure = reconstruction_figure(real, reconstruction, generation, value_range=(0.0, 1.0), title="numbers")
    assert [text.get_text() for text in figure.texts] == ["real", "reconstruction", "generation", "numbers"]
    np.testing.assert_array_equal(shown(figure), [*real[:10], *reconstruction[:10], *generation])
    tops = [round(axes.get_position().y0, 6) for axes in figure.axes]
    assert [tops.count(top) for top in sorted(set(tops), reverse=True)] == [10, 10, 7]
    assert tops == sorted(tops, reverse=True)
    lefts = [axes.get_position().x0 for axes in figure.axes[:10]]
    assert lefts == sorted(lefts)


def test_pixels_are_square():
    figure = reconstruction_figure(images(2, 4, 8), images(2, 4, 8), images(2, 4, 8))
    inches = figure.get_size_inches()
    for axes in figure.axes:
        width, height = axes.get_position().size * inches
        assert width == pytest.approx(2 * height)


def test_one_scale_of_the_real_images_serves_all_rows():
    real = np.array([[[10.0, 20.0]]])
    figure = reconstruction_figure(real, real * 0 + 15.0, np.array([[[0.0, 40.0]]]))
    np.testing.assert_allclose(shown(figure), [[[0, 1]], [[0.5, 0.5]], [[0, 1]]])


def test_the_rendered_picture_is_black_where_the_image_is_0_and_white_where_it_is_1():
    checks = np.indices((2, 2)).sum(axis=0)[None] % 2 == 0
    figure = reconstruction_figure(checks, ~checks, checks, n_columns=1)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = np.asarray(canvas.buffer_rgba())[..., :3]
    height = len(picture)
    for axes, image in zip(figure.axes, (checks, ~checks, checks), strict=True):
        box = axes.get_window_extent()
        for i, j in np.ndindex(2, 2):
            x = box.x0 + (j + 0.5) * box.width / 2
            y = height - (box.y1 - (i + 0.5) * box.height / 2)
            assert set(picture[int(y), int(x)]) == {255 if image[0, i, j] else 0}


@pytest.mark.parametrize("channels", [(1,), (3,)])
def test_images_may_have_channels(channels: tuple[int]):
    batch = images(2, 4, 4, *channels)
    figure = reconstruction_figure(batch, batch, batch, value_range=(0.0, 1.0))
    expected = batch[..., 0] if channels == (1,) else batch
    np.testing.assert_array_equal(shown(figure)[:2], expected)


def test_a_constant_image_draws():
    flat = np.full((1, 3, 3), 7, np.uint8)
    assert len(reconstruction_figure(flat, flat, flat).axes) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"real": images(3, 64)}, r"real of .* must hold images.* got shape \(3, 64\). Reshape it"),
        ({"generation": images(3, 8, 8, 2)}, r"generation of .* must hold images.* got shape \(3, 8, 8, 2\)"),
        ({"reconstruction": images(3, 8, 7)}, r"reconstruction of .* = \(8, 8\); got \(8, 7\)"),
        ({"reconstruction": images(2, 8, 8)}, r"one image per real one = 3; got 2"),
        ({"generation": images(0, 8, 8)}, r"generation of .* at least one image"),
        ({"real": images(3, 8, 8).astype(str)}, r"real of .* must be an array of numbers; got <U"),
        ({"real": np.full((3, 8, 8), np.nan)}, r"real of .* must be finite"),
        ({"n_columns": 0}, r"n_columns of .* at least 1; got 0"),
        ({"value_range": (1.0, 0.0)}, r"value_range of .* must ascend"),
    ],
)
def test_what_is_no_picture_is_one_clear_error(change: dict, message: str):
    arguments = {name: images(3, 8, 8) for name in ("real", "reconstruction", "generation")} | change
    with pytest.raises(ValueError, match=message) as caught:
        reconstruction_figure(**arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")])
def test_a_figure_is_written_in_the_format_of_its_extension(tmp_path: Path, suffix: str, start: bytes):
    file = tmp_path / f"figure{suffix}"
    file.write_text("an older one")
    write_figure(file, reconstruction_figure(images(1, 2, 2), images(1, 2, 2), images(1, 2, 2)))
    assert file.read_bytes().startswith(start)
    assert list(tmp_path.iterdir()) == [file]


def test_a_failed_write_leaves_nothing(tmp_path: Path):
    figure = reconstruction_figure(images(1, 2, 2), images(1, 2, 2), images(1, 2, 2))
    with pytest.raises(ValueError, match=r"extension of .* must be one of .png, .pdf, .svg; got '.bmp'"):
        write_figure(tmp_path / "figure.bmp", figure)
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(OSError, match="must be writable"):
        write_figure(tmp_path / "taken.png", figure)
    with pytest.raises(OSError, match="must be writable"):
        write_figure(tmp_path / "absent" / "figure.png", figure)
    assert [path.name for path in tmp_path.iterdir()] == ["taken.png"]
