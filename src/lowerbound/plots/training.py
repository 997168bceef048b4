"""Training curves: one panel for each recorded number, training and validation together, with the best epoch marked."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float, Shaped
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.ticker import MaxNLocator

from lowerbound.plots.arrays import check_numeric
from lowerbound.plots.style import FIRST, INK, MARK, PALE, SECOND, SMALL, TEXT, new_chart, set_heading, tidy

_OWNER = "training_figure"
_HELD_OUT = "validation_"
_LABELS = {
    "bound": "bound (nats per row)",
    "log_evidence": "log p(x) (nats per row)",
    "loss": "loss (nats per row)",
    "log_likelihood": "log p(x given z) (nats)",
    "kl": "KL(q ‖ prior) (nats)",
    "squared_error": "squared error per row",
}
_FENCE = 3.0  # interquartile ranges beyond the quartiles: John Tukey's "far out"
_FEW = 12  # epochs whose points are shown one by one


def training_figure(
    history: Mapping[str, Shaped[np.ndarray, "..."]],
    *,
    best_epoch: int | None = None,
    step: Literal["epoch", "iteration"] = "epoch",
    title: str = "",
) -> Figure:
    """The bound by epoch, above its two terms (or log p(x), the squared error of an autoencoder, whatever was recorded).

    Parameters
    ----------
    history
        Vectors of one length, a number per epoch: ``history_`` of an estimator. ``validation_NAME`` is drawn with ``NAME``; the
        loss only where no other curve is the same up to its sign. NaN is an epoch without that number.
    best_epoch
        The epoch, from 1, whose parameters were kept; ``best_epoch_`` of an estimator.
    step
        What one number stands for: "iteration" for the exactly solvable models.
    title
        Above the panels.

    Returns
    -------
    matplotlib.figure.Figure
        Belongs to no window; see :func:`lowerbound.plots.write_figure`.

    Raises
    ------
    ValueError
        For vectors that are none, empty, or of different lengths, and for a best epoch that was not run.

    Notes
    -----
    Each panel is scaled to its later epochs: values further than three interquartile ranges outside the quartiles, as a rule
    those of the first epochs, leave the panel, and the panel says how many. The last and the best epoch are always inside.

    Examples
    --------
    >>> bound = -100 - 50 / np.arange(1.0, 21.0)
    >>> figure = training_figure({"loss": -bound, "bound": bound, "kl": bound + 120}, best_epoch=20)
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['bound (nats per row)', 'KL(q ‖ prior) (nats)']
    """
    columns = _checked(history)
    n_epochs = len(next(iter(columns.values())))
    if best_epoch is not None and not 1 <= best_epoch <= n_epochs:
        raise ValueError(f"best_epoch of {_OWNER} must be an epoch, 1 to {n_epochs}; got {best_epoch}.")
    names = _panels(columns)
    lower = names[1:]
    across = min(len(lower), 3)
    down = -(-len(lower) // 3)
    figure = new_chart(height=2.5 + 1.9 * down)
    grid = figure.add_gridspec(1 + down, max(across, 1), height_ratios=[1.25] + [1.0] * down)
    places: list[SubplotSpec] = [grid[0, :], *(grid[1 + k // 3, k % 3] for k in range(len(lower)))]
    for name, place in zip(names, places, strict=True):
        _draw_panel(figure.add_subplot(place), name, columns, best_epoch=best_epoch, step=step)
    top = figure.axes[0]
    handles, labels = top.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower right", ncols=len(labels), frameon=False, fontsize=SMALL, labelcolor=INK
    )
    set_heading(figure, title)
    return figure


def _checked(history: Mapping[str, Shaped[np.ndarray, "..."]]) -> dict[str, Float[np.ndarray, " epochs"]]:
    columns: dict[str, Float[np.ndarray, " epochs"]] = {}
    for name, values in history.items():
        check_numeric(values, owner=_OWNER, name=f"history[{name!r}]")
        if values.ndim != 1 or len(values) == 0:
            raise ValueError(
                f"history[{name!r}] of {_OWNER} must be a vector of one or more epochs; got shape {values.shape}."
            )
        columns[name] = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    if len({len(values) for values in columns.values()}) != 1:
        lengths = ", ".join(f"{name}: {len(values)}" for name, values in columns.items())
        raise ValueError(f"history of {_OWNER} must hold one or more vectors of one length; got {lengths or 'none'}.")
    return columns


def _panels(columns: Mapping[str, Float[np.ndarray, " epochs"]]) -> list[str]:
    """Names in the order of their panels; without the loss where it repeats another curve."""
    names = list(dict.fromkeys(name.removeprefix(_HELD_OUT) for name in columns))
    loss = columns.get("loss")
    twins = (columns[name] for name in ("bound", "log_evidence", "squared_error") if name in columns)
    if loss is not None and any(np.allclose(abs(loss), abs(twin), equal_nan=True) for twin in twins):
        names.remove("loss")
    first = ("bound", "log_evidence", "squared_error", "loss", "log_likelihood", "kl")
    return sorted(names, key=lambda name: (first.index(name) if name in first else len(first), name))


def _draw_panel(
    axes: Axes, name: str, columns: Mapping[str, Float[np.ndarray, " epochs"]], *, best_epoch: int | None, step: str
) -> None:
    curves = {
        label: (columns[key], colour)
        for key, label, colour in ((name, "training", FIRST), (_HELD_OUT + name, "validation", SECOND))
        if key in columns and not np.isnan(columns[key]).all()
    }
    n_epochs = len(next(iter(columns.values())))
    epochs = np.arange(1, n_epochs + 1)
    for label, (values, colour) in curves.items():
        marker = "o" if n_epochs <= _FEW else ""
        axes.plot(epochs, values, color=colour, linewidth=1.3, marker=marker, markersize=3.5, label=label)
    if best_epoch is not None:
        axes.axvline(best_epoch, color=MARK, linewidth=0.9, linestyle=(0, (3, 2)), label=f"best {step}: {best_epoch}")
        for values, colour in curves.values():
            axes.plot(best_epoch, values[best_epoch - 1], "o", markersize=4.5, color=colour, markeredgecolor=MARK)
    tidy(axes)
    axes.set_ylabel(_LABELS.get(name, name.replace("_", " ")), fontsize=TEXT)
    axes.set_xlabel(step, fontsize=TEXT)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10], min_n_ticks=1))
    axes.set_xlim(1 - max(0.5, 0.02 * n_epochs), n_epochs + max(0.5, 0.02 * n_epochs))
    drawn = [values for values, _ in curves.values()]
    if drawn:
        _scale(axes, drawn, best_epoch=best_epoch, step=step)


def _scale(axes: Axes, curves: Sequence[Float[np.ndarray, " epochs"]], *, best_epoch: int | None, step: str) -> None:
    """Limits that leave far-out epochs outside, and a note of how many these are."""
    values = np.concatenate(curves)
    values = values[np.isfinite(values)]
    lower, middle, upper = np.quantile(values, [0.25, 0.5, 0.75])
    reach = _FENCE * max(upper - lower, 1e-3 * abs(middle), 1e-2)  # a flat curve is not magnified into noise
    kept = [curve[k] for curve in curves for k in (-1, -1 if best_epoch is None else best_epoch - 1)]
    low, high = max(values.min(), lower - reach), min(values.max(), upper + reach)
    low, high = np.nanmin([low, *kept]), np.nanmax([high, *kept])
    margin = 0.06 * (high - low) or 0.05 * max(abs(high), 0.1)
    axes.set_ylim(low - margin, high + margin)
    outside = np.any([(curve < low - margin) | (curve > high + margin) for curve in curves], axis=0)
    if outside.any():
        below = any((curve < low - margin).any() for curve in curves)
        n = int(outside.sum())
        axes.annotate(
            f"{f'1 {step}' if n == 1 else f'{n} {step}s'} outside", xy=(0.5, 0.04 if below else 0.96),
            xycoords="axes fraction", ha="center", va="bottom" if below else "top", fontsize=SMALL - 1, color=PALE,
        )  # fmt: skip
