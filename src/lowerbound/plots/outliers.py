"""Extremes of the outlier scores: the images with the largest and those with the smallest."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int, Shaped
from matplotlib.figure import Figure

from lowerbound.evaluate.outlier_methods import OutlierMethod
from lowerbound.plots.arrays import black_and_white, check_count, check_images, check_vector, shade
from lowerbound.plots.image_grid import MARGIN, add_grid, add_heading, grid_shape, heading_height
from lowerbound.plots.scores import SCORES, check_method, short
from lowerbound.plots.style import SMALL, TEXT, WIDTH

_LARGEST = 0.8  # inches, of the longer side of an image
_LABEL_WIDTH = 0.85
_CAPTION = 0.34


def outlier_figure(
    images: Shaped[np.ndarray, "..."],
    scores: Shaped[np.ndarray, "..."],
    *,
    n: int = 8,
    method: OutlierMethod = "kl",
    rows: Sequence[int] | Shaped[np.ndarray, "..."] | None = None,
    value_range: tuple[float, float] | None = None,
    title: str = "",
) -> Figure:
    r"""The most outlying images above the least outlying ones, each with its row number and its score in nats.

    Parameters
    ----------
    images
        (n_images, height, width[, 1 or 3 channels]).
    scores
        One per image, larger is more outlying: ``outlier_scores`` of an estimator. inf, of an image without any density, is
        written as ∞.
    n
        Images in each of the two rows, at most; equal scores keep the order of the images.
    method
        What the scores measure, for the words at the left.
    rows
        The images' row numbers; None counts from 0.
    value_range
        The values shown as black and as white; None takes the smallest and largest of the images shown.
    title
        Above the images.

    Returns
    -------
    matplotlib.figure.Figure
        Belongs to no window; see :func:`lowerbound.plots.write_figure`.

    Raises
    ------
    ValueError
        For arrays that hold no images, or no finite ones, for scores or rows that are not one per image, and for scores of NaN
        or -inf.

    Examples
    --------
    >>> images = np.random.default_rng(0).uniform(size=(20, 8, 8))
    >>> figure = outlier_figure(images, np.arange(20.0), n=2)
    >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
    ['row 19\n19.0', 'row 18\n18.0']
    """
    owner = "outlier_figure"
    checked = check_images(images, owner=owner, name="images")
    check_count(n, owner=owner, name="n")
    check_method(method, owner=owner)
    endless = np.isposinf(scores) if scores.dtype.kind == "f" else np.zeros(scores.shape, np.bool_)
    finite = np.where(endless, 0, scores) if endless.any() else scores
    values = check_vector(finite, owner=owner, name="scores", length=len(checked), per="image")
    values[endless] = np.inf
    numbers = np.arange(len(checked)) if rows is None else np.asarray(rows)
    check_vector(numbers, owner=owner, name="rows", length=len(checked), per="image")

    chosen = {"most": _most(values, n), "least": _most(-values, n)}
    limits = black_and_white(value_range, [checked[places] for places in chosen.values()], owner=owner)
    shape = grid_shape(checked[chosen["most"]], n_columns=n)
    left = MARGIN + _LABEL_WIDTH
    inches = min(_LARGEST, (WIDTH - left - MARGIN) / shape.width)
    width = max(3.4, left + shape.width * inches + MARGIN)
    words = f"{title}\n" if title else ""
    words += f"Outlier score: {SCORES[method]}, nats"
    heading = heading_height(words, inches=width - 2 * MARGIN)
    step = shape.height * inches + _CAPTION + 0.1
    figure = Figure(figsize=(width, 2 * MARGIN + heading + 2 * step - 0.1), facecolor="white")
    for i, (name, places) in enumerate(chosen.items()):
        shades = shade(checked[places], limits)
        top = MARGIN + heading + i * step
        axes = add_grid(figure, shades, shape, left=left, top=top, inches=inches, label=name)
        captions = [f"row {numbers[k]}\n{short(values[k])}" for k in places]
        axes.set_xticks(shape.column_centres, captions, fontsize=_caption_size(captions, shape.image_width * inches))
        axes.set_yticks(shape.row_centres, [f"{name}\noutlying"], fontsize=TEXT)
    add_heading(figure, words)
    return figure


def ends(scores: Float[np.ndarray, " n"], *, n: int) -> Int[np.ndarray, " k"]:
    """The rows that :func:`outlier_figure` shows of these scores, ascending; no other row need be made an image.

    Examples
    --------
    >>> ends(np.array([5.0, 1.0, 3.0, 9.0, 2.0]), n=1).tolist()
    [1, 3]
    """
    return np.union1d(_most(scores, n), _most(-scores, n))


def _most(scores: Float[np.ndarray, " n"], n: int) -> Int[np.ndarray, " k"]:
    """The rows with the n largest scores, equal ones in their order."""
    return np.argsort(-scores, kind="stable")[:n]


def _caption_size(captions: Sequence[str], inches: float) -> float:
    """Points at which the longest line of the captions is no wider than an image and its gap; 5 at least."""
    longest = max(len(line) for caption in captions for line in caption.split("\n"))
    return float(np.clip(inches * 72 / (0.6 * longest), 5.0, SMALL))
