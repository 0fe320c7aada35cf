"""Files are written aside and renamed, so that a reader never meets half of one."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partonic.core.errors import FileError
from partonic.core.leftovers import clear, unfinished

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """Give a temporary path in the same folder; on success it is renamed to ``path``, on failure removed.

    Raises:
        FileError: the folder does not exist or cannot be written.
    """
    target = Path(path)
    aside = unfinished(target)
    try:
        yield aside
        _settle(aside)
        aside.replace(target)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def _settle(file: Path) -> None:
    """Bring a file to the disk, so that it is whole even if the machine fails right after it got its name."""
    if file.is_file():
        with file.open("rb") as stream:
            os.fsync(stream.fileno())


def check_room(path: Path, size: int) -> None:
    """Make sure that a file can grow, for libraries that crash on a full disk.

    Args:
        path: the file.
        size: by so many bytes.

    Raises:
        OSError: its disk has less space; :func:`atomic` makes a sentence of it.
    """
    if shutil.disk_usage(path.parent).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def write_text(path: Path | str, text: str) -> None:
    """Write a text file whole or not at all."""
    with atomic(path) as aside:
        aside.write_text(text, encoding="utf-8")


def append(path: Path | str, text: str) -> None:
    """Write text at the end of a file, made if it is missing.

    Raises:
        FileError: it cannot be written.
    """
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from error


def write_json(path: Path | str, tree: Any) -> None:
    """Write JSON whole or not at all (NaN and infinity are an error: they are not JSON)."""
    write_text(path, json.dumps(tree, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Read a JSON file.

    Raises:
        FileError: it is missing, unreadable or not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FileError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


def check_readable(path: Path | str) -> Path:
    """Return the path of an existing, non-empty, readable file.

    Raises:
        FileError: it is missing, a folder, empty or unreadable.
    """
    file = Path(path)
    if not file.exists():
        near = [p.name for p in file.parent.iterdir()] if file.parent.is_dir() else []
        from partonic.core.errors import nearest

        hint = nearest(file.name, near) if near and len(near) < 1000 else ""
        raise FileError(f"no file {file}{hint if 'did you mean' in hint else ''}")
    if file.is_dir():
        raise FileError(f"{file} is a folder, not a file")
    if not os.access(file, os.R_OK):
        raise FileError(f"{file} cannot be read (permissions)")
    if file.stat().st_size == 0:
        raise FileError(f"{file} is empty")
    return file


def check_writable(path: Path | str, *, overwrite: bool = False) -> Path:
    """Return the path of a file that can be written, before any long work starts.

    What killed processes left unfinished of it is removed.

    Raises:
        FileError: it exists (and ``overwrite`` is off), its folder is missing or not writable.
    """
    file = Path(path)
    folder = file.parent
    if file.is_dir():
        raise FileError(f"{file} is a folder; give the name of a file")
    if file.exists() and not overwrite:
        raise FileError(f"{file} exists; choose another name, remove it, or add --overwrite")
    if not folder.is_dir():
        raise FileError(f"the folder {folder} does not exist; create it first")
    if not os.access(folder, os.W_OK):
        raise FileError(f"the folder {folder} cannot be written (permissions)")
    clear(folder, file.name)
    return file
