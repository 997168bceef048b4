"""Mathematics as MathML, written when the pages are built: showing it takes no script, no font file and no address.

Every browser in current use renders MathML. A LaTeX command that the converter does not know is a warning, and so an error
of `make docs`: it would otherwise stand in the page as text.
"""

import re
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

LOGGER = logging.getLogger(__name__)

# What the converter does not know stays in its output as it was: commands, and the & of an environment it cannot align.
LEFT_OVER = re.compile(r">\s*(\\[A-Za-z]+|&)\s*<")
# TeX sets a thin space around log and its like; the converter writes a bare identifier.
NAMED_FUNCTION = re.compile(r"<mi>(log|exp|det|sin|cos|tanh)</mi>")
THIN_SPACE = '<mspace width="0.167em" />'


def to_mathml(latex: str, node: nodes.Node, *, display: str) -> str:
    """The <math> element for a piece of LaTeX."""
    try:
        mathml = convert(latex, display=display)
    except Exception as error:  # the converter raises many types, none of which names the formula
        LOGGER.warning("cannot convert %r: %s %s", latex, type(error).__name__, error, location=node)
        return ""
    for command in LEFT_OVER.findall(mathml):
        LOGGER.warning("cannot convert %s in %r", command, latex, location=node)
    mathml = mathml.replace("<mi>&#x0007E;</mi>", "<mo>&#x0223C;</mo>")  # \sim is a relation, not a letter
    mathml = NAMED_FUNCTION.sub(rf"{THIN_SPACE}\g<0>{THIN_SPACE}", mathml)
    return mathml.replace(f'{THIN_SPACE}<mo stretchy="false">&#x00028;', '<mo stretchy="false">&#x00028;')


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    """Inline mathematics."""
    self.body.append(to_mathml(node.astext(), node, display="inline"))
    raise nodes.SkipNode


def visit_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Displayed mathematics, in a box that scrolls sideways where the page is narrow; its number beside it, if any."""
    identifier = f' id="{node["ids"][0]}"' if node["ids"] else ""
    number = f'<span class="eqno">({node["number"]})</span>' if node.get("number") else ""
    self.body.append(
        f'<div class="math-display"{identifier}>{to_mathml(node.astext(), node, display="block")}{number}</div>\n'
    )
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Offer the renderer under the name that `html_math_renderer` uses."""
    app.add_html_math_renderer("mathml", inline_renderers=(visit_inline, None), block_renderers=(visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
