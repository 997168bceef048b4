"""The learned manifold: decodings of a grid of two-dimensional codes, side by side without gaps."""

import math

import numpy as np
from jaxtyping import Float, Shaped
from matplotlib.figure import Figure

from lowerbound.evaluate.codes import MARGIN, quantiles
from lowerbound.plots.arrays import black_and_white, check_count, check_images, shade
from lowerbound.plots.style import INK, SMALL, TEXT, WIDTH, new_chart, set_heading, signed

_OWNER = "manifold_figure"
_LARGEST = 6.0  # inches, of the longer side of the mosaic


def manifold_figure(
    images: Shaped[np.ndarray, "..."],
    *,
    n_side: int | None = None,
    margin: float = MARGIN,
    value_range: tuple[float, float] | None = None,
    title: str = "",
) -> Figure:
    """E[x given z] over a grid of codes z = (z_1, z_2), as one mosaic with the codes on its axes.

    Parameters
    ----------
    images
        (n_side * n_side, height, width[, 1 or 3 channels]): the decodings of
        :func:`lowerbound.evaluate.codes.quantile_grid`, in its order.
    n_side
        Images along each side; None takes the square root of their number.
    margin
        The grid's ``margin``, for the numbers on the axes.
    value_range
        The values shown as black and as white; None takes the smallest and largest of all.
    title
        Above the mosaic.

    Returns
    -------
    matplotlib.figure.Figure
        Belongs to no window; see :func:`lowerbound.plots.write_figure`.

    Raises
    ------
    ValueError
        For arrays that hold no images, no finite ones, or not a square number of them.

    Examples
    --------
    >>> figure = manifold_figure(np.random.default_rng(0).uniform(size=(16, 8, 8)))
    >>> figure.axes[0].images[0].get_array().shape
    (32, 32)
    """
    checked = check_images(images, owner=_OWNER, name="images")
    if n_side is not None:
        check_count(n_side, owner=_OWNER, name="n_side")
    side = math.isqrt(len(checked)) if n_side is None else n_side
    if side * side != len(checked):
        wanted = "a square number of them" if n_side is None else f"n_side^2 = {n_side**2}"
        raise ValueError(f"images of {_OWNER} must fill a square grid, {wanted}; got {len(checked)}.")
    shades = shade(checked, black_and_white(value_range, [checked], owner=_OWNER))
    return _draw(_mosaic(shades, side), quantiles(side, margin=margin), title=title)


def _mosaic(
    images: Float[np.ndarray, "n height width *channels"], side: int
) -> Float[np.ndarray, "rows columns *channels"]:
    height, width, *channels = images.shape[1:]
    tiles = images.reshape(side, side, height, width, *channels).swapaxes(1, 2)
    return tiles.reshape(side * height, side * width, *channels)


def _draw(
    mosaic: Float[np.ndarray, "rows columns *channels"], codes: Float[np.ndarray, " side"], *, title: str
) -> Figure:
    rows, columns = mosaic.shape[:2]
    inches = min(WIDTH - 0.8, _LARGEST) / max(rows, columns)
    width = max(3.0, columns * inches + 0.8)
    figure = new_chart(width=width, height=rows * inches + 0.6)
    axes = figure.add_subplot()
    side = len(codes)
    axes.imshow(
        mosaic, cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest", extent=(0, columns, rows, 0), aspect="equal"
    )
    # About eight codes are written, the outermost among them: an even number for an even side, for symmetry.
    marked = np.unique(np.round(np.linspace(0, side - 1, min(side, 8 + side % 2))).astype(int))
    axes.set_xticks((marked + 0.5) * columns / side, [signed(f"{code:.2f}") for code in codes[marked]])
    axes.set_yticks((marked + 0.5) * rows / side, [signed(f"{code:.2f}") for code in codes[::-1][marked]])
    axes.tick_params(labelsize=SMALL, labelcolor=INK, length=2.5, width=0.6)
    axes.set_xlabel("$z_1$", fontsize=TEXT)
    axes.set_ylabel("$z_2$", fontsize=TEXT, rotation=0, ha="right", va="center")
    for spine in axes.spines.values():
        spine.set_linewidth(0.4)
    set_heading(figure, title)
    return figure
