"""Nested Parquet, what users see: columns, a struct of weights, collections as lists of structs."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from partonic.core.errors import FileError, InputError
from partonic.core.files import atomic, check_readable
from partonic.events.events import Events, concatenate
from partonic.events.provenance import common, plain
from partonic.io.arrow import from_arrow, layout, same_layout, to_arrow
from partonic.io.base import Format, as_chunks, check_rows, reading

VERSION = 1
KEY = "partonic"
GROUP_ROWS = 20_000
GROUP_ITEMS = 1_000_000  # items of all collections that fill a row group early, some 50 MB


class Writer:
    """Adds samples to a Parquet file, made by :func:`writing`."""

    def __init__(self, path: Path, provenance: Mapping[str, Any] | None) -> None:
        self.path = path
        pa.array(np.zeros(1))  # at its first array pyarrow imports pandas, and swallows a Ctrl-C that comes then
        self.rows = 0
        self._given = provenance
        self._seen: list[Mapping[str, Any]] = []
        self._waiting: list[Events] = []
        self._rows = self._items = 0
        self._first: Events | None = None
        self._layout: dict[str, str] = {}
        self._roles: dict[str, Any] = {}
        self._file: pq.ParquetWriter | None = None

    def append(self, events: Events) -> None:
        """Add a sample; small ones are held back until they fill a row group.

        Raises:
            InputError: the samples differ in their columns or types, or hold what Parquet cannot.
        """
        if self._first is None:
            self._first, self._layout = events[:0], layout(events)
        same_layout(self._layout, layout(events))
        if events.provenance not in self._seen:
            self._seen.append(events.provenance)
        self._waiting.append(events)
        self.rows += len(events)
        self._rows += len(events)
        self._items += sum(ragged.total for ragged in events.collections.values())
        if self._rows >= GROUP_ROWS or self._items >= GROUP_ITEMS:
            self._flush()

    def _flush(self) -> None:
        # The empty first part gives all groups of rows the same order of columns.
        events = concatenate([part for part in (self._first, *self._waiting) if part is not None])
        self._waiting, self._rows, self._items = [], 0, 0
        for start in range(0, max(len(events), 1), GROUP_ROWS):
            self._write(events[start : start + GROUP_ROWS])

    def _write(self, events: Events) -> None:
        table, self._roles = to_arrow(events)
        if self._file is None:
            self._file = pq.ParquetWriter(
                self.path,
                table.schema,
                compression="zstd",
                compression_level=1,
                use_dictionary=_discrete(table.schema),
                write_statistics=False,
                write_page_checksum=True,
            )
        self._file.write_table(table)

    def close(self) -> None:
        """Write what waits, and the metadata.

        Raises:
            InputError: there was no sample.
        """
        if self._waiting:
            self._flush()
        if self._file is None:
            raise InputError("there is no sample to write")
        provenance = plain(common(self._seen) if self._given is None else self._given)
        facts = {"version": VERSION, **self._roles, "provenance": provenance}
        self._file.add_key_value_metadata({KEY: json.dumps(facts, allow_nan=False)})
        self._file.close()

    def abandon(self) -> None:
        """Let go of the file, which is then not readable."""
        if self._file is not None and self._file.is_open:
            with contextlib.suppress(OSError, pa.ArrowException):
                self._file.close()


def _discrete(schema: pa.Schema) -> list[str]:
    """Paths of the leaves that repeat few values: integers, truth values and text are stored by dictionary."""
    paths: list[str] = []

    def walk(path: str, kind: pa.DataType) -> None:
        """Collect below one field."""
        if pa.types.is_struct(kind):
            for i in range(kind.num_fields):
                walk(f"{path}.{kind.field(i).name}", kind.field(i).type)
        elif pa.types.is_fixed_size_list(kind) or pa.types.is_large_list(kind):
            walk(f"{path}.list.element", kind.value_type)
        elif pa.types.is_string(kind) or pa.types.is_integer(kind):
            paths.append(path)

    for field in schema:
        walk(field.name, field.type)
    return paths


@contextlib.contextmanager
def writing(path: Path | str, provenance: Mapping[str, Any] | None = None) -> Iterator[Writer]:
    """Open a file to which samples are added; it appears under its name, whole, when the block ends without an error.

    Args:
        path: the file, replaced where it exists.
        provenance: plain data stored when the file is closed, so that a dictionary may be completed on the way;
            ``None`` takes that of the samples.

    Raises:
        InputError: there was no sample, or they differ in their columns or types.
        FileError: the file cannot be written.
    """
    with atomic(path) as aside:
        writer = Writer(aside, provenance)
        try:
            yield writer
            writer.close()
        finally:
            writer.abandon()


def write(path: Path | str, events: Events | Iterable[Events], provenance: Mapping[str, Any] | None = None) -> int:
    """Write a sample, or samples as they come, into one file; gives the number of events.

    Raises:
        InputError: there was no sample, or they differ in their columns or types.
        FileError: the file cannot be written.
    """
    with writing(path, provenance) as writer:
        for chunk in as_chunks(events):
            writer.append(chunk)
    return writer.rows


def _facts(path: Path, file: pq.ParquetFile) -> tuple[dict[str, Any], dict[str, Any]]:
    """What our own metadata say; nothing in a stranger's file."""
    stored = (file.metadata.metadata or {}).get(KEY.encode())
    if stored is None:
        return {}, {"source": path.name}
    facts = json.loads(stored)
    version = facts["version"]
    if not isinstance(version, int) or version > VERSION:
        raise FileError(
            f"{path} is of the newer file version {version}, this partonic reads up to {VERSION}; "
            "upgrade with: pip install --upgrade partonic"
        )
    return facts, facts["provenance"]


@contextlib.contextmanager
def _open(path: Path) -> Iterator[pq.ParquetFile]:
    with (
        reading(path, "Parquet", pa.ArrowException),
        pq.ParquetFile(path, memory_map=True, page_checksum_verification=True) as opened,
    ):
        yield opened


def read(path: Path | str) -> Events:
    """Read a whole file: ours, or any Parquet file with columns of numbers and lists of structs.

    Raises:
        FileError: it is missing, empty, truncated, damaged, of a newer version, or holds nothing that can be read.
    """
    file = check_readable(path)
    with _open(file) as opened:
        roles, provenance = _facts(file, opened)
        return from_arrow(opened.read(), roles, provenance)


def iterate(path: Path | str, rows: int = GROUP_ROWS) -> Iterator[Events]:
    """Read a file in samples of ``rows`` events (the last may be smaller); an empty file gives one empty sample.

    Raises:
        InputError: ``rows`` is not above 0.
        FileError: as for :func:`read`.
    """
    check_rows(rows)
    file = check_readable(path)
    with _open(file) as opened:
        roles, provenance = _facts(file, opened)
        schema = opened.schema_arrow
        if opened.metadata.num_rows == 0:
            yield from_arrow(schema.empty_table(), roles, provenance)
        for batch in opened.iter_batches(batch_size=rows):
            yield from_arrow(batch, roles, provenance)


def count(path: Path | str) -> int:
    """Number of events of a file, without reading them.

    Raises:
        FileError: it is missing, empty, truncated or damaged.
    """
    file = check_readable(path)
    with _open(file) as opened:
        rows: int = opened.metadata.num_rows
        return rows


def _recognise(path: Path, head: bytes) -> bool:  # noqa: ARG001
    return head.startswith(b"PAR1")


FORMAT = Format("parquet", "nested Parquet", (".parquet",), _recognise, iterate, count, write)
