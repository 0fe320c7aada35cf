"""ROOT's references between objects: arrays of unique numbers, resolved into positions within the event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from partonic.events.ragged import Array, Ragged, offsets_from_counts

_ID = 2**32  # unique numbers are below


@dataclass(frozen=True)
class Pointers:
    """The references of each item of a collection.

    Args:
        items: the collection.
        offsets: (items + 1,) where those of each item begin.
        refs: unique numbers, 0 for none.
    """

    items: Ragged
    offsets: Array
    refs: Array


def pointers(layout: Any, items: Ragged) -> Pointers | None:
    """The references of a branch of TRefArray; ``None`` where it is something else or does not fit its collection.

    Args:
        layout: awkward layout (events, items, references).
        items: the collection whose items have them.
    """
    try:
        outer = layout.to_ListOffsetArray64(True)
        records = outer.content[: outer.offsets.data[-1]]
        inner = records["refs"].to_ListOffsetArray64(True)
        refs = inner.content[: inner.offsets.data[-1]].data
    except (AttributeError, KeyError, TypeError, ValueError, IndexError):
        return None
    if not np.array_equal(outer.offsets.data, items.offsets):
        return None
    return Pointers(items, np.asarray(inner.offsets.data, dtype=np.int64), np.asarray(refs).astype(np.int64))


def resolve(these: Pointers, target: Ragged, ids: Array, *, drop: bool = False) -> tuple[Array, Array]:
    """Positions within the event of what references point at.

    Args:
        these: the references.
        target: the collection they point at.
        ids: unique number of each of its items.
        drop: leave out references to something that is not in the collection; else they are -1.

    Returns:
        Positions, and (items + 1,) where those of each item begin.
    """
    counts = np.diff(these.offsets)
    rows = np.repeat(these.items.rows, counts)
    known = target.rows * _ID + ids.astype(np.int64)
    order = np.argsort(known, kind="stable")
    wanted = rows * _ID + these.refs.astype(np.int64)
    place = np.searchsorted(known, wanted, sorter=order)
    flat = order[np.minimum(place, len(order) - 1)] if len(order) else np.zeros(len(wanted), np.int64)
    there = (these.refs > 0) & (len(order) > 0)
    there &= (known[flat] == wanted) if len(order) else False
    position = np.where(there, flat - target.offsets[rows], -1)
    if not drop:
        return position, these.offsets
    item = np.repeat(np.arange(len(counts)), counts)[there]
    return position[there], offsets_from_counts(np.bincount(item, minlength=len(counts)))
