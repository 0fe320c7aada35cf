"""The HDF5 files of the LHC Olympics 2020 (arXiv:2101.08320): event lists, and tables of features of their two jets.

Both are pandas frames under the key ``df``. An event list has 2,100 nameless columns, pt, eta, phi of up to 700
massless particles, padded with zeros, and where the truth is known its label in one more column. The features are
pxj1, pyj1, pzj1, mj1, tau1j1, tau2j1, tau3j1, the same of the second jet, and label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from partonic.core.errors import InputError
from partonic.core.files import check_readable
from partonic.events.events import Events
from partonic.events.ragged import Array, Ragged
from partonic.io.base import Format, check_rows
from partonic.io.hdf5 import holds, key, opened
from partonic.io.padded import MOMENTUM, double, filled, in_chunks, relative, single, whole_numbers
from partonic.io.pandas_hdf5 import Frame

ROWS = 10_000
KEY = "df"
LABEL = "label"
FEWEST = 10  # particles of an event list; a table of fewer nameless columns is something else
JET = ("px", "py", "pz", "m")
_FEATURE = re.compile(r"(px|py|pz|m|tau\d+)j([1-9])")


def _particle_columns(names: dict[str, Any]) -> tuple[list[str], str | None]:
    """The nameless columns of the particles, and that of the label."""
    width = 0
    while str(width) in names:
        width += 1
    slots, rest = divmod(width, 3)
    if slots < FEWEST or rest > 1:
        return [], None
    return [str(i) for i in range(3 * slots)], str(3 * slots) if rest else None


def _jet_features(names: dict[str, Any]) -> tuple[list[str], int]:
    """The features that every jet has, momentum first, and the number of jets."""
    jets = 0
    while all(f"{part}j{jets + 1}" in names for part in JET):
        jets += 1
    if not jets:
        return [], 0
    found = [match[1] for match in map(_FEATURE.fullmatch, names) if match and match[2] == "1"]
    more = [name for name in found if name not in JET]
    return [*JET, *(name for name in more if all(f"{name}j{j + 1}" in names for j in range(jets)))], jets


class _Reader:
    """Rows of an open file as events."""

    def __init__(self, path: Path, file: Any) -> None:
        self.frame = Frame(key(file, KEY))
        names = dict(self.frame.place)
        names.pop("", None)
        slots, numbered = _particle_columns(names)
        self.features, jets = _jet_features(names)
        if not (slots or jets):
            raise InputError(
                f"its table has neither the 2,100 nameless columns of an event list nor pxj1, pyj1, pzj1, mj1; "
                f"it has: {', '.join(list(names)[:8]) or 'no name that can be read'}"
            )
        label = LABEL if LABEL in names else numbered
        of_jets = [f"{part}j{j + 1}" for j in range(jets) for part in self.features]
        self.label = self.frame.column(label) if label else None
        self.particles = self.frame.columns(slots) if slots else None
        self.jets = self.frame.columns(of_jets) if jets else None
        used = {*slots, label, *of_jets}
        self.others = {name: self.frame.column(name) for name in names if name not in used}
        what = " and ".join(["event list"] * bool(slots) + ["jet features"] * bool(jets))
        self.provenance = {"source": path.name, "layout": f"LHC Olympics 2020 {what} (arXiv:2101.08320)"}

    def events(self, loaded: list[Array], start: int) -> Events:
        """The sample of loaded rows."""
        columns: dict[str, Array] = {}
        if self.label:
            columns["label"] = whole_numbers(self.label(loaded), np.int8, "label", start)
        columns |= {name: column(loaded).copy() for name, column in self.others.items()}
        collections = {}
        if self.particles:
            collections["particles"] = _particles(self.particles(loaded))
        if self.jets:
            collections["jets"] = _jets(self.jets(loaded), self.features)
        return Events(columns, {}, collections, {}, self.provenance)


def _particles(columns: Array) -> Ragged:
    """Massless particles (rows, pt eta phi pt eta ...), zero pt being padding."""
    counts, items = relative(columns, 3, "first", (0, 1, 2))
    return Ragged.from_counts(counts, dict(zip((*MOMENTUM, "pt", "eta", "phi"), items, strict=True)))


def _jets(columns: Array, features: list[str]) -> Ragged:
    """Jets (rows, jets * features) in the order of the file; one of which all is zero is none."""
    values = columns.reshape(len(columns), columns.shape[1] // len(features), len(features))
    there = filled(values)
    flat = dict(zip(features, double(*values[there].T), strict=True))
    with np.errstate(over="ignore", invalid="ignore"):
        energy = np.sqrt(sum(flat[name] ** 2 for name in JET))
    fields = {"px": flat.pop("px"), "py": flat.pop("py"), "pz": flat.pop("pz"), "e": energy, "mass": flat.pop("m")}
    fields |= flat
    return Ragged.from_counts(np.count_nonzero(there, axis=1), dict(zip(fields, single(*fields.values()), strict=True)))


@contextmanager
def _open(path: Path) -> Iterator[_Reader]:
    with opened(path, "LHC Olympics") as file:
        yield _Reader(path, file)


def iterate(path: Path | str, rows: int = ROWS) -> Iterator[Events]:
    """Read a file in samples of ``rows`` events.

    An event list gives the collection ``particles`` with px, py, pz, e and the stored pt, eta, phi; a table of features
    gives ``jets`` with px, py, pz, e, mass (GeV), tau1, tau2, tau3, in the order of the file. The column ``label`` is 1
    for signal (2 for the second of a black box), missing in black boxes. Further columns keep their name.

    Raises:
        InputError: ``rows`` is not above 0.
        FileError: the file is missing, damaged or of another layout; events before the fault are given first.
    """
    check_rows(rows)
    with _open(check_readable(path)) as reader:
        frame = reader.frame
        yield from in_chunks(frame.rows, rows, frame.row_bytes, frame.load, reader.events)


def count(path: Path | str) -> int:
    """Number of events of a file, without reading them.

    Raises:
        FileError: the file is missing, damaged or of another layout.
    """
    with _open(check_readable(path)) as reader:
        return reader.frame.rows


def _fits(file: Any) -> bool:
    group = file.get(KEY)
    if group is None or not hasattr(group, "keys"):
        return False
    names = Frame(group).place
    return bool(_particle_columns(names)[0] or _jet_features(names)[1])


def _recognise(path: Path, head: bytes) -> bool:
    return holds(path, head, _fits) or False


FORMAT = Format(
    name="lhco",
    title="LHC Olympics HDF5 (pandas key 'df')",
    suffixes=(".h5", ".hdf5"),
    recognise=_recognise,
    iterate=iterate,
    count=count,
)
