"""Loadings of a linear model: how much each column moves with each factor, and the share of it that no factor explains."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Shaped
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from lowerbound.plots.arrays import check_count, check_numeric, check_vector
from lowerbound.plots.style import FIRST, INK, MARK, PALE, SMALL, TEXT, WIDTH, new_chart, set_heading, signed

_OWNER = "loadings_figure"
_LONGEST = 28  # characters of a column's name
_CELL = 0.24  # inches high
_WRITTEN = 12  # factors up to which the numbers stand in their cells
_DARK = 0.25  # luminance below which a number is written in white
_SIGNED = LinearSegmentedColormap.from_list("loadings", [MARK, "#ffffff", FIRST])
_SHARE = LinearSegmentedColormap.from_list("share", ["#ffffff", "#4d4d4d"])


def loadings_figure(
    loadings: Shaped[np.ndarray, "..."],
    *,
    names: Sequence[str] | None = None,
    noise: Shaped[np.ndarray, "..."] | Sequence[float | int] | None = None,
    n_features: int = 30,
    numbers: Sequence[int] | Shaped[np.ndarray, "..."] | None = None,
    title: str = "",
) -> Figure:
    """A coloured cell for each column of the data and each factor: its loading in standard deviations of the column.

    Parameters
    ----------
    loadings
        (features, latent_dim): by how many of its standard deviations a column rises with one standard deviation of a factor,
        which for uncorrelated factors is their correlation. Colours are full at -1 and 1.
    names
        Names of the columns; None writes x_0, x_1, …, as the columns are counted.
    noise
        For each column the share of its variance that is noise, 0 to 1: a further cell in grey.
    n_features
        Columns shown at most: those with the largest sums of squared loadings. They stay in their order.
    numbers
        Numbers of the factors, counted from 0; factor 0 is written z_1. None numbers them as they stand.
    title
        Above the cells.

    Returns
    -------
    matplotlib.figure.Figure
        Belongs to no window; see :func:`lowerbound.plots.write_figure`.

    Raises
    ------
    ValueError
        For loadings that are no finite matrix, and names or noise that are not one per column.

    Examples
    --------
    >>> figure = loadings_figure(np.array([[0.9, 0.1], [-0.2, 0.8]]), names=["length", "age"], noise=[0.2, 0.3])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0.90', '0.10', '−0.20', '0.80']
    """
    matrix = _matrix(loadings)
    check_count(n_features, owner=_OWNER, name="n_features")
    n, latent_dim = matrix.shape
    if names is not None and len(names) != n:
        raise ValueError(f"names of {_OWNER} must be one per column = {n}; got {len(names)}.")
    shares = None if noise is None else check_vector(noise, owner=_OWNER, name="noise", length=n, per="column")
    of_factors = range(latent_dim) if numbers is None else [int(k) for k in numbers]
    if len(of_factors) != latent_dim:
        raise ValueError(f"numbers of {_OWNER} must be one per factor = {latent_dim}; got {len(of_factors)}.")
    chosen = np.sort(np.argsort(-np.square(matrix).sum(axis=1), kind="stable")[:n_features])
    labels = [f"$x_{{{j}}}$" if names is None else _shortened(str(names[j])) for j in chosen]
    wide = 0.62 if latent_dim <= _WRITTEN else 0.2
    label_width = 0.3 + 0.075 * max(map(len, labels)) if names is not None else 0.5
    extra = 0.75 if shares is not None else 0.0
    width = float(np.clip(label_width + wide * latent_dim + extra + 1.1, 3.2, WIDTH))
    figure = new_chart(width=width, height=0.75 + _CELL * len(chosen))
    ratios = [float(latent_dim)] if shares is None else [float(latent_dim), max(1.0, latent_dim / 8)]
    parts = figure.subplots(1, len(ratios), squeeze=False, width_ratios=ratios)[0]
    factors = [f"$z_{{{k + 1}}}$" for k in of_factors]
    _cells(parts[0], matrix[chosen], factors, _SIGNED, low=-1.0, written=latent_dim <= _WRITTEN)
    parts[0].set_yticks(range(len(chosen)), labels, fontsize=SMALL)
    if shares is not None:
        _cells(parts[1], shares[chosen][:, None], ["noise"], _SHARE, low=0.0, written=True)
        parts[1].set_yticks([])
    bar = figure.colorbar(
        ScalarMappable(Normalize(-1, 1), _SIGNED), ax=list(parts), pad=0.02, fraction=0.03, aspect=25, ticks=[-1, 0, 1]
    )
    bar.ax.tick_params(labelsize=SMALL - 1, labelcolor=INK, color=PALE, width=0.6)
    bar.ax.set_yticklabels([signed("-1"), "0", "1"])
    bar.outline.set_linewidth(0.4)
    bar.outline.set_edgecolor(PALE)
    note = "" if len(chosen) == n else f"{len(chosen)} of {n} columns: those with the largest loadings"
    set_heading(figure, "\n".join(filter(None, (title, note))))
    return figure


def _matrix(loadings: Shaped[np.ndarray, "..."]) -> Float[np.ndarray, "features latent"]:
    check_numeric(loadings, owner=_OWNER, name="loadings")
    if loadings.ndim != 2 or loadings.size == 0:
        raise ValueError(
            f"loadings of {_OWNER} must be a matrix (features, latent_dim) that is not empty; got shape {loadings.shape}."
        )
    if not np.isfinite(loadings).all():
        raise ValueError(
            f"loadings of {_OWNER} must be finite; got {int((~np.isfinite(loadings)).sum())} NaN or infinite ones."
        )
    return loadings.astype(np.float64)


def _shortened(name: str) -> str:
    short = name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
    return short.replace("$", r"\$")  # a dollar is no mathematics here


def _cells(
    axes: Axes,
    values: Float[np.ndarray, "rows columns"],
    names: list[str],
    colours: LinearSegmentedColormap,
    *,
    low: float,
    written: bool,
) -> None:
    """Coloured cells with their numbers, columns named above."""
    edges = [np.arange(size + 1) - 0.5 for size in values.shape]
    axes.pcolormesh(edges[1], edges[0], values, cmap=colours, vmin=low, vmax=1.0, edgecolors="white", linewidth=0.8)
    axes.invert_yaxis()
    step = 1 if len(names) <= 2 * _WRITTEN else 5
    axes.set_xticks(range(0, len(names), step), names[::step], fontsize=TEXT if written else SMALL - 1)
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelcolor=INK)
    axes.set_frame_on(False)
    if not written:
        return
    for (i, j), value in np.ndenumerate(values):
        shade = np.array(colours((value - low) / (1 - low))[:3])
        dark = float(shade**2.2 @ [0.2126, 0.7152, 0.0722]) < _DARK
        text = signed(f"{np.round(value, 2) + 0.0:.2f}")  # plus zero: -0.001 is not written as minus nothing
        axes.text(j, i, text, ha="center", va="center", fontsize=SMALL - 0.5, color="white" if dark else INK)
