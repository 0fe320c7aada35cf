"""The text of HepMC files, versions 3 (Asciiv3) and 2 (IO_GenEvent), as one record of arrays for each event.

The layouts are those of arXiv:1912.08005 and doi:10.1016/S0010-4655(00)00189-2.
"""

from __future__ import annotations

import contextlib
import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from partonic.core.errors import FileError
from partonic.events.ragged import Array, gather_rows, offsets_from_counts

BLOCK = 1 << 20  # bytes read at a time
LONGEST = 64 << 20  # bytes of an event
VERSIONS = {"Asciiv3": 3, "IO_GenEvent": 2}

_CUT = re.compile(rb"\n(?=E |HepMC::\w+-END_EVENT_LISTING)")
_START = re.compile(rb"HepMC::(\w+)-START_EVENT_LISTING")
_CROSS_SECTION = {
    3: re.compile(rb"\nA 0 GenCrossSection +([^ \n]+ +[^ \n]+)[^\n]*\n"),
    2: re.compile(rb"\nC +([^ \n]+ +[^ \n]+)[^\n]*\n"),
}
_RELEASE = re.compile(rb"HepMC::Version ([\w.]+)")
_QUOTED = re.compile(r'"([^"]*)"')
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?|inf|nan)", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)")
_GEV = {b"GEV": 1.0, b"MEV": 1e-3}
_MM = {b"MM": 1.0, b"CM": 10.0}
# Numbers of the event's line in version 2, by the names of version 3, and their place in it.
_NUMBERS_2 = {"mpi": 2, "event_scale": 3, "alphaQCD": 4, "alphaQED": 5, "signal_process_id": 6}
_LINES_2 = {b"C": "GenCrossSection", b"H": "GenHeavyIon", b"F": "GenPdfInfo"}


@dataclass
class Record:
    """One event.

    Args:
        number: as the file counts.
        weights: values.
        names: of the weights, where the event itself gives them.
        attributes: name -> text, of the event as a whole.
        other: names of what particles and vertices carry beside their momenta and positions.
        particles: (particles, 7) px, py, pz, e, mass in GeV, PDG number, status.
        production: (particles,) vertex where each comes from, -1 for none.
        vertices: (vertices, 4) x, y, z, ct in mm.
        in_offsets: (vertices + 1,) where the incoming particles of each vertex begin.
        incoming: positions of particles.
    """

    number: int
    weights: list[float] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    other: set[bytes] = field(default_factory=set)
    particles: Array = field(default_factory=lambda: np.zeros((0, 7)))
    production: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    vertices: Array = field(default_factory=lambda: np.zeros((0, 4)))
    in_offsets: Array = field(default_factory=lambda: np.zeros(1, np.int64))
    incoming: Array = field(default_factory=lambda: np.zeros(0, np.int64))

    def mothers(self) -> tuple[Array, Array]:
        """Offsets (particles + 1,) and positions of the mothers of each particle."""
        counts = np.zeros(len(self.production), np.int64)
        there = self.production >= 0
        _, positions = gather_rows(self.in_offsets, self.production[there])
        counts[there] = np.diff(self.in_offsets)[self.production[there]]
        return offsets_from_counts(counts), self.incoming[positions]


@dataclass(frozen=True)
class Run:
    """What stands before the first event.

    Args:
        version: of the layout, 3 or 2.
        facts: plain data for the provenance.
        names: of the weights.
    """

    version: int
    facts: dict[str, Any]
    names: list[str]


def stream_of(path: Path) -> Any:
    """The file, unzipped where it is gzipped."""
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if zipped else path.open("rb")


def pieces(path: Path, stream: Any) -> Iterator[bytes]:
    """What stands before the first event, then each event, and the lines between listings.

    Raises:
        FileError: the file ends without the line that ends the listing, its compression is damaged, or it has an
            event of more than 64 MB.
    """
    buffer, seek, events = b"\n", 0, 0
    more = True
    while more:
        try:
            block = stream.read1(BLOCK)
        except (OSError, EOFError, zlib.error) as error:
            raise FileError(f"{path} is truncated or damaged in event {events + 1} ({error})") from error
        more = bool(block)
        buffer += block
        start = 0
        for match in _CUT.finditer(buffer, seek):
            piece = buffer[start : match.start()]
            start = match.end()
            events += piece.startswith(b"E ")
            yield piece
        buffer = buffer[start:]
        seek = max(0, len(buffer) - 64)
        if len(buffer) > LONGEST:
            raise FileError(f"{path}: event {events + 1} takes more than {LONGEST >> 20} MB; the file is damaged")
    if not re.match(rb"HepMC::\w+-END_EVENT_LISTING", buffer):
        last = f"in event {events + 1}" if buffer.startswith(b"E ") else "before its first event"
        raise FileError(f"{path} ends {last} without END_EVENT_LISTING: it is truncated")


