"""A Dask cluster as an executor: the same chunks on other machines, and the same events.

Dask hands the chunks of a lost worker to another one. Results come back over the network, so that machines need not
share a file system.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import platform
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from partonic.core.errors import FileError, InputError, PartonicError, WorkerError, require
from partonic.core.files import read_json
from partonic.version import __version__

R = TypeVar("R")

TIMEOUT = 4.0  # seconds after which an address counts as dead
RECOUNT = 5.0  # seconds between two counts of the workers
PACKAGES = ("numpy", "numba", "pythia8mc", "fastjet")  # they decide what a chunk is
FILE = "file:"

_alone = threading.Lock()  # in a worker: what a chunk is made with serves one thread at a time


class Cluster(Executor):
    """Work sent to a Dask scheduler; made by :func:`connect`.

    Args:
        client: a ``distributed.Client``.
        address: of the scheduler, for messages.
    """

    def __init__(self, client: Any, address: str) -> None:
        self._client, self._address = client, address
        self._wanted = versions()
        self._count, self._counted = 0, float("-inf")

    @property
    def workers(self) -> int:
        """Worker processes now; they may come and go."""
        if time.monotonic() - self._counted > RECOUNT:
            with contextlib.suppress(OSError, RuntimeError, TimeoutError):  # a lost scheduler: the futures tell
                self._count = len(self._client.nthreads())
            self._counted = time.monotonic()
        return self._count

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """Have a worker call a function; where it dies, Dask asks another.

        The future's exception is the function's own, or a :class:`~partonic.core.errors.WorkerError` where workers or
        the scheduler are lost, or have other versions installed.
        """
        future: Future[R] = Future()
        remote = self._client.submit(_call, self._wanted, fn, args, kwargs, pure=False)
        future.add_done_callback(partial(_withdraw, remote))
        remote.add_done_callback(partial(self._deliver, future))
        return future

    def _deliver(self, future: Future[Any], remote: Any) -> None:
        """Pass on how a task ended; Dask calls this in a thread of its own."""
        if not future.set_running_or_notify_cancel():
            return
        if remote.status == "cancelled":
            future.set_exception(WorkerError(f"the connection to the scheduler {self._address} was lost; {AGAIN}"))
            return
        try:
            future.set_result(remote.result())
        except PartonicError as error:
            future.set_exception(error)
        except Exception as error:  # noqa: BLE001  # whatever it is belongs to the one who waits
            future.set_exception(self._told(error))

    def _told(self, error: Exception) -> Exception:
        kind = type(error).__name__
        if kind == "KilledWorker":
            return WorkerError(
                f"workers of the cluster {self._address} died one after the other at the same chunk: perhaps they run "
                f"out of memory, see their logs; {AGAIN}"
            )
        if kind in ("FutureCancelledError", "CancelledError", "CommClosedError"):
            return WorkerError(f"the connection to the scheduler {self._address} was lost; {AGAIN}")
        if isinstance(error, ImportError) or "deserializ" in str(error):
            reason = str(error).splitlines()[0]
            return WorkerError(f"a machine of the cluster {self._address} lacks packages that are here ({reason})")
        return error


AGAIN = "the same command goes on from what is finished"


def _withdraw(remote: Any, future: Future[Any]) -> None:
    """Tell the cluster that a result is not wanted any more."""
    if future.cancelled():
        remote.cancel()


def _call(wanted: dict[str, str], function: Callable[..., R], args: Any, kwargs: Any) -> R:
    """In a worker: do a piece of work, if what is installed here gives the same results.

    Raises:
        WorkerError: other versions are installed here.
    """
    different = differences(wanted, versions())
    if different:
        raise WorkerError(f"the worker on {socket.gethostname()} would give other results: {different}; {SAME}")
    with _alone:
        try:
            return function(*args, **kwargs)
        except FileError as error:
            raise FileError(f"{error} (on {socket.gethostname()}, a machine of the cluster)") from None


SAME = "install the same versions there as here"


def versions() -> dict[str, str]:
    """What decides the result of a chunk: partonic, Python, and the packages that are installed here."""
    found = {"partonic": __version__, "python": ".".join(platform.python_version_tuple()[:2])}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def differences(wanted: dict[str, str], found: dict[str, str]) -> str:
    """What a worker has other than it must, as ``numpy is 2.1.0 and must be 2.2.0``; empty if nothing."""
    return ", ".join(
        f"{name} is {found.get(name, 'missing')} and must be {version}"
        for name, version in wanted.items()
        if found.get(name) != version
    )


def check_address(address: str) -> str:
    """The address of a scheduler, read from its file where that is given.

    Raises:
        InputError: it is no such address.
        FileError: the file is missing or no scheduler's.
    """
    if address.startswith(FILE):
        path = Path(address.removeprefix(FILE))
        tree = read_json(path)
        found = tree.get("address") if isinstance(tree, dict) else None
        if not isinstance(found, str):
            raise FileError(
                f"{path} is not the file of a Dask scheduler; make it with: dask scheduler --scheduler-file"
            )
        address = found
    if not re.fullmatch(r"(tcp|tls)://(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):\d{1,5}", address):
        raise InputError(f"'{address}' is no address of a cluster; expected tcp://HOST:PORT, or file:scheduler.json")
    return address


@contextlib.contextmanager
def connect(address: str) -> Iterator[Cluster]:
    """Connect to a Dask cluster while the block runs; workers may come later.

    Args:
        address: of its scheduler, ``tcp://HOST:PORT``, or ``file:PATH`` of the file that it writes.

    Raises:
        InputError: it is no such address.
        FileError: the file is missing or no scheduler's.
        MissingPackageError: dask is not installed.
        WorkerError: nothing answers there, or machines of the cluster have other versions installed.
    """
    require("distributed", "cluster")
    place = check_address(address)
    client = _client(place)
    try:
        if not client.nthreads():
            sys.stderr.write(f"partonic: waiting for workers; start one with: dask worker {place} --nthreads 1\n")
        _check_versions(client, place)
        yield Cluster(client, place)
    finally:
        with contextlib.suppress(OSError, RuntimeError, TimeoutError):
            client.close(timeout=2)


def _client(place: str) -> Any:
    """A client; made in a thread of its own, as Dask waits without end for an answer where another server listens.

    Raises:
        WorkerError: no scheduler answers.
    """
    from distributed import Client

    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters becomes an error of ours
    made: list[Any] = []

    def make() -> None:
        """Try to connect."""
        host, port = place.split("://")[1].rsplit(":", 1)
        with contextlib.suppress(OSError, ValueError, RuntimeError, ImportError):
            socket.create_connection((host.strip("[]"), int(port)), TIMEOUT).close()  # Dask would go on trying
            made.append(Client(place, timeout=TIMEOUT, set_as_default=False))

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    thread.join(TIMEOUT + 0.5)
    if not made:
        raise WorkerError(
            f"no Dask scheduler answers at {place}; start one with: dask scheduler, "
            f"and workers with: dask worker {place} --nthreads 1"
        )
    return made[0]


def _check_versions(client: Any, place: str) -> None:
    """Compare what is installed; functions of the standard library work even where partonic is missing.

    Raises:
        WorkerError: a machine has other versions.
    """
    ask = importlib.metadata.version
    answers = {"the scheduler": _scheduler_has(client)}
    answers |= {f"the worker {name}": answer for name, answer in client.run(ask, "partonic", on_error="return").items()}
    for who, answer in answers.items():
        if isinstance(answer, BaseException):
            raise WorkerError(f"{who} of the cluster {place} has no partonic; {SAME}")
    for name, found in client.run(versions, on_error="return").items():
        different = "" if isinstance(found, BaseException) else differences(versions(), found)
        if different:
            raise WorkerError(f"the worker {name} would give other results: {different}; {SAME}")


def _scheduler_has(client: Any) -> Any:
    try:
        return client.run_on_scheduler(importlib.metadata.version, "partonic")
    except Exception as error:  # noqa: BLE001  # whatever the scheduler raised is the answer
        return error
