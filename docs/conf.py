"""Configuration of the documentation."""

import os

from partonic.version import __version__

os.environ.setdefault("COLUMNS", "100")

project = "partonic"
author = "the partonic developers"
project_copyright = "2026, the partonic developers"
release = version = __version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
exclude_patterns = ["_build", "jupyter_execute"]
html_theme = "furo"
html_title = f"partonic {__version__}"
mathjax_path = ""
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
myst_enable_extensions = ["dollarmath", "colon_fence"]
autodoc_typehints = "description"
autodoc_member_order = "bysource"
