"""Finished chunks of a run that was interrupted, kept beside its output until it is whole."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partonic.core.errors import FileError
from partonic.core.files import read_json, write_json
from partonic.core.leftovers import clear
from partonic.io import parquet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from partonic.events.events import Events

_KEY = "options.json"


def chunk_folder(path: Path) -> Path:
    """Folder of the chunks of an output: ``.NAME.chunks`` beside it."""
    return path.with_name(f".{path.name}.chunks")


class ChunkStore:
    """Chunks on disk, one file each, made by :func:`chunk_store`.

    Args:
        folder: where they are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _file(self, chunk: int) -> Path:
        return self.folder / f"{chunk:06d}.parquet"

    def has(self, chunk: int) -> bool:
        """Whether a chunk is finished and can be read."""
        with contextlib.suppress(FileError):
            return self._file(chunk).exists() and parquet.count(self._file(chunk)) >= 0
        return False

    def read(self, chunk: int) -> Events:
        """A finished chunk.

        Raises:
            FileError: it cannot be read.
        """
        return parquet.read(self._file(chunk))

    def write(self, chunk: int, events: Events) -> None:
        """Keep a finished chunk."""
        parquet.write(self._file(chunk), events)

    def remove(self) -> None:
        """The output is whole: nothing needs to be kept."""
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def chunk_store(path: Path, key: dict[str, Any], *, discard: bool) -> Iterator[ChunkStore]:
    """Open the chunks of an output, those of an interrupted run too, for this process alone.

    Args:
        path: the output.
        key: what chunks must have in common to be used again.
        discard: whether the chunks of a run with another key are thrown away.

    Raises:
        FileError: another process works on this output, chunks of another key are there, or nothing can be written.
    """
    folder = chunk_folder(path)
    try:
        folder.mkdir(exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise FileError(f"cannot write {folder}: {error.strerror or error}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise FileError(f"another process is writing {path}; wait for it or choose another name") from error
        clear(folder)
        _claim(folder, path, key, discard)
        try:
            yield ChunkStore(folder)
        finally:
            if not any(folder.glob("[0-9]*.parquet")):
                shutil.rmtree(folder, ignore_errors=True)


def _claim(folder: Path, path: Path, key: dict[str, Any], discard: bool) -> None:
    """Make sure that the chunks in the folder are of this run."""
    file = folder / _KEY
    if not file.exists():
        write_json(file, key)
        return
    before: dict[str, Any] = {}
    with contextlib.suppress(FileError):
        before = dict(read_json(file))
    if before == key:
        return
    if not discard:
        changed = sorted(name for name in {*before, *key} if before.get(name) != key.get(name))
        raise FileError(
            f"{folder} keeps chunks of an interrupted run for {path} with other settings ({', '.join(changed)}); "
            "repeat that run to finish it, choose another name, or add --overwrite to throw them away"
        )
    for old in folder.glob("*.parquet"):
        old.unlink()
    write_json(file, key)
