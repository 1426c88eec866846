"""How Sphinx makes the site; `python3 -m nox -s docs` runs it on a copy of this folder (tools/site/build.py)."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

import kfront

project = "kfront"
author = "The kfront authors"
copyright = author
version = release = kfront.__version__

extensions = ["myst_nb", "sphinx_copybutton", "sphinx_gallery.gen_gallery"]
# sphinx-gallery writes each example in several forms, of which the .rst is the page
exclude_patterns = ["_build", *(f"gallery/*.{form}" for form in ("ipynb", "py", "md5", "zip", "json"))]
suppress_warnings = [
    "config.cache",  # sphinx-gallery's settings hold a function
    "ref.python",  # names of types in signatures of which there are two, such as the legacy Optimizer
]

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]
nb_execution_mode = "off"  # code in pages are doctests, which pytest runs on the engines

default_role = "code"  # what stands between single backticks in .rst files, as in Markdown

html_theme = "furo"
html_title = f"kfront {release}"
html_static_path = ["_static"]
html_favicon = "_static/icon.svg"
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {"top_of_page_buttons": []}
pygments_style, pygments_dark_style = "friendly", "github-dark"
python_maximum_signature_line_length = 88
add_module_names = True

copybutton_prompt_text = r">>> |\.\.\. ?|\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": ["../examples/gallery"],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r"\.py$",
    "ignore_pattern": r"gallery_data\.py$",
    "plot_gallery": os.environ.get("KFRONT_GALLERY", "1") == "1",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "capture_repr": ("_repr_html_",),  # what a drawing function happens to return is of no use to a reader
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 0,
    "thumbnail_size": (320, 224),
    "remove_config_comments": True,
}


def setup(app: Sphinx) -> None:
    """The list of layers in architecture.md, which a test reads, is plain text; doctests are as Python shows them."""
    app.add_lexer("layers", TextLexer)
    app.connect("source-read", _as_python_shows)


def _as_python_shows(app: Sphinx, page: str, text: list[str]) -> None:
    """Each indented block ends with "...", or it could not be pasted into Python; no empty line before a fence."""
    text[0] = re.sub(r"^(\.\.\.  +\S.*\n)(?!\.\.\.)", r"\1...\n", text[0], flags=re.MULTILINE)
    text[0] = text[0].replace("\n\n```\n", "\n```\n")
