"""Delphes trees: jets with their constituents, leptons, photons, missing momentum, the energy flow and the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from partonic.core.errors import FileError
from partonic.events.events import NOMINAL, Events
from partonic.events.ragged import Array, Link, Ragged
from partonic.io import root
from partonic.io.arrow import LEFT_OUT
from partonic.io.base import Format, reading
from partonic.io.merging import joined, leptons
from partonic.io.naming import clean, collection, free, with_momenta
from partonic.io.places import file_and_tree, name_of
from partonic.io.references import Pointers, pointers, resolve
from partonic.io.trees import SIGNATURE, Column, Jagged, Tree, columns, opened, sketch

ROWS = 10_000
TREE = "Delphes"
TRUTH, FLOW = "Particle", "particles"
SINGLE = {"Event": "event", "LHEFEvent": "event", "MissingET": "met", "PuppiMissingET": "puppi_met"}
SINGLE |= {"GenMissingET": "gen_met", "ScalarHT": ""}
HADRON, PHOTON, NEUTRAL = 211, 22, 130
LEPTONS = {"electrons": 11, "muons": 13}

_FIELDS = {"m1": "mother1", "m2": "mother2", "d1": "daughter1", "d2": "daughter2", "isolationvar": "isolation"}
_FIELDS |= {"errord0": "d0_error", "errordz": "dz_error", "particle_ref": "truth"}
_VERTEX = {"x": "vx", "y": "vy", "z": "vz", "t": "vt"}
# Parts of the energy flow and the number of their particles, 0 where the file has it.
_FLOWS = {"EFlowTrack": 0, "EFlowPhoton": PHOTON, "EFlowNeutralHadron": NEUTRAL, "ParticleFlowCandidate": 0}
_FLOW_FIELDS = ("px", "py", "pz", "e", "charge", "pid", "d0", "dz", "d0_error", "dz_error")


@dataclass(frozen=True)
class Layout:
    """Where the branches of a file go.

    Args:
        groups: stem of the branches, as ``Jet`` -> field -> array of the tree.
        names: stem -> name of the collection.
        targets: branch of references -> stem of what they point at, or ``FLOW``.
        weights: number of weights of the branch ``Weight`` in every event, 0 where it differs.
        left_out: what has no place.
    """

    groups: Mapping[str, Mapping[str, str]]
    names: Mapping[str, str]
    targets: Mapping[str, str]
    weights: int
    left_out: list[str]

    @property
    def flows(self) -> list[str]:
        """Stems of the parts of the energy flow."""
        return [stem for stem in _FLOWS if stem in self.groups]


@dataclass(frozen=True)
class _Chunk:
    """Events being put together: collections, unique numbers and arrays, by stem."""

    path: Path | str
    start: int
    items: dict[str, Ragged]
    ids: dict[str, Array]
    references: dict[str, Pointers]


def iterate(path: Path | str, rows: int = ROWS) -> Iterator[Events]:
    """Read a file in samples of at most ``rows`` events; fewer where events are large.

    Collections are ``jets``, ``gen_jets``, ``electrons``, ``muons``, ``leptons``, ``photons``, ``tracks``, ``truth``,
    ``particles`` (the energy flow) and whatever else the file has, with px, py, pz, e; columns ``met_pt met_phi``,
    ``ht`` and those of the event; weights ``nominal`` and ``weight_0``, ``weight_1``, ... Jets link to their
    ``constituents``, and in the truth to theirs as ``truth``.

    Raises:
        InputError: ``rows`` is not above 0.
        FileError: the file is missing, damaged or without the tree ``Delphes``.
    """
    with opened(path, TREE) as tree, reading(tree.path, "a Delphes tree"):
        first, chunks = root.beginning(tree.chunks([*tree.branches, *tree.objects], rows))
        layout = make_layout(tree, first)
        facts: dict[str, Any] = {"source": name_of(path), "layout": "Delphes"}
        facts |= {LEFT_OUT: layout.left_out} if layout.left_out else {}
        start = 0
        for chunk in chunks:
            events = _events(_take(tree, layout, chunk, start), layout, facts)
            yield events
            start += len(events)


def make_layout(tree: Tree, first: Mapping[str, Any]) -> Layout:
    """Sort the branches of a tree, by their names and by what the references of its first events point at."""
    plan = root.make_plan(tree, {name: values for name, values in first.items() if name in tree.branches})
    groups: dict[str, dict[str, str]] = {}
    for names in plan.collections.values():
        for field, name in names.items():
            if field != "funiqueid":
                groups.setdefault(name.partition(".")[0], {})[field] = name
    taken = {FLOW, "weights", "gold", "leptons"}
    called = {}
    for stem in groups:
        called[stem] = free("truth" if stem == TRUTH else collection(stem), taken)
        taken.add(called[stem])
    layout = Layout(groups, called, dict.fromkeys(tree.objects, FLOW), _weights(tree), [])
    targets: dict[str, str] = {}
    if tree.objects:
        probe = _take(tree, layout, first, 0)
        targets = {name: _target(name, probe) for name in tree.objects}
    found = {name: target for name, target in targets.items() if target}
    return Layout(groups, called, found, layout.weights, [name for name in plan.left_out if name not in found])


def _weights(tree: Tree) -> int:
    if "Weight_size" not in tree.branches or "Weight.Weight" not in tree.branches:
        return 0
    seen: set[int] = set()
    for chunk in tree.chunks(["Weight_size"], 1_000_000):
        seen |= {int(n) for n in np.unique(np.asarray(columns("n", chunk["Weight_size"])["n"]))}
    return seen.pop() if len(seen) == 1 else 0


def _target(name: str, chunk: _Chunk) -> str:
    """The collection at which most references of a branch point, ``""`` if none does."""
    refs = chunk.references.get(name)
    if refs is None:
        return ""
    met = {stem: int(np.count_nonzero(resolve(refs, items, chunk.ids[stem])[0] >= 0)) for stem, items in _known(chunk)}
    best = max(met, key=lambda stem: met[stem], default="")
    return best if best and met[best] else ""


def _known(chunk: _Chunk) -> list[tuple[str, Ragged]]:
    """Collections whose items have unique numbers, the energy flow first."""
    stems = sorted(chunk.ids, key=lambda stem: stem != FLOW)
    return [(stem, chunk.items[stem]) for stem in stems if stem not in _FLOWS]


def _take(tree: Tree, layout: Layout, chunk: Mapping[str, Any], start: int) -> _Chunk:
    """The collections of a chunk, with the energy flow put together."""
    arrays = root.flatten({name: values for name, values in chunk.items() if name in tree.branches})
    items = {stem: _items(tree.path, start, arrays, stem, names) for stem, names in layout.groups.items()}
    ids = {stem: _values(arrays[f"{stem}.fUniqueID"]) for stem in items if f"{stem}.fUniqueID" in arrays}
    if layout.flows:
        parts = [_flow(stem, items[stem]) for stem in layout.flows]
        names = [name for name in _FLOW_FIELDS if all(name in part.fields for part in parts)]
        items[FLOW], order = joined(parts, names)
        if all(stem in ids for stem in layout.flows):
            ids[FLOW] = np.concatenate([ids[stem] for stem in layout.flows])[order]
    found = {name: pointers(chunk[name], items[name.partition(".")[0]]) for name in layout.targets}
    return _Chunk(tree.path, start, items, ids, {name: each for name, each in found.items() if each is not None})


def _values(column: Column) -> Array:
    return column.values if isinstance(column, Jagged) else column


def _items(path: Path | str, start: int, arrays: Mapping[str, Column], stem: str, names: Mapping[str, str]) -> Ragged:
    ragged = root.build(path, start, arrays, names, stem)
    fields = {_FIELDS.get(key, key): values for key, values in ragged.fields.items()}
    if stem == TRUTH:
        fields = {_VERTEX.get(key, key): values for key, values in fields.items()}
    if "et" in fields and "pt" not in fields:
        fields = with_momenta({**fields, "pt": fields["et"]})
    return Ragged(ragged.offsets, fields)


def _flow(stem: str, part: Ragged) -> Ragged:
    """A part of the energy flow with charge and species: hadrons are not told apart, as in a detector."""
    n = part.total
    charge = part["charge"].astype(np.int32) if "charge" in part.fields else np.zeros(n, np.int32)
    if _FLOWS[stem] or "pid" not in part.fields:
        pid = np.where(charge != 0, charge * HADRON, _FLOWS[stem]).astype(np.int32)
    else:
        known = np.abs(part["pid"])
        neutral = np.where(known == PHOTON, PHOTON, NEUTRAL)
        pid = np.where(charge != 0, charge * HADRON, neutral)
        pid = np.where((known == LEPTONS["electrons"]) | (known == LEPTONS["muons"]), part["pid"], pid)
    zero = dict.fromkeys(("d0", "dz", "d0_error", "dz_error"), np.zeros(n, np.float32))
    return part.with_fields(**{**zero, **part.fields, "charge": charge, "pid": pid.astype(np.int32)})


def _events(chunk: _Chunk, layout: Layout, facts: Mapping[str, Any]) -> Events:
    columns_: dict[str, Array] = {}
    weights: dict[str, Array] = {}
    collections: dict[str, Ragged] = {}
    for stem, ragged in chunk.items.items():
        if stem in SINGLE:
            columns_ |= _single(chunk, stem, ragged)
        elif stem == "Weight" and layout.weights:
            values = ragged["weight"].astype(np.float64).reshape(len(ragged), layout.weights)
            weights = {f"weight_{i}": values[:, i] for i in range(layout.weights)}
        else:
            name = FLOW if stem == FLOW else layout.names[stem]
            collections[name] = _linked(chunk, layout, stem, _named(name, ragged))
    if "electrons" in collections and "muons" in collections:
        collections["leptons"] = leptons(collections["electrons"], collections["muons"])
    nominal = columns_.pop("event_weight", None)
    if nominal is not None:
        weights = {NOMINAL: nominal.astype(np.float64), **weights}
    return Events(columns_, weights, collections, {}, facts)


def _named(name: str, ragged: Ragged) -> Ragged:
    """Leptons with the number of their species, where the file has their charge only."""
    if name in LEPTONS and "charge" in ragged.fields and "pid" not in ragged.fields:
        return ragged.with_fields(pid=(-LEPTONS[name] * np.sign(ragged["charge"])).astype(np.int32))
    return ragged


def _single(chunk: _Chunk, stem: str, ragged: Ragged) -> dict[str, Array]:
    """Columns of what an event has exactly once.

    Raises:
        FileError: an event has none or several.
    """
    if np.any(ragged.counts != 1):
        row = int(np.argmax(ragged.counts != 1))
        raise FileError(
            f"{chunk.path}: event {chunk.start + row + 1:,} has {ragged.counts[row]} entries of '{stem}', not 1"
        )
    prefix = SINGLE[stem]
    if prefix.endswith("met"):
        return {f"{prefix}_pt": ragged["met"], f"{prefix}_phi": ragged["phi"]}
    return {f"{prefix}_{name}".lstrip("_"): values for name, values in ragged.fields.items()}


def _linked(chunk: _Chunk, layout: Layout, stem: str, ragged: Ragged) -> Ragged:
    """A collection with its references as links, and its reference to the truth as a position."""
    fields = dict(ragged.fields)
    if "truth" in fields and TRUTH in chunk.ids:
        one = Pointers(ragged, np.arange(ragged.total + 1), fields["truth"])
        fields["truth"] = resolve(one, chunk.items[TRUTH], chunk.ids[TRUTH])[0]
    links: dict[str, Link] = {}
    for branch, target in layout.targets.items():
        if branch.partition(".")[0] == stem and branch in chunk.references:
            goal = FLOW if target == FLOW else layout.names[target]
            position, offsets = resolve(chunk.references[branch], chunk.items[target], chunk.ids[target], drop=True)
            name = clean(branch.partition(".")[2])
            links["truth" if name == "particles" else name] = Link(goal, offsets, position)
    return Ragged(ragged.offsets, {key: fields[key] for key in fields if key not in links}, links)


def count(path: Path | str) -> int:
    """Number of events.

    Raises:
        FileError: the file is missing, damaged or without the tree ``Delphes``.
    """
    return root.count(f"{path}:{TREE}" if file_and_tree(path)[1] is None else path)


def _recognise(path: Path, head: bytes) -> bool:
    if not head.startswith(SIGNATURE) or file_and_tree(path)[1] not in (None, TREE):
        return False
    try:
        return f"{TRUTH}_size" in (names := sketch(path).branches.get(TREE, ())) or "Event_size" in names
    except FileError:
        return False  # the reader of any ROOT file says so


FORMAT = Format("delphes", "Delphes ROOT", (".root",), _recognise, iterate, count)
