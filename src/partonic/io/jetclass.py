"""Jets as in JetClass, for the weaver tool (doi:10.5281/zenodo.6619768, arXiv:2202.03772), as ROOT or Parquet.

Lists ``part_px part_py part_pz part_energy part_deta part_dphi part_charge part_isElectron part_d0val ...``, columns
``jet_pt jet_eta jet_phi jet_energy jet_sdmass ...`` and ten truth values ``label_QCD ... label_Tbl``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from partonic.core.errors import FileError
from partonic.events import kinematics
from partonic.events.events import Events
from partonic.events.ragged import Array, Ragged
from partonic.io import trees
from partonic.io.base import BROKEN, Format, check_rows, reading
from partonic.io.jetclass_write import CLASSES, FLAGS, NAMES, write
from partonic.io.naming import clean, free
from partonic.io.padded import by_falling_pt
from partonic.io.places import name_of, readable
from partonic.io.tables import Table, check_names, opened
from partonic.io.trees import Column, Jagged

ROWS = 10_000
NEEDED = ("part_px", "part_py", "part_pz", "part_energy")
LAYOUT = "JetClass (arXiv:2202.03772)"


def iterate(path: Path | str, rows: int = ROWS) -> Iterator[Events]:
    """Read a file in samples of at most ``rows`` jets.

    Columns are ``label``, the position of the class among QCD, Hbb, Hcc, Hgg, H4q, Hqql, Zqq, Wqq, Tbqq, Tbl (-1 where
    the file tells none), ``jet_pt jet_eta jet_phi jet_mass`` and all others under their own names; ``constituents``,
    by falling pt, have px, py, pz, e, charge, pid (a species, not a particle: 211 charged hadron, 130 neutral hadron,
    11, 13, 22), d0, dz, their errors (mm), and deta, dphi as the file has them.

    Raises:
        InputError: ``rows`` is not above 0.
        FileError: the file is missing, damaged or of another layout.
    """
    check_rows(rows)
    with opened(path) as table, reading(table.path, "jets of JetClass"):
        check_names(table, NEEDED)
        facts = {"source": name_of(path), "layout": LAYOUT, "classes": list(CLASSES)}
        start = 0
        for arrays in table.chunks(table.names, rows):
            events = _events(table, start, arrays, facts)
            yield events
            start += len(events)


def _events(table: Table, start: int, arrays: Mapping[str, Column], facts: Mapping[str, Any]) -> Events:
    lists = {name: each for name, each in arrays.items() if isinstance(each, Jagged)}
    flat = {name: each for name, each in arrays.items() if not isinstance(each, Jagged)}
    parts = {name: each for name, each in lists.items() if name.startswith("part_")}
    first = parts.get("part_px")
    if first is None:
        raise FileError(f"{table.path}: 'part_px' is no list")
    for name, each in parts.items():
        if not np.array_equal(each.offsets, first.offsets):
            row = int(np.argmax(np.diff(each.offsets) != np.diff(first.offsets)))
            raise FileError(f"{table.path}: event {start + row + 1:,} has lists of different lengths: part_px, {name}")
    collections = {"constituents": _constituents(first.offsets, {name: each.values for name, each in parts.items()})}
    for name, each in lists.items():
        if name not in parts:
            collections[free(clean(name), {*collections, "weights", "gold"})] = each.ragged()
    return Events(_columns(flat), {}, collections, {}, facts)


def _constituents(offsets: Array, parts: Mapping[str, Array]) -> Ragged:
    fields = {to: parts[name] for to, name in NAMES.items() if name in parts}
    fields = {to: values if to == "charge" else values.astype(np.float32) for to, values in fields.items()}
    if "charge" in fields:
        fields["charge"] = fields["charge"].astype(np.int8)
    used = {*NAMES.values(), *FLAGS}
    if all(name in parts for name in FLAGS) and "charge" in fields:
        fields["pid"] = _species(parts, fields["charge"])
    fields |= {name.removeprefix("part_").lower(): values for name, values in parts.items() if name not in used}
    return by_falling_pt(Ragged(offsets, fields))


def _species(parts: Mapping[str, Array], charge: Array) -> Array:
    """Number of the species, by the flags of a particle; 0 where none is set."""
    pid = np.zeros(len(charge), np.int32)
    sign = np.sign(charge.astype(np.int32))
    for name, number in FLAGS.items():
        mark = parts[name].astype(bool)
        # A positive electron or muon is the antiparticle, of negative number.
        signed = number * sign * (-1 if number in (11, 13) else 1)
        pid = np.where(mark, np.where(sign == 0, number, signed), pid).astype(np.int32)
    return pid


def _columns(flat: Mapping[str, Array]) -> dict[str, Array]:
    columns: dict[str, Array] = {}
    labels = [f"label_{name}" for name in CLASSES]
    if all(name in flat for name in labels):
        marks = np.stack([flat[name] > 0 for name in labels], axis=1)
        columns["label"] = np.where(marks.any(axis=1), np.argmax(marks, axis=1), -1).astype(np.int8)
    else:
        labels = []
    given = {name: values for name, values in flat.items() if name not in labels and not _is_counter(name)}
    columns |= {
        name: values.astype(np.float32) if values.dtype == np.float64 else values for name, values in given.items()
    }
    if all(name in flat for name in ("jet_pt", "jet_eta", "jet_energy")) and "jet_mass" not in flat:
        pt, eta, energy = (flat[name].astype(np.float64) for name in ("jet_pt", "jet_eta", "jet_energy"))
        with np.errstate(over="ignore", invalid="ignore"):
            mass = kinematics.mass(pt, np.zeros_like(pt), pt * np.sinh(eta), energy)
        columns["jet_mass"] = mass.astype(np.float32)
    return columns


def _is_counter(name: str) -> bool:
    """Whether uproot wrote the column beside lists, as their number of items."""
    return name == "npart" or name.startswith("npart_")


def count(path: Path | str) -> int:
    """Number of jets of a file, without reading them.

    Raises:
        FileError: the file is missing, damaged or of another layout.
    """
    file, _ = readable(path)
    if isinstance(file, Path) and _is_parquet(file):
        from partonic.io import parquet

        return parquet.count(file)
    rows = trees.sketch(path).rows
    return rows[_tree(path)]


def _tree(path: Path | str) -> str:
    """The tree that has the jets."""
    branches = trees.sketch(path).branches
    return next((name for name, names in branches.items() if set(NEEDED) <= set(names)), next(iter(branches), ""))


def _is_parquet(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(4) == b"PAR1"


def _recognise(path: Path, head: bytes) -> bool:
    import pyarrow.parquet as pq

    try:
        if head.startswith(b"PAR1"):
            names = set(pq.read_schema(path).names)
        elif head.startswith(trees.SIGNATURE):
            names = set(next(iter(trees.sketch(path).branches.values()), ()))
        else:
            return False
    except (*BROKEN, pa.ArrowException):
        return False  # the readers of any ROOT or Parquet file say what is wrong
    return set(NEEDED) <= names


FORMAT = Format(
    name="jetclass",
    title="JetClass (weaver) ROOT or Parquet",
    suffixes=(".root",),
    recognise=_recognise,
    iterate=iterate,
    count=count,
    write=write,
    holds="constituents, jet momenta, the label as one of ten classes, and the truth particle",
    named=(".parquet",),
)
