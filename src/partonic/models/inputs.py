"""What a network must be told about the inputs that a representation gives."""

from __future__ import annotations

import inspect
from typing import Any

WIDTHS = ("features", "observables", "channels")
"""What the width of the inputs is called: of a particle, of a jet, of an image; a network has the first of them."""


def width_of(cls: type) -> str:
    """The keyword of a network's class for the width of its inputs; none is the empty one."""
    known = inspect.signature(cls).parameters
    return next((keyword for keyword in WIDTHS if keyword in known), "")


def sizes_of(cls: type, represent: Any) -> dict[str, int]:
    """The keywords for a network's class that say how wide its inputs are, and how many pixels an image has a side.

    Args:
        cls: class of the network.
        represent: the representation; its ``width`` and ``size`` count.
    """
    known = inspect.signature(cls).parameters
    given = {width_of(cls): "width", "size": "size"}
    return {
        keyword: getattr(represent, name)
        for keyword, name in given.items()
        if keyword in known and hasattr(represent, name)
    }
