"""Writing jets in the layout of JetClass, such that the weaver tool reads them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from partonic.core.errors import InputError
from partonic.core.files import atomic
from partonic.events import kinematics
from partonic.events.events import Events
from partonic.events.ragged import Array, Ragged
from partonic.io.base import as_chunks
from partonic.io.padded import by_falling_pt

CLASSES = ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")
"""The classes in their published order."""

# Code of a simulated process -> class: light quarks and gluons, top, W, Z, Higgs to b quarks, quark, gluon, b, c.
PROCESSES = {0: "QCD", 1: "Tbqq", 2: "Wqq", 3: "Zqq", 4: "Hbb", 5: "QCD", 6: "QCD", 7: "QCD", 8: "QCD"}

NAMES = {
    "px": "part_px",
    "py": "part_py",
    "pz": "part_pz",
    "e": "part_energy",
    "deta": "part_deta",
    "dphi": "part_dphi",
    "charge": "part_charge",
    "d0": "part_d0val",
    "d0_error": "part_d0err",
    "dz": "part_dzval",
    "dz_error": "part_dzerr",
}
"""Fields of constituents and their names in the layout."""

FLAGS = {
    "part_isChargedHadron": 211,
    "part_isNeutralHadron": 130,
    "part_isPhoton": 22,
    "part_isElectron": 11,
    "part_isMuon": 13,
}
"""Truth values of a particle, and the number of the species."""

TRUTH = {"eta": "aux_genpart_eta", "phi": "aux_genpart_phi", "pid": "aux_genpart_pid", "pt": "aux_genpart_pt"}
JET = ("sdmass", "tau1", "tau2", "tau3", "tau4")


def write(path: Path | str, events: Events | Iterable[Events], provenance: Mapping[str, Any] | None = None) -> int:
    """Write jets, as a ROOT file with the tree ``tree`` or, under ``.parquet``, as lists; gives their number.

    Each jet needs ``constituents`` (px, py, pz, e in GeV); ``charge``, ``pid``, ``d0``, ``dz``, their errors, columns
    ``jet_pt jet_eta jet_phi`` (else those of the sum), ``jet_energy`` or ``jet_mass``, ``jet_sdmass``, ``jet_tau1`` to
    ``jet_tau4`` and the truth particle go along; what is unknown is 0, of jets NaN. ``label`` is the position of the
    class for samples of this layout, else the code of the process (0 QCD, 1 top, 2 W, 3 Z, 4 Higgs to b quarks);
    without it no class is marked. The layout holds no provenance.

    Raises:
        InputError: there is no sample, or it lacks constituents, or a label stands for no class.
        FileError: the file cannot be written.
    """
    total, samples = 0, 0
    opened = _parquet if str(path).lower().endswith(".parquet") else _root
    with atomic(path) as aside, opened(aside) as extend:
        for chunk in as_chunks(events):
            offsets, lists = _lists(chunk)
            extend(offsets, lists, _columns(chunk, provenance, total))
            total, samples = total + len(chunk), samples + 1
        if not samples:
            raise InputError("there is no sample to write")
    return total


Extend = Callable[[Array, dict[str, Array], dict[str, Array]], None]


@contextlib.contextmanager
def _root(path: Path) -> Iterator[Extend]:
    """Adds jets to a ROOT file: offsets, lists and columns."""
    import awkward as ak
    import uproot

    with uproot.recreate(path) as file:
        trees: list[Any] = []

        def extend(offsets: Array, lists: dict[str, Array], columns: dict[str, Array]) -> None:
            """Add a sample."""
            fields = {name.removeprefix("part_"): ak.unflatten(lists[name], np.diff(offsets)) for name in lists}
            content = {"part": ak.zip(fields), **columns}
            if not trees:
                kinds = {name: ak.type(ak.Array(values)).content for name, values in content.items()}
                trees.append(file.mktree("tree", kinds))
            if len(offsets) > 1:
                trees[0].extend(content)

        yield extend


@contextlib.contextmanager
def _parquet(path: Path) -> Iterator[Extend]:
    """Adds jets to a Parquet file."""
    writers: list[pq.ParquetWriter] = []

    def extend(offsets: Array, lists: dict[str, Array], columns: dict[str, Array]) -> None:
        """Add a sample."""
        starts = pa.array(offsets.astype(np.int32))
        arrays = {name: pa.ListArray.from_arrays(starts, pa.array(values)) for name, values in lists.items()}
        table = pa.table({**arrays, **columns})
        if not writers:
            writers.append(pq.ParquetWriter(path, table.schema, compression="zstd", write_page_checksum=True))
        writers[0].write_table(table)

    try:
        yield extend
    finally:
        for writer in writers:
            writer.close()


def _axis(jets: Events, constituents: Ragged) -> dict[str, Array]:
    """pt, eta, phi and energy of the jets, (jets,), from their columns or from the sum of the constituents."""
    n = len(jets)
    px, py, pz, e = (np.bincount(constituents.rows, constituents[name], n) for name in ("px", "py", "pz", "e"))
    found = {"pt": kinematics.pt(px, py), "eta": kinematics.eta(px, py, pz), "phi": kinematics.phi(px, py), "energy": e}
    if all(f"jet_{name}" in jets.columns for name in ("pt", "eta", "phi")):
        found |= {name: jets.columns[f"jet_{name}"].astype(np.float64) for name in ("pt", "eta", "phi")}
    if "jet_energy" in jets.columns:
        found["energy"] = jets.columns["jet_energy"].astype(np.float64)
    elif "jet_mass" in jets.columns:
        found["energy"] = np.hypot(found["pt"] * np.cosh(found["eta"]), jets.columns["jet_mass"].astype(np.float64))
    return found


def _lists(jets: Events) -> tuple[Array, dict[str, Array]]:
    """Offsets and lists of the constituents."""
    constituents = by_falling_pt(jets.collection("constituents"))
    axis, rows = _axis(jets, constituents), constituents.rows
    px, py, pz = (constituents[name].astype(np.float64) for name in ("px", "py", "pz"))
    side = np.where(axis["eta"] < 0, -1.0, 1.0)[rows]
    known = dict(constituents.fields)
    known["deta"] = (kinematics.eta(px, py, pz) - axis["eta"][rows]) * side
    known["dphi"] = kinematics.delta_phi(kinematics.phi(px, py), axis["phi"][rows])
    zero = np.zeros(constituents.total, np.float32)
    lists = {name: known.get(field, zero).astype(np.float32) for field, name in NAMES.items()}
    species = np.abs(known.get("pid", zero).astype(np.int64))
    hadron = ~np.isin(species, (0, 11, 13, 22))
    charged = lists["part_charge"] != 0
    lists["part_isChargedHadron"] = hadron & charged
    lists["part_isNeutralHadron"] = hadron & ~charged
    lists |= {name: species == number for name, number in FLAGS.items() if number in (11, 13, 22)}
    return constituents.offsets, lists


def _columns(jets: Events, provenance: Mapping[str, Any] | None, first: int) -> dict[str, Array]:
    """What is one number a jet."""
    n = len(jets)
    axis = _axis(jets, jets.collection("constituents"))
    columns = {f"jet_{name}": axis[name].astype(np.float32) for name in ("pt", "eta", "phi", "energy")}
    columns["jet_nparticles"] = jets.collection("constituents").counts.astype(np.float32)
    unknown = np.full(n, np.nan, np.float32)
    columns |= {f"jet_{name}": jets.columns.get(f"jet_{name}", unknown).astype(np.float32) for name in JET}
    for name, target in TRUTH.items():
        given = jets.columns.get(target, jets.columns.get(f"truth_{name}"))
        empty = np.zeros(n, np.float32) if name == "pid" else unknown
        columns[target] = (empty if given is None else given).astype(np.float32)
    matched = jets.columns.get("aux_truth_match", columns["aux_genpart_pid"] != 0)
    columns["aux_truth_match"] = np.asarray(matched).astype(bool)
    return columns | _labels(jets, jets.provenance if provenance is None else provenance, first)


def _labels(jets: Events, provenance: Mapping[str, Any], first: int) -> dict[str, Array]:
    """One truth value a class.

    Raises:
        InputError: a label stands for no class.
    """
    marks = {name: np.zeros(len(jets), dtype=bool) for name in CLASSES}
    if "label" in jets.columns:
        label = np.asarray(jets.columns["label"])
        own = _has_classes(provenance) or _has_classes(jets.provenance)
        names = {**dict(enumerate(CLASSES)), -1: ""} if own else PROCESSES
        wrong = ~np.isin(label, list(names))
        if np.any(wrong):
            row = int(np.argmax(wrong))
            codes = ", ".join(str(code) for code in names)
            raise InputError(
                f"jet {first + row + 1:,} has the label {label[row]}, which stands for no class of JetClass; "
                f"labels that do: {codes}"
            )
        for code, name in names.items():
            if name:
                marks[name] |= label == code
    return {f"label_{name}": mark for name, mark in marks.items()}


def _has_classes(provenance: Mapping[str, Any]) -> bool:
    """Whether labels are positions among the classes of this layout."""
    parts = provenance.get("parts") or [provenance]
    return all(isinstance(part, Mapping) and part.get("classes") == list(CLASSES) for part in parts)
