"""Style shared by all figures: sizes for a page 6.5 inches wide, inks, and colours that colour-blind readers tell apart."""

import textwrap

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDTH = 6.5
"""Inches between the margins of a page; no figure of fixed width is wider."""

TEXT, SMALL = 9.0, 8.0
"""Points: titles and labels; ticks and captions."""

INK, PALE, FAINT = "#1a1a1a", "#8a8a8a", "#d9d9d9"

COLOURS = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#602000", "#8020DF", "#000000", "#F0E442"
)  # fmt: skip
"""Okabe and Ito (2008), and two more (brown, violet) for a tenth class.

Brown and violet are at least 31 units of CIELAB away from the others and from white, in normal vision and under the simulated
deuteranopia, protanopia and tritanopia of Machado et al. (2009); the closest pair of the original eight is 16 apart.
"""

FIRST, SECOND, MARK = "#0072B2", "#E69F00", "#D55E00"
"""Real or training; model or validation; what is pointed at."""

_CHARACTERS_PER_INCH = 14.5  # of text at 9 points


def new_chart(*, height: float, width: float = WIDTH) -> Figure:
    """An empty white figure without a window, whose parts make room for their labels."""
    return Figure(figsize=(width, height), facecolor="white", layout="constrained")


def tidy(axes: Axes) -> None:
    """Thin pale frame without top and right, small ticks, a faint grid below the data."""
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_linewidth(0.6)
        spine.set_color(PALE)
    axes.tick_params(labelsize=SMALL, labelcolor=INK, color=PALE, width=0.6, length=3)
    axes.grid(color=FAINT, linewidth=0.4)
    axes.set_axisbelow(True)


def wrapped(text: str, *, inches: float = WIDTH, points: float = TEXT) -> str:
    """The text in lines that fit the given width, line breaks of its own kept."""
    characters = max(8, int(inches * _CHARACTERS_PER_INCH * TEXT / points))
    return "\n".join(textwrap.fill(line, characters) for line in text.split("\n"))


def signed(text: str) -> str:
    """A printed number with a minus sign in place of its hyphen, as on the axes."""
    return text.replace("-", "−")


def set_heading(figure: Figure, title: str) -> None:
    """The title of a chart, at the left; nothing for an empty one."""
    if title:
        width = float(figure.get_figwidth())
        figure.suptitle(wrapped(title, inches=width - 0.2), x=0.01, ha="left", fontsize=TEXT, color=INK)


def show_image(axes: Axes, image: Float[np.ndarray, "height width *channels"]) -> None:
    """An image with values from 0 (black) to 1 (white), each pixel a square, in a hairline frame."""
    axes.imshow(image, cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():  # a hair line, so that a white image on white paper has an edge
        spine.set_linewidth(0.4)
        spine.set_color(PALE)
