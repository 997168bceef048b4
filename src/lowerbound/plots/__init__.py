"""Figures from arrays of numbers: matplotlib figures without global state, loaded on use."""

from lowerbound.plots.figure_file import write_figure
from lowerbound.plots.images import reconstruction_figure

__all__ = ["reconstruction_figure", "write_figure"]
