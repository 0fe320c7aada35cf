"""Tables as text (csv), plain or gzipped: one event a line; weights, labels and numbered leptons are recognised."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from partonic.core.errors import FileError
from partonic.core.files import check_readable
from partonic.events import kinematics, species
from partonic.events.events import NOMINAL, Events
from partonic.events.ragged import Array, Ragged
from partonic.io.arrow import from_arrow
from partonic.io.base import Format, check_rows, reading, spans
from partonic.io.csv_text import count_lines, find_header, read_tables
from partonic.io.naming import WEIGHTS

ROWS = 10_000
HEAD = 4096  # bytes of a file that are seen when it is recognised
TITLE = "a csv table"
LABELS = {"s": 1, "b": 0}
CARTESIAN, ANGULAR = ("px", "py", "pz"), ("pt", "eta", "phi")
# Field of a lepton -> names of its column without the number.
LEPTON = {
    "px": ("px",),
    "py": ("py",),
    "pz": ("pz",),
    "e": ("E", "e"),
    "pt": ("pt",),
    "eta": ("eta",),
    "phi": ("phi",),
    "mass": ("mass", "m"),
    "charge": ("Q", "charge"),
    "pid": ("PID", "pid"),
    "d0": ("dxy", "d0"),
    "dz": ("dz",),
    "isolation": ("iso", "isolation"),
}
INTEGERS = {"charge": np.int8, "pid": np.int32}


class _Table:
    """The columns of a part of a file, and the number of the event that it starts with."""

    def __init__(self, path: Path, columns: Mapping[str, Array], first: int) -> None:
        self.path, self.columns, self.first = path, columns, first

    def broken(self, row: int, what: str) -> FileError:
        """The error for an event."""
        return FileError(f"{self.path}: event {self.first + row + 1:,} {what}")

    def numbers(self, name: str, kind: Any = None) -> Array:
        """A column of numbers; in an integer type where ``kind`` is one and the file has whole numbers there.

        Raises:
            FileError: it holds text, or a number that does not fit.
        """
        values = self.columns[name]
        if values.dtype.kind == "U":
            words: list[str] = values.tolist()
            row = next((i for i, word in enumerate(words) if not _is_number(word)), None)
            if row is not None:
                raise self.broken(row, f"has '{words[row][:40]}' as {name}, where a number should be")
            values = np.array([float(word) for word in words])
        if kind is None:
            return values.astype(np.float64)
        if values.dtype.kind == "f":
            return values.astype(np.float32)
        limits = np.iinfo(kind)
        wrong = (values < limits.min) | (values > limits.max)
        if np.any(wrong):
            row = int(np.argmax(wrong))
            raise self.broken(row, f"has {values[row]} as {name}, which is out of range")
        return values.astype(kind)

    def labels(self, name: str) -> Array:
        """The column of labels s and b as 1 and 0.

        Raises:
            FileError: it holds something else.
        """
        values = self.columns[name]
        codes = np.full(len(values), -1, np.int8)
        for word, code in LABELS.items():
            codes[(values == word) | (values == word.upper())] = code
        if np.any(codes < 0):
            row = int(np.argmax(codes < 0))
            raise self.broken(row, f"has the label '{values[row][:40]}', where s (signal) or b should be")
        return codes


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _lepton_columns(names: list[str]) -> list[dict[str, str]]:
    """Field -> column of each lepton: charge and momentum, numbered from 1, the same fields for each."""
    found: list[dict[str, str]] = []
    for i in itertools.count(1):
        fields = {
            field: next(f"{base}{i}" for base in bases if f"{base}{i}" in names)
            for field, bases in LEPTON.items()
            if any(f"{base}{i}" in names for base in bases)
        }
        whole = all(name in fields for name in CARTESIAN) or all(name in fields for name in ANGULAR)
        if not whole or "charge" not in fields:
            break
        found.append(fields)
    shared = [name for name in LEPTON if all(name in fields for fields in found)]
    return [{name: fields[name] for name in shared} for fields in found]


def _leptons(table: _Table, columns: list[dict[str, str]]) -> Ragged:
    """The leptons of each event, in the order of their numbers."""
    n, k = len(table.columns[columns[0]["charge"]]), len(columns)
    given = {
        name: np.stack([table.numbers(fields[name], INTEGERS.get(name)) for fields in columns], axis=1).reshape(n * k)
        for name in columns[0]
    }
    mass = given.get("mass", species.mass(given["pid"]) if "pid" in given else np.zeros(n * k))
    with np.errstate(over="ignore", invalid="ignore"):
        if all(name in given for name in CARTESIAN):
            px, py, pz = (given[name] for name in CARTESIAN)
            e = np.sqrt(px * px + py * py + pz * pz + mass * mass)
        else:
            px, py, pz, e = kinematics.from_pt_eta_phi_mass(given["pt"], given["eta"], given["phi"], mass)
        momenta = {"px": px, "py": py, "pz": pz, "e": given.get("e", e)}
        fields = {
            name: values.astype(np.float32) if values.dtype == np.float64 else values
            for name, values in {**momenta, **given}.items()
        }
    return Ragged.from_counts(np.full(n, k), fields)


@dataclass(frozen=True)
class _Roles:
    """The columns with a meaning, as the first events of a file have them."""

    weight: str | None
    label: str | None
    coded: bool
    leptons: list[dict[str, str]]


def _roles(columns: Mapping[str, Array]) -> _Roles:
    names = list(columns)
    weight = next((name for name in names if name.lower() in WEIGHTS), None)
    label = next((name for name in ("label", "Label") if name in names), None)
    words = columns[label][:1].tolist() if label else []
    coded = len(words) > 0 and str(words[0]).lower() in LABELS
    return _Roles(weight, label, coded, _lepton_columns(names))


def _events(table: _Table, roles: _Roles) -> Events:
    columns: dict[str, Array] = {}
    if roles.label:
        columns["label"] = table.labels(roles.label) if roles.coded else table.columns[roles.label]
    columns |= {name: values for name, values in table.columns.items() if name not in (roles.weight, roles.label)}
    weights = {NOMINAL: table.numbers(roles.weight)} if roles.weight else {}
    collections = {"leptons": _leptons(table, roles.leptons)} if roles.leptons else {}
    return Events(columns, weights, collections, {}, {"source": table.path.name, "layout": "csv table"})


def iterate(path: Path | str, rows: int = ROWS) -> Iterator[Events]:
    """Read a file in samples of ``rows`` events.

    The header names the columns; comments begin with ``#``; commas, semicolons or tabulators lie between fields. A
    column is of whole numbers, numbers, truth values or text, the narrowest that holds all its values; a missing
    number is NaN. ``weight`` (``Weight``, ``genWeight``, ...) becomes the nominal weight, ``Label`` becomes ``label``,
    s and b as 1 and 0. Columns as ``pt1 eta1 phi1 Q1 pt2 ...`` (or ``px1 py1 pz1``), with charges ``Q`` and numbered
    from 1, also give the collection ``leptons``, in GeV; leptons without energy, mass and PDG number count as massless.

    Raises:
        InputError: ``rows`` is not above 0.
        FileError: the file is missing, has no header or a broken line; events before it are given first.
    """
    check_rows(rows)
    file = check_readable(path)
    first = 0
    roles: _Roles | None = None
    with reading(file, TITLE, pa.ArrowException):
        for table in read_tables(file):
            for start, stop in spans(len(table), rows):
                if stop > start or roles is None:
                    part = _Table(file, from_arrow(table.slice(start, stop - start), {}, {}).columns, first + start)
                    roles = roles or _roles(part.columns)
                    yield _events(part, roles)
            first += len(table)


def count(path: Path | str) -> int:
    """Number of events of a file: its lines without header, comments and empty ones.

    Raises:
        FileError: the file is missing, has no header or its compression is damaged.
    """
    file = check_readable(path)
    with reading(file, TITLE):
        return count_lines(file)


def _recognise(path: Path, head: bytes) -> bool:  # noqa: ARG001
    return b"\0" not in head and find_header(head, cut=len(head) == HEAD) is not None


FORMAT = Format(
    name="csv",
    title="csv table",
    suffixes=(".csv", ".csv.gz"),
    recognise=_recognise,
    iterate=iterate,
    count=count,
    generic=True,
)
