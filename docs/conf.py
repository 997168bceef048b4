"""Sphinx: Markdown pages, NumPy docstrings, MathML. `make docs` builds with every warning an error, and needs no network."""

import sys
from importlib.metadata import metadata
from pathlib import Path

from lowerbound.version import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

_package = metadata("lowerbound")

project = "lowerbound"
author = "the lowerbound authors"
version = release = __version__
copyright = f"{author}, {_package['License-Expression']}"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "mathml"]
exclude_patterns = ["_build"]
nitpicky = True
nitpick_ignore_regex = [
    # Other libraries have pages of their own; linking to them would need their indexes from the network.
    ("py:.*", r"(collections|equinox|jax|jaxlib|jaxtyping|matplotlib|numpy|numpyro|os|sklearn)\..*"),
    # Inside jaxtyping annotations stand a bare class name and a shape, 'n latent', which is text.
    ("py:class", r"ndarray|'.*'"),
    # Names of types that are private to a module.
    ("py:class", r"lowerbound\..*\._\w+"),
]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True  # shows the default as it is written, not its repr
python_use_unqualified_type_names = True
maximum_signature_line_length = 88  # the estimators spell out their hyperparameters: one a line
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_attr_annotations = False  # shapes in the types would be read as markup; the text gives them

html_theme = "furo"
html_title = f"lowerbound {version}"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["lowerbound.css"]
html_show_sourcelink = False
html_copy_source = False
pygments_style = "tango"
pygments_dark_style = "monokai"
