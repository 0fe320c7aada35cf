"""Memory-mapped samples: one file of flat arrays that training indexes, so that a sample is never whole in memory."""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from partonic.core.cachedir import cache_folder
from partonic.core.errors import FileError, InputError
from partonic.core.files import read_json, write_json
from partonic.core.leftovers import clear, unfinished
from partonic.events.events import Events
from partonic.events.provenance import common, plain
from partonic.events.ragged import Array, Link, Ragged, same_layout

VERSION = 1
INDEX, DATA = "index.json", "data.bin"
ALIGN = 64
BLOCK = 1 << 24  # bytes copied at a time

Path_ = tuple[str, ...]  # where an array belongs, as ("collections", "jets", "fields", "pt")


def _arrays(events: Events) -> Iterator[tuple[Path_, Array]]:
    """All arrays of a sample with their places; offsets as counts, which can be appended."""
    for kind, group in (("columns", events.columns), ("weights", events.weights), ("gold", events.gold)):
        for name, values in group.items():
            yield (kind, name), np.asarray(values)
    for name, ragged in events.collections.items():
        yield ("collections", name, "counts"), ragged.counts
        for key, values in ragged.fields.items():
            yield ("collections", name, "fields", key), np.asarray(values)
        for key, link in ragged.links.items():
            yield ("collections", name, "links", key, link.target, "counts"), np.diff(link.offsets)
            yield ("collections", name, "links", key, link.target, "index"), link.index


def _fixed(values: Array) -> Array:
    """Text as an array of fixed width."""
    return np.asarray(values.tolist(), np.str_) if values.dtype.kind in "TO" else values


@dataclass
class _Column:
    """One array that grows on disk; text is kept as wide as each part came and widened when it is joined."""

    stream: BinaryIO
    kind: Any  # np.dtype
    shape: tuple[int, ...]
    offsets: bool
    parts: list[tuple[int, Any]] = field(default_factory=list)

    def append(self, path: Path_, values: Array) -> None:
        """Write one more part.

        Raises:
            InputError: it is of another type or shape than the first.
        """
        text = values.dtype.kind == self.kind.kind == "U"
        if values.shape[1:] != self.shape or (values.dtype != self.kind and not text):
            what = f"{values.dtype} {values.shape[1:]}, the first {self.kind} {self.shape}"
            raise InputError(f"the samples of one cache must have the same layout: '{'.'.join(path)}' is {what}")
        self.parts.append((len(values), values.dtype))
        self.stream.write(np.ascontiguousarray(values).data)

    def join(self, out: BinaryIO) -> dict[str, Any]:
        """Copy all parts to the end of the data file; gives the entry of the index."""
        out.write(b"\0" * (-out.tell() % ALIGN))
        kind = max((kind for _, kind in self.parts), key=lambda one: one.itemsize, default=self.kind)
        entry = {"at": out.tell(), "type": kind.str, "shape": [sum(n for n, _ in self.parts), *self.shape]}
        self.stream.seek(0)
        if self.offsets:
            self.join_offsets(out)
            entry["shape"] = [entry["shape"][0] + 1]
        elif kind.kind == "U":
            for n, part in self.parts:
                out.write(np.frombuffer(self.stream.read(n * part.itemsize), part).astype(kind).data if n else b"")
        else:
            shutil.copyfileobj(self.stream, out, BLOCK)
        return entry

    def join_offsets(self, out: BinaryIO) -> None:
        """Counts become offsets, block by block."""
        last = np.zeros(1, dtype=np.int64)
        out.write(last.data)
        while block := self.stream.read(BLOCK):
            offsets = np.cumsum(np.frombuffer(block, np.int64)) + last
            out.write(offsets.data)
            last = offsets[-1:]


