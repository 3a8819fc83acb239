"""How Sphinx builds the site: `make docs`. Nothing here needs a network."""

import inspect
import re
import sys
from pathlib import Path
from typing import Any, get_type_hints

import click
from docutils import nodes
from pydantic import BaseModel
from sphinx.application import Sphinx
from sphinx.util.inspect import stringify_signature

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
autodoc_default_options = {
    "members": True,
    "member-order": "bysource",
    "show-inheritance": True,
    "exclude-members": "model_config",
}
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
html_static_path = ["_static", "../airseg/wide_tables.js"]
html_css_files = ["site.css"]
html_js_files = [("wide_tables.js", {"defer": "defer"})]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"top_of_page_buttons": []}

_WIDE, _LONGEST_CELL = 6, 46  # columns, and characters of a cell that is no sentence
_LONGEST_WORD = 32  # characters of a literal that fit a telephone's line in a list

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


def defaults_as_typed(_app: Sphinx, _context: click.Context, lines: list[str]) -> None:
    """Show a default path as it is typed, not as Python writes it."""
    lines[:] = [re.sub(r"PosixPath\('(.*?)'\)", r"\1", line) for line in lines]


def fields_without_bounds(
    _app: Sphinx, what: str, _name: str, thing: Any, _options: Any, _signature: str, returns: str
) -> tuple[str, str] | None:
    """Show a field's type alone; the bounds that pydantic writes beside it take half a screen."""
    if what != "class" or not issubclass(thing, BaseModel):
        return None
    types = get_type_hints(thing)
    fields = inspect.signature(thing).parameters.values()
    plain = [field.replace(annotation=types.get(field.name, field.annotation)) for field in fields]
    return stringify_signature(inspect.Signature(plain), unqualified_typehints=True), returns


def dashes_of_fields(_app: Sphinx, doctree: nodes.document) -> None:
    """Sphinx writes two hyphens between a parameter and what it is."""
    for text in list(doctree.findall(nodes.Text)):
        if text.astext() == " -- ":
            text.parent.replace(text, nodes.Text(" \N{EN DASH} "))


def long_literals(_app: Sphinx, doctree: nodes.document) -> None:
    """Mark literals with a word that a telephone's line may not hold, for site.css."""
    for literal in doctree.findall(nodes.literal):
        if max(map(len, literal.astext().split()), default=0) > _LONGEST_WORD:
            literal["classes"].append("long")


def cells_of_wide_tables(_app: Sphinx, doctree: nodes.document) -> None:
    """Mark what site.css keeps on a line, in tables without a sentence, and else the sentences."""
    for table in doctree.findall(nodes.table):
        columns = len(next(iter(table.findall(nodes.row))))
        sentences = [c for c in table.findall(nodes.entry) if len(c.astext()) > _LONGEST_CELL]
        for cell in sentences:
            cell["classes"].append("sentence")
        if columns >= _WIDE and not sentences:
            table["classes"].append("figures")


def setup(app: Sphinx) -> None:
    """Register the above."""
    app.connect("sphinx-click-process-description", examples_as_code)
    app.connect("sphinx-click-process-options", defaults_as_typed)
    app.connect("autodoc-process-signature", fields_without_bounds)
    app.connect("doctree-read", dashes_of_fields)
    app.connect("doctree-read", long_literals)
    app.connect("doctree-read", cells_of_wide_tables)
