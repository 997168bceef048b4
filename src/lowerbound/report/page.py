"""The page: contents as one HTML file that needs no other, by the template ``page.html`` beside this file.

Every text is escaped; there is no script, no font and no address to be loaded.
"""

from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

from lowerbound.report.contents import Contents


def render(contents: Contents) -> str:
    """The whole report as HTML."""
    return _template().render(report=contents)


@cache
def _template() -> Template:
    text = files("lowerbound.report").joinpath("page.html").read_text(encoding="utf-8")
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
        text
    )
