"""Arrays inside npz archives, read row by row: nothing is unpickled, and an array need not fit in memory."""

from __future__ import annotations

import contextlib
import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from partonic.core.errors import InputError
from partonic.events.ragged import Array
from partonic.io.base import reading

HEADER = 10_000  # bytes of the description of an array, at most
TIGHTEST = 1100  # deflate makes nothing smaller than 1/1032
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, SyntaxError, tokenize.TokenError)


@dataclass(frozen=True)
class Member:
    """An array of an archive, read from its start to its end.

    Args:
        stream: behind the description of the array.
        shape: of the array.
        dtype: of its numbers.
    """

    stream: Any
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def row_bytes(self) -> int:
        """Size of a row."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    def take(self, rows: int) -> Array:
        """The next rows.

        Raises:
            InputError: there are not so many.
        """
        size = rows * self.row_bytes
        data = self.stream.read(size)
        self.stream.peek(1)  # behind the last row this compares the checksum
        if len(data) < size:
            raise InputError("an array ends before its announced length")
        return np.frombuffer(data, self.dtype).reshape(rows, *self.shape[1:])


@contextlib.contextmanager
def opened(path: Path, title: str) -> Iterator[zipfile.ZipFile]:
    """The open archive.

    Args:
        path: the file.
        title: its layout, as ``"EnergyFlow"``.

    Raises:
        FileError: it is damaged, also as found while it is read inside the block.
    """
    with reading(path, f"npz in the {title} layout", *ZIP_ERRORS), zipfile.ZipFile(path) as archive:
        yield archive


@contextlib.contextmanager
def member(archive: zipfile.ZipFile, name: str) -> Iterator[Member]:
    """An array of the archive, at its start.

    Raises:
        InputError: it is missing, holds no plain numbers, stands in Fortran order, or announces more than is stored.
    """
    names = [one.removesuffix(".npy") for one in archive.namelist()]
    if name not in names:
        raise InputError(f"it has no array '{name}'; it has: {', '.join(names[:8]) or 'nothing'}")
    info = archive.getinfo(f"{name}.npy")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(f"'{name}' is compressed in a way that NumPy does not write")
    with archive.open(info) as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, columnwise, dtype = read(stream, max_header_size=HEADER)
        if dtype.kind not in "biuf":
            raise InputError(f"'{name}' holds {dtype}, not plain numbers; objects are never unpickled")
        if columnwise and len(shape) > 1:
            raise InputError(f"'{name}' is stored in Fortran order; save it again after numpy.ascontiguousarray")
        size = math.prod(shape) * dtype.itemsize
        stored = info.file_size - stream.tell()
        if size != stored or info.file_size > TIGHTEST * info.compress_size + HEADER:
            raise InputError(f"'{name}' announces {size:,} bytes of numbers, but stores {stored:,}")
        yield Member(stream, shape, dtype)
