"""How Sphinx builds the site: `make docs`. Nothing here needs a network."""

import sys
from pathlib import Path

import click
from sphinx.application import Sphinx

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))

import airseg  # noqa: E402

project = "airseg"
author = "airseg contributors"
copyright = "airseg contributors"
release = version = airseg.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "committed_figures",
    "program_tables",
]
exclude_patterns = ["_build", "conf.py", "conftest.py", "_ext"]

# Notebooks are Python files that Jupyter opens by jupytext; the slow tests run them, the site shows
# them without outputs.
nb_execution_mode = "off"
nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}

myst_enable_extensions = ["colon_fence", "deflist", "substitution"]
myst_heading_anchors = 3

# Docstrings write names `like this`.
default_role = "code"
autodoc_default_options = {"members": True, "member-order": "bysource", "show-inheritance": True}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# Every link inside the site is checked; types of torch and NumPy have no page here.
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]

html_theme = "furo"
html_title = f"airseg {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"top_of_page_buttons": []}

# Two dashes begin an option and are no dash.
smartquotes_action = "qe"


def examples_as_code(_app: Sphinx, _context: click.Context, lines: list[str]) -> None:
    """Show examples as they are typed; docutils reads stars and dashes in lines of text."""
    for place, line in enumerate(lines):
        text = line.removeprefix("| ")
        if line.startswith("| ") and text.startswith("  "):
            lines[place] = text
        elif line.startswith("| ") and text.endswith(":"):
            lines[place] = f"{text}:\n"
    lines[:] = "\n".join(lines).split("\n")


def setup(app: Sphinx) -> None:
    """Register the above."""
    app.connect("sphinx-click-process-description", examples_as_code)
