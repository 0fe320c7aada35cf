"""Any tree, csv or Parquet by a small map from branch to field, with units and cuts, written as YAML.

Each part may be left out::

    tree: events
    columns: {met_pt: MET_pt, label: is_signal}
    weights: {nominal: w}
    collections:
      constituents: {px: part_px, py: part_py, pz: part_pz, e: part_energy, scale: 0.001}
    cuts: ["jet_pt > 500", "abs(jet_eta) < 2", "constituents.e > 0"]
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from partonic.core.config import from_tree, read_yaml
from partonic.core.errors import FileError, InputError, PartonicError, unknown
from partonic.events import kinematics
from partonic.events.events import Events
from partonic.events.ragged import Array, Ragged, offsets_from_counts
from partonic.io.arrow import LEFT_OUT
from partonic.io.expressions import Expression, Value, parse
from partonic.io.naming import with_momenta
from partonic.io.padded import by_falling_pt, jet_columns
from partonic.io.places import name_of
from partonic.io.tables import Table, check_names, opened
from partonic.io.trees import Column, Jagged

ROWS = 10_000
SCALE = "scale"
CONSTITUENTS = "constituents"
JET = ("jet_pt", "jet_eta", "jet_phi", "jet_mass")  # made of constituents where the map does not give them
_MOMENTA = ("px", "py", "pz", "e", "energy", "pt", "et", "mass", "m")
_DERIVED: Mapping[str, Callable[..., Array]] = {
    "pt": lambda px, py, pz, e: kinematics.pt(px, py),  # noqa: ARG005
    "eta": lambda px, py, pz, e: kinematics.eta(px, py, pz),  # noqa: ARG005
    "phi": lambda px, py, pz, e: kinematics.phi(px, py),  # noqa: ARG005
    "mass": kinematics.mass,
}


@dataclass(frozen=True)
class Scaled:
    """A branch in other units.

    Args:
        branch: its name, or an expression of such.
        scale: factor that brings it to GeV, mm or radian.
    """

    branch: str
    scale: float = 1.0


Entry = str | float | Scaled


@dataclass(frozen=True)
class Map:
    """Where the parts of a sample come from. A source is a branch, an expression of branches, or a number.

    Args:
        tree: tree of a ROOT file; the one with most entries if empty.
        columns: column -> source.
        weights: name of a weight (``nominal`` for that of the event) -> source.
        collections: collection -> field -> source; ``scale`` there is a factor for momenta, energies and masses. px,
            py, pz, e follow from pt, eta, phi and mass where they are not given.
        cuts: expressions of columns, weights, fields (``jets.pt``) and ``count(jets)``: those of fields of one
            collection choose its items, first, then the others choose events.

    Raises:
        InputError: nothing is mapped, or a cut is no expression.
    """

    tree: str = ""
    columns: dict[str, str | float | Scaled] = field(default_factory=dict)
    weights: dict[str, str | float | Scaled] = field(default_factory=dict)
    collections: dict[str, dict[str, str | float | Scaled]] = field(default_factory=dict)
    cuts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", _entries(self.columns, "'columns' of the map"))
        object.__setattr__(self, "weights", _entries(self.weights, "'weights' of the map"))
        inner = {name: _entries(fields, f"'{name}' of the map") for name, fields in self.collections.items()}
        object.__setattr__(self, "collections", inner)
        if not (self.columns or self.weights or self.collections):
            raise InputError("a map needs columns, weights or collections")
        for name, fields in self.collections.items():
            if not set(fields) - {SCALE}:
                raise InputError(f"the collection '{name}' of the map has no field")
            if not isinstance(fields.get(SCALE, 1.0), int | float):
                raise InputError(f"'{SCALE}' of the collection '{name}' must be a number")
        for cut in self.cuts:
            parse(cut)


def _entries(group: Mapping[str, Any], where: str) -> dict[str, Entry]:
    """Entries that were written as plain dictionaries, as what they mean."""
    return {
        name: from_tree(Scaled, entry, f"{where}: '{name}'") if isinstance(entry, dict) else entry
        for name, entry in group.items()
    }


def read_map(path: Path | str) -> Map:
    """Read a map.

    Raises:
        FileError: the file is missing or no YAML.
        UnknownNameError: it has a key that does not exist.
        InputError: a value is of the wrong type, or a cut is no expression.
    """
    return from_tree(Map, read_yaml(path), str(path))


class _Source:
    """One source of a map, for one table."""

    def __init__(self, table: Table, where: str, entry: Entry, scale: float = 1.0) -> None:
        self.scale = scale * (entry.scale if isinstance(entry, Scaled) else 1.0)
        text = entry.branch if isinstance(entry, Scaled) else entry
        self.constant = text if isinstance(text, int | float) else None
        self.expression: Expression | None = None
        self.names: list[str] = []
        if isinstance(text, str):
            self.names = [text]
            if text not in table.names:
                self.expression = self._parsed(table, where, text)
                self.names = self.expression.names()
        check_names(table, self.names, f"branch (for {where} of the map):")

    @staticmethod
    def _parsed(table: Table, where: str, text: str) -> Expression:
        try:
            return parse(text)
        except InputError as error:
            raise FileError(
                f"{table.path}: {unknown(f'branch (for {where} of the map):', text, table.names)}"
            ) from error

    def value(self, arrays: Mapping[str, Column]) -> Value:
        """Its array, lists or number."""
        if self.constant is not None:
            return float(self.constant) * self.scale
        found = arrays[self.names[0]] if self.expression is None else self.expression.value(arrays.__getitem__)
        return found if self.scale == 1 else _scaled(found, self.scale)


def _scaled(value: Value, scale: float) -> Value:
    if isinstance(value, Jagged):
        return Jagged(value.offsets, _times(value.values, scale))
    return _times(value, scale) if isinstance(value, np.ndarray) else float(value) * scale


def _times(values: Array, scale: float) -> Array:
    if values.dtype.kind not in "iuf":
        raise InputError(f"a scale needs numbers, not {values.dtype}")
    return values * values.dtype.type(scale) if values.dtype.kind == "f" else values * scale


class _Reader:
    """A map, for one table."""

    def __init__(self, table: Table, plan: Map, source: str) -> None:
        self.table, self.plan = table, plan
        self.columns = {name: _Source(table, f"'{name}'", entry) for name, entry in plan.columns.items()}
        self.weights = {name: _Source(table, f"the weight '{name}'", entry) for name, entry in plan.weights.items()}
        self.collections: dict[str, dict[str, _Source]] = {}
        for name, fields in plan.collections.items():
            factor = fields.get(SCALE, 1.0)
            assert isinstance(factor, int | float)  # the map has been checked
            self.collections[name] = {
                key: _Source(table, f"'{name}.{key}'", entry, factor if key in _MOMENTA else 1.0)
                for key, entry in fields.items()
                if key != SCALE
            }
        self.cuts = [parse(cut) for cut in plan.cuts]
        inner = [each for fields in self.collections.values() for each in fields.values()]
        every = [*self.columns.values(), *self.weights.values(), *inner]
        self.names = list(dict.fromkeys(name for each in every for name in each.names))
        unused = [name for name in table.names if name not in self.names]
        tree = {key: value for key, value in dataclasses.asdict(plan).items() if value}
        self.facts = {"source": source, "layout": "by a map", "map": tree}
        self.facts |= {LEFT_OUT: unused} if unused else {}

    def events(self, arrays: Mapping[str, Column], start: int) -> Events:
        """The events of a chunk that pass the cuts; ``start`` events were before it."""
        rows = _length(arrays)
        columns = {name: _flat(name, each.value(arrays), rows) for name, each in self.columns.items()}
        if "label" in columns:
            columns["label"] = self._label(columns["label"], start)
        weights = {
            name: _flat(name, each.value(arrays), rows).astype(np.float64) for name, each in self.weights.items()
        }
        collections = {name: self._collection(name, arrays, start) for name in self.collections}
        events = Events(columns, weights, collections, {}, self.facts)
        chosen = {cut.text: _collection_of(cut, events) for cut in self.cuts}
        for cut in self.cuts:
            if chosen[cut.text]:
                events = _cut_items(events, cut, chosen[cut.text])
        if CONSTITUENTS in collections and "px" in events.collections[CONSTITUENTS].fields:
            events = events.with_columns(**{**jet_columns(events.collections[CONSTITUENTS]), **columns})
        keep = np.ones(len(events), dtype=bool)
        for cut in self.cuts:
            if not chosen[cut.text]:
                keep &= _flat(cut.text, cut.value(_lookup(events, cut)), len(events)).astype(bool)
        return events if np.all(keep) else events[keep]

    def _label(self, values: Array, start: int) -> Array:
        whole = values.astype(np.int8) if values.dtype.kind in "biuf" else None
        if whole is None or not np.array_equal(whole, values):
            row = 0 if whole is None else int(np.argmax(whole != values))
            raise FileError(
                f"{self.table.path}: event {start + row + 1:,} has the label {values[row]}, no small number"
            )
        return whole

    def _collection(self, name: str, arrays: Mapping[str, Column], start: int) -> Ragged:
        values = {key: _listed(each.value(arrays)) for key, each in self.collections[name].items()}
        lists = {key: each for key, each in values.items() if isinstance(each, Jagged)}
        if not lists:
            raise FileError(f"{self.table.path}: no field of '{name}' is a list; single values go into columns")
        leader, first = next(iter(lists.items()))
        fields: dict[str, Array] = {}
        for key, each in values.items():
            if isinstance(each, float):
                fields[key] = np.full(len(first.values), each)
            elif not isinstance(each, Jagged):
                raise FileError(f"{self.table.path}: '{name}.{key}' is no list, although '{name}.{leader}' is")
            elif not np.array_equal(each.offsets, first.offsets):
                a, b = np.diff(first.offsets), np.diff(each.offsets)
                row = int(np.argmax(a != b))
                raise FileError(
                    f"{self.table.path}: event {start + row + 1:,} has {a[row]} values of '{name}.{leader}' and "
                    f"{b[row]} of '{name}.{key}'"
                )
            else:
                fields[key] = each.values
        ragged = Ragged(first.offsets, with_momenta(fields))
        return by_falling_pt(ragged) if name == CONSTITUENTS and "px" in ragged.fields else ragged


def _listed(value: Value) -> Value:
    """Arrays of fixed length (events, k) as lists."""
    if isinstance(value, np.ndarray) and value.ndim == 2:
        n, k = value.shape
        return Jagged(offsets_from_counts(np.full(n, k)), value.reshape(-1))
    return value


def _flat(name: str, value: Value, rows: int) -> Array:
    if isinstance(value, Jagged):
        raise InputError(f"'{name}' is a list in each event; lists go into collections")
    return value if isinstance(value, np.ndarray) else np.full(rows, value)


def _collection_of(cut: Expression, events: Events) -> str:
    """The collection whose items a cut chooses, ``""`` where it chooses events.

    Raises:
        InputError: it compares the items of two collections.
    """
    value = cut.value(_lookup(events, cut, jets=True))
    if not isinstance(value, Jagged):
        return ""
    owners = list(dict.fromkeys(name.partition(".")[0] for name in cut.names() if "." in name))
    owners = [name for name in owners if name in events.collections]
    if len(owners) != 1:
        raise InputError(f"the cut '{cut.text}' must be of the fields of one collection, as jets.pt > 30")
    return owners[0]


def _cut_items(events: Events, cut: Expression, name: str) -> Events:
    mask = cut.value(_lookup(events, cut))
    assert isinstance(mask, Jagged)
    return events.with_collections(**{name: events.collections[name].keep(mask.values.astype(bool))})


def _lookup(events: Events, cut: Expression, *, jets: bool = False) -> Callable[[str], Value]:
    """Values of the names in a cut."""

    def find(name: str) -> Value:
        """A column, weight, field or collection."""
        owner, _, part = name.partition(".")
        if part and owner in events.collections:
            ragged = events.collections[owner]
            if part in ragged.fields:
                return Jagged(ragged.offsets, ragged[part])
            if part in _DERIVED and all(key in ragged.fields for key in ("px", "py", "pz", "e")):
                return Jagged(ragged.offsets, _DERIVED[part](*(ragged[key] for key in ("px", "py", "pz", "e"))))
            raise InputError(f"the cut '{cut.text}': {unknown(f'field of {owner}', part, [*ragged.fields, *_DERIVED])}")
        if name in events.columns:
            return events.columns[name]
        if name in events.collections:
            ragged = events.collections[name]
            return Jagged(ragged.offsets, np.ones(ragged.total))
        weight = part if owner == "weights" else name
        if weight in events.weights:
            return events.weights[weight]
        if jets and name in JET and CONSTITUENTS in events.collections:
            return np.zeros(len(events))  # made later, from the constituents that are left
        known = [*events.columns, *events.weights, *events.collections]
        raise InputError(f"the cut '{cut.text}': {unknown('name', name, known)}")

    return find


def iterate(path: Path | str, rows: int, plan: Map | Path | str) -> Iterator[Events]:
    """Read a ROOT file, Parquet or csv table by a map, in samples of at most ``rows`` events, fewer after cuts.

    Args:
        path: the file; ``FILE.root:TREE`` chooses a tree.
        rows: events at a time.
        plan: the map, or the YAML file that holds it.

    Raises:
        InputError: ``rows`` is not above 0, or the map cannot be used.
        FileError: a file cannot be read, or lacks a branch of the map; names the nearest.
    """
    chosen = plan if isinstance(plan, Map) else read_map(plan)
    with opened(path, chosen.tree or None) as table:
        reader = _Reader(table, chosen, name_of(path))
        start = 0
        for arrays in table.chunks(reader.names or table.names[:1], rows):
            length = _length(arrays)
            try:
                events = reader.events(arrays, start)
            except PartonicError as error:
                if isinstance(error, FileError):
                    raise
                raise FileError(f"{path}: {error}") from error
            yield events
            start += length


def entries(path: Path | str, plan: Map | Path | str) -> int:
    """Number of entries of the table that a map reads, before its cuts.

    Raises:
        InputError: the map cannot be used.
        FileError: a file cannot be read.
    """
    chosen = plan if isinstance(plan, Map) else read_map(plan)
    with opened(path, chosen.tree or None) as table:
        name = table.names[:1]
        return sum(_length(arrays) for arrays in table.chunks(name, 100_000))


def _length(arrays: Mapping[str, Column]) -> int:
    """Number of events of a chunk."""
    return len(next(each.offsets[1:] if isinstance(each, Jagged) else each for each in arrays.values()))
