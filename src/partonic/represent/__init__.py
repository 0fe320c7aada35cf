"""Representations: functions from events to small frozen dataclasses of tensors."""

from __future__ import annotations

import importlib
from dataclasses import fields
from typing import TYPE_CHECKING, Any, cast

from partonic.core.errors import InputError, nearest, unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from partonic.events.events import Events
    from partonic.represent.batch import Batch

REPRESENTATIONS = {
    "packed": ("partonic.represent.packed", "Packed"),
    "image": ("partonic.represent.image", "JetImage"),
    "trees": ("partonic.represent.tree", "JetTrees"),
    "lund": ("partonic.represent.lund", "JetLund"),
    "features": ("partonic.represent.features", "JetFeatures"),
    "subjettiness": ("partonic.represent.subjettiness", "JetSubjettiness"),
    "efp": ("partonic.represent.efp", "JetFlowPolynomials"),
    "lund-density": ("partonic.represent.lund_density", "JetLundDensity"),
    "voxels": ("partonic.represent.voxels", "Voxels"),
}


def representation(name: str, **options: Any) -> Callable[[Events], Batch]:
    """The representation of a name, a frozen dataclass of plain options that maps events to a batch.

    Args:
        name: one of :data:`REPRESENTATIONS`, as ``"packed"``, ``"image"`` or ``"features"``.
        options: of that representation, as ``size=40``.

    Raises:
        UnknownNameError: there is no such representation.
        InputError: an option is unknown or out of range.

    Example:
        >>> draw = representation("image", size=32)
        >>> draw.size
        32
    """
    if name not in REPRESENTATIONS:
        raise unknown("representation", name, REPRESENTATIONS)
    module, attribute = REPRESENTATIONS[name]
    cls = getattr(importlib.import_module(module), attribute)
    known = [field.name for field in fields(cls)]
    for option in options:
        if option not in known:
            raise InputError(f"the representation '{name}' has no option '{option}'{nearest(option, known)}")
    return cast("Callable[[Events], Batch]", cls(**options))
