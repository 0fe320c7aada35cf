"""Work that splits: any ``concurrent.futures.Executor``, results in order, a bounded number of them under way.

A piece of work is a number (a chunk with its own random stream), so that results do not depend on the number of
workers. Chunks whose worker dies or hangs are done again by new processes. What is costly to set up is made once in
each process.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from partonic.core.errors import InputError, WorkerError

Item = TypeVar("Item")
Result = TypeVar("Result")
Make = Callable[[], Callable[[Item], Result]]

LOSSES = 3
"""So many times in a row, without a finished chunk between, workers may be lost before a run ends with an error."""

PATIENCE = 1800.0
"""Seconds without a result after which the workers of a run that has no finished chunk yet count as hung."""

LEAST_PATIENCE, LONGER = 300.0, 20.0
"""Later they do after so many times the longest chunk so far, and never before so many seconds."""

PATIENCE_VARIABLE = "PARTONIC_PATIENCE"

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

_made: dict[str, Callable[[Any], Any]] = {}  # in a worker: the one function that the present run needs


def _apply(run: str, make: Make[Item, Result], item: Item) -> tuple[Result, float]:
    """In a worker: make the function of a run at its first item, then use it; gives the seconds this took too."""
    began = time.monotonic()
    if run not in _made:
        _made.clear()
        _made[run] = make()
    result: Result = _made[run](item)
    return result, time.monotonic() - began


def _begin() -> None:
    """In a new worker: Ctrl-C is the parent's business, and what a library prints must not reach its results."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(2, 1)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    """In a worker: end when the parent is gone, however it went (a killed parent cannot stop its workers)."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Processes started in this block use one thread each in numerical libraries."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def local_processes(workers: int) -> ProcessPoolExecutor:
    """A pool of fresh processes (spawned: a fork would copy the parent's threads and their locks).

    Raises:
        InputError: ``workers`` is below 1.
    """
    if workers < 1:
        raise InputError(f"the number of workers must be 1 or more, not {workers}")
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_begin)


def ordered(
    make: Make[Item, Result],
    items: Iterable[Item],
    workers: int = 1,
    executor: Executor | None = None,
    patience: float | None = None,
    ahead: int = 2,
) -> Generator[Result, None, None]:
    """Apply a function to items, each in any process, and give the results in the order of the items.

    At most ``ahead`` items a worker are under way, so ``items`` may be endless. Leaving
    the iterator early (or Ctrl-C) stops the workers at once and drops what they had under way.

    When a local process dies, or none gives a result for too long, all are replaced, and what was under way is done
    again: the function must give the same result for the same item. A given executor replaces its own workers; it is
    asked again for what it did not give within ``patience``, and waited for without end where that is not set.

    Args:
        make: makes the function, once in each process; it must pickle, as ``functools.partial(Simulator, options)``.
        items: what to work on; they must pickle.
        workers: processes; with 1 everything is done in this one.
        executor: where to work instead of local processes, as a :class:`~partonic.core.cluster.Cluster`; it is left
            open. Where it has a number ``workers`` of its own, that counts if it is the larger one.
        patience: seconds without a result after which workers count as hung; if None those of the environment
            variable ``PARTONIC_PATIENCE``, else 20 times the longest item so far, at least 5 minutes (30 before the
            first result).
        ahead: items a worker that are handed out; more keep all at work where some take much longer than others.

    Raises:
        InputError: ``workers`` is below 1, or the environment variable is no number above 0.
        WorkerError: workers died or hung three times, and no item was finished between.
    """
    if workers < 1:
        raise InputError(f"the number of workers must be 1 or more, not {workers}")
    limit = _patience() if patience is None else patience
    if workers == 1 and executor is None:
        function = make()
        for item in items:
            yield function(item)
        return
    work = _Work(make, executor, workers, limit, ahead)
    try:
        yield from work.results(iter(items))
    finally:
        work.stop()


def _patience() -> float | None:
    text = os.environ.get(PATIENCE_VARIABLE, "")
    try:
        seconds = float(text) if text else None
    except ValueError:
        seconds = 0.0
    if seconds is not None and not seconds > 0:
        raise InputError(f"{PATIENCE_VARIABLE} must be a number of seconds above 0, not '{text}'")
    return seconds


class _HungError(Exception):
    """No result for too long."""


