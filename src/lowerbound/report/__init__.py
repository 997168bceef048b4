"""A report: one HTML file that says whether a fitted model is good, what it learned, and what is odd.

estimator, rows  -->  request  -->  context, with its findings  -->  sections  -->  contents  -->  page  -->  file
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lowerbound.report.write import write_report

__all__ = ["write_report"]


def __getattr__(name: str) -> Any:
    """``write_report``, imported on first use: whoever only measures needs no matplotlib."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("lowerbound.report.write"), name)
