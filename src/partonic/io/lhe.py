"""Les Houches event files, plain or gzipped, with their named weights (arXiv:hep-ph/0609017, arXiv:1405.1067)."""

from __future__ import annotations

import gzip
import html
import itertools
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from partonic.core.errors import FileError, PartonicError
from partonic.core.files import check_readable
from partonic.events.events import NOMINAL, Events, concatenate
from partonic.events.ragged import Array, Ragged
from partonic.io.base import Format, check_rows
from partonic.io.lhe_text import BLOCK, Text, bodies, read_header
from partonic.io.lhe_write import MOTHERS, RWGT, write

ROWS = 10_000

# Column of a particle's line -> field and type; momenta stay in float64, as the text has more digits than float32.
PARTICLE = {
    "px": (6, np.float64),
    "py": (7, np.float64),
    "pz": (8, np.float64),
    "e": (9, np.float64),
    "mass": (10, np.float64),
    "pid": (0, np.int32),
    "status": (1, np.int8),
    "mother1": (2, np.int32),
    "mother2": (3, np.int32),
    "color1": (4, np.int32),
    "color2": (5, np.int32),
    "lifetime": (11, np.float64),
    "spin": (12, np.float64),
}
EVENT = {
    "process_id": (1, np.int32),
    "scale": (3, np.float64),
    "alpha_qed": (4, np.float64),
    "alpha_qcd": (5, np.float64),
}

_WEIGHT = re.compile(r"""<wgt\s[^>"']*?id\s*=\s*(?:"([^"]*)"|'([^']*)')[^>]*>([^<]*)</wgt\s*>""")
_POSITIONAL = re.compile(r"<weights[^>]*>(.*?)</weights\s*>", re.DOTALL)


class _Chunk:
    """Events parsed to lists of tokens; :meth:`events` makes the arrays at once, which is what makes it fast."""

    def __init__(self, text: Text, declared: list[str]) -> None:
        self.text, self.declared = text, declared
        self.names: list[str] = []
        self.clear()

    def clear(self) -> None:
        """Start anew; the names of the weights stay."""
        self.first = self.text.event + 1
        self.heads: list[list[str]] = []
        self.particles: list[list[str]] = []
        self.weights: list[list[str]] = []

    def add(self, body: str) -> None:
        """Take in one event.

        Raises:
            FileError: its lines do not hold what they should.
        """
        cut = body.find("<")
        lines = [line for line in (body if cut < 0 else body[:cut]).split("\n") if line and not line.isspace()]
        head = lines[0].split() if lines else []
        if len(head) != 6 or not head[0].isdigit():
            raise self.broken("does not start with a line of 6 numbers")
        rows = [line.split() for line in lines[1 : int(head[0]) + 1]]
        if len(rows) != int(head[0]) or any(len(row) != 13 for row in rows):
            complete = next((i for i, row in enumerate(rows) if len(row) != 13), len(rows))
            raise self.broken(f"announces {head[0]} particles and has {complete} whole lines of 13 numbers")
        names, values = self.read_weights(body[cut:] if cut >= 0 else "")
        if names != self.names:
            if self.heads or self.first > 1:
                by_name = dict(zip(names, values, strict=True))
                if set(names) != set(self.names):
                    differing = sorted(set(names) ^ set(self.names))
                    raise self.broken(f"differs from the first in its weights ('{differing[0]}')")
                values = [by_name[name] for name in self.names]
            else:
                self.names = names
        self.heads.append(head)
        self.particles.extend(rows)
        self.weights.append(values)

    def read_weights(self, text: str) -> tuple[list[str], list[str]]:
        """Names and values of ``<rwgt>``, or of the older ``<weights>``, which lists them in the header's order."""
        if "<wgt" in text:
            found = _WEIGHT.findall(text)
            return [double or single for double, single, _ in found], [value for *_, value in found]
        match = _POSITIONAL.search(text)
        if match is None:
            return [], []
        values = match.group(1).split()
        fits = len(self.declared) == len(values)
        return self.declared if fits else [str(i + 1) for i in range(len(values))], values

    def broken(self, what: str) -> FileError:
        """The error for the event that was read last."""
        return FileError(f"{self.text.path}: event {self.text.event} {what}; the file is malformed or truncated")

    def numbers(self, rows: list[list[str]], width: int, events: Array) -> Array:
        """Tokens as float64 (rows, width); finds the event of a token that is no number."""
        try:
            flat = map(float, itertools.chain.from_iterable(rows))
            return np.fromiter(flat, np.float64, len(rows) * width).reshape(len(rows), width)
        except ValueError:
            pass
        table = np.zeros((len(rows), width))
        for i, row in enumerate(rows):
            for j, token in enumerate(row):
                try:
                    table[i, j] = float(token.replace("D", "E").replace("d", "e"))
                except ValueError:
                    self.text.event = self.first + int(events[i])
                    raise self.broken(f"has '{token.strip()[:40]}' where a number should be") from None
        return table

    def events(self, provenance: dict[str, Any]) -> Events:
        """The sample of what was taken in."""
        n = len(self.heads)
        head = self.numbers(self.heads, 6, np.arange(n))
        counts = head[:, 0].astype(np.int64)
        table = self.numbers(self.particles, 13, np.repeat(np.arange(n), counts))
        extra = self.numbers(self.weights, len(self.names), np.arange(n))
        weights = {NOMINAL: head[:, 2].copy()}
        for i, name in enumerate(self.names):
            weights[_unused(html.unescape(name), weights)] = extra[:, i].copy()
        columns = {name: self.typed(head[:, i], kind, name, np.arange(n)) for name, (i, kind) in EVENT.items()}
        of_event = np.repeat(np.arange(n), counts)
        fields = {name: self.typed(table[:, i], kind, name, of_event) for name, (i, kind) in PARTICLE.items()}
        for name in MOTHERS:  # the file counts from 1, and 0 is none
            fields[name] -= fields[name] > np.iinfo(np.int32).min
        return Events(columns, weights, {"particles": Ragged.from_counts(counts, fields)}, {}, provenance)

    def typed(self, values: Array, kind: Any, name: str, events: Array) -> Array:
        """A column in its type; integers must be whole and fit."""
        if np.issubdtype(kind, np.integer):
            limits = np.iinfo(kind)
            wrong = ~((values >= limits.min) & (values <= limits.max) & (np.rint(values) == values))
            if np.any(wrong):
                first = int(np.argmax(wrong))
                self.text.event = self.first + int(events[first])
                raise self.broken(f"has {values[first]:g} as {name}, which is not a whole number")
        return values.astype(kind)


