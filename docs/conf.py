"""Configuration of the documentation."""

import hashlib
import os
import sys
from pathlib import Path

from partonic.version import __version__

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
os.environ["COLUMNS"] = "90"  # width of the help that commands print


def digest() -> str:
    """Of the package's source: the walkthrough is run again when it changes, not only when its own text does."""
    found = hashlib.sha256()
    for file in sorted((HERE.parent / "src").rglob("*.py")):
        found.update(file.read_bytes())
    return found.hexdigest()[:16]


project = "partonic"
author = "the partonic developers"
project_copyright = "2026, the partonic developers"
release = version = __version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "partonic_docs",
]
exclude_patterns = ["_build", "_ext", "examples", "jupyter_execute"]
html_theme = "furo"
html_title = f"partonic {__version__}"
html_static_path = ["_static"]
html_css_files = ["partonic.css"]
html_show_sourcelink = False
html_copy_source = False

nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_build" / ".jupyter_cache" / digest())
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_output_stderr = "remove"  # progress
nb_merge_streams = True

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_type_aliases = {name: name for name in ("Array", "ArrayLike", "Fields", "Flavours", "Floats", "Ints", "Rows")}
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
