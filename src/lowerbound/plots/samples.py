"""Grids of images drawn from p(x): of one model, or of models with several numbers of latents side by side."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Shaped
from matplotlib.figure import Figure

from lowerbound.plots.arrays import black_and_white, check_count, check_images, shade
from lowerbound.plots.image_grid import MARGIN, add_grid, add_heading, grid_shape, heading_height
from lowerbound.plots.style import INK, SMALL, WIDTH, wrapped

_LARGEST = 0.75  # inches, of the longer side of an image
_BLOCKS = 4  # in a row
_BLOCK_GAP = 0.16
_LINE = 0.155


def sample_figure(
    samples: Shaped[np.ndarray, "..."],
    *,
    n_columns: int = 8,
    value_range: tuple[float, float] | None = None,
    title: str = "",
) -> Figure:
    """Images drawn from p(x), in rows.

    Parameters
    ----------
    samples
        (n, height, width[, 1 or 3 channels]).
    n_columns
        Images in a row.
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
        For arrays that hold no images, or no finite ones.

    Examples
    --------
    >>> figure = sample_figure(np.random.default_rng(0).uniform(size=(12, 8, 8)))
    >>> len(figure.axes[0].images)
    12
    """
    owner = "sample_figure"
    checked = check_images(samples, owner=owner, name="samples")
    check_count(n_columns, owner=owner, name="n_columns")
    shades = shade(checked, black_and_white(value_range, [checked], owner=owner))
    shape = grid_shape(shades, n_columns=n_columns)
    inches = min(_LARGEST, (WIDTH - 2 * MARGIN) / shape.width)
    width = max(2.0, shape.width * inches + 2 * MARGIN)
    heading = heading_height(title, inches=width - 2 * MARGIN)
    figure = Figure(figsize=(width, shape.height * inches + 2 * MARGIN + heading), facecolor="white")
    add_grid(figure, shades, shape, left=MARGIN, top=MARGIN + heading, inches=inches, label="samples")
    add_heading(figure, title)
    return figure


def samples_by_dimension_figure(
    samples: Mapping[int, Shaped[np.ndarray, "..."]],
    *,
    captions: Mapping[int, str] | None = None,
    n_side: int = 6,
    value_range: tuple[float, float] | None = None,
    title: str = "",
) -> Figure:
    """Images drawn from models that differ in their number of latents, one captioned block for each.

    Parameters
    ----------
    samples
        For each latent_dim, images (n, height, width[, 1 or 3 channels]) of one shape; the first n_side * n_side are shown.
    captions
        The words above a block, such as "20 latents: −104.3 nats"; "20 latents" where there are none.
    n_side
        Images along each side of a block.
    value_range
        The values shown as black and as white in all blocks; None takes the smallest and largest of the images shown.
    title
        Above the blocks.

    Returns
    -------
    matplotlib.figure.Figure
        Belongs to no window; see :func:`lowerbound.plots.write_figure`.

    Raises
    ------
    ValueError
        For arrays that hold no images, no finite ones, or images of different shapes, and for captions of no block.

    Examples
    --------
    >>> images = np.random.default_rng(0).uniform(size=(36, 8, 8))
    >>> figure = samples_by_dimension_figure({2: images, 5: images}, captions={5: "5 latents: −104.3 nats"})
    >>> [text.get_text() for text in figure.texts]
    ['2 latents', '5 latents: −104.3 nats']
    """
    owner = "samples_by_dimension_figure"
    check_count(n_side, owner=owner, name="n_side")
    if not samples:
        raise ValueError(f"samples of {owner} must hold one or more numbers of latents; got none.")
    blocks = {
        latent_dim: check_images(images, owner=owner, name=f"samples[{latent_dim}]")[: n_side**2]
        for latent_dim, images in samples.items()
    }
    event = next(iter(blocks.values())).shape[1:]
    for latent_dim, images in blocks.items():
        if images.shape[1:] != event:
            raise ValueError(
                f"samples[{latent_dim}] of {owner} must have images of the shape of the first ones = {event}; got "
                f"{images.shape[1:]}."
            )
    for latent_dim in captions or {}:
        if latent_dim not in blocks:
            raise ValueError(f"captions of {owner} must name blocks, {', '.join(map(str, blocks))}; got {latent_dim}.")
    limits = black_and_white(value_range, blocks.values(), owner=owner)

    n_across = min(_BLOCKS, len(blocks))
    block_width = (WIDTH - 2 * MARGIN - (_BLOCKS - 1) * _BLOCK_GAP) / _BLOCKS if n_across > 1 else WIDTH / 2
    shapes = {latent_dim: grid_shape(images, n_columns=n_side) for latent_dim, images in blocks.items()}
    inches = block_width / max(shape.width for shape in shapes.values())
    height = max(shape.height for shape in shapes.values()) * inches
    words = {d: wrapped((captions or {}).get(d, _plainly(d)), inches=block_width, points=SMALL) for d in blocks}
    caption_height = _LINE * (1 + max(text.count("\n") for text in words.values())) + 0.06

    width = 2 * MARGIN + n_across * (block_width + _BLOCK_GAP) - _BLOCK_GAP
    heading = heading_height(title, inches=width - 2 * MARGIN)
    n_down = -(-len(blocks) // n_across)
    total = 2 * MARGIN + heading + n_down * (caption_height + height + _BLOCK_GAP) - _BLOCK_GAP
    figure = Figure(figsize=(width, total), facecolor="white")
    for k, (latent_dim, images) in enumerate(blocks.items()):
        i, j = divmod(k, n_across)
        left = MARGIN + j * (block_width + _BLOCK_GAP)
        top = MARGIN + heading + i * (caption_height + height + _BLOCK_GAP) + caption_height
        figure.text(
            left / width, 1 - (top - 0.05) / total, words[latent_dim], ha="left", va="bottom", fontsize=SMALL, color=INK
        )
        shape = shapes[latent_dim]
        add_grid(figure, shade(images, limits), shape, left=left, top=top, inches=inches, label=f"{latent_dim} latents")
    add_heading(figure, title)
    return figure


def _plainly(latent_dim: int) -> str:
    return "1 latent" if latent_dim == 1 else f"{latent_dim} latents"
