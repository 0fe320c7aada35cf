"""Files elsewhere, as ``https://...``: their first bytes, and copies of those that cannot be read in place."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from partonic.core.cachedir import cache_folder
from partonic.core.errors import FileError, MissingPackageError
from partonic.core.files import atomic
from partonic.io.places import name_of

TIMEOUT = 30  # seconds without an answer
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


def fetched(name: str) -> Path:
    """A copy of a remote file in the cache folder, which is kept until the file changes.

    Raises:
        FileError: it cannot be reached, or the cache not be written.
        MissingPackageError: there is no handler for names of this kind.
    """
    with _opened(name) as (stream, version):
        digest = hashlib.sha256(f"{name}\n{version}".encode()).hexdigest()[:16]
        copy = cache_folder() / "remote" / digest / name_of(name)
        if not copy.exists():
            try:
                copy.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise FileError(f"the cache folder {copy.parent} cannot be made: {error.strerror or error}") from error
            with atomic(copy) as aside, aside.open("wb") as target:
                shutil.copyfileobj(stream, target, 2**20)
    return copy
