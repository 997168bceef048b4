"""The latent space: codes as a scatter of two dimensions, or a histogram of one, coloured by their labels, over the prior."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Shaped
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from lowerbound.plots.arrays import check_numeric
from lowerbound.plots.labels import Labels, read_labels
from lowerbound.plots.style import FAINT, FIRST, INK, PALE, SMALL, TEXT, new_chart, set_heading, tidy

_OWNER = "latent_figure"
_ELLIPSES = 40
_BINS = 40
_LONGEST = 5  # times the shorter axis, beyond which two codes without a prior have a scale each


def latent_figure(
    codes: Shaped[np.ndarray, "..."],
    labels: Shaped[np.ndarray, "..."] | Sequence[str] | Sequence[float | int] | None = None,
    *,
    dimensions: tuple[int, int] = (0, 1),
    scales: Shaped[np.ndarray, "..."] | None = None,
    prior: bool = True,
    axis_names: tuple[str, str] | None = None,
    label_name: str = "",
    title: str = "",
) -> Figure:
    """Posterior means (or codes) in two latent dimensions; a model with one latent gets a histogram.

    Parameters
    ----------
    codes
        (n, latent_dim), as from ``transform``.
    labels
        n labels. Up to ten different ones, of any kind, have a colour and a name each; of more than ten strings the nine
        commonest do, and the rest is "other"; more than ten numbers go along a colour bar (with one latent: upwards).
    dimensions
        The latent dimensions along the axes, from 0; dimension 0 is written z_1. With one latent they are not used.
    scales
        (n, latent_dim) posterior standard deviations: at most 40 rows, evenly picked, get the ellipse of one of them.
    prior
        Whether to draw the circles of one and two standard deviations of N(0, I), or its density; False for models that have
        no prior.
    axis_names
        Words along the axes for what is no code, such as two columns; None writes the latents, z_1 and z_2.
    label_name
        What the labels are, for the legend.
    title
        Above the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Belongs to no window; see :func:`lowerbound.plots.write_figure`. Points are pixels also in .pdf and .svg files.

    Raises
    ------
    ValueError
        For codes that are no finite matrix, labels or scales that are not one per code, and dimensions the codes do not have.

    Examples
    --------
    >>> codes = np.random.default_rng(0).normal(size=(100, 3))
    >>> figure = latent_figure(codes, np.arange(100) % 2, dimensions=(0, 2))
    >>> figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()
    ('$z_{1}$', '$z_{3}$')
    """
    checked = _matrix(codes, name="codes")
    n, latent_dim = checked.shape
    marks = None if labels is None else read_labels(labels, owner=_OWNER, n=n)
    spread = None if scales is None else _matrix(scales, name="scales")
    if spread is not None and spread.shape != checked.shape:
        raise ValueError(f"scales of {_OWNER} must have the shape of the codes = {checked.shape}; got {spread.shape}.")
    if latent_dim == 1:
        figure = new_chart(height=3.0)
        _draw_one(figure, checked[:, 0], marks, prior=prior, label_name=label_name)
        set_heading(figure, title)
        return figure
    if len(set(dimensions)) != 2 or not all(0 <= dimension < latent_dim for dimension in dimensions):
        raise ValueError(
            f"dimensions of {_OWNER} must be two different ones from 0 to {latent_dim - 1}; got {dimensions}."
        )
    figure = new_chart(height=5.2)
    axes = figure.add_subplot()
    pair = checked[:, list(dimensions)]
    _scatter(figure, axes, pair, marks, label_name=label_name)
    if spread is not None:
        _ellipses(axes, pair, spread[:, list(dimensions)])
    if prior:
        _circles(axes)
    tidy(axes)
    extents = np.ptp(pair, axis=0)
    if prior or extents.max() <= _LONGEST * extents.min():
        axes.set_aspect("equal", adjustable="datalim")
    if axis_names is None:
        axes.set_xlabel(f"$z_{{{dimensions[0] + 1}}}$", fontsize=TEXT)
        axes.set_ylabel(f"$z_{{{dimensions[1] + 1}}}$", fontsize=TEXT, rotation=0, ha="right", va="center")
    else:
        axes.set_xlabel(axis_names[0], fontsize=TEXT)
        axes.set_ylabel(axis_names[1], fontsize=TEXT)
    set_heading(figure, title)
    return figure


def _matrix(array: Shaped[np.ndarray, "..."], *, name: str) -> Float[np.ndarray, "n latent"]:
    check_numeric(array, owner=_OWNER, name=name)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"{name} of {_OWNER} must be a matrix (n, latent_dim) of one or more rows; got shape {array.shape}."
        )
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).any(axis=1).sum())
        raise ValueError(f"{name} of {_OWNER} must be finite; got {bad} rows with NaN or infinite numbers. Drop them.")
    return array.astype(np.float64)


def _scatter(
    figure: Figure, axes: Axes, codes: Float[np.ndarray, "n 2"], marks: Labels | None, *, label_name: str
) -> None:
    n = len(codes)
    area, alpha = float(np.clip(9000 / n, 3, 14)), float(np.clip(900 / n, 0.35, 0.85))
    x, y = codes.T
    if marks is None:
        axes.scatter(x, y, s=area, alpha=alpha, color=FIRST, linewidths=0, rasterized=True, zorder=2)
    elif marks.numbers is not None:
        points = axes.scatter(
            x, y, s=area, alpha=alpha, c=marks.numbers, cmap="viridis", linewidths=0, rasterized=True, zorder=2
        )
        bar = figure.colorbar(ScalarMappable(points.norm, points.cmap), ax=axes, shrink=0.8, pad=0.02)  # opaque
        bar.set_label(label_name, fontsize=TEXT)
        bar.ax.tick_params(labelsize=SMALL, labelcolor=INK, color=PALE, width=0.6)
        bar.ax.set_frame_on(False)
    else:
        # One scatter in a fixed disorder: drawn class by class, the last class would cover the others.
        order = np.random.default_rng(0).permutation(n)
        colours = np.array([group.colour for group in marks.groups])[marks.group]
        axes.scatter(
            x[order], y[order], s=area, alpha=alpha, c=colours[order].tolist(), linewidths=0, rasterized=True, zorder=2
        )
        for group in marks.groups:
            axes.scatter([], [], s=22, color=group.colour, linewidths=0, label=group.name)
        _legend(figure, label_name)


def _legend(figure: Figure, label_name: str) -> None:
    legend = figure.legend(
        loc="outside right center", frameon=False, fontsize=SMALL, labelcolor=INK, title=label_name or None,
        handletextpad=0.3,
    )  # fmt: skip
    legend.get_title().set_fontsize(SMALL)


def _ellipses(axes: Axes, codes: Float[np.ndarray, "n 2"], scales: Float[np.ndarray, "n 2"]) -> None:
    rows = np.unique(np.linspace(0, len(codes) - 1, min(_ELLIPSES, len(codes))).astype(int))
    width, height = 2 * scales[rows].T
    axes.add_collection(
        EllipseCollection(
            width, height, np.zeros(len(rows)), units="xy", offsets=codes[rows], offset_transform=axes.transData,
            facecolors="none", edgecolors=INK, linewidths=0.6, zorder=3,
        )
    )  # fmt: skip


def _circles(axes: Axes) -> None:
    for radius in (1, 2):
        axes.add_patch(
            Circle((0, 0), radius, fill=False, edgecolor=PALE, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        )
        axes.text(
            0, radius, f"{radius} sd", ha="center", va="center", fontsize=SMALL - 1, color=INK, zorder=4,
            bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )  # fmt: skip
    axes.update_datalim([(-2.15, -2.15), (2.15, 2.15)])


def _draw_one(
    figure: Figure, codes: Float[np.ndarray, " n"], marks: Labels | None, *, prior: bool, label_name: str
) -> None:
    axes = figure.add_subplot()
    if marks is not None and marks.numbers is not None:
        n = len(codes)
        axes.scatter(
            codes, marks.numbers, s=float(np.clip(9000 / n, 3, 14)), alpha=float(np.clip(900 / n, 0.35, 0.85)),
            color=FIRST, linewidths=0, rasterized=True,
        )  # fmt: skip
        axes.set_ylabel(label_name or "label", fontsize=TEXT)
        tidy(axes)
        axes.set_xlabel("$z_{1}$", fontsize=TEXT)
        return
    edges = np.histogram_bin_edges(codes, bins=min(_BINS, 5 + len(codes) // 10))
    if marks is None:
        axes.hist(codes, bins=edges.tolist(), color=FIRST, edgecolor="white", linewidth=0.3)
    else:
        axes.hist(
            [codes[marks.group == k] for k in range(len(marks.groups))], bins=edges.tolist(), stacked=True,
            color=[group.colour for group in marks.groups], label=[group.name for group in marks.groups],
            edgecolor="white", linewidth=0.3,
        )  # fmt: skip
    if prior:
        z = np.linspace(min(-3.0, edges[0]), max(3.0, edges[-1]), 200)
        density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
        axes.plot(z, density * len(codes) * (edges[1] - edges[0]), color=INK, linewidth=1.1, label="prior N(0, 1)")
    tidy(axes)
    axes.grid(axis="x", color=FAINT, linewidth=0)
    axes.set_xlabel("$z_{1}$", fontsize=TEXT)
    axes.set_ylabel("rows", fontsize=TEXT)
    if marks is not None or prior:
        _legend(figure, label_name)
