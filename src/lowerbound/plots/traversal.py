"""Latent traversals: one row of images for each latent dimension, with that coordinate of the code moved from left to right."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Shaped
from matplotlib.figure import Figure

from lowerbound.plots.arrays import black_and_white, check_images, check_vector, shade
from lowerbound.plots.image_grid import MARGIN, add_grid, add_heading, grid_shape, heading_height
from lowerbound.plots.style import SMALL, TEXT, WIDTH, signed

_OWNER = "traversal_figure"
_LARGEST = 0.62  # inches, of the longer side of an image
_TICKS_HEIGHT = 0.2
_LINE = 1.3 * TEXT / 72  # inches: no two rows are closer, so that their names stay apart
_TICK = 0.33  # inches that a number below a column takes
_NARROW, _WIDE = 0.38, 1.0  # room for the names of the rows, without and with their KL


def traversal_figure(
    images: Shaped[np.ndarray, "..."],
    *,
    dimensions: Sequence[int] | Shaped[np.ndarray, "..."],
    values: Sequence[float | int] | Shaped[np.ndarray, "..."],
    kl: Sequence[float | int] | Shaped[np.ndarray, "..."] | None = None,
    value_range: tuple[float, float] | None = None,
    title: str = "",
) -> Figure:
    """E[x given z] with one coordinate of z moved: a row for each dimension, a column for each value.

    Parameters
    ----------
    images
        (n_dimensions, n_values, height, width[, 1 or 3 channels]): the decodings of
        :func:`lowerbound.evaluate.codes.traversal_codes`, in its order.
    dimensions
        The dimension moved in each row, from 0; dimension 0 is written z_1.
    values
        The coordinate in each column.
    kl
        Mean KL in nats of each row's dimension, as in ``health(X).kl_per_dimension[dimensions]``; written beside its name.
    value_range
        The values shown as black and as white; None takes the smallest and largest of all.
    title
        Above the images.

    Returns
    -------
    matplotlib.figure.Figure
        Belongs to no window; see :func:`lowerbound.plots.write_figure`.

    Raises
    ------
    ValueError
        For arrays that hold no images, or no finite ones, and for names or numbers that are not one per row or column.

    Examples
    --------
    >>> images = np.random.default_rng(0).uniform(size=(2, 5, 8, 8))
    >>> figure = traversal_figure(images, dimensions=[3, 0], values=np.linspace(-2, 2, 5), kl=[1.8, 0.4])
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['$z_{4}$  1.80 nats', '$z_{1}$  0.40 nats']
    """
    checked = check_images(images, owner=_OWNER, name="images", leading=("n_dimensions", "n_values"))
    n_rows, n_columns = checked.shape[:2]
    coordinates = check_vector(values, owner=_OWNER, name="values", length=n_columns, per="column of images")
    names = _row_names(dimensions, kl, n_rows=n_rows)
    shades = shade(checked, black_and_white(value_range, [checked], owner=_OWNER))
    columns = [signed(f"{value:.2f}".rstrip("0").rstrip(".")) for value in coordinates + 0.0]
    return _draw(shades.reshape(-1, *shades.shape[2:]), names, columns, wide=kl is not None, title=title)


def _row_names(
    dimensions: Sequence[int] | Shaped[np.ndarray, "..."],
    kl: Sequence[float | int] | Shaped[np.ndarray, "..."] | None,
    *,
    n_rows: int,
) -> list[str]:
    check_vector(dimensions, owner=_OWNER, name="dimensions", length=n_rows, per="row of images")
    if np.asarray(dimensions).dtype.kind not in "iu" or min(dimensions) < 0:
        raise ValueError(f"dimensions of {_OWNER} must be whole numbers from 0 on; got {list(dimensions)}.")
    names = [f"$z_{{{int(dimension) + 1}}}$" for dimension in dimensions]
    if kl is None:
        return names
    if len(kl) != n_rows:
        raise ValueError(
            f"kl of {_OWNER} must have one number per row of images = {n_rows}; got {len(kl)}. Choose the rows' own, such as "
            "kl[dimensions]."
        )
    nats = check_vector(kl, owner=_OWNER, name="kl")
    return [f"{name}  {value:.2f} nats" for name, value in zip(names, nats, strict=True)]


def _draw(
    shades: Float[np.ndarray, "n height width *channels"],
    rows: list[str],
    columns: list[str],
    *,
    wide: bool,
    title: str,
) -> Figure:
    shape = grid_shape(shades, n_columns=len(columns))
    left = MARGIN + (_WIDE if wide else _NARROW)
    inches = min(_LARGEST, (WIDTH - left - MARGIN) / shape.width)
    shape = shape._replace(row_gap=max(shape.row_gap, _LINE / inches - shape.image_height))
    width = left + shape.width * inches + MARGIN
    heading = heading_height(title, inches=width - 2 * MARGIN)
    figure = Figure(figsize=(width, 2 * MARGIN + heading + _TICKS_HEIGHT + shape.height * inches), facecolor="white")
    axes = add_grid(figure, shades, shape, left=left, top=MARGIN + heading, inches=inches, label="traversal")
    axes.set_yticks(shape.row_centres, rows, fontsize=TEXT)
    apart = np.diff(shape.column_centres).min() * inches if len(columns) > 1 else _TICK
    step = max(1, math.ceil(_TICK / apart))  # of narrow columns only some have their number
    axes.set_xticks(shape.column_centres[::step], columns[::step], fontsize=SMALL)
    add_heading(figure, title)
    return figure
