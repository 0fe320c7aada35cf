"""Files elsewhere, as ``https://...``: their first bytes, and copies of those that cannot be read in place."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from partonic.core.cachedir import cache_folder
from partonic.core.errors import FileError, InputError, MissingPackageError
from partonic.core.files import atomic
from partonic.io.places import file_and_tree, name_of

TIMEOUT = 30  # seconds without an answer
LIMIT_VARIABLE = "PARTONIC_REMOTE_CACHE"
IN_USE = 86_400.0  # seconds after its last use in which a copy counts as being read
_WEB = ("http://", "https://")
_PACKAGES = {"root": "fsspec-xrootd", "roots": "fsspec-xrootd", "xroot": "fsspec-xrootd", "s3": "s3fs", "gs": "gcsfs"}


@contextlib.contextmanager
def _opened(name: str, first: int | None = None) -> Iterator[tuple[IO[bytes], str]]:
    """The bytes of a remote file (the first so many, if the server can), and what tells this version from others.

    Raises:
        FileError: it cannot be reached.
        MissingPackageError: there is no handler for names of this kind.
    """
    with _reaching(name):
        if name.startswith(_WEB):
            limits = {} if first is None else {"Range": f"bytes=0-{first - 1}"}
            request = urllib.request.Request(name, headers=limits)  # noqa: S310  (http and https only)
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
                facts = [answer.headers.get(key, "") for key in ("ETag", "Last-Modified", "Content-Length")]
                yield answer, "\n".join(facts)
            return
        import fsspec

        files, inner = fsspec.core.url_to_fs(name)
        with files.open(inner, "rb") as stream:
            yield stream, str(files.ukey(inner))


@contextlib.contextmanager
def _reaching(name: str) -> Iterator[None]:
    scheme = name.partition("://")[0].lower()
    try:
        yield
    except ImportError as error:
        package = _PACKAGES.get(scheme)
        advice = f"install it with: pip install {package}" if package else str(error)
        raise MissingPackageError(f"{name}: names with {scheme}:// need another package; {advice}") from error
    except FileError:
        raise
    except Exception as error:
        raise FileError(f"{name} cannot be reached ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"{error.code} {error.reason}"
    said: Any = getattr(error, "reason", None) or error
    return str(said).strip() or type(error).__name__


def head(name: str, size: int) -> bytes:
    """The first bytes of a remote file.

    Raises:
        FileError: it cannot be reached, or is empty.
        MissingPackageError: there is no handler for names of this kind.
    """
    with _opened(name, size) as (stream, _):
        start = stream.read(size)
    if not start:
        raise FileError(f"{name} is empty")
    return start


def local(path: Path | str) -> Path:
    """The file itself, with its whole path; of a remote name a copy.

    Raises:
        FileError: it cannot be reached, or the cache not be written.
        MissingPackageError: there is no handler for names of this kind.
    """
    file, tree = file_and_tree(path)
    found = fetched(file) if isinstance(file, str) else file.resolve()
    return found if tree is None else found.with_name(f"{found.name}:{tree}")


def most_bytes() -> int:
    """Bytes that all copies together may take: ``$PARTONIC_REMOTE_CACHE`` in GB, else 50.

    Raises:
        InputError: the variable is no number above 0.
    """
    given = os.environ.get(LIMIT_VARIABLE, "50")
    try:
        size = float(given)
    except ValueError:
        size = 0.0
    if not 0 < size < float("inf"):
        raise InputError(f"{LIMIT_VARIABLE} must be a number of GB above 0, as 50, not '{given}'")
    return int(size * 1e9)


def evict(copies: Path, most: int) -> None:
    """Remove copies until the others take at most so many bytes, those first that were used longest ago.

    A copy that a process used within the last day stays, as it may be in use.

    Args:
        copies: their folder.
        most: bytes.
    """
    found = []
    for file in copies.glob("*/*"):
        with contextlib.suppress(OSError):
            state = file.stat()
            found.append((max(state.st_atime, state.st_mtime), state.st_size, file))
    total = sum(size for _, size, _ in found)
    for used, size, file in sorted(found):
        if total <= most or time.time() - used < IN_USE:
            return
        with contextlib.suppress(OSError):
            file.unlink()
            file.parent.rmdir()
        total -= size


def fetched(name: str) -> Path:
    """A copy of a remote file in the cache folder, which is kept until the file changes.

    Of all copies those that were used longest ago are removed where they take more than :func:`most_bytes`.

    Raises:
        FileError: it cannot be reached, or the cache not be written.
        InputError: the environment variable is no number above 0.
        MissingPackageError: there is no handler for names of this kind.
    """
    most = most_bytes()
    with _opened(name) as (stream, version):
        digest = hashlib.sha256(f"{name}\n{version}".encode()).hexdigest()[:16]
        copy = cache_folder() / "remote" / digest / name_of(name)
        if not copy.exists():
            try:
                copy.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise FileError(f"the cache folder {copy.parent} cannot be made: {error.strerror or error}") from error
            evict(copy.parent.parent, most)
            with atomic(copy) as aside, aside.open("wb") as target:
                shutil.copyfileobj(stream, target, 2**20)
            evict(copy.parent.parent, most)
        else:
            with contextlib.suppress(OSError):  # a cache that is only read
                os.utime(copy, ns=(time.time_ns(), copy.stat().st_mtime_ns))  # used now; the change is what it was
    return copy