def read_run(path: Path, head: bytes) -> Run | None:
    """The run information of the lines before an event; ``None`` where no listing begins there.

    Raises:
        FileError: it is a listing of a kind that is not known.
    """
    start = _START.search(head)
    if start is None:
        return None
    kind = start[1].decode()
    if kind not in VERSIONS:
        raise FileError(f"{path} is a HepMC listing of the kind {kind}; those read are: {', '.join(VERSIONS)}")
    release = _RELEASE.search(head)
    names: list[str] = []
    tools: list[list[str]] = []
    attributes: dict[str, str] = {}
    for line in head.decode("utf-8", "replace").split("\n"):
        if line.startswith("W "):
            names = _unescaped(line[2:]).split("\n")
        elif line.startswith("T "):
            tools.append(_unescaped(line[2:]).split("\n"))
        elif line.startswith("A "):
            name, _, value = line[2:].strip().partition(" ")
            attributes[name] = _unescaped(value)
    facts = {"kind": kind, "version": release[1].decode() if release else "", "tools": tools, "attributes": attributes}
    return Run(VERSIONS[kind], facts, names)


def last_cross_section(path: Path, version: int) -> tuple[float, float] | None:
    """Cross section and error (pb) of the last event that has them: generators refine them as they go.

    A plain file is read from its end, a gzipped one through.
    """
    found: list[bytes] = []
    with stream_of(path) as stream:
        if isinstance(stream, gzip.GzipFile):
            tail = b""
            with contextlib.suppress(OSError, EOFError, zlib.error):
                while block := stream.read1(BLOCK):
                    found = _CROSS_SECTION[version].findall(tail + block)[-1:] or found
                    tail = block[-256:]
        else:
            start, after = path.stat().st_size, b""
            while start and not found:
                start, size = max(0, start - BLOCK), min(start, BLOCK)
                stream.seek(start)
                block = stream.read(size)
                found = _CROSS_SECTION[version].findall(block + after)[-1:]
                after = block[:256]
    try:
        value, error = map(float, found[0].split())
    except (IndexError, ValueError):
        return None
    return value, error


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: "\n" if match[1] == "|" else match[1], text.rstrip("\r"))


def parse(piece: bytes, version: int) -> Record:
    """One event.

    Raises:
        ValueError: says what is wrong with it.
    """
    particles: list[bytes] = []
    vertices: list[bytes] = []
    starts: list[int] = []
    rest: list[list[bytes]] = []
    other: list[bytes] = []
    for line in piece.split(b"\n"):
        kind = line[:2]
        if kind == b"P ":
            particles.append(line)
        elif kind == b"V ":
            vertices.append(line)
            starts.append(len(particles))
        elif kind == b"A " and version == 3 and not line.startswith(b"A 0 "):
            other.append(line)
        elif line and not line.isspace():
            rest.append(line.split(None, 3) if kind == b"A " else line.split())
    record = Record(_whole(rest[0][1]), other={line.split(None, 3)[2] for line in other})
    shift = _facts(record, rest, version)
    read = _version_3 if version == 3 else _version_2
    read(record, rest[0], particles, vertices, starts)
    units = next((line for line in rest if line[0] == b"U"), [b"U", b"GEV", b"MM"])
    if len(units) != 3 or units[1] not in _GEV or units[2] not in _MM:
        raise ValueError(f"has the units {_text(b' '.join(units[1:]))}, neither GEV or MEV nor MM or CM")
    _inherit(record, shift)
    record.particles[:, :5] *= _GEV[units[1]]
    record.vertices *= _MM[units[2]]
    return record


def _text(token: bytes) -> str:
    return token.decode("utf-8", "replace").strip()[:40]


