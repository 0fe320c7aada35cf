"""A file of parton-level events (LHE, arXiv:hep-ph/0609017), cut into chunks that Pythia can shower independently."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, cast

from partonic.core.errors import FileError
from partonic.core.files import check_readable

_END = b"</LesHouchesEvents>\n"


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The file, unpacked where it is compressed; what is wrong with it becomes one sentence."""
    try:
        with path.open("rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if compressed:
                with gzip.open(file, "rb") as unpacked:
                    yield cast("IO[bytes]", unpacked)
            else:
                yield file
    except (EOFError, gzip.BadGzipFile, OSError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{path} cannot be read to its end ({error}); it may be truncated or damaged") from error


class LheSource:
    """Reads events of a file as text, in order.

    Args:
        path: the file, plain or compressed with gzip.

    Raises:
        FileError: it is missing, empty, unreadable, or not an LHE file.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = check_readable(path).resolve()
        self._events: Iterator[bytes] = iter(())
        self._next = 0
        with _opened(self.path) as file:
            self.header = self._header(file)
        self._rewind()

    def _header(self, file: IO[bytes]) -> bytes:
        lines: list[bytes] = []
        begun = False
        for line in file:
            text = line.lstrip()
            begun = begun or text.startswith(b"<LesHouchesEvents")
            if not begun and len(lines) > 100:
                break
            lines.append(line)
            if begun and text.startswith(b"</init>"):
                return b"".join(lines)
        raise FileError(f"{self.path} is not a file of parton-level events (LHE): it has no <init> block")

    def _rewind(self) -> None:
        self._events = self._blocks()
        self._next = 0

    def _blocks(self) -> Iterator[bytes]:
        with _opened(self.path) as file:
            lines: list[bytes] = []
            for line in file:
                text = line.lstrip()
                if text.startswith((b"<event>", b"<event ")):
                    lines = [line]
                elif lines:
                    lines.append(line)
                    if text.startswith(b"</event>"):
                        yield b"".join(lines)
                        lines = []
            if lines:
                raise FileError(f"{self.path} is truncated: its last event has no </event>")

    def count(self) -> int:
        """Number of events in the file.

        Raises:
            FileError: it is truncated or holds no event.
        """
        total = sum(1 for _ in self._blocks())
        if total == 0:
            raise FileError(f"{self.path} holds no event")
        return total

    def part(self, start: int, stop: int) -> tuple[bytes, int]:
        """Events ``start`` to ``stop`` as a file of their own, and how many there were."""
        if start < self._next:
            self._rewind()
        skipped = sum(1 for _ in islice(self._events, start - self._next))
        chosen = list(islice(self._events, stop - start))
        self._next += skipped + len(chosen)
        return b"".join([self.header, *chosen, _END]), len(chosen)
