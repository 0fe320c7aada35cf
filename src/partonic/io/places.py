"""Where a file is: a path, a remote name as ``https://...``, or one tree of a ROOT file as ``events.root:tree``."""

from __future__ import annotations

import re
from pathlib import Path

from partonic.core.files import check_readable

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_MANGLED = re.compile(r"(https?|roots?|xroot|s3|gs|memory|davs?|ftp):/(?!/)")
_TREE = re.compile(r"(.*\.root[^:/]*):([^:]+)$", re.IGNORECASE)


def place(path: Path | str) -> Path | str:
    """A local file as a path, a remote one as its name (which a path would have stripped of a slash)."""
    text = str(path)
    if isinstance(path, Path) and _MANGLED.match(text) and not path.exists():
        text = text.replace(":/", "://", 1)
    return text if _SCHEME.match(text) else Path(path)


def is_remote(path: Path | str) -> bool:
    """Whether it is a name as ``https://host/file``, ``root://host//file`` or another with a scheme."""
    return isinstance(place(path), str)


def file_and_tree(path: Path | str) -> tuple[Path | str, str | None]:
    """The file and, for ``FILE.root:TREE``, the tree that is meant."""
    where = place(path)
    if isinstance(where, Path) and where.exists():
        return where, None
    found = _TREE.match(str(where))
    if found is None:
        return where, None
    return place(found[1]), found[2]


def readable(path: Path | str) -> tuple[Path | str, str | None]:
    """As :func:`file_and_tree`, of a file that is there, as far as that can be told beforehand.

    Raises:
        FileError: it is missing, a folder, empty or unreadable.
    """
    file, tree = file_and_tree(path)
    return (file if isinstance(file, str) else check_readable(file)), tree


def name_of(path: Path | str) -> str:
    """The last part of the name, without the folder or host."""
    file, _ = file_and_tree(path)
    return str(file).rstrip("/").rpartition("/")[2]


def stamp(file: Path | str) -> tuple[str, int, int]:
    """What tells a file from its earlier self: name, size and time of change (0 for remote ones)."""
    if isinstance(file, str):
        return file, 0, 0
    state = file.stat()
    return str(file), state.st_size, state.st_mtime_ns
