"""Ragged collections: flat arrays and offsets, never padded; items may point at items of another collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import InputError, unknown

Array = NDArray[Any]


def offsets_from_counts(counts: Array) -> NDArray[np.int64]:
    """Offsets (n + 1,) of rows with the given number of items (n,)."""
    offsets = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def gather_rows(offsets: NDArray[np.int64], rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Offsets of the chosen rows, and the flat positions of their items in the old arrays."""
    counts = offsets[rows + 1] - offsets[rows]
    taken = offsets_from_counts(counts)
    positions = np.arange(taken[-1], dtype=np.int64) + np.repeat(offsets[rows] - taken[:-1], counts)
    return taken, positions


@dataclass(frozen=True)
class Link:
    """Each item of a collection points at any number of items of another collection of the same event.

    Args:
        target: name of the collection that is pointed at.
        offsets: (items + 1,) where the pointers of each item begin.
        index: flat positions within the event's rows of the target (0 is the event's first).
    """

    target: str
    offsets: NDArray[np.int64]
    index: NDArray[np.int64]

    def take(self, items: NDArray[np.int64]) -> Link:
        """The links of the chosen items."""
        offsets, positions = gather_rows(self.offsets, items)
        return Link(self.target, offsets, self.index[positions])


@dataclass(frozen=True)
class Ragged:
    """A variable number of items for each event.

    Args:
        offsets: (events + 1,) int64, where the items of each event begin.
        fields: name -> (items, ...) flat array.
        links: name -> :class:`Link`, as ``constituents`` of jets.

    Raises:
        InputError: lengths disagree, offsets fall or do not start at 0.
    """

    offsets: NDArray[np.int64]
    fields: Mapping[str, Array]
    links: Mapping[str, Link] = field(default_factory=dict)

    def __post_init__(self) -> None:
        offsets = self.offsets
        if offsets.ndim != 1 or len(offsets) == 0 or offsets[0] != 0 or np.any(np.diff(offsets) < 0):
            raise InputError("the offsets of a collection must be a rising list that starts at 0")
        for name, values in self.fields.items():
            if len(values) != self.total:
                raise InputError(f"field '{name}' has {len(values)} items, the offsets say {self.total}")
        for name, link in self.links.items():
            if len(link.offsets) != self.total + 1 or len(link.index) != link.offsets[-1]:
                raise InputError(f"link '{name}' does not fit the {self.total} items of its collection")

    @classmethod
    def from_counts(cls, counts: Array, fields: Mapping[str, Array], links: Mapping[str, Link] | None = None) -> Ragged:
        """Build from the number of items of each event (events,)."""
        return cls(offsets_from_counts(counts), dict(fields), dict(links or {}))

    @property
    def total(self) -> int:
        """Number of items of all events together."""
        return int(self.offsets[-1])

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of items of each event, (events,)."""
        return np.diff(self.offsets)

    @property
    def rows(self) -> NDArray[np.int64]:
        """Event number of each item, (items,)."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.counts)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, name: str) -> Array:
        """Flat array of a field, (items, ...)."""
        try:
            return self.fields[name]
        except KeyError:
            raise unknown("field", name, self.fields) from None

    def take(self, rows: NDArray[np.int64]) -> Ragged:
        """The chosen events, in that order."""
        offsets, positions = gather_rows(self.offsets, rows)
        return Ragged(
            offsets,
            {name: values[positions] for name, values in self.fields.items()},
            {name: link.take(positions) for name, link in self.links.items()},
        )

    def cut(self, start: int, stop: int) -> Ragged:
        """Events ``start`` to ``stop`` as views: nothing is copied (memory-mapped arrays stay on disk)."""
        first, last = int(self.offsets[start]), int(self.offsets[stop])
        links = {}
        for name, link in self.links.items():
            a, b = int(link.offsets[first]), int(link.offsets[last])
            links[name] = Link(link.target, link.offsets[first : last + 1] - a, link.index[a:b])
        fields = {name: values[first:last] for name, values in self.fields.items()}
        return Ragged(self.offsets[start : stop + 1] - first, fields, links)

    def keep(self, mask: NDArray[np.bool_]) -> Ragged:
        """The items where ``mask`` (items,) is true; every event stays, perhaps with no item.

        Other collections that link into this one keep their old positions: cut before linking.
        """
        items = np.flatnonzero(mask)
        counts = np.bincount(self.rows[items], minlength=len(self))
        return Ragged(
            offsets_from_counts(counts),
            {name: values[items] for name, values in self.fields.items()},
            {name: link.take(items) for name, link in self.links.items()},
        )

    def with_fields(self, **fields: Array) -> Ragged:
        """A collection with fields added or replaced."""
        return Ragged(self.offsets, {**self.fields, **fields}, self.links)

    def padded(self, name: str, length: int, fill: float = 0.0) -> Array:
        """Field as a dense array (events, length, ...): longer events are cut, shorter ones filled."""
        values = self[name]
        out = np.full((len(self), length, *values.shape[1:]), fill, dtype=values.dtype)
        counts = np.minimum(self.counts, length)
        rows = np.repeat(np.arange(len(self)), counts)
        slots = np.arange(len(rows)) - np.repeat(offsets_from_counts(counts)[:-1], counts)
        out[rows, slots] = values[np.repeat(self.offsets[:-1], counts) + slots]
        return out


def same_layout(kind: str, first: Sequence[str], other: Sequence[str]) -> None:
    """Raise an error that names what one side has and the other lacks."""
    if set(first) != set(other):
        only = sorted(set(first) ^ set(other))
        raise InputError(f"samples of different columns cannot be joined: {kind} {', '.join(only)} is not in all")


def _join_offsets(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return offsets_from_counts(np.concatenate([np.diff(part) for part in parts]))


def concatenate_ragged(name: str, parts: Sequence[Ragged]) -> Ragged:
    """Join collections of the same fields and links, events one after the other."""
    first = parts[0]
    for part in parts[1:]:
        same_layout(f"field of '{name}'", list(first.fields), list(part.fields))
        same_layout(f"link of '{name}'", list(first.links), list(part.links))
    return Ragged(
        _join_offsets([part.offsets for part in parts]),
        {field: np.concatenate([part.fields[field] for part in parts]) for field in first.fields},
        {
            link: Link(
                first.links[link].target,
                _join_offsets([part.links[link].offsets for part in parts]),
                np.concatenate([part.links[link].index for part in parts]),
            )
            for link in first.links
        },
    )
