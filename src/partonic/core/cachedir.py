"""Where simulated samples and training caches are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``$PARTONIC_CACHE``, else ``$XDG_CACHE_HOME/partonic``, else ``~/.cache/partonic``; not made here."""
    own = os.environ.get("PARTONIC_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "partonic"
