"""A grid of images in one axes: equal square pixels, equal gaps, and row and column centres at which ticks can be set."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lowerbound.plots.style import INK, PALE, SMALL, TEXT, wrapped

MARGIN = 0.08
"""Inches of white paper around a sheet of images."""

_GAP = 0.08  # between images, as a share of their longer side


class GridShape(NamedTuple):
    """Rows and columns of images of one shape, measured in longer sides of an image."""

    n_rows: int
    n_columns: int
    image_height: float
    image_width: float
    row_gap: float = _GAP

    @property
    def height(self) -> float:
        """Height from the top of the first row to the bottom of the last."""
        return self.n_rows * (self.image_height + self.row_gap) - self.row_gap

    @property
    def width(self) -> float:
        """Width from the left of the first column to the right of the last."""
        return self.n_columns * (self.image_width + _GAP) - _GAP

    @property
    def row_centres(self) -> list[float]:
        """Middles of the rows, downwards from the top of the first."""
        return [i * (self.image_height + self.row_gap) + self.image_height / 2 for i in range(self.n_rows)]

    @property
    def column_centres(self) -> list[float]:
        """Middles of the columns, from the left of the first."""
        return [j * (self.image_width + _GAP) + self.image_width / 2 for j in range(self.n_columns)]


def grid_shape(images: Float[np.ndarray, "n height width *channels"], *, n_columns: int) -> GridShape:
    """The grid of all images in rows of ``n_columns``, or of fewer if there are no more."""
    pixels = np.array(images.shape[1:3])
    height, width = map(float, pixels / pixels.max())
    n_columns = min(n_columns, len(images))
    return GridShape(-(-len(images) // n_columns), n_columns, height, width)


def add_grid(
    figure: Figure,
    images: Float[np.ndarray, "n height width *channels"],
    shape: GridShape,
    *,
    left: float,
    top: float,
    inches: float,
    label: str = "",
) -> Axes:
    """Images from 0 (black) to 1 (white), in row-major order, at a place in inches from the figure's left and top.

    Parameters
    ----------
    figure
        Its size must be set.
    images
        Shades; image k lies in row k // n_columns and column k % n_columns.
    shape
        Of :func:`grid_shape`.
    left, top
        The corner of the first image.
    inches
        The longer side of an image.
    label
        The axes' name.
    """
    width, height = map(float, figure.get_size_inches())
    bottom = height - top - shape.height * inches
    place = (left / width, bottom / height, shape.width * inches / width, shape.height * inches / height)
    axes = figure.add_axes(place, label=label)
    frames = []
    for k, image in enumerate(images):
        i, j = divmod(k, shape.n_columns)
        x, y = j * (shape.image_width + _GAP), i * (shape.image_height + shape.row_gap)
        extent = (x, x + shape.image_width, y + shape.image_height, y)
        axes.imshow(image, cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest", extent=extent, aspect="auto")
        frames.append(Rectangle((x, y), shape.image_width, shape.image_height))
    # A hair line, so that a white image on white paper has an edge.
    axes.add_collection(PatchCollection(frames, facecolor="none", edgecolor=PALE, linewidth=0.4, clip_on=False))
    axes.set_xlim(0.0, shape.width)
    axes.set_ylim(shape.height, 0.0)
    axes.set_frame_on(False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.tick_params(length=0, labelsize=SMALL, labelcolor=INK, pad=4)
    return axes


def heading_height(title: str, *, inches: float) -> float:
    """Inches that a title takes over a sheet of the given width; 0 for none."""
    return 0.0 if not title else 0.17 * (wrapped(title, inches=inches).count("\n") + 1) + 0.1


def add_heading(figure: Figure, title: str, *, left: float = MARGIN) -> None:
    """The title at the top of a sheet, from ``left`` inches on; nothing for an empty one."""
    if title:
        width, height = map(float, figure.get_size_inches())
        lines = wrapped(title, inches=width - left - MARGIN)
        figure.text(left / width, 1 - MARGIN / height, lines, ha="left", va="top", fontsize=TEXT, color=INK)
