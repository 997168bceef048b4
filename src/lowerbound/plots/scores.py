"""The spread of outlier scores: a histogram that a heavy tail does not squash, with the threshold marked."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float, Shaped
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lowerbound.evaluate.outlier_methods import METHODS, OutlierMethod
from lowerbound.plots.arrays import check_vector
from lowerbound.plots.style import FIRST, INK, MARK, SMALL, TEXT, new_chart, set_heading, signed, tidy

SCORES: dict[OutlierMethod, str] = {
    "kl": "KL(q(z given x) ‖ p(z))",
    "log_evidence": "−log p(x)",
    "elbo": "−ELBO(x)",
    "reconstruction": "−log p(x given z)",
}
"""What each method of ``outlier_scores`` measures, in nats."""

_BEHIND = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}  # a text
_BINS = 40
_TAIL = 2.5  # distances from the median to the 95 % quantile, beyond which a tail is folded into one bar


def score_figure(
    scores: Shaped[np.ndarray, "..."],
    *,
    labels: Shaped[np.ndarray, "..."] | Sequence[int] | None = None,
    threshold: float | int | None = None,
    method: OutlierMethod = "kl",
    title: str = "",
) -> Figure:
    """Histogram of outlier scores; with labels, one for the inliers above one for the outliers.

    Parameters
    ----------
    scores
        One per row, in nats; larger is more outlying.
    labels
        1 for an outlier, 0 for an inlier; one per row.
    threshold
        Marked, with the number of rows above it.
    method
        What the scores measure, for the axis.
    title
        Above the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Belongs to no window; see :func:`lowerbound.plots.write_figure`.

    Raises
    ------
    ValueError
        For scores that are no finite vector, labels other than one 0 or 1 per row, or a threshold that is no number.

    Notes
    -----
    Where a tail reaches further than two and a half times the distance from the median to the 95 % (or 5 %) quantile, the rows
    beyond are counted in one hatched bar at that end, which says so; every row is in one bar.

    Examples
    --------
    >>> figure = score_figure(np.random.default_rng(0).normal(size=200), threshold=2.0)
    >>> int(sum(bar.get_height() for bar in figure.axes[0].patches))
    200
    """
    owner = "score_figure"
    values = check_vector(scores, owner=owner, name="scores")
    check_method(method, owner=owner)
    if threshold is not None and not np.isfinite(threshold):
        raise ValueError(f"threshold of {owner} must be finite; got {threshold}.")
    if labels is None:
        parts = {"rows": values}
    else:
        marks = check_vector(labels, owner=owner, name="labels", length=len(values), per="row")
        if not np.isin(marks, (0, 1)).all():
            raise ValueError(
                f"labels of {owner} must be 0 (inlier) or 1 (outlier); got {np.unique(marks)[:5].tolist()}."
            )
        parts = {"inliers": values[marks == 0], "outliers": values[marks == 1]}
    edges, folded = _edges(values, threshold)
    figure = new_chart(height=1.2 + 1.5 * len(parts))
    panels = figure.subplots(len(parts), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, part) in zip(panels, parts.items(), strict=True):
        _histogram(axes, part, edges, folded, colour=MARK if name == "outliers" else FIRST)
        if threshold is not None:
            _mark_threshold(axes, part, threshold)
        axes.set_ylabel(name, fontsize=TEXT)
    panels[-1].set_xlabel(f"outlier score: {SCORES[method]} (nats)", fontsize=TEXT)
    set_heading(figure, title)
    return figure


def check_method(method: str, *, owner: str) -> None:
    """Raise unless the method is one of ``outlier_scores``."""
    if method not in METHODS:
        raise ValueError(f"method of {owner} must be {' or '.join(map(repr, METHODS))}; got {method!r}.")


def short(value: float) -> str:
    """A score in at most seven characters or so."""
    if np.isposinf(value):
        return "∞"
    text = f"{value:.1f}" if abs(value) < 1e5 else f"{value:.1e}"
    return signed(text) if float(text) else "0.0"  # not minus nothing


def _edges(
    values: Float[np.ndarray, " n"], threshold: float | int | None
) -> tuple[Float[np.ndarray, " edges"], tuple[bool, bool]]:
    """Edges of the bins, and whether the first and the last bin hold a folded tail."""
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    smallest, largest = float(values.min()), float(values.max())
    floor, ceiling = middle - _TAIL * (middle - low), middle + _TAIL * (high - middle)
    if threshold is not None:
        reach = 0.15 * (high - low)
        floor, ceiling = min(floor, threshold - reach), max(ceiling, threshold + reach)
    folded = (bool(smallest < floor and low < middle), bool(largest > ceiling and high > middle))
    start, stop = floor if folded[0] else smallest, ceiling if folded[1] else largest
    if threshold is not None:
        start, stop = min(start, threshold), max(stop, threshold)
    if start == stop:
        start, stop = start - 0.5, stop + 0.5
    return np.linspace(start, stop, _BINS + 1), folded


def _histogram(
    axes: Axes,
    part: Float[np.ndarray, " n"],
    edges: Float[np.ndarray, " edges"],
    folded: tuple[bool, bool],
    *,
    colour: str,
) -> None:
    width = float(edges[1] - edges[0])
    below, inside, above = part < edges[0], np.histogram(part, edges)[0], part > edges[-1]
    axes.bar(edges[:-1], inside, width=width, align="edge", color=colour, edgecolor="white", linewidth=0.3)
    if below.any():
        words = f"{below.sum()} below {short(edges[0])}\nsmallest {short(part.min())}"
        _folded_bar(axes, edges[0] - 1.5 * width, int(below.sum()), words, align="left", width=width, colour=colour)
    if above.any():
        words = f"{above.sum()} above {short(edges[-1])}\nlargest {short(part.max())}"
        _folded_bar(axes, edges[-1] + 1.5 * width, int(above.sum()), words, align="right", width=width, colour=colour)
    tidy(axes)
    axes.grid(axis="x", linewidth=0)
    ticks = MaxNLocator(8, steps=[1, 2, 5, 10]).tick_values(edges[0], edges[-1])
    axes.set_xticks(ticks[(ticks >= edges[0]) & (ticks <= edges[-1])])  # none below the folded tails
    axes.set_xlim(edges[0] - (3 if folded[0] else 1) * width, edges[-1] + (3 if folded[1] else 1) * width)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5, steps=[1, 2, 5, 10], min_n_ticks=1))
    axes.set_ylim(0, max(1.0, inside.max(), below.sum(), above.sum()) * 1.28)


def _folded_bar(
    axes: Axes, centre: float, count: int, words: str, *, align: Literal["left", "right"], width: float, colour: str
) -> None:
    axes.bar(centre, count, width=width, color="white", edgecolor=colour, hatch="//////", linewidth=0.6)
    axes.annotate(
        words, (centre, count), xytext=(0, 3), textcoords="offset points", ha=align, va="bottom", fontsize=SMALL - 1,
        color=INK, bbox=_BEHIND,
    )  # fmt: skip


def _mark_threshold(axes: Axes, part: Float[np.ndarray, " n"], threshold: float | int) -> None:
    axes.axvline(threshold, color=INK, linewidth=1.0, linestyle=(0, (3, 2)))
    above = int((part > threshold).sum())
    start, stop = axes.get_xlim()
    leftwards = threshold > 0.5 * (start + stop)  # where there is more room
    axes.annotate(
        f"{above} of {len(part)} above {signed(f'{threshold:.4g}')}", (threshold, 1.0), xycoords=("data", "axes fraction"),
        xytext=(-3 if leftwards else 3, -2), textcoords="offset points", ha="right" if leftwards else "left", va="top",
        fontsize=SMALL, color=INK, bbox=_BEHIND,
    )  # fmt: skip
