"""Sphinx's configuration: ``sphinx-build -W --keep-going -b html docs build/docs``.

Nothing is fetched, neither by the build nor by the pages.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

import tapead

project = "tapead"
author = "The tapead developers"
copyright = author
release = version = tapead.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "mathml",
    "api_pages",
    "elementals_page",
    "gallery",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["figures/home.md"]  # a part of the home page
default_role = "name"
nitpicky = True

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_docstring_signature = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autosummary_generate = False
numpydoc_show_class_members = False
html_math_renderer = "mathml"

html_theme = "furo"
html_title = "tapead"
html_static_path = ["_static"]
html_css_files = ["tapead.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