def _whole(token: bytes) -> int:
    try:
        return int(token)
    except ValueError:
        raise ValueError(f"has '{_text(token)}' where a whole number should be") from None


def _floats(texts: pa.Array) -> Array:
    """Arrow text as numbers."""
    try:
        values: Array = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        wrong = next((text for text in texts.to_pylist() if not _NUMBER.fullmatch(text)), "")
        raise ValueError(f"has '{wrong[:40]}' where a number should be") from None
    return values


def _numbers(text: bytes) -> Array:
    """Numbers between spaces."""
    text = text.strip()
    try:
        tokens = pc.list_flatten(pc.ascii_split_whitespace(pa.array([text] if text else [], pa.string())))
    except pa.ArrowInvalid:
        raise ValueError("holds bytes that are no text") from None
    return _floats(tokens)


def _fields(lines: list[bytes], wanted: list[int], least: int, what: str) -> Array:
    """The wanted fields (lines, fields) of lines that may have more.

    Raises:
        ValueError: a line has less fields than ``least``, or one is not a number.
    """
    try:
        parts = pc.ascii_split_whitespace(pa.array(lines, pa.string()))
    except pa.ArrowInvalid:
        raise ValueError("holds bytes that are no text") from None
    lengths = pc.list_value_length(parts).to_numpy(zero_copy_only=False)
    if np.any(lengths < least):
        raise ValueError(f"has the {what} '{_text(lines[int(np.argmax(lengths < least))])}...', which is too short")
    if not lines:
        return np.zeros((0, len(wanted)))
    return np.stack([_floats(pc.list_element(parts, i)) for i in wanted], axis=1)


def _facts(record: Record, rest: list[list[bytes]], version: int) -> Array:
    """Take in the lines that are neither particles nor vertices; gives the position of the event."""
    head = rest[0]
    if version == 2:
        record.attributes = {name: _text(head[i]) for name, i in _NUMBERS_2.items()}
        n_random = _whole(head[11])
        n_weights = _whole(head[12 + n_random]) if n_random >= 0 else -1
        tokens = head[13 + n_random :]
        if n_weights != len(tokens):
            raise ValueError(f"announces {n_weights} weights and has {len(tokens)}")
        record.weights = _numbers(b" ".join(tokens)).tolist()
    for line in rest[1:]:
        kind = line[0]
        if kind == b"W" and version == 3:
            record.weights = _numbers(b" ".join(line[1:])).tolist()
        elif kind == b"A" and version == 3:
            record.attributes[_text(line[2])] = line[3].decode("utf-8", "replace").strip() if line[3:] else ""
        elif kind == b"N" and version == 2:
            record.names = _QUOTED.findall(b" ".join(line).decode("utf-8", "replace"))
        elif kind in _LINES_2 and version == 2:
            record.attributes[_LINES_2[kind]] = b" ".join(line[1:]).decode("utf-8", "replace")
        elif kind != b"U":
            raise ValueError(f"has a line that starts with '{_text(kind)}'")
    return _numbers(b" ".join(head[5:9])) if version == 3 and head[4:5] == [b"@"] and len(head) == 9 else np.zeros(4)


def _announced(what: str, announced: int, found: int) -> None:
    if announced != found:
        raise ValueError(f"announces {announced} {what} and has {found}")


