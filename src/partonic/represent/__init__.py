"""Representations: functions from events to small frozen dataclasses of tensors."""

from __future__ import annotations

import importlib
from dataclasses import fields
from typing import TYPE_CHECKING, Any, cast

from partonic.core.errors import InputError, nearest, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    "events": ("partonic.represent.nested", "JetsOfEvents"),
    "several": ("partonic.represent.several", "Several"),
    "streams": ("partonic.represent.streams", "JetStreams"),
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


def gives(represent: Callable[[Events], Batch]) -> str:
    """Name of the kind of batch that a representation makes, as ``"PackedJets"``."""
    return str(type(represent).__call__.__annotations__.get("return", ""))


def needed(represent: Callable[[Events], Batch], events: Events, columns: Sequence[str] = ()) -> Events:
    """A sample without what a representation does not read.

    Its attributes ``collections`` (``constituents`` where it has none) and ``columns`` say what it reads, of which a
    sample may have a part: whether that is enough it says itself.

    Args:
        represent: the representation.
        events: the sample.
        columns: what else is kept, as ``label``.

    Raises:
        UnknownNameError: the sample has none of its collections, or lacks one of ``columns``.
    """
    wanted = getattr(represent, "collections", ("constituents",))
    found = [name for name in wanted if name in events.collections]
    further = [name for name in getattr(represent, "columns", ()) if name in events.columns and name not in columns]
    return events.select([*columns, *further], found or wanted[:1])
