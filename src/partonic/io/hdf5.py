"""HDF5 files of strangers: opened with every compression in use, sizes checked before anything is read."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from partonic.core.errors import InputError
from partonic.events.ragged import Array
from partonic.io.base import reading

SIGNATURE = b"\x89HDF\r\n\x1a\n"
CHUNK_BYTES = 2**30  # blosc2 compresses as much at once as the last cache of the writing processor holds
CACHE_BYTES = 2**20  # that HDF5 takes by itself


@contextlib.contextmanager
def opened(path: Path, title: str) -> Iterator[Any]:
    """The open file.

    Args:
        path: the file.
        title: its layout, as ``"JetNet"``.

    Raises:
        FileError: it is damaged, also as found while it is read inside the block.
    """
    import h5py
    import hdf5plugin  # noqa: F401  (registers the compression filters of PyTables)

    with reading(path, f"HDF5 in the {title} layout"), h5py.File(path, "r") as file:
        yield file


def holds(path: Path, head: bytes, test: Callable[[Any], bool]) -> bool | None:
    """Whether an HDF5 file passes a test of its content; ``None`` if it is HDF5, but damaged."""
    if not head.startswith(SIGNATURE):
        return False
    import h5py
    import hdf5plugin  # noqa: F401  (names are compressed as the numbers are)

    try:
        with h5py.File(path, "r") as file:
            return test(file)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, InputError):
        return None


def key(file: Any, name: str) -> Any:
    """A group of the file.

    Raises:
        InputError: there is none of this name, or it is damaged.
    """
    group = file.get(name)
    if group is None or not hasattr(group, "keys"):
        raise InputError(_missing("key", name, file))
    return group


def _missing(what: str, name: str, group: Any) -> str:
    if name in group:
        return f"its {what} '{name}' is damaged or of another kind"
    return f"it has no {what} '{name}'; it has: {', '.join(group) or 'nothing'}"


def dataset(group: Any, name: str, axes: int, kinds: str = "biuf") -> Any:
    """A dataset whose announced size was found plausible.

    Args:
        group: of the file.
        name: in the group.
        axes: number of its axes.
        kinds: allowed kinds of its type; ``"V"`` is a table of named fields.

    Raises:
        InputError: it is missing, of another kind, or announces more than the file stores.
    """
    data = group.get(name)
    if data is None or not hasattr(data, "shape") or not hasattr(data, "chunks"):
        raise InputError(_missing("dataset", name, group))
    if data.shape is None or len(data.shape) != axes or data.dtype.kind not in kinds:
        raise InputError(f"'{name}' has shape {data.shape} and type {data.dtype}, not {axes} axes of numbers")
    announced = math.prod(data.shape)
    if data.chunks is None:
        short, piece = data.id.get_storage_size() < announced * data.dtype.itemsize, 0
    else:
        piece = math.prod(data.chunks) * data.dtype.itemsize
        if piece > CHUNK_BYTES:
            raise InputError(f"'{name}' is stored in pieces of {data.chunks}, too large to be read")
        pieces = math.prod(math.ceil(n / size) for n, size in zip(data.shape, data.chunks, strict=True))
        short = data.id.get_num_chunks() < pieces
    if short:
        raise InputError(f"'{name}' announces {announced:,} values, of which the file does not store all")
    if piece < CACHE_BYTES:
        return data
    del data  # a cache is set by the first who opens
    return _with_cache(group, name, piece)


def _with_cache(group: Any, name: str, piece: int) -> Any:
    """The dataset with a cache for a whole piece, so that it is not unpacked again for its next rows."""
    import h5py

    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    access.set_chunk_cache(521, piece + CACHE_BYTES, 0.75)
    return h5py.Dataset(h5py.h5d.open(group.id, name.encode(), access))


class Buffered:
    """Rows of a dataset, read into the same memory each time: new memory costs as much as reading.

    Args:
        data: the dataset.
    """

    def __init__(self, data: Any) -> None:
        import h5py

        self._data = data
        self._memory = np.empty((0, *data.shape[1:]), data.dtype)
        self._space, self._type = data.id.get_space(), h5py.h5t.py_create(data.dtype)
        self._simple = h5py.h5s.create_simple

    def load(self, start: int, stop: int) -> Array:
        """The rows, valid until the next are loaded."""
        if len(self._memory) < stop - start:
            self._memory = np.empty((stop - start, *self._data.shape[1:]), self._data.dtype)
        part = self._memory[: stop - start]
        if part.size:  # what h5py makes of a slice takes as long as a few hundred rows
            self._space.select_hyperslab((start,) + (0,) * (part.ndim - 1), part.shape)
            self._data.id.read(self._simple(part.shape), self._space, part, self._type)
        return part
