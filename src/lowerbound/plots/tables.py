"""Marginal distributions of a table: each column's real values, and what the model draws in their place."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.stats import ks_2samp

from lowerbound.data.frames import column_label
from lowerbound.plots.arrays import check_count, check_numeric
from lowerbound.plots.style import FAINT, FIRST, INK, MARK, SMALL, TEXT, new_chart, set_heading, signed, tidy

_OWNER = "marginals_figure"
_ACROSS = 4
_BINS = 24
_DISCRETE = 16  # different values, at most, of a column that gets a bar for each
_CENTRAL = (0.005, 0.995)
_BAR_ALPHA = 0.45
_LONGEST = 20  # characters of a column's name


class _Column(NamedTuple):
    name: str
    real: Float[np.ndarray, " n"]
    samples: Float[np.ndarray, " m"]
    distance: float


def marginals_figure(
    real: Shaped[np.ndarray, "..."],
    samples: Shaped[np.ndarray, "..."],
    *,
    names: Sequence[str] | None = None,
    n_features: int = 12,
    title: str = "",
) -> Figure:
    """Share of rows in each bin of each column: real ones as bars, samples as a line, or as dots for a column of few values.

    Parameters
    ----------
    real
        (n, features); NaN is a missing cell, left out.
    samples
        (m, features) rows drawn from the model.
    names
        Names of the columns; None writes x_0, x_1, …, as the columns are counted.
    n_features
        Columns shown at most: those with the largest Kolmogorov–Smirnov distance between real and sampled values, the
        largest first. If they all fit, they stay in their order.
    title
        Above the panels.

    Returns
    -------
    matplotlib.figure.Figure
        Belongs to no window; see :func:`lowerbound.plots.write_figure`.

    Raises
    ------
    ValueError
        For arrays that are no tables of the same columns, infinite numbers, missing samples, a column with nothing in it, or
        names that are not one per column.

    Notes
    -----
    Bins are shared. They span the central 99 % of the real values, and more where that is cheap (up to twice the width); what
    lies beyond is counted in the end bins. A column of at most 16 different real values, evenly spaced or
    nearly so, has a bin around each.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> real, samples = generator.normal(size=(200, 3)), generator.normal(size=(300, 3))
    >>> figure = marginals_figure(real, samples, names=["height", "weight", "age"], n_features=2)
    >>> len(figure.axes), figure.get_suptitle().split(":")[0]
    (2, '2 of 3 columns')
    """
    columns = _columns(real, samples, names)
    check_count(n_features, owner=_OWNER, name="n_features")
    words = title
    if len(columns) > n_features:
        chosen = "that" if n_features == 1 else "those"
        note = f"{n_features} of {len(columns)} columns: {chosen} with the largest Kolmogorov–Smirnov (KS) distance"
        words = f"{title}\n{note}" if title else note
        columns = sorted(columns, key=lambda column: -column.distance)[:n_features]
    across = min(_ACROSS, len(columns))
    down = -(-len(columns) // across)
    figure = new_chart(width=max(3.2, 6.5 * across / _ACROSS), height=0.7 + 1.55 * down)
    for k, column in enumerate(columns):
        axes = figure.add_subplot(down, across, k + 1)
        _draw(axes, column)
        if k % across == 0:
            axes.set_ylabel("share of rows", fontsize=SMALL)
    figure.align_ylabels()
    real_handle = Patch(color=FIRST, alpha=_BAR_ALPHA, label="real")
    samples_handle = Line2D([], [], color=MARK, linewidth=1.2, marker="o", markersize=4, label="samples")
    figure.legend(
        handles=[real_handle, samples_handle],
        loc="outside lower right",
        ncols=2,
        frameon=False,
        fontsize=SMALL,
        labelcolor=INK,
    )
    set_heading(figure, words)
    return figure


def _columns(
    real: Shaped[np.ndarray, "..."], samples: Shaped[np.ndarray, "..."], names: Sequence[str] | None
) -> list[_Column]:
    for name, table in (("real", real), ("samples", samples)):
        check_numeric(table, owner=_OWNER, name=name)
        if table.ndim != 2 or table.size == 0:
            raise ValueError(
                f"{name} of {_OWNER} must be a table (rows, columns) that is not empty; got shape {table.shape}."
            )
        if np.isinf(table).any() or (name == "samples" and np.isnan(table).any()):
            raise ValueError(
                f"{name} of {_OWNER} must be finite; got {int((~np.isfinite(table)).sum())} cells that are not."
            )
    if samples.shape[1] != real.shape[1]:
        raise ValueError(f"samples of {_OWNER} must have the real columns = {real.shape[1]}; got {samples.shape[1]}.")
    if names is not None and len(names) != real.shape[1]:
        raise ValueError(f"names of {_OWNER} must be one per column = {real.shape[1]}; got {len(names)}.")
    columns = []
    for j in range(real.shape[1]):
        name = f"$x_{{{j}}}$" if names is None else _shortened(str(names[j]))
        observed = real[:, j][~np.isnan(real[:, j])].astype(np.float64)
        if len(observed) == 0:
            raise ValueError(
                f"real of {_OWNER} must have a value in each column; got none in column {column_label([j], names)}. Drop the "
                "column."
            )
        drawn = samples[:, j].astype(np.float64)
        distance = float(ks_2samp(observed, drawn, method="asymp").statistic)
        columns.append(_Column(name, observed, drawn, distance))
    return columns


def _shortened(name: str) -> str:
    plain = name.replace("$", r"\$")  # a dollar is no mathematics here
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"


def _edges(column: _Column) -> Float[np.ndarray, " edges"]:
    """Edges of shared bins for a continuous column."""
    together = np.concatenate([column.real, column.samples])
    low, high = np.quantile(column.real, _CENTRAL)
    if low == high:  # nearly all real values are one
        low, high = np.quantile(together, _CENTRAL)
    reach = 0.5 * (high - low)
    start, stop = max(low - reach, together.min()), min(high + reach, together.max())
    return np.linspace(start, stop, _BINS + 1) if start < stop else start + np.linspace(-0.5, 0.5, _BINS + 1)


def _shares(values: Float[np.ndarray, " n"], edges: Float[np.ndarray, " edges"]) -> Float[np.ndarray, " bins"]:
    """Share of the values in each bin; those beyond the outermost edges count in the end bins."""
    return np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0] / len(values)


def _draw(axes: Axes, column: _Column) -> None:
    values = np.unique(column.real)
    step = float(np.diff(values).min()) if len(values) > 1 else 1.0
    if len(values) <= _DISCRETE and values[-1] - values[0] <= _BINS * step:
        edges = np.concatenate([[values[0] - step / 2], (values[:-1] + values[1:]) / 2, [values[-1] + step / 2]])
        axes.bar(values, _shares(column.real, edges), width=0.8 * step, color=FIRST, alpha=_BAR_ALPHA)
        axes.plot(values, _shares(column.samples, edges), "o", markersize=4, color=MARK)
        if len(values) <= 6:
            axes.set_xticks(values, [signed(f"{value:.3g}") for value in values])
    else:
        edges = _edges(column)
        axes.bar(
            edges[:-1],
            _shares(column.real, edges),
            width=edges[1] - edges[0],
            align="edge",
            color=FIRST,
            alpha=_BAR_ALPHA,
        )
        axes.stairs(_shares(column.samples, edges), edges, color=MARK, linewidth=1.2)
        axes.locator_params(axis="x", nbins=4)
    tidy(axes)
    axes.grid(axis="x", color=FAINT, linewidth=0)
    axes.locator_params(axis="y", nbins=4)
    axes.tick_params(labelsize=SMALL - 1)
    axes.set_title(f"{column.name}\nKS {column.distance:.2f}", fontsize=SMALL, color=INK, loc="left", pad=3)
    axes.set_ylim(bottom=0)
    axes.xaxis.get_offset_text().set_fontsize(TEXT - 3)