class _Builder:
    """Appends samples to growing arrays in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.columns: dict[Path_, _Column] = {}
        self.provenance: list[Mapping[str, Any]] = []

    def append(self, events: Events) -> None:
        """Add a sample."""
        arrays = {path: _fixed(values) for path, values in _arrays(events)}
        if not self.columns:
            for i, (path, values) in enumerate(arrays.items()):
                stream = (self.folder / f"{i}.part").open("w+b")
                self.columns[path] = _Column(stream, values.dtype, values.shape[1:], path[-1] == "counts")
        if events.provenance not in self.provenance:
            self.provenance.append(events.provenance)
        same_layout("part", [".".join(path) for path in self.columns], [".".join(path) for path in arrays])
        for path, values in arrays.items():
            self.columns[path].append(path, values)

    def finish(self, key: Any) -> None:
        """Join the arrays into one file, then write the index."""
        if not self.columns:
            raise InputError("there is no sample to keep")
        entries = []
        with (self.folder / DATA).open("wb") as out:
            for path, column in self.columns.items():
                entries.append({"path": list(path), **column.join(out)})
                column.stream.close()
                (self.folder / column.stream.name).unlink()
            size = out.tell()
        facts = {"key": plain(key), "size": size, "provenance": plain(common(self.provenance))}
        write_json(self.folder / INDEX, {"version": VERSION, **facts, "arrays": entries})

    def close(self) -> None:
        """Let go of all files."""
        for column in self.columns.values():
            column.stream.close()


def build(chunks: Iterable[Events], folder: Path | str, key: Any = None) -> None:
    """Write samples one after the other into a cache folder; it appears whole or not at all.

    Caches that killed processes left unfinished in the same place are removed.

    Args:
        chunks: samples of the same layout.
        folder: the cache, replaced where it exists; open ones stay valid.
        key: plain data by which a stale cache is known.

    Raises:
        InputError: there is no sample, or they differ in their columns.
        FileError: the folder cannot be written.
    """
    target = Path(folder)
    aside, old = unfinished(target), unfinished(target)
    clear(target.parent)
    try:
        aside.mkdir(parents=True)
        builder = _Builder(aside)
        try:
            for events in chunks:
                builder.append(events)
            builder.finish(key)
        finally:
            builder.close()
        if target.exists():
            target.rename(old)
            aside.rename(target)
            shutil.rmtree(old, ignore_errors=True)
        else:
            aside.rename(target)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"cannot write the cache {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def load(folder: Path | str) -> Events:
    """Open a cache: all arrays are read-only views of one memory-mapped file, of which only touched pages are loaded.

    Raises:
        FileError: it is missing, damaged or of another version.
    """
    place = Path(folder)
    tree = read_json(place / INDEX)
    if not isinstance(tree, dict) or tree.get("version") != VERSION:
        raise FileError(f"{place} is not a cache of version {VERSION}; remove it, and it will be built again")
    try:
        size = (place / DATA).stat().st_size
        with (place / DATA).open("rb") as stream:
            pages = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        if size != tree["size"]:
            raise FileError(f"{place / DATA} is damaged ({size:,} bytes, not {tree['size']:,}); remove {place}")
        arrays = {tuple(entry["path"]): _view(pages, entry) for entry in tree["arrays"]}
        return _events(arrays, tree["provenance"])
    except (OSError, KeyError, TypeError, ValueError, IndexError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"the cache {place} is damaged ({error}); remove it, and it will be built again") from error


def release(events: Events) -> None:
    """Give back the memory of a cache's pages; they are read again when they are touched.

    The pages of a memory-mapped file count as memory of the process until they are given back, though the system takes
    them when it needs them: call this now and then while going through a sample larger than memory.
    """
    arrays = [*events.columns.values(), *events.weights.values(), *events.gold.values()]
    for ragged in events.collections.values():
        arrays += [ragged.offsets, *ragged.fields.values()]
        arrays += [values for link in ragged.links.values() for values in (link.offsets, link.index)]
    maps: dict[int, mmap.mmap] = {}
    for values in arrays:
        base: Any = values
        while isinstance(base, np.ndarray):
            base = base.base
        owner = base.obj if isinstance(base, memoryview) else base
        if isinstance(owner, mmap.mmap):
            maps[id(owner)] = owner
    for pages in maps.values():
        pages.madvise(mmap.MADV_DONTNEED)


def _view(pages: Any, entry: dict[str, Any]) -> Array:
    kind, shape = np.dtype(entry["type"]), tuple(entry["shape"])
    if 0 in shape or kind.itemsize == 0:
        return np.zeros(shape, kind)
    return np.frombuffer(pages, kind, int(np.prod(shape)), entry["at"]).reshape(shape)


def _events(arrays: dict[Path_, Array], provenance: dict[str, Any]) -> Events:
    dense: dict[str, dict[str, Array]] = {"columns": {}, "weights": {}, "gold": {}}
    offsets: dict[str, Array] = {}
    fields: dict[str, dict[str, Array]] = {}
    links: dict[str, dict[str, Link]] = {}
    for path, values in arrays.items():
        if path[0] in dense:
            dense[path[0]][path[1]] = values
        elif path[2] == "counts":
            offsets[path[1]] = values
        elif path[2] == "fields":
            fields.setdefault(path[1], {})[path[3]] = values
        elif path[-1] == "index":
            link = Link(path[4], arrays[(*path[:-1], "counts")], values)
            links.setdefault(path[1], {})[path[3]] = link
    collections = {name: Ragged(offsets[name], fields.get(name, {}), links.get(name, {})) for name in offsets}
    return Events(dense["columns"], dense["weights"], collections, dense["gold"], provenance)


def default_folder() -> Path:
    """Where caches are kept: below :func:`partonic.core.cachedir.cache_folder`, else a folder for temporary files.

    Raises:
        FileError: neither can be written.
    """
    try:
        return _writable(cache_folder() / "events")
    except FileError:
        return _writable(Path(tempfile.gettempdir()) / f"partonic-{os.getuid()}" / "events")


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"the cache folder {folder} cannot be made ({error.strerror})") from error
    if not os.access(folder, os.W_OK):
        raise FileError(f"the cache folder {folder} cannot be written; set PARTONIC_CACHE to one that can")
    return folder


def kept(label: str, key: Any, chunks: Callable[[], Iterable[Events]], folder: Path | str | None = None) -> Events:
    """Memory-mapped events kept under a name: built on first use, and again when the key has changed.

    Args:
        label: name of the cache, a file name.
        key: plain data that says what the events are of, as the size and time of their file.
        chunks: gives the samples; called where the cache must be built.
        folder: where caches are kept; ``None`` takes :func:`default_folder`.

    Raises:
        InputError: there is no sample, or they differ in their columns.
        FileError: the folder cannot be written.
    """
    place = (default_folder() if folder is None else _writable(Path(folder))) / label
    wanted = plain(key)
    try:
        if read_json(place / INDEX)["key"] == wanted:
            return load(place)
    except (FileError, KeyError, TypeError):
        pass  # not there yet, older or damaged: built anew
    build(chunks(), place, wanted)
    return load(place)
