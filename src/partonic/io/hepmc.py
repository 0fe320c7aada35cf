"""HepMC event records, versions 3 and 2, plain or gzipped: the final state, the whole record and all weights."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from partonic.core.errors import FileError, PartonicError
from partonic.core.files import check_readable
from partonic.events import species
from partonic.events.events import NOMINAL, Events
from partonic.events.ragged import Array, Link, Ragged, offsets_from_counts
from partonic.io.arrow import LEFT_OUT
from partonic.io.base import Format, check_rows
from partonic.io.hepmc_text import BLOCK, Record, Run, last_cross_section, parse, pieces, read_run, stream_of
from partonic.io.naming import free
from partonic.io.padded import by_falling_pt

ROWS = 1_000
ITEMS = 500_000  # particles of a sample, which then ends: some 50 MB
FINAL = 1

# Attribute of an event -> columns and their types.
COLUMNS: dict[str, dict[str, Any]] = {
    "signal_process_id": {"process_id": np.int32},
    "event_scale": {"scale": np.float64},
    "alphaQED": {"alpha_qed": np.float64},
    "alphaQCD": {"alpha_qcd": np.float64},
    "mpi": {"mpi": np.int32},
    "GenCrossSection": {"cross_section": np.float64, "cross_section_error": np.float64},
    "GenPdfInfo": {
        "pdf_pid1": np.int32,
        "pdf_pid2": np.int32,
        "pdf_x1": np.float64,
        "pdf_x2": np.float64,
        "pdf_scale": np.float64,
        "pdf_xf1": np.float64,
        "pdf_xf2": np.float64,
    },
}
PARTICLE = {
    "px": np.float64,
    "py": np.float64,
    "pz": np.float64,
    "e": np.float64,
    "mass": np.float64,
    "pid": np.int32,
    "status": np.int32,
}


class _Chunk:
    """Events of a file as they come; :meth:`events` makes a sample of them."""

    def __init__(self, path: Path, run: Run) -> None:
        self.path, self.run = path, run
        self.number = 0
        self.names: list[str] | None = None
        self.found: list[str] = []
        self.provenance: dict[str, Any] = {"source": path.name, "layout": f"HepMC{run.version}", "hepmc": run.facts}
        self.clear()

    def clear(self) -> None:
        """Start anew."""
        self.rows: list[dict[str, float]] = []
        self.records: list[Record] = []
        self.items = 0

    def add(self, piece: bytes) -> None:
        """Take in one event.

        Raises:
            FileError: it is broken.
        """
        self.number += 1
        try:
            record = parse(piece, self.run.version)
            self.check(record)
            if self.names is None:
                self.start(record)
            if len(record.weights) != len(self.names or ()):
                raise ValueError(f"has {len(record.weights)} weights, the first has {len(self.names or ())}")
            row = {name: value for found in self.found for name, value in _columns(record, found).items()}
        except (ValueError, IndexError, OverflowError) as error:
            what = "has a line that is too short" if isinstance(error, IndexError) else str(error)
            sentence = f"{self.path}: event {self.number} {what}; the file is malformed or truncated"
            raise FileError(sentence) from error
        self.rows.append({"number": record.number, **row})
        self.records.append(record)
        self.items += len(record.particles)

    def check(self, record: Record) -> None:
        """Whole numbers must be whole and fit.

        Raises:
            ValueError: one does not.
        """
        numbers = record.particles[:, 5:]
        wrong = ~((np.abs(numbers) < 2**31) & (np.rint(numbers) == numbers))
        if np.any(wrong):
            raise ValueError(f"has {numbers[wrong][0]:g} as PDG number or status, which is not a whole number")
        if abs(record.number) >= 2**63:
            raise ValueError(f"has the number {record.number}, which is too large")

    def start(self, record: Record) -> None:
        """The first event says which weights and columns there are."""
        own = record.names or self.run.names
        if len(own) != len(record.weights):
            own = [str(i + 1) for i in range(len(record.weights))]
        self.names = []
        for i, name in enumerate(own):
            self.names.append(free(name, self.names) if i else NOMINAL)
        self.found = [name for name in COLUMNS if name in record.attributes]
        for name in self.found:
            _columns(record, name)
        if own:
            self.run.facts["weight_names"] = own
        if "GenCrossSection" in self.found and (last := last_cross_section(self.path, self.run.version)):
            self.provenance |= {"cross_section_pb": last[0], "cross_section_error_pb": last[1]}
        left = [f"event: {name}" for name in sorted(set(record.attributes) - set(self.found))]
        left += [f"particles and vertices: {name.decode(errors='replace')}" for name in sorted(record.other)]
        if left:
            self.provenance[LEFT_OUT] = left

    def events(self) -> Events:
        """The sample of what was taken in."""
        kinds = {name: kind for found in self.found for name, kind in COLUMNS[found].items()}
        columns = {
            name: np.array([row[name] for row in self.rows], dtype=kind)
            for name, kind in ({"number": np.int64} | kinds).items()
        }
        names = self.names or []
        values = np.array([record.weights for record in self.records], dtype=np.float64).reshape(-1, max(len(names), 1))
        weights = {name: values[:, i].copy() for i, name in enumerate(names)}
        truth = _truth(self.records)
        return Events(columns, weights, {"particles": _final(truth), "truth": truth}, {}, self.provenance)


def _columns(record: Record, name: str) -> dict[str, float]:
    """The numbers of an attribute; 0 for whole numbers that are missing, NaN for others."""
    kinds = COLUMNS[name]
    tokens = record.attributes.get(name, "").split()
    if not tokens:
        return {column: 0 if kind is np.int32 else np.nan for column, kind in kinds.items()}
    if len(tokens) < len(kinds):
        raise ValueError(f"has {len(tokens)} numbers as {name}, not {len(kinds)}")
    try:
        found = {column: float(token) for column, token in zip(kinds, tokens, strict=False)}
    except ValueError:
        raise ValueError(f"has '{record.attributes[name][:40]}' as {name}, which are not numbers") from None
    for column, kind in kinds.items():
        if kind is np.int32 and not (abs(found[column]) < 2**31 and found[column].is_integer()):
            raise ValueError(f"has {found[column]:g} as {column}, which is not a whole number")
    return found


def _truth(records: list[Record]) -> Ragged:
    """All particles of all events, with their mothers and where they come from."""
    table = np.concatenate([record.particles for record in records]) if records else np.zeros((0, 7))
    fields: dict[str, Array] = {name: table[:, i].astype(kind) for i, (name, kind) in enumerate(PARTICLE.items())}
    first, last, counts, mothers, origin = [], [], [], [], []
    for record in records:
        offsets, found = record.mothers()
        there = np.diff(offsets) > 0
        one, other = np.full((2, len(there)), -1, np.int32)
        one[there], other[there] = found[offsets[:-1][there]], found[offsets[1:][there] - 1]
        first.append(one)
        last.append(other)
        counts.append(np.diff(offsets))
        mothers.append(found)
        # A last row for particles from nowhere.
        origin.append(np.concatenate([record.vertices, np.zeros((1, 4))])[record.production])
    empty = np.zeros(0, np.int64)
    fields["mother1"] = np.concatenate([*first, np.zeros(0, np.int32)])
    fields["mother2"] = np.concatenate([*last, np.zeros(0, np.int32)])
    place = np.concatenate([*origin, np.zeros((0, 4))])
    fields |= {name: place[:, i].copy() for i, name in enumerate(("vx", "vy", "vz", "vt"))}
    link = Link("truth", offsets_from_counts(np.concatenate([*counts, empty])), np.concatenate([*mothers, empty]))
    sizes = np.array([len(record.particles) for record in records], dtype=np.int64)
    return Ragged.from_counts(sizes, fields, {"mothers": link})


def _final(truth: Ragged) -> Ragged:
    """The final state, by falling pt, each with its position in the whole record."""
    position = np.arange(truth.total) - np.repeat(truth.offsets[:-1], truth.counts)
    chosen = np.flatnonzero(truth["status"] == FINAL)
    with np.errstate(over="ignore"):
        fields: dict[str, Array] = {name: truth[name][chosen].astype(np.float32) for name in ("px", "py", "pz", "e")}
    fields |= {"pid": truth["pid"][chosen], "charge": species.charge(truth["pid"][chosen])}
    fields["truth"] = position[chosen].astype(np.int32)
    return by_falling_pt(Ragged.from_counts(np.bincount(truth.rows[chosen], minlength=len(truth)), fields))


def iterate(path: Path | str, rows: int = ROWS) -> Iterator[Events]:
    """Read a file in samples of at most ``rows`` events, fewer where they hold more than 500,000 particles.

    The collection ``truth`` is the whole record: px, py, pz, e, mass (GeV), pid, status, the positions ``mother1`` and
    ``mother2`` of the first and last mother (-1 for none; all of them are the link ``mothers``) and the vertex that a
    particle comes from, ``vx vy vz vt`` in mm. ``particles`` are those of status 1, by falling pt, with charge and
    their position in ``truth``. Columns are ``number`` and, where the file has them, ``process_id``, ``scale`` (GeV),
    ``alpha_qed``, ``alpha_qcd``, ``mpi``, ``cross_section`` and its error (pb), ``pdf_...``. The first weight is
    ``nominal``, the others have the names of the file. The provenance holds the cross section of the last event.

    Raises:
        InputError: ``rows`` is not above 0.
        FileError: the file is missing, malformed or truncated; events before the fault are given first.
    """
    check_rows(rows)
    file = check_readable(path)
    with stream_of(file) as stream:
        chunk: _Chunk | None = None
        fault: PartonicError | None = None
        given = False
        try:
            for piece in pieces(file, stream):
                if not piece.startswith(b"E "):
                    run = read_run(file, piece)
                    chunk = _Chunk(file, run) if run and chunk is None else chunk
                    continue
                if chunk is None:
                    raise FileError(f"{file} has no line START_EVENT_LISTING before its first event; it is damaged")
                chunk.add(piece)
                if len(chunk.rows) == rows or chunk.items >= ITEMS:
                    yield chunk.events()
                    given = True
                    chunk.clear()
        except FileError as error:
            fault = error
        if chunk and (chunk.rows or not (given or fault)):
            yield chunk.events()
        if fault:
            raise fault
        if chunk is None:
            raise FileError(f"{file} has no line START_EVENT_LISTING; it is damaged")


def count(path: Path | str) -> int:
    """Number of events of a file, without parsing them.

    Raises:
        FileError: it is missing, empty or its compression is damaged.
    """
    file = check_readable(path)
    found, tail = 0, b"\n"
    with stream_of(file) as stream:
        try:
            while block := stream.read(BLOCK):
                found += (tail + block).count(b"\nE ")
                tail = block[-2:]
        except (OSError, EOFError, zlib.error) as error:
            raise FileError(f"{file} is truncated or damaged ({error})") from error
    return found


def _recognise(path: Path, head: bytes) -> bool:  # noqa: ARG001
    return head.lstrip().startswith(b"HepMC::")


FORMAT = Format(
    name="hepmc",
    title="HepMC event records",
    suffixes=(".hepmc", ".hepmc3", ".hepmc2", ".hepmc.gz"),
    recognise=_recognise,
    iterate=iterate,
    count=count,
)