@dataclass
class _Chunk(Generic[Item, Result]):
    """An item under way; without a future where it is still, or again, to be submitted."""

    item: Item
    future: Future[tuple[Result, float]] | None = None

    @property
    def kept(self) -> bool:
        """Whether its result, or its own error, is there."""
        done = self.future is not None and self.future.done() and not self.future.cancelled()
        return done and not isinstance(self.future.exception(), BrokenExecutor)  # type: ignore[union-attr]


class _Work(Generic[Item, Result]):
    """Items on their way through workers that may be lost."""

    def __init__(
        self, make: Make[Item, Result], executor: Executor | None, workers: int, patience: float | None, ahead: int
    ) -> None:
        self.make, self.given, self.workers, self.patience = make, executor, workers, patience
        self.ahead = ahead
        self.pool = executor or local_processes(workers)
        self.run = uuid.uuid4().hex
        self.waiting: deque[_Chunk[Item, Result]] = deque()
        self.finished = self.losses = self.finished_at_loss = 0
        self.longest = 0.0

    def results(self, todo: Iterator[Item]) -> Generator[Result, None, None]:
        """All results in order."""
        while True:
            for item in todo:
                self.waiting.append(_Chunk(item))
                if len(self.waiting) >= self.ahead * self.at_work():
                    break
            if not self.waiting:
                return
            yield self.first()

    def at_work(self) -> int:
        """Number of workers; those of a cluster come and go."""
        return max(self.workers, int(getattr(self.given, "workers", 0)))

    def first(self) -> Result:
        """The result of the first item that waits, however often its worker is lost."""
        while True:
            try:
                self.submit()
                self.wait()
                future = self.waiting[0].future
                assert future is not None  # submitted above
                result, seconds = future.result()
            except (BrokenExecutor, _HungError) as error:
                self.replace(error)
                continue
            self.waiting.popleft()
            self.finished += 1
            self.longest = max(self.longest, seconds)
            return result

    def submit(self) -> None:
        """Hand out what is not under way."""
        with one_thread():
            for chunk in self.waiting:
                if chunk.future is None:
                    chunk.future = self.pool.submit(_apply, self.run, self.make, chunk.item)

    def wait(self) -> None:
        """Wait for the first item; the clock starts anew with every result.

        Raises:
            _HungError: there was none for too long.
        """
        futures = [chunk.future for chunk in self.waiting if chunk.future is not None]
        while not futures[0].done():
            pending = [future for future in futures if not future.done()]
            if not wait(pending, self.limit(), FIRST_COMPLETED).done:
                raise _HungError

    def limit(self) -> float | None:
        """Seconds without a result after which workers count as hung."""
        if self.patience is not None or self.given is not None:
            return self.patience
        return max(LEAST_PATIENCE, LONGER * self.longest) if self.finished else PATIENCE

    def replace(self, error: BrokenExecutor | _HungError) -> None:
        """New processes in place of those that were lost; what they had under way is handed out again.

        Raises:
            WorkerError: this was once too often, or the executor is not ours.
        """
        finished = self.finished + sum(chunk.kept for chunk in self.waiting)
        self.losses = 1 if finished > self.finished_at_loss else self.losses + 1
        self.finished_at_loss = finished
        hung = isinstance(error, _HungError)
        if self.losses >= LOSSES or (self.given is not None and not hung):
            raise WorkerError(HUNG if hung else DEAD) from error
        what = "workers gave no result for too long" if hung else "worker processes died"
        sys.stderr.write(f"partonic: {what}; their chunks are done again\n")
        self.stop()
        for chunk in self.waiting:
            if not chunk.kept:
                chunk.future = None
        if self.given is None:
            self.pool = local_processes(self.workers)

    def stop(self) -> None:
        """Drop what is under way, and end our processes now: what they still compute is not wanted."""
        if self.given is not None:
            for chunk in self.waiting:
                if chunk.future is not None:
                    chunk.future.cancel()
            return
        for process in list((getattr(self.pool, "_processes", None) or {}).values()):
            process.kill()  # even one that is stopped or does not listen
        self.pool.shutdown(wait=True)  # nothing is cancelled: the pool itself marks what was lost


DEAD = (
    "worker processes died before they finished a chunk: perhaps they ran out of memory or were killed, or your "
    "script starts work without the line 'if __name__ == \"__main__\":'; run again, perhaps with fewer workers"
)
HUNG = (
    "the workers hang: they were started anew and again gave no result; run again, and if chunks really take so "
    f"long, set {PATIENCE_VARIABLE} to more seconds"
)
