"""Files of any known format: recognised by content, read, written by their ending, converted.

A further format is one file in this folder that declares a ``FORMAT``.
"""

from __future__ import annotations

import hashlib
import importlib
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from partonic.core.errors import FileError, InputError, nearest
from partonic.core.files import check_readable, check_writable
from partonic.core.progress import progress
from partonic.events.cache import kept
from partonic.events.events import Events, concatenate
from partonic.io.base import Format, check_rows
from partonic.io.check import MomentumCheck

ROWS = 10_000
HEAD = 4096  # bytes by which a file is recognised

# Formats that are not read, for a better sentence.
_LOOKS = (
    (b"root", "a ROOT file"),
    (b"\x89HDF", "an HDF5 file without the key 'table'"),
    (b"HepMC::", "a HepMC file"),
    (b"PK\x03\x04", "a zip archive (or npz)"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x1f\x8b", "a gzip archive of something else"),
)


def _find() -> tuple[Format, ...]:
    """The formats of the files in this folder that declare one."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    names = [file.stem for file in files if "\nFORMAT = Format(" in file.read_text(encoding="utf-8")]
    return tuple(importlib.import_module(f"partonic.io.{name}").FORMAT for name in names)


FORMATS = _find()


def _known() -> str:
    return ", ".join(f"{entry.title} ({entry.suffixes[0]})" for entry in FORMATS)


def recognise(path: Path | str) -> Format:
    """The format of a file, by its content.

    Raises:
        FileError: it is missing, empty, unreadable or of no known format.
    """
    file = check_readable(path)
    with file.open("rb") as stream:
        head = stream.read(HEAD)
    inside = head
    if head.startswith(b"\x1f\x8b"):
        try:
            inside = zlib.decompressobj(31).decompress(head, HEAD)
        except zlib.error as error:
            raise FileError(f"{file} is a damaged gzip archive ({error})") from error
    for entry in FORMATS:
        if entry.recognise(file, inside):
            return entry
    looks = next((f"looks like {name}, which" for start, name in _LOOKS if inside.startswith(start)), "")
    raise FileError(f"{file} {looks or 'has content that'} is of no known format; those known are: {_known()}")


def by_ending(path: Path | str) -> Format:
    """The format that is written under a file name.

    Raises:
        InputError: no format has this ending.
    """
    name = Path(path).name.lower()
    endings = {suffix: entry for entry in FORMATS if entry.write for suffix in entry.suffixes}
    for suffix in sorted(endings, key=len, reverse=True):
        if name.endswith(suffix):
            return endings[suffix]
    ending = Path(name).suffix
    what = f"'{ending}'" if ending else "no ending"
    raise InputError(
        f"{path} has {what}, by which no format is chosen{nearest(ending, endings)}; those known are: {_known()}"
    )


def read(path: Path | str) -> Events:
    """Read a file of any known format, whole.

    Raises:
        FileError: it is missing, empty, truncated, damaged, of a newer version or of no known format.
    """
    return concatenate(list(iterate(path)))


def iterate(path: Path | str, rows: int = ROWS) -> Iterator[Events]:
    """Read a file of any known format in samples of ``rows`` events (the last may be smaller).

    Raises:
        InputError: ``rows`` is not above 0.
        FileError: as for :func:`read`.
    """
    check_rows(rows)
    return recognise(path).iterate(Path(path), rows)


def count(path: Path | str) -> int:
    """Number of events of a file of any known format.

    Raises:
        FileError: as for :func:`read`.
    """
    return recognise(path).count(Path(path))


def write(path: Path | str, events: Events | Iterable[Events], provenance: Mapping[str, Any] | None = None) -> int:
    """Write a sample, or samples as they come, in the format of the file's ending; gives the number of events.

    Raises:
        InputError: no format has this ending, or the sample does not fit the format.
        FileError: the file cannot be written.
    """
    writer = by_ending(path).write
    assert writer is not None  # by_ending gives writable formats only
    return writer(path, events, provenance)


def cached(path: Path | str | Sequence[Path | str], folder: Path | str | None = None) -> Events:
    """The events of a file, or of several one after the other, as memory-mapped arrays.

    They are made on first use, and again when a file changes.

    Args:
        path: file of any known format; or several, whose events have the same layout.
        folder: where caches are kept; ``None`` takes the user's cache folder, which ``$PARTONIC_CACHE`` can set.

    Raises:
        InputError: the events of the files differ in their columns.
        FileError: a file cannot be read, or the given folder not be written.
    """
    paths = [check_readable(one).resolve() for one in ([path] if isinstance(path, str | Path) else path)]
    key = [[str(one), one.stat().st_size, one.stat().st_mtime_ns] for one in paths]
    digest = hashlib.sha256("\n".join(str(one) for one in paths).encode()).hexdigest()[:16]

    def chunks() -> Iterator[Events]:
        """The samples of all files."""
        for one in paths:
            yield from iterate(one)

    return kept(f"{paths[0].stem}-{digest}", key, chunks, folder)


@dataclass
class Report:
    """What a conversion found; printing it gives the lines that a person reads.

    Args:
        source: the file that was read.
        target: the file that was written.
        source_format: name of its format.
        target_format: name of its format.
        events: number of events.
        items: collection -> number of items.
        columns: names of the per-event columns.
        weights: names of the weights.
        check: momenta that are not finite or have less energy than momentum, and weights that are not finite.
        left_out: parts of the source that events cannot hold.
        holds: what the written format holds, where that is not everything.
    """

    source: Path
    target: Path
    source_format: str
    target_format: str
    events: int = 0
    items: dict[str, int] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)
    weights: list[str] = field(default_factory=list)
    check: MomentumCheck = field(default_factory=MomentumCheck)
    left_out: list[str] = field(default_factory=list)
    holds: str = ""

    def add(self, events: Events) -> None:
        """Take in a sample that passes by."""
        self.events += len(events)
        for name, ragged in events.collections.items():
            self.items[name] = self.items.get(name, 0) + ragged.total
        self.columns, self.weights = list(events.columns), list(events.weights)
        self.left_out = list(events.provenance.get("left_out", []))
        self.check.add(events)

    def __str__(self) -> str:
        """Lines for people."""
        lines = [
            f"{self.source} ({self.source_format}) -> {self.target} ({self.target_format}): {self.events:,} events"
        ]
        for title, names in (("columns", self.columns), ("weights", self.weights)):
            if names:
                more = f" and {len(names) - 8} more" if len(names) > 8 else ""
                lines.append(f"  {title}: {', '.join(names[:8])}{more}")
        if self.items:
            lines.append("  collections: " + ", ".join(f"{name} ({n:,})" for name, n in self.items.items()))
        lines += [f"  {line}" for line in self.check.lines()]
        if self.left_out:
            lines.append(
                f"  left out of the source (neither numbers, text nor lists of records): {', '.join(self.left_out)}"
            )
        if self.holds:
            lines.append(f"  the written format holds {self.holds}, nothing else")
        return "\n".join(lines)


def convert(source: Path | str, target: Path | str, *, overwrite: bool = False) -> Report:
    """Convert a file of any known format into that of the target's ending, in parts, and check its momenta.

    Raises:
        InputError: no format has the target's ending, source and target are one file, or the sample does not fit.
        FileError: the source cannot be read, the target exists or cannot be written.
    """
    origin, goal = Path(source), Path(target)
    entry, made = recognise(origin), by_ending(goal)
    if goal.exists() and origin.resolve() == goal.resolve():
        raise InputError(f"{source} and {target} are the same file; give the target another name")
    check_writable(goal, overwrite=overwrite)
    report = Report(origin, goal, entry.title, made.title, holds=made.holds)
    with progress(f"converting {origin.name}", entry.count(origin), "events") as bar:

        def passing() -> Iterator[Events]:
            """The samples on their way from reader to writer."""
            for events in entry.iterate(origin, ROWS):
                report.add(events)
                yield events
                bar.advance(len(events))

        write(goal, passing())
    return report
