"""Rows of images: real ones, their reconstructions and generated ones, on one scale of grey."""

import numpy as np
from jaxtyping import Float, Shaped
from matplotlib.figure import Figure

from lowerbound.plots.arrays import black_and_white, check_count, check_images, shade
from lowerbound.plots.style import INK, TEXT, show_image

_INCHES = 0.72  # of the longer side of an image
_GAP = 0.06  # between images of a row, inches
_ROW_GAP = 0.16
_LABEL_WIDTH = 1.25
_MARGIN = 0.12
_TITLE_HEIGHT = 0.34
_OWNER = "reconstruction_figure"


def reconstruction_figure(
    real: Shaped[np.ndarray, "..."],
    reconstruction: Shaped[np.ndarray, "..."],
    generation: Shaped[np.ndarray, "..."],
    *,
    n_columns: int = 10,
    value_range: tuple[float, float] | None = None,
    title: str = "",
) -> Figure:
    """x, E[x given its code] and draws from p(x), as three labelled rows of images.

    Parameters
    ----------
    real, reconstruction
        (n, height, width), or (n, height, width, channels) with 1 or 3 channels; reconstruction i belongs to image i.
    generation
        The same, with a number of images of its own.
    n_columns
        Most images in a row; the first ones are shown.
    value_range
        The values shown as black and as white, for all three rows; None takes the smallest and largest of the real images
        shown. Values outside are shown as black or white.
    title
        One line above the images.

    Returns
    -------
    matplotlib.figure.Figure
        Belongs to no window: ``figure.savefig("digits.png")``, or :func:`write_figure`.

    Raises
    ------
    ValueError
        For arrays that hold no images, or no finite ones, or images of different shapes.

    Examples
    --------
    >>> import numpy as np
    >>> images = np.random.default_rng(0).uniform(size=(12, 8, 8))
    >>> figure = reconstruction_figure(images, images, images[:4])
    >>> len(figure.axes)
    24
    """
    check_count(n_columns, owner=_OWNER, name="n_columns")
    given = {"real": real, "reconstruction": reconstruction, "generation": generation}
    rows = {name: check_images(array, owner=_OWNER, name=name)[:n_columns] for name, array in given.items()}
    shape = rows["real"].shape[1:]
    for name, images in rows.items():
        if images.shape[1:] != shape:
            raise ValueError(
                f"{name} of reconstruction_figure must have images of the shape of the real ones = {shape}; got "
                f"{images.shape[1:]}."
            )
    if len(real) != len(reconstruction):
        raise ValueError(
            f"reconstruction of reconstruction_figure must have one image per real one = {len(real)}; got "
            f"{len(reconstruction)}."
        )
    limits = black_and_white(value_range, [rows["real"]], owner=_OWNER)
    scaled = {name: shade(images, limits) for name, images in rows.items()}
    return _draw(scaled, title=title)


def _draw(rows: dict[str, Float[np.ndarray, "n height width *channels"]], *, title: str) -> Figure:
    """Images at fixed places in inches, so that every image has square pixels and every gap the same width."""
    pixels = np.array(next(iter(rows.values())).shape[1:3])
    height, width = map(float, _INCHES * pixels / pixels.max())
    n_columns = max(map(len, rows.values()))
    heading = _TITLE_HEIGHT if title else 0.0
    total_width = 2 * _MARGIN + _LABEL_WIDTH + n_columns * (width + _GAP) - _GAP
    total_height = 2 * _MARGIN + heading + len(rows) * (height + _ROW_GAP) - _ROW_GAP
    figure = Figure(figsize=(total_width, total_height), facecolor="white")
    for i, (name, images) in enumerate(rows.items()):
        bottom = total_height - _MARGIN - heading - height - i * (height + _ROW_GAP)
        figure.text(
            (_MARGIN + _LABEL_WIDTH - 0.12) / total_width, (bottom + height / 2) / total_height, name,
            ha="right", va="center", fontsize=TEXT, color=INK,
        )  # fmt: skip
        for j, image in enumerate(images):
            left = _MARGIN + _LABEL_WIDTH + j * (width + _GAP)
            place = (left / total_width, bottom / total_height, width / total_width, height / total_height)
            show_image(figure.add_axes(place, label=f"{name} {j}"), image)
    if title:
        figure.text(
            (_MARGIN + _LABEL_WIDTH) / total_width, 1 - _MARGIN / total_height, title,
            ha="left", va="top", fontsize=TEXT, color=INK,
        )  # fmt: skip
    return figure
