"""The documentation site: `make docs` builds it, and a broken link or a page outside the contents fails it."""

import tomllib
from pathlib import Path

import nearsight

ROOT = Path(__file__).parents[1]
HOME = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["metadata"]["hooks"]["custom"][
    "home"
]

project = "Nearsight"
author = "The Nearsight developers"
version = release = nearsight.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc"]
exclude_patterns = ["images/**", "*.py"]

# The notebook is shown as it was executed; tests/test_first_look.py executes it.
nb_execution_mode = "off"

myst_heading_anchors = 4
# Tables of results are linked from the pages that tell of them; tests/test_documents.py holds the contents complete.
suppress_warnings = ["toc.not_included"]

# Docstrings are plain sentences in which backticks mark code.
default_role = "code"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"

html_theme = "furo"
html_title = f"Nearsight {version}"
html_baseurl = HOME
html_theme_options = (
    {"source_repository": HOME, "source_branch": "main", "source_directory": "docs/"} if HOME else {}
)
