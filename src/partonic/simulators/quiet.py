"""Keeps what C++ libraries print away from standard output, at the level of the operating system."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Captured:
    """What was printed.

    Args:
        text: all of it, once the block has ended.
    """

    text: str = ""


def _flush() -> None:
    sys.stdout.flush()
    ctypes.CDLL(None).fflush(None)


@contextlib.contextmanager
def quiet() -> Iterator[Captured]:
    """Catch what is printed to file descriptor 1 while the block runs, by Python or by a compiled library."""
    captured = Captured()
    _flush()
    with tempfile.TemporaryFile() as file:
        kept = os.dup(1)
        os.dup2(file.fileno(), 1)
        try:
            yield captured
        finally:
            _flush()
            os.dup2(kept, 1)
            os.close(kept)
            file.seek(0)
            captured.text = file.read().decode(errors="replace")
