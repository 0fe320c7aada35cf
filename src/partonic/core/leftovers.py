"""Names of unfinished files, which say who writes them: what a killed process left behind is known and removed.

A file or folder is written as ``.NAME.PLACE-PID-STARTED-RANDOM.part`` and renamed when it is whole. Place is a digest
of the machine's name and its space of process numbers, so that in a folder which many machines share each one judges
only its own writers; what other machines left is removed when nothing has touched it for a week.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import shutil
import socket
import time
import uuid
from pathlib import Path

FORGOTTEN = 7 * 86400.0
"""Seconds after which what another machine left unfinished counts as left by a dead process."""

_NAME = re.compile(
    r"\.(?P<name>.+)\.(?P<place>[0-9a-f]{6})-(?P<pid>[0-9a-f]+)-(?P<started>[0-9a-f]+)-[0-9a-f]{6}\.part"
)


def unfinished(target: Path) -> Path:
    """A new path beside a target, under which this process writes it; the ending stays, as writers choose by it."""
    pid = os.getpid()
    writer = f"{_place()}-{pid:x}-{_started(pid):x}-{uuid.uuid4().hex[:6]}"
    return target.with_name(f".{target.name}.{writer}.part{target.suffix}")


def clear(folder: Path, name: str | None = None) -> None:
    """Remove what dead processes left unfinished in a folder, never what a living one writes.

    Args:
        folder: where to look; need not exist.
        name: name of the one output to look for; any if None.
    """
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            match = _NAME.match(entry.name)
            if match and name in (None, match["name"]) and not _living(entry, match):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    with contextlib.suppress(OSError):
                        Path(entry.path).unlink()


def _living(entry: os.DirEntry[str], match: re.Match[str]) -> bool:
    """Whether the writer lives, or may live."""
    if match["place"] == _place():
        return _started(int(match["pid"], 16)) == int(match["started"], 16)
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_mtime < FORGOTTEN
    except OSError:
        return True


@functools.cache
def _place() -> str:
    """The machine and its space of process numbers, as six letters."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = ""
    return hashlib.sha256(f"{socket.gethostname()} {space}".encode()).hexdigest()[:6]


def _started(pid: int) -> int:
    """When a process of this machine started, in ticks after the machine; 0 where that is unknown, -1 if it is dead.

    A number of a process alone is not enough: it is given again when the process is gone.
    """
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return -1 if Path("/proc/self/stat").exists() or not _answers(pid) else 0
    return -1 if after_name[0] in "ZX" else int(after_name[19])


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
