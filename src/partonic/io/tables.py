"""Tables of any kind as arrays by column name, in chunks: trees of ROOT files, Parquet, csv."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from partonic.core.errors import FileError, unknown
from partonic.io import remote, trees
from partonic.io.arrow import GOLD, WEIGHTS, from_arrow
from partonic.io.base import check_rows, reading, spans
from partonic.io.csv_text import read_tables
from partonic.io.places import readable
from partonic.io.trees import Column, Jagged, Tree, columns


class Table(Protocol):
    """Columns by name.

    Args:
        path: the file, for sentences.
        names: of all columns; parts of records with a dot, as ``jets.pt``.
    """

    path: Path | str
    names: list[str]

    def chunks(self, names: Collection[str], rows: int) -> Iterator[dict[str, Column]]:
        """The named columns, at most so many rows at a time; one chunk at least."""
        ...


def check_names(table: Table, names: Iterable[str], what: str = "column") -> None:
    """Check that a table has columns.

    Raises:
        FileError: it lacks one; gives the nearest that it has.
    """
    for name in names:
        if name not in table.names:
            raise FileError(f"{table.path}: {unknown(what, name, table.names)}")


class _TreeTable:
    def __init__(self, tree: Tree) -> None:
        self.path: Path | str = tree.path
        self._tree = tree
        empty = tree.empty(tree.branches)
        self._branch = {name: branch for branch, layout in empty.items() for name in columns(branch, layout)}
        self.names = list(self._branch)

    def chunks(self, names: Collection[str], rows: int) -> Iterator[dict[str, Column]]:
        """See :class:`Table`."""
        wanted = dict.fromkeys(self._branch[name] for name in names)
        for chunk in self._tree.chunks(wanted, rows):
            found: dict[str, Column] = {}
            for branch, layout in chunk.items():
                found |= columns(branch, layout)
            yield {name: found[name] for name in names}


class _ArrowTable:
    """Parquet or csv.

    Args:
        path: the file.
        title: what it is.
        schema: a table without rows.
        source: (columns or None for all, rows) -> tables.
    """

    def __init__(self, path: Path, title: str, schema: pa.Table, source: Any) -> None:
        self.path: Path | str = path
        self._title, self._first, self._source = title, schema, source
        self.names = list(_arrays(schema))

    def chunks(self, names: Collection[str], rows: int) -> Iterator[dict[str, Column]]:
        """See :class:`Table`."""
        check_rows(rows)
        needed = [name for name in self._first.column_names if any(_of(name, each) for each in names)]
        with reading(self.path, self._title, pa.ArrowException):
            given = False
            for table in self._source(needed, rows):
                for start, stop in spans(table.num_rows, rows):
                    found = _arrays(table.select(needed).slice(start, stop - start))
                    yield {name: found[name] for name in names}
                    given = True
            if not given:
                found = _arrays(self._first.select(needed))
                yield {name: found[name] for name in names}


def _of(column: str, name: str) -> bool:
    return name == column or name.startswith(f"{column}.")


def _arrays(table: pa.Table | pa.RecordBatch) -> dict[str, Column]:
    """All arrays of an Arrow table by name."""
    events = from_arrow(table, {}, {})
    found: dict[str, Column] = dict(events.columns)
    for prefix, group in ((WEIGHTS, events.weights), (GOLD, events.gold)):
        found |= {f"{prefix}.{name}": values for name, values in group.items()}
    for name, ragged in events.collections.items():
        for field, values in ragged.fields.items():
            own = name if list(ragged.fields) == ["value"] else f"{name}.{field}"
            found[own] = Jagged(ragged.offsets, values)
    return found


@contextlib.contextmanager
def opened(path: Path | str, tree: str | None = None) -> Iterator[Table]:
    """The table in a file, open while the block lasts.

    Args:
        path: a ROOT file (``FILE.root:TREE`` chooses a tree), also remote; a Parquet file or a csv table.
        tree: the tree of a ROOT file; the one with most entries if None.

    Raises:
        FileError: the file is missing, damaged or has no such tree.
    """
    file, chosen = readable(path)
    if isinstance(file, str) and not remote.head(file, 4).startswith(trees.SIGNATURE):
        file = remote.fetched(file)
    if isinstance(file, str) or _starts(file, trees.SIGNATURE):
        with trees.opened(path, tree) as found:
            yield _TreeTable(found)
        return
    if tree or chosen:
        raise FileError(f"{file} is no ROOT file and has no tree '{tree or chosen}'")
    if _starts(file, b"PAR1"):
        with contextlib.ExitStack() as stack:
            with reading(file, "Parquet", pa.ArrowException):
                parquet = stack.enter_context(pq.ParquetFile(file, memory_map=True, page_checksum_verification=True))
                table = _ArrowTable(file, "Parquet", parquet.schema_arrow.empty_table(), _batches(parquet))
            yield table
        return
    with reading(file, "a csv table", pa.ArrowException):
        empty = next(read_tables(file)).slice(0, 0)
        rows = _ArrowTable(file, "a csv table", empty, lambda names, rows: read_tables(file))  # noqa: ARG005
    yield rows


def _starts(file: Path, signature: bytes) -> bool:
    with file.open("rb") as stream:
        return stream.read(len(signature)) == signature


def _batches(parquet: Any) -> Any:
    def source(names: list[str], rows: int) -> Iterator[pa.Table]:
        """Batches of the chosen columns."""
        for batch in parquet.iter_batches(batch_size=rows, columns=names):
            yield pa.Table.from_batches([batch])

    return source