def _unused(name: str, taken: Mapping[str, Any]) -> str:
    """The name, with ``_rwgt`` behind it where the nominal weight or another has it already."""
    while name in taken:
        name += RWGT
    return name


def _zipped(path: Path) -> Any:
    """``gzip.open`` or ``open``, by content."""
    with path.open("rb") as file:
        return gzip.open if file.read(2) == b"\x1f\x8b" else open


def _stream(path: Path) -> TextIO:
    stream: TextIO = _zipped(path)(path, "rt", encoding="utf-8", errors="replace", newline=None)
    return stream


def header(path: Path | str) -> dict[str, Any]:
    """What a file says before its events, as the provenance that :func:`iterate` gives them.

    Raises:
        FileError: the file is missing, or there is no ``<init>`` block, or it is broken.
    """
    file = check_readable(path)
    with _stream(file) as stream:
        return read_header(Text(file, stream))


def iterate(path: Path | str, rows: int = ROWS) -> Iterator[Events]:
    """Read a file in samples of ``rows`` events.

    Columns are ``process_id``, ``scale`` (GeV), ``alpha_qed``, ``alpha_qcd``; the weight ``nominal`` is XWGTUP, the
    others have the names of the file; the collection ``particles`` holds momenta and mass in GeV, ``lifetime`` in mm
    and the codes of the standard; ``mother1`` and ``mother2`` are positions from 0, -1 for none. The provenance holds
    the cross section in pb, the ``<init>`` block, what the header says of the weights, and the parameters they vary.

    Raises:
        InputError: ``rows`` is not above 0.
        FileError: the file is missing, malformed or truncated; events before the fault are given first.
    """
    check_rows(rows)
    file = check_readable(path)
    with _stream(file) as stream:
        text = Text(file, stream)
        provenance = read_header(text)
        chunk = _Chunk(text, [weight["id"] for weight in provenance["lhe"]["weights"]])
        fault: PartonicError | None = None
        given = False
        try:
            for body in bodies(text):
                chunk.add(body)
                if len(chunk.heads) == rows:
                    yield chunk.events(provenance)
                    given = True
                    chunk.clear()
        except FileError as error:
            fault = error
        if chunk.heads or not (given or fault):
            yield chunk.events(provenance)
        if fault:
            raise fault


def read(path: Path | str) -> Events:
    """Read a whole file, as :func:`iterate` does in parts.

    Raises:
        FileError: the file is missing, malformed or truncated.
    """
    return concatenate(list(iterate(path)))


def count(path: Path | str) -> int:
    """Number of whole events of a file, without parsing them.

    Raises:
        FileError: it is missing, empty or its compression is damaged.
    """
    file = check_readable(path)
    found, tail = 0, b""
    with _zipped(file)(file, "rb") as stream:
        try:
            while block := stream.read(BLOCK):
                found += (tail + block).count(b"</event>")
                tail = block[-len(b"</event>") + 1 :]
        except (OSError, EOFError, zlib.error) as error:
            raise FileError(f"{file} is truncated or damaged ({error})") from error
    return found


def _recognise(path: Path, head: bytes) -> bool:  # noqa: ARG001
    return b"<LesHouchesEvents" in head


FORMAT = Format(
    name="lhe",
    title="Les Houches events",
    suffixes=(".lhe", ".lhe.gz"),
    recognise=_recognise,
    iterate=iterate,
    count=count,
    write=write,
    holds="the collection 'particles', the weights and the run information",
)
