"""Work that splits: any ``concurrent.futures.Executor``, results in order, a bounded number of them under way.

A piece of work is a number (a chunk with its own random stream), so that results do not depend on the number of
workers and a lost worker costs one chunk. What is costly to set up is made once in each process.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from typing import Any, TypeVar

from partonic.core.errors import InputError, WorkerError

Item = TypeVar("Item")
Result = TypeVar("Result")
Make = Callable[[], Callable[[Item], Result]]

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

_made: dict[str, Callable[[Any], Any]] = {}  # in a worker: the one function that the present run needs


def _apply(run: str, make: Make[Item, Result], item: Item) -> Result:
    """In a worker: make the function of a run at its first item, then use it."""
    if run not in _made:
        _made.clear()
        _made[run] = make()
    result: Result = _made[run](item)
    return result


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
    make: Make[Item, Result], items: Iterable[Item], workers: int = 1, executor: Executor | None = None
) -> Generator[Result, None, None]:
    """Apply a function to items, each in any process, and give the results in the order of the items.

    At most two items a worker are under way, so ``items`` may be endless. Leaving
    the iterator early (or Ctrl-C) stops the workers at once and drops what they had under way.

    Args:
        make: makes the function, once in each process; it must pickle, as ``functools.partial(Simulator, options)``.
        items: what to work on; they must pickle.
        workers: processes; with 1 everything is done in this one.
        executor: where to work instead of local processes, as a ``dask.distributed`` executor; it is left open.

    Raises:
        InputError: ``workers`` is below 1.
        WorkerError: a worker died.
    """
    if workers < 1:
        raise InputError(f"the number of workers must be 1 or more, not {workers}")
    if executor is not None:
        yield from _pooled(make, items, executor, 2 * workers)
        return
    if workers == 1:
        function = make()
        for item in items:
            yield function(item)
        return
    pool = local_processes(workers)
    try:
        yield from _pooled(make, items, pool, 2 * workers)
    finally:
        _stop(pool)


def _pooled(
    make: Make[Item, Result], items: Iterable[Item], pool: Executor, window: int
) -> Generator[Result, None, None]:
    run = uuid.uuid4().hex
    waiting: deque[Future[Result]] = deque()
    todo = iter(items)
    try:
        while True:
            with one_thread():
                for item in todo:
                    waiting.append(pool.submit(_apply, run, make, item))
                    if len(waiting) >= window:
                        break
            if not waiting:
                return
            yield waiting.popleft().result()
    except BrokenExecutor as error:
        raise WorkerError(
            "a worker process died before it finished its chunk: perhaps it ran out of memory or was killed, or your "
            "script starts work without the line 'if __name__ == \"__main__\":'; run again, perhaps with fewer workers"
        ) from error
    finally:
        for future in waiting:
            future.cancel()


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the workers now: what they still compute is not wanted."""
    for process in list((getattr(pool, "_processes", None) or {}).values()):
        process.terminate()
    pool.shutdown(wait=True, cancel_futures=True)
