"""Files of any known format: recognised by content, read, written by their ending.

A further format is one file in this folder that declares a ``FORMAT``.
"""

from __future__ import annotations

import hashlib
import importlib
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from partonic.core.errors import FileError, InputError, nearest, unknown
from partonic.core.files import check_readable
from partonic.events.cache import kept
from partonic.events.events import Events, concatenate
from partonic.io import remote
from partonic.io.base import Format, check_rows
from partonic.io.joining import Joining
from partonic.io.mapping import Map
from partonic.io.mapping import iterate as by_map
from partonic.io.places import readable

ROWS = 10_000
HEAD = 4096  # bytes by which a file is recognised

# Formats that are not read, for a better sentence.
_LOOKS = (
    (b"\x89HDF", "an HDF5 file of another layout"),
    (b"PK\x03\x04", "a zip archive (or npz)"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x1f\x8b", "a gzip archive of something else"),
)


def _find() -> tuple[Format, ...]:
    """The formats of the files in this folder that declare one, those of a special layout first."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    names = [file.stem for file in files if "\nFORMAT = Format(" in file.read_text(encoding="utf-8")]
    found = [importlib.import_module(f"partonic.io.{name}").FORMAT for name in names]
    return tuple(sorted(found, key=lambda entry: entry.generic))


FORMATS = _find()


def _known() -> str:
    return ", ".join(f"{entry.title} ({entry.suffixes[0]})" for entry in FORMATS)


def recognise(path: Path | str) -> Format:
    """The format of a file, by its content.

    Raises:
        FileError: it is missing, empty, unreadable or of no known format.
    """
    return find(path)[0]


def find(path: Path | str) -> tuple[Format, Any]:
    """The format of a file, by its content, and what to give to its reader.

    Args:
        path: a file, or a remote name as ``https://host/file``; ``FILE.root:TREE`` is one tree of a ROOT file. Remote
            ROOT files are read where they are, others copied to the cache folder first.

    Raises:
        FileError: it is missing, empty, unreadable or of no known format.
        MissingPackageError: there is no handler for remote names of this kind.
    """
    file, tree = readable(path)
    if isinstance(file, str):
        head = remote.head(file, HEAD)
        file = file if head.startswith(b"root") else remote.fetched(file)
    if isinstance(file, Path):
        with file.open("rb") as stream:
            head = stream.read(HEAD)
    where: Any = file if tree is None else f"{file}:{tree}"
    inside = head
    if head.startswith(b"\x1f\x8b"):
        try:
            inside = zlib.decompressobj(31).decompress(head, HEAD)
        except zlib.error as error:
            raise FileError(f"{file} is a damaged gzip archive ({error})") from error
    for entry in FORMATS:
        if entry.recognise(where, inside):
            return entry, where
    looks = next((f"looks like {name}, which" for start, name in _LOOKS if inside.startswith(start)), "")
    raise FileError(f"{file} {looks or 'has content that'} is of no known format; those known are: {_known()}")


def by_ending(path: Path | str, name: str | None = None) -> Format:
    """The format that is written under a file name.

    Args:
        path: the file name, whose ending chooses.
        name: short name of the format, where its ending is not to choose.

    Raises:
        InputError: no format has this ending, or the named one is not written or has other endings.
        UnknownNameError: no format has this name.
    """
    given = Path(path).name.lower()
    if name is not None:
        return _by_name(name, given)
    endings = {suffix: entry for entry in reversed(FORMATS) if entry.write for suffix in entry.suffixes}
    for suffix in sorted(endings, key=len, reverse=True):
        if given.endswith(suffix):
            return endings[suffix]
    ending = Path(given).suffix
    what = f"'{ending}'" if ending else "no ending"
    there = ", ".join(f"{entry.title} ({entry.suffixes[0]})" for entry in FORMATS if entry.write)
    raise InputError(
        f"{path} has {what}, by which no format is chosen{nearest(ending, endings)}; those written are: {there}"
    )


def _by_name(name: str, given: str) -> Format:
    named = {entry.name: entry for entry in FORMATS}
    if name not in named:
        raise unknown("format", name, named)
    entry = named[name]
    if entry.write is None:
        written = ", ".join(one.name for one in FORMATS if one.write)
        raise InputError(f"{entry.title} is read only; the formats that are written are: {written}")
    endings = (*entry.suffixes, *entry.named)
    if not given.endswith(endings):
        raise InputError(f"{given} has the wrong ending for {entry.title}: {' or '.join(endings)}")
    return entry


def read(path: Path | str, map: Map | Path | str | None = None) -> Events:  # noqa: A002
    """Read a file of any known format, whole.

    Args:
        path: a file, or a remote name as ``https://host/file``; ``FILE.root:TREE`` is one tree of a ROOT file.
        map: what goes where, for ROOT trees, Parquet and csv of any layout: a map, or the YAML file of one.

    Raises:
        FileError: it is missing, empty, truncated, damaged, of a newer version or of no known format, or lacks a
            branch of the map.
        InputError: the map cannot be used.
        MissingPackageError: there is no handler for remote names of this kind.
    """
    return concatenate(list(iterate(path, map=map)))


def iterate(path: Path | str, rows: int = ROWS, map: Map | Path | str | None = None) -> Iterator[Events]:  # noqa: A002
    """Read a file of any known format in samples of at most ``rows`` events.

    Args:
        path: as for :func:`read`.
        rows: events at a time.
        map: as for :func:`read`.

    Raises:
        InputError: ``rows`` is not above 0, or the map cannot be used.
        FileError: as for :func:`read`.
        MissingPackageError: as for :func:`read`.
    """
    check_rows(rows)
    if map is not None:
        return by_map(path, rows, map)
    entry, where = find(path)
    return entry.iterate(where, rows)


def count(path: Path | str) -> int:
    """Number of events of a file of any known format.

    Raises:
        FileError: as for :func:`read`.
    """
    entry, where = find(path)
    return entry.count(where)


def write(
    path: Path | str,
    events: Events | Iterable[Events],
    provenance: Mapping[str, Any] | None = None,
    *,
    to: str | None = None,
) -> int:
    """Write a sample, or samples as they come, in the format of the file's ending; gives the number of events.

    Args:
        path: the file.
        events: what to write.
        provenance: its origin; that of the samples if None.
        to: short name of the format, where several share the ending.

    Raises:
        InputError: no format has this ending, or the sample does not fit the format.
        UnknownNameError: no format has this name.
        FileError: the file cannot be written.
    """
    writer = by_ending(path, to).write
    assert writer is not None  # by_ending gives writable formats only
    return writer(path, events, provenance)


def cached(path: Path | str | Sequence[Path | str], folder: Path | str | None = None) -> Events:
    """The events of a file, or of several one after the other, as memory-mapped arrays.

    They are made on first use, and again when a file changes.

    Args:
        path: file of any known format, or a remote name; or several, whose events have the same layout.
        folder: where caches are kept; ``None`` takes the user's cache folder, which ``$PARTONIC_CACHE`` can set.

    Raises:
        FileError: a file cannot be read or has other columns than the first, or the given folder cannot be written.
    """
    paths = [check_readable(remote.local(one)) for one in ([path] if isinstance(path, str | Path) else path)]
    key = [[str(one), one.stat().st_size, one.stat().st_mtime_ns] for one in paths]
    digest = hashlib.sha256("\n".join(str(one) for one in paths).encode()).hexdigest()[:16]

    def chunks() -> Iterator[Events]:
        """The samples of all files."""
        joining = Joining()
        for one in paths:
            for events in iterate(one):
                joining.check(one, events)
                yield events

    return kept(f"{paths[0].stem}-{digest}", key, chunks, folder)
