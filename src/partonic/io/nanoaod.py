"""CMS NanoAOD and PFNano: all branches of the tree ``Events``, with momenta, leptons, weights and constituents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from partonic.core.errors import FileError
from partonic.events.events import Events
from partonic.events.ragged import Array, Link, Ragged, offsets_from_counts
from partonic.io import root
from partonic.io.base import Format, reading
from partonic.io.merging import leptons
from partonic.io.places import file_and_tree, name_of
from partonic.io.trees import SIGNATURE, Tree, columns, opened, sketch

ROWS = 10_000
TREE = "Events"
MM = 10.0  # NanoAOD has lengths in cm

# Lists of weights relative to the nominal one; of a fixed length in most files.
WEIGHTS = ("LHEScaleWeight", "LHEPdfWeight", "LHEReweightingWeight", "PSWeight")
MANY = 2000  # weights beyond which a list stays a collection

_FIELDS = {"pdgid": "pid", "genpartidxmother": "mother1"}
_LENGTHS = {"dxy": "d0", "d0": "d0", "dz": "dz", "dxyerr": "d0_error", "d0err": "d0_error", "dzerr": "dz_error"}
_ISOLATION = {"electrons": "pfreliso03_all", "muons": "pfreliso04_all"}
_PARTICLES = ("electrons", "muons", "leptons", "taus", "truth", "particles")
_CANDIDATES = {
    "jetpfcands": "jets",
    "fatjetpfcands": "fatjets",
    "genjetcands": "gen_jets",
    "genfatjetcands": "genjetak8",
}
_TARGETS = {"genjetcands": "gencands", "genfatjetcands": "gencands"}
_POSITION = ("pfcandsidx", "candidx")


def iterate(path: Path | str, rows: int = ROWS) -> Iterator[Events]:
    """Read a file in samples of at most ``rows`` events; fewer where events are large.

    Names are brought to small letters, known collections to ours (``jets``, ``fatjets``, ``electrons``, ``muons``,
    ``photons``, ``taus``, ``truth``, ``gen_jets``, ``particles``) with px, py, pz, e added and ``pdgId`` as ``pid``;
    impact parameters are added in mm as ``d0``, ``dz`` and their errors to particles and leptons. ``leptons`` are
    electrons and muons together by falling pt. The weights of scale, PDF and shower variations are multiplied by
    ``genWeight``, which is ``nominal``. Constituents of PFNano are linked to ``particles``.

    Raises:
        InputError: ``rows`` is not above 0.
        FileError: the file is missing, damaged or without the tree ``Events``.
    """
    with opened(path, TREE) as tree, reading(tree.path, "CMS NanoAOD"):
        lengths = _weight_lists(tree)
        start = 0
        for events in root.samples(tree, rows, "CMS NanoAOD", name_of(path)):
            yield _dressed(tree.path, start, events, lengths)
            start += len(events)


def _weight_lists(tree: Tree) -> dict[str, int]:
    """Number of weights of each list that is equally long in every event of the file."""
    counters = {f"n{name}": name for name in WEIGHTS if f"n{name}" in tree.branches and name in tree.branches}
    seen: dict[str, set[int]] = {name: set() for name in counters.values()}
    for chunk in tree.chunks(counters, 1_000_000) if counters else ():
        for counter, name in counters.items():
            seen[name] |= {int(n) for n in np.unique(np.asarray(columns(counter, chunk[counter])[counter]))}
    lengths = {name: next(iter(found)) for name, found in seen.items() if len(found) == 1}
    return {name: n for name, n in lengths.items() if 0 < n <= MANY}


def _dressed(path: Path | str, start: int, events: Events, lengths: Mapping[str, int]) -> Events:
    """The events of a generic tree with what is known of this layout."""
    collections = {name: _fields(name, ragged) for name, ragged in events.collections.items()}
    weights: dict[str, Array] = dict(events.weights)
    nominal = events.weight()
    for name, length in lengths.items():
        ragged = collections.pop(name.lower())
        values = ragged["value"].reshape(len(events), length)
        weights |= {f"{name}_{i}": nominal * values[:, i] for i in range(length)}
    for name, field in _ISOLATION.items():
        if name in collections and field in collections[name].fields:
            collections[name] = collections[name].with_fields(isolation=collections[name][field])
    if "electrons" in collections and "muons" in collections and "leptons" not in collections:
        collections["leptons"] = leptons(collections["electrons"], collections["muons"])
    for table, jets in _CANDIDATES.items():
        target = _TARGETS.get(table, "particles")
        if table in collections and jets in collections and target in collections:
            link = _constituents(path, start, collections[table], collections[jets], collections[target], target)
            if link is not None:
                old = collections[jets]
                collections[jets] = Ragged(old.offsets, old.fields, {**old.links, "constituents": link})
    return replace(events, columns=_met(events.columns), weights=weights, collections=collections)


def _fields(name: str, ragged: Ragged) -> Ragged:
    fields = {
        _FIELDS.get(key, key) if _FIELDS.get(key) not in ragged.fields else key: ragged[key] for key in ragged.fields
    }
    if name in _PARTICLES:
        known = {to: fields[key] * np.float32(MM) for key, to in _LENGTHS.items() if key in fields and key != to}
        same = {key: fields[key] * np.float32(MM) for key, to in _LENGTHS.items() if key in fields and key == to}
        fields |= {**same, **known}
    if name == "truth" and "mother1" in fields:
        fields["mother2"] = fields["mother1"]
    if "incomingpz" in fields and "pt" in fields:
        incoming = fields["pt"] == 0
        fields["pz"] = np.where(incoming, fields["incomingpz"], fields["pz"])
        fields["e"] = np.where(incoming, np.abs(fields["incomingpz"]), fields["e"])
    return Ragged(ragged.offsets, fields, ragged.links)


def _met(known: Mapping[str, Array]) -> dict[str, Array]:
    """The columns, with met_pt and met_phi of particle flow where the file calls them PFMET or has PUPPI only."""
    for name in ("pfmet", "puppimet"):
        if "met_pt" not in known and f"{name}_pt" in known and f"{name}_phi" in known:
            known = {**known, "met_pt": known[f"{name}_pt"], "met_phi": known[f"{name}_phi"]}
    return dict(known)


def _constituents(
    path: Path | str, start: int, table: Ragged, jets: Ragged, particles: Ragged, target: str
) -> Link | None:
    """The link of jets to particles out of the table of pairs (jet, particle), by falling pt of the particles.

    Raises:
        FileError: a pair names a particle that the event does not have.
    """
    key = next((name for name in _POSITION if name in table.fields), None)
    if key is None or "jetidx" not in table.fields:
        return None
    rows, jet, item = table.rows, table["jetidx"].astype(np.int64), table[key].astype(np.int64)
    used = (jet >= 0) & (jet < jets.counts[rows]) & (item >= 0)
    rows, jet, item = rows[used], jet[used], item[used]
    beyond = item >= particles.counts[rows]
    if np.any(beyond):
        first = int(np.argmax(beyond))
        raise FileError(
            f"{path}: event {start + rows[first] + 1:,} names constituent {item[first]} of {target}, "
            f"of which it has {particles.counts[rows[first]]}"
        )
    flat = jets.offsets[rows] + jet
    where = particles.offsets[rows] + item
    size = np.hypot(particles["px"][where], particles["py"][where]) if "px" in particles.fields else -item
    order = np.lexsort((-size, flat))
    return Link(target, offsets_from_counts(np.bincount(flat, minlength=jets.total)), item[order])


def count(path: Path | str) -> int:
    """Number of events.

    Raises:
        FileError: the file is missing, damaged or without the tree ``Events``.
    """
    return root.count(f"{path}:{TREE}" if file_and_tree(path)[1] is None else path)


def _recognise(path: Path, head: bytes) -> bool:
    if not head.startswith(SIGNATURE) or file_and_tree(path)[1] not in (None, TREE):
        return False
    try:
        names = set(sketch(path).branches.get(TREE, ()))
    except FileError:
        return False  # the reader of any ROOT file says so
    return any(name[:1] == "n" and any(other.startswith(f"{name[1:]}_") for other in names) for name in names)


FORMAT = Format("nanoaod", "CMS NanoAOD or PFNano", (".root",), _recognise, iterate, count)
