"""What a network must be told about the inputs that a representation gives."""

from __future__ import annotations

import inspect
from typing import Any

KEYWORDS = ("features", "observables", "channels")
"""What the width of the inputs is called: of a particle, of a jet, of an image."""


def width_of(cls: type, represent: Any) -> dict[str, int]:
    """The keyword for a network's class that says how wide its inputs are.

    Args:
        cls: class of the network.
        represent: the representation; its ``width`` counts.
    """
    known = inspect.signature(cls).parameters
    return {keyword: represent.width for keyword in KEYWORDS if keyword in known and hasattr(represent, "width")}
