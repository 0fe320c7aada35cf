"""The text of csv tables, plain or gzipped: header, blocks of whole lines, types that hold for all of a file."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from partonic.core.errors import FileError

BLOCK = 64 << 20  # bytes of text parsed at a time
PIECE = 1 << 20
PARSED = 2 << 20  # bytes that one thread parses at a time; no line may be longer
KEPT = 256 << 20  # bytes of a larger file's tables that are kept until its types are known: it is then parsed once
MOST = 20_000  # columns
DELIMITERS = (",", ";", "\t")

_NAME = re.compile(r"[^\W\d][^\x00-\x1f<>\"=`\\]*")
_COMMENT = re.compile(rb"^#.*$", re.MULTILINE)
_LINE = re.compile(rb"^[^\r\n#]", re.MULTILINE)
_BOM = b"\xef\xbb\xbf"

Types = Mapping[str, Any]


@dataclass(frozen=True)
class Header:
    """The names of the columns.

    Args:
        names: of the columns; a first one without a name, as pandas writes it, is ``index``.
        delimiter: between them.
        size: bytes up to the first line of values.
        lines: lines up to there.
    """

    names: list[str]
    delimiter: str
    size: int
    lines: int


def _fields(line: str) -> tuple[list[str], str]:
    delimiter = max(DELIMITERS, key=line.count)
    if len(line) > PIECE:
        return [], delimiter
    try:
        row = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return [], delimiter
    return [field.strip() for field in row], delimiter


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return field == ""
    return True


def _are_names(fields: list[str]) -> bool:
    return len(fields) > 1 and all(_NAME.fullmatch(name) for name in fields[not fields[0] :])


def find_header(head: bytes, *, cut: bool = False) -> Header | None:
    """The header of a table: two names or more, after comments, or in the last comment before lines of numbers.

    Args:
        head: the beginning of the file.
        cut: whether it may end within the header, whose last name then does not count.
    """
    position, lines = 3 * head.startswith(_BOM), 0
    comment = ""
    while position < len(head):
        end = head.find(b"\n", position) + 1
        raw = head[position : end or len(head)]
        try:
            line = raw.decode("utf-8", "strict" if end else "ignore").strip("\r\n")
        except UnicodeDecodeError:
            return None
        if line.strip() and not line.startswith("#"):
            fields, delimiter = _fields(line)
            if all(_is_number(field) for field in fields):
                named, delimiter = _fields(comment)
                fits = _are_names(named) and len(named) == len(fields)
                return Header(_filled(named), delimiter, position, lines) if fits else None
            fields = fields[:-1] if cut and not end else fields
            return Header(_filled(fields), delimiter, end or len(head), lines + 1) if _are_names(fields) else None
        comment = line.lstrip("# ") if line.startswith("#") else comment
        position, lines = end or len(head), lines + 1
    return None


def _filled(names: list[str]) -> list[str]:
    return [names[0] or "index", *names[1:]]


def _stream(path: Path) -> Any:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if zipped else path.open("rb")


def _blocks(path: Path, size: int) -> Iterator[bytes]:
    """Whole lines, about ``size`` bytes at a time.

    Raises:
        FileError: the compression is damaged, after all that came before; or a line does not end.
    """
    with _stream(path) as stream:
        tail = b""
        fault: FileError | None = None
        more = True
        while more:
            pieces, length = [tail], len(tail)
            while length < size and more:
                try:
                    piece = stream.read1(PIECE)
                except (OSError, EOFError, zlib.error) as error:
                    fault, piece = FileError(f"{path} is truncated or damaged ({error})"), b""
                pieces.append(piece)
                length += len(piece)
                more = bool(piece)
            block = b"".join(pieces)
            cut = block.rfind(b"\n") + 1 if more or fault else len(block)
            if more and not cut:
                raise FileError(f"{path} has a line of more than {size:,} bytes: it is no csv table, or damaged")
            tail = block[cut:]
            if cut:
                yield block[:cut]
        if fault:
            raise fault


def count_lines(path: Path) -> int:
    """Number of lines of values.

    Raises:
        FileError: the file has no header or its compression is damaged.
    """
    found = 0
    for i, block in enumerate(_blocks(path, 4 * PIECE)):
        start = _header_of(path, block).size if i == 0 else 0
        found += sum(1 for _ in _LINE.finditer(block, start))
    return found


def _header_of(path: Path, block: bytes) -> Header:
    header = find_header(block)
    if header is None:
        raise FileError(f"{path} has no line with the names of its columns: it is no csv table, or damaged")
    if len(header.names) > MOST:
        raise FileError(f"{path} names {len(header.names):,} columns, at most {MOST:,} are read; is it a csv table?")
    twice = sorted(name for name, times in Counter(header.names).items() if times > 1)
    if twice:
        raise FileError(f"{path} has two columns with the name '{twice[0]}'; rename one")
    return header


def _parse(block: bytes, header: Header, types: Types) -> pa.Table:
    if not _LINE.search(block):
        empty = pa.schema([(name, types.get(name, pa.null())) for name in header.names])
        return empty.empty_table()
    return arrow_csv.read_csv(
        pa.BufferReader(block),
        read_options=arrow_csv.ReadOptions(column_names=header.names, block_size=PARSED),
        parse_options=arrow_csv.ParseOptions(delimiter=header.delimiter, newlines_in_values=b'"' in block),
        convert_options=arrow_csv.ConvertOptions(column_types=types),
    )


def _fault(path: Path, block: bytes, header: Header, first: int) -> tuple[int, FileError] | None:
    """The first line that is broken: where it starts in the block, and what is wrong with it."""
    read = 0

    def lines() -> Iterator[str]:
        """Lines of text."""
        nonlocal read
        for raw in io.BytesIO(block):
            text = raw.decode("utf-8")
            read += len(raw)
            yield text

    rows = csv.reader(lines(), delimiter=header.delimiter)
    while True:
        start, number = read, first + rows.line_num + 1
        try:
            row = next(rows, None)
        except UnicodeDecodeError:
            return start, FileError(f"{path}: line {number:,} is not UTF-8 text; the table is damaged or not UTF-8")
        except csv.Error as error:
            return start, FileError(f"{path}: line {number:,} cannot be read ({error}); the table is damaged")
        if row is None:
            return None
        if row and len(row) != len(header.names):
            what = f"has {len(row)} fields, the header names {len(header.names)}"
            return start, FileError(f"{path}: line {number:,} {what}; the table is malformed or truncated")


def _tables(path: Path, types: Types | None) -> Iterator[pa.Table]:
    """The file as Arrow tables, in the given types or in those that each table shows.

    Raises:
        FileError: there is no header, or a line is broken; the lines before it come first.
    """
    header: Header | None = None
    before = 0  # bytes
    for block in _blocks(path, BLOCK):
        body = block
        if header is None:
            header = _header_of(path, block)
            body = block[header.size :]
        body = _COMMENT.sub(b"", body) if b"#" in body else body
        try:
            table = _parse(body, header, types or {})
        except pa.ArrowInvalid:
            found = _fault(path, body, header, _lines_before(path, before, header))
            if found is None:
                raise
        else:
            text = pa.binary() not in table.schema.types
            found = None if text else _fault(path, body, header, _lines_before(path, before, header))
        if found:
            yield _parse(body[: found[0]], header, types or {})
            raise found[1]
        yield table
        before += len(block)


def _lines_before(path: Path, size: int, header: Header) -> int:
    """Number of lines in the first ``size`` bytes of text, or in the header alone."""
    if not size:
        return header.lines
    lines = 0
    for block in _blocks(path, BLOCK):
        if size <= 0:
            break
        lines += block.count(b"\n")
        size -= len(block)
    return lines


def _merged(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """A type that holds both: nothing, truth values, whole numbers, numbers, text."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    return pa.float64() if {one, other} <= {pa.int64(), pa.float64()} else pa.string()


