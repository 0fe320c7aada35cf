"""What a file format offers; each reader declares one ``FORMAT``, and :mod:`partonic.io.formats` finds it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from partonic.core.errors import FileError, InputError, PartonicError
from partonic.events.events import Events


class Write(Protocol):
    """Writes samples as they come into one file, whole or not at all, and gives the number of events."""

    def __call__(
        self, path: Path | str, events: Events | Iterable[Events], provenance: Mapping[str, Any] | None = None
    ) -> int:
        """Write a file."""
        ...


@dataclass(frozen=True)
class Format:
    """One file format.

    Args:
        name: a short name, as ``"parquet"``.
        title: what it is, for people.
        suffixes: endings by which it is chosen for writing, the usual one first.
        recognise: (path, first 4 kB, unzipped if gzipped) -> whether a file is of this format; by content, not ending.
        iterate: (path, rows) -> samples of at most so many events, at least one sample even if it is empty.
        count: path -> number of events, cheaply.
        write: writer, or ``None`` where the format is only read.
        holds: what a written file holds, where that is not everything.
        generic: whether it takes files of many layouts, so that every other format is asked first.
        named: endings under which it is written only when it is named.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    recognise: Callable[[Path, bytes], bool]
    iterate: Callable[[Path, int], Iterator[Events]]
    count: Callable[[Path], int]
    write: Write | None = None
    holds: str = ""
    generic: bool = False
    named: tuple[str, ...] = ()


def check_rows(rows: int) -> int:
    """Return the number of rows of a chunk.

    Raises:
        InputError: it is not above 0.
    """
    if rows < 1:
        raise InputError(f"the number of rows of a chunk must be 1 or more, not {rows}")
    return rows


def as_chunks(events: Events | Iterable[Events]) -> Iterable[Events]:
    """One sample or many, as many."""
    return [events] if isinstance(events, Events) else events


def spans(total: int, rows: int) -> Iterator[tuple[int, int]]:
    """First and one behind the last row of each chunk; (0, 0) alone where there is nothing.

    Raises:
        InputError: ``rows`` is not above 0.
    """
    check_rows(rows)
    for start in range(0, max(total, 1), rows):
        yield start, min(start + rows, total)


BROKEN = (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError, IndexError, EOFError, MemoryError)


@contextlib.contextmanager
def reading(path: Path | str, title: str, *errors: type[Exception]) -> Iterator[None]:
    """Turn what a library says of a broken file into one sentence.

    Args:
        path: the file.
        title: what it should be, as ``"HDF5 in the JetNet layout"``.
        *errors: further exceptions that the library may raise, beside those of broken input in general.

    Raises:
        FileError: anything of that kind was raised in the block; our own sentences pass, with the file before them.
    """
    try:
        yield
    except FileError:
        raise
    except PartonicError as error:
        raise FileError(f"{path}: {error}") from error
    except Exception as error:
        if not isinstance(error, (*BROKEN, *errors)):
            raise
        said = str(error).strip("\"' \n")
        reason = said.splitlines()[0][:200] if said else type(error).__name__
        raise FileError(f"{path} cannot be read as {title} ({reason}); it may be truncated or damaged") from error