def _positions(keys: Array, wanted: Array, what: str) -> Array:
    """Where each wanted number stands among the keys, which must differ."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    if np.any(ordered[1:] == ordered[:-1]):
        raise ValueError(f"has two {what} with the same number")
    if not len(wanted):
        return np.zeros(0, np.int64)
    place = np.minimum(np.searchsorted(ordered, wanted), max(len(keys) - 1, 0))
    missing = ordered[place] != wanted if len(keys) else np.ones(len(wanted), bool)
    if np.any(missing):
        raise ValueError(f"names {wanted[np.argmax(missing)]:g} of the {what}, which is not there")
    found: Array = order[place]
    return found


def _version_3(record: Record, head: list[bytes], lines: list[bytes], vertices: list[bytes], _: list[int]) -> None:
    """Lines ``V id status [incoming] @ x y z t`` and ``P id origin pid px py pz e mass status``.

    The origin is a vertex below 0, a particle above.
    """
    _announced("particles", _whole(head[3]), len(lines))
    values = _numbers(b" ".join([line[2:] for line in lines]))
    if len(values) != 9 * len(lines):
        short = next((line for line in lines if len(line.split()) != 10), b"")
        raise ValueError(f"has the particle '{_text(short)}...', not of 9 numbers")
    table = values.reshape(-1, 9)
    record.particles = table[:, [3, 4, 5, 6, 7, 2, 8]]
    numbers, origin = table[:, 0], table[:, 1]
    keys, into, places = [], [], []
    for line in vertices:
        parts = line.split()
        if len(parts) < 4 or (len(parts) > 4 and (len(parts) != 9 or parts[4] != b"@")):
            raise ValueError(f"has the vertex '{_text(line)}...', not of the form V id status [particles] @ x y z t")
        keys.append(_whole(parts[1]))
        inside = parts[3].strip(b"[]")
        into.append([_whole(token) for token in inside.split(b",")] if inside else [])
        places.append(b" ".join(parts[5:]) or b"nan nan nan nan")
    single = np.unique(origin[origin > 0])  # vertices that are not written: of one particle, without a position
    incoming = np.array([*chain.from_iterable(into), *single])
    record.in_offsets = offsets_from_counts(np.array([*map(len, into), *[1] * len(single)], dtype=np.int64))
    record.incoming = _positions(numbers, incoming, "particles")
    record.vertices = np.full((len(places) + len(single), 4), np.nan)
    record.vertices[: len(places)] = _numbers(b" ".join(places)).reshape(-1, 4)
    record.production = np.full(len(lines), -1, np.int64)
    record.production[origin > 0] = len(into) + np.searchsorted(single, origin[origin > 0])
    below = ~(origin >= 0)
    record.production[below] = _positions(np.array(keys, dtype=np.float64), origin[below], "vertices")


def _version_2(record: Record, head: list[bytes], lines: list[bytes], vertices: list[bytes], starts: list[int]) -> None:
    """Lines ``V id status x y z t n_in n_out ...``, each with ``P id pid px py pz e mass status theta phi end ...``.

    First come the particles that come in from nowhere, then those that go out; ``end`` is a vertex, or 0.
    """
    _announced("vertices", _whole(head[8]), len(vertices))
    if starts and starts[0]:
        raise ValueError("has particles before its first vertex")
    table = _fields(lines, [2, 3, 4, 5, 6, 7, 8, 11], 12, "particle")
    record.particles = table[:, [1, 2, 3, 4, 5, 0, 6]]
    place = _fields(vertices, [1, 3, 4, 5, 6, 7, 8], 9, "vertex")
    record.vertices = place[:, 1:5].copy()
    begin = np.array(starts, dtype=np.int64)
    sizes = np.diff(begin, append=len(lines))
    wrong = ~((place[:, 5] + place[:, 6] == sizes) & (place[:, 5] >= 0) & (place[:, 6] >= 0))
    if np.any(wrong):
        i = int(np.argmax(wrong))
        raise ValueError(f"announces {place[i, 5]:g} + {place[i, 6]:g} particles at a vertex and has {sizes[i]}")
    nth = np.arange(len(lines)) - np.repeat(begin, sizes)
    record.production = np.where(nth < np.repeat(place[:, 5], sizes), -1, np.repeat(np.arange(len(begin)), sizes))
    into = np.flatnonzero(table[:, 7] != 0)
    vertex = _positions(place[:, 0], table[into, 7], "vertices")
    record.in_offsets = offsets_from_counts(np.bincount(vertex, minlength=len(vertices)))
    record.incoming = into[np.argsort(vertex, kind="stable")]


def _inherit(record: Record, shift: Array) -> None:
    """A vertex without a position is where its first incoming particle comes from, at last where the event is."""
    known = ~np.isnan(record.vertices[:, 0])
    if np.all(known):
        return
    source = np.arange(len(known))
    there = np.diff(record.in_offsets) > 0
    first = np.full(len(known), -1, np.int64)
    first[there] = record.production[record.incoming[record.in_offsets[:-1][there]]]
    on = ~known & (first >= 0)
    source[on] = first[on]
    for _ in range(len(known).bit_length()):
        source = source[source]
    record.vertices = np.where(known[source][:, None], record.vertices[source], shift)