def _final(kind: pa.DataType, missing: int) -> pa.DataType:
    if pa.types.is_null(kind) or (kind == pa.int64() and missing):
        return pa.float64()
    if kind in (pa.int64(), pa.float64()) or (kind == pa.bool_() and not missing):
        return kind
    return pa.string()


def read_tables(path: Path) -> Iterator[pa.Table]:
    """The file as Arrow tables of int64, float64 (also whole numbers where one is missing), bool and text.

    A column has one type in all of the file: the narrowest that holds all its values. There is at least one table.

    Raises:
        FileError: there is no header, or a line is broken; the lines before it come first.
    """
    kinds: dict[str, pa.DataType] = {}
    missing: dict[str, int] = {}
    kept: list[pa.Table] | None = []
    fault: FileError | None = None
    try:
        for table in _tables(path, None):
            for name, kind, column in zip(table.column_names, table.schema.types, table.columns, strict=True):
                kinds[name] = _merged(kinds.get(name, pa.null()), kind)
                missing[name] = missing.get(name, 0) + column.null_count
            if kept is not None:
                kept = [*kept, table] if not kept or sum(one.nbytes for one in kept) + table.nbytes <= KEPT else None
    except FileError as error:
        fault = error
        if not kinds:
            raise
    types = {name: _final(kind, missing[name]) for name, kind in kinds.items()}
    schema = pa.schema(list(types.items()))
    again = kept is None or not all(_fits(one.schema, schema) for one in kept if len(one))
    given = False
    for table in _tables(path, types) if again else kept or ():
        if len(table):
            yield _trimmed(table.cast(schema, safe=False))
            given = True
    if not given:
        yield schema.empty_table()
    if fault:
        raise fault


def _fits(found: pa.Schema, wanted: pa.Schema) -> bool:
    """Whether a table of the one types has the values of the other: whole numbers and nothing may become numbers."""
    pairs = zip(found.types, wanted.types, strict=True)
    return all(a == b or (b == pa.float64() and a in (pa.int64(), pa.null())) for a, b in pairs)


def _trimmed(table: pa.Table) -> pa.Table:
    for i, kind in enumerate(table.schema.types):
        if kind == pa.string():
            table = table.set_column(i, table.column_names[i], pc.utf8_trim_whitespace(table.column(i)))
    return table
