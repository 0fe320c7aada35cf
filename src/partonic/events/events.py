"""Events, what flows through everything: columns, named weights, ragged collections, gold and provenance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import InputError, unknown
from partonic.core.rng import generator
from partonic.events.ragged import Array, Link, Ragged, concatenate_ragged, same_layout

__all__ = ["Events", "Link", "Ragged", "concatenate"]

NOMINAL = "nominal"
Rows = slice | NDArray[Any] | Sequence[int]


@dataclass(frozen=True)
class Events:
    """A sample of events; in a sample of jets a row is a jet.

    Args:
        columns: name -> (n, ...) array, one value an event, as ``met``, ``label`` (int), ``split``, ``theta`` (n, p).
        weights: name -> (n,) float array; ``"nominal"`` is the event weight, others are variations; may be negative.
        collections: name -> :class:`Ragged`, as ``particles``, ``jets``, ``leptons``, ``constituents``.
        gold: name -> (n, ...) array of ``joint_score`` (n, p), ``joint_ratio`` or ``components`` (n, k).
        provenance: plain data: process, settings, seed, versions.

    Raises:
        InputError: the lengths disagree, or there is nothing to count events by.
    """

    columns: Mapping[str, Array] = field(default_factory=dict)
    weights: Mapping[str, NDArray[np.floating[Any]]] = field(default_factory=dict)
    collections: Mapping[str, Ragged] = field(default_factory=dict)
    gold: Mapping[str, Array] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {
            f"{kind} '{name}'": len(values) for kind, group in self._groups().items() for name, values in group.items()
        }
        if not lengths:
            raise InputError("events need at least one column, weight or collection")
        if len(set(lengths.values())) > 1:
            listing = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            raise InputError(f"the parts of a sample differ in their number of events: {listing}")
        for name, collection in self.collections.items():
            for link_name, link in collection.links.items():
                if link.target not in self.collections:
                    raise unknown(f"target of the link '{name}.{link_name}'", link.target, self.collections)

    def _groups(self) -> dict[str, Mapping[str, Any]]:
        return {
            "column": self.columns,
            "weight": self.weights,
            "collection": self.collections,
            "gold": self.gold,
        }

    def __len__(self) -> int:
        return next(len(values) for group in self._groups().values() for values in group.values())

    def __getitem__(self, rows: Rows) -> Events:
        """The chosen events: a slice (views where its step is 1), a boolean mask (n,), or row numbers."""
        n = len(self)
        if isinstance(rows, slice):
            start, stop, step = rows.indices(n)
            if step == 1:
                stop = max(start, stop)
                return self._apply(lambda values: values[start:stop], lambda ragged: ragged.cut(start, stop))
            rows = np.arange(start, stop, step)
        index = np.asarray(rows)
        if index.dtype == np.bool_:
            if index.shape != (n,):
                raise InputError(f"a mask of shape {index.shape} does not fit {n} events")
            index = np.flatnonzero(index)
        index = index.astype(np.int64, copy=False).reshape(-1)
        if index.size and (index.min() < -n or index.max() >= n):
            raise InputError(f"row {int(index[np.argmax(np.abs(index))])} is outside the {n} events")
        index = np.where(index < 0, index + n, index)
        return self._apply(lambda values: values[index], lambda ragged: ragged.take(index))

    def _apply(self, dense: Any, ragged: Any) -> Events:
        return Events(
            {name: dense(values) for name, values in self.columns.items()},
            {name: dense(values) for name, values in self.weights.items()},
            {name: ragged(values) for name, values in self.collections.items()},
            {name: dense(values) for name, values in self.gold.items()},
            self.provenance,
        )

    def column(self, name: str) -> Array:
        """A per-event column, (n, ...).

        Raises:
            UnknownNameError: there is no such column.
        """
        if name not in self.columns:
            raise unknown("column", name, self.columns)
        return self.columns[name]

    def collection(self, name: str) -> Ragged:
        """A ragged collection.

        Raises:
            UnknownNameError: there is no such collection.
        """
        if name not in self.collections:
            raise unknown("collection", name, self.collections)
        return self.collections[name]

    def weight(self, name: str = NOMINAL) -> NDArray[np.float64]:
        """Event weights (n,); ones where the sample carries no nominal weight.

        Raises:
            UnknownNameError: there is no such weight.
        """
        if name in self.weights:
            return np.asarray(self.weights[name], dtype=np.float64)
        if name == NOMINAL:
            return np.ones(len(self))
        raise unknown("weight", name, self.weights)

    def with_columns(self, **columns: Array) -> Events:
        """A sample with columns added or replaced."""
        return replace(self, columns={**self.columns, **columns})

    def with_weights(self, weights: Mapping[str, Array]) -> Events:
        """A sample with weights added or replaced."""
        return replace(self, weights={**self.weights, **weights})

    def with_collections(self, **collections: Ragged) -> Events:
        """A sample with collections added or replaced."""
        return replace(self, collections={**self.collections, **collections})

    def with_provenance(self, **facts: Any) -> Events:
        """A sample with provenance added or replaced."""
        return replace(self, provenance={**self.provenance, **facts})

    def select(self, columns: Sequence[str] | None = None, collections: Sequence[str] | None = None) -> Events:
        """A sample with the named columns and collections only (``None`` keeps all); weights and gold stay."""
        chosen = self.columns if columns is None else {name: self.column(name) for name in columns}
        kept = self.collections if collections is None else {name: self.collection(name) for name in collections}
        return replace(self, columns=dict(chosen), collections=dict(kept))

    def shuffle(self, seed: int) -> Events:
        """The same events in a random order."""
        return self[generator(seed).permutation(len(self))]

    def split(self, fractions: Mapping[str, float], seed: int) -> dict[str, Events]:
        """Disjoint random samples by fraction; each carries its name in the column ``split``.

        Args:
            fractions: name -> share of the events, above 0, at most 1 together.
            seed: of the permutation.

        Raises:
            InputError: a fraction is not above 0 or they exceed 1.
        """
        shares = np.array(list(fractions.values()), dtype=float)
        if not np.all(shares > 0) or shares.sum() > 1 + 1e-9:
            raise InputError(f"split fractions must be above 0 and at most 1 together, not {dict(fractions)}")
        edges = np.rint(np.concatenate([[0.0], np.cumsum(shares)]) * len(self)).astype(int)
        order = generator(seed).permutation(len(self))
        return {
            name: self[np.sort(order[a:b])].with_columns(split=np.full(b - a, name))
            for name, a, b in zip(fractions, edges[:-1], edges[1:], strict=True)
        }

    def folds(self, k: int, seed: int) -> Iterator[tuple[Events, Events]]:
        """``k`` pairs (rest, held out); every event is held out exactly once.

        Raises:
            InputError: ``k`` is below 2 or above the number of events.
        """
        if not 2 <= k <= len(self):
            raise InputError(f"the number of folds must be between 2 and the {len(self)} events, not {k}")
        fold = generator(seed).permutation(np.arange(len(self)) % k)
        for i in range(k):
            yield self[fold != i], self[fold == i]

    def describe(self) -> str:
        """One line of what is in here, as ``1,000 events; columns label; weights nominal; jets (3,120)``."""
        parts = [f"{len(self):,} events"]
        for title, group in (("columns", self.columns), ("weights", self.weights), ("gold", self.gold)):
            if group:
                names = list(group)
                more = f" and {len(names) - 8} more" if len(names) > 8 else ""
                parts.append(f"{title} {', '.join(names[:8])}{more}")
        parts += [f"{name} ({ragged.total:,})" for name, ragged in self.collections.items()]
        return "; ".join(parts)


def concatenate(parts: Sequence[Events]) -> Events:
    """Join samples, events one after the other.

    The provenance is the first's where all agree, else the list of all under ``parts``.

    Raises:
        InputError: there is nothing to join, or columns, weights, collections or gold differ.
    """
    if not parts:
        raise InputError("there is no sample to join")
    first = parts[0]
    if len(parts) == 1:
        return first
    for part in parts[1:]:
        for kind, group in first._groups().items():
            same_layout(kind, list(group), list(part._groups()[kind]))

    def dense(kind: str) -> dict[str, Array]:
        """Join the arrays of one kind."""
        return {name: np.concatenate([part._groups()[kind][name] for part in parts]) for name in first._groups()[kind]}

    collections = {
        name: concatenate_ragged(name, [part.collections[name] for part in parts]) for name in first.collections
    }
    same = all(part.provenance == first.provenance for part in parts)
    provenance = first.provenance if same else {"parts": [dict(part.provenance) for part in parts]}
    return Events(dense("column"), dense("weight"), collections, dense("gold"), provenance)
