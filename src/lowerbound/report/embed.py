"""Figures inside a page: matplotlib figures as data URIs, drawings as SVG, pixels and crowds of points as PNG."""

import base64
import io

import matplotlib
from matplotlib.figure import Figure

from lowerbound.report.contents import Picture

_CSS_DOTS = 96  # CSS pixels per inch
_SHARP = 200  # dots per inch of a PNG
_LARGEST_SVG = 150_000  # bytes


def picture(figure: Figure, *, alt: str, caption: str) -> Picture:
    """The figure as part of a page; the same figure gives the same bytes.

    Parameters
    ----------
    figure
        What to draw.
    alt
        What it shows, for those who do not see it.
    caption
        How to read it.
    """
    width, height = (round(_CSS_DOTS * inches) for inches in figure.get_size_inches())
    drawn = b"" if any(axes.images for axes in figure.axes) else _drawn(figure, "svg")
    slim = 0 < len(drawn) <= _LARGEST_SVG
    source = _uri("image/svg+xml", drawn) if slim else _uri("image/png", _drawn(figure, "png"))
    return Picture(source=source, width=width, height=height, alt=alt, caption=caption)


def _drawn(figure: Figure, kind: str) -> bytes:
    stream = io.BytesIO()
    # Text as outlines, since fonts differ between machines; ids from a fixed salt, and no date.
    with matplotlib.rc_context({"svg.hashsalt": "lowerbound", "svg.fonttype": "path"}):
        metadata = {"Date": None} if kind == "svg" else {}
        figure.savefig(stream, format=kind, dpi=_SHARP, facecolor="white", metadata=metadata)
    return stream.getvalue()


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
