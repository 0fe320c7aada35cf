"""An integrand under way: calls counted and timed, split over processes, values checked."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from concurrent.futures import Executor
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor

from partonic.core.errors import InputError, WorkerError
from partonic.core.parallel import LOSSES, local_processes, one_thread, ordered

Function = Callable[[Tensor], Any]
CHUNK, LEAST_CHUNK = 16_384, 256
WORTH = 5.0  # seconds of calls in all below which no processes are started, which takes some
PROBE = 64  # calls that tell the price before that


def _timed(function: Function) -> Callable[[Tensor], tuple[Any, float]]:
    """The function with the processor seconds of each call."""

    def work(y: Tensor) -> tuple[Any, float]:
        began = time.thread_time()
        value = function(y)
        return value, time.thread_time() - began

    return work


class Integrand:
    """A function of points that is asked in chunks.

    Args:
        function: of points (n, m) in double precision; gives (n,) as a tensor or an array. For several processes it
            must pickle: a function of a module, or an instance of a class of one.
        workers: processes, started where the calls in all take longer than starting them.
        executor: where to work instead, as a cluster.
        chunk: points that go to the function at once, at most; fewer where several processes share them.

    Raises:
        InputError: a number is below 1.
    """

    def __init__(
        self, function: Function, workers: int = 1, executor: Executor | None = None, chunk: int = CHUNK
    ) -> None:
        if workers < 1 or chunk < 1:
            raise InputError(f"an integrand needs workers and chunks of 1 or more, not {workers} and {chunk}")
        self.function = function
        self.workers = workers
        self.given = executor
        self.chunk = chunk
        self.pool: Executor | None = None
        self.calls = 0
        self.seconds = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self.pool is not None:
            self.pool.shutdown(wait=True, cancel_futures=True)
            self.pool = None

    @property
    def seconds_per_call(self) -> float:
        """Processor seconds that a call took so far, without the way to workers and back."""
        return self.seconds / max(self.calls, 1)

    def __call__(self, y: Tensor) -> Tensor:
        """Values at points, (n,), in double precision.

        Raises:
            InputError: the values are not n real, finite numbers.
            WorkerError: worker processes died again and again.
        """
        local = self.workers > 1 and self.given is None
        if local and self.calls == 0 and len(y) > PROBE:
            return torch.cat([self(y[:PROBE]), self(y[PROBE:])])
        workers = max(self.workers, int(getattr(self.given, "workers", 0)))
        worth = self.pool is not None or self.seconds + len(y) * self.seconds_per_call > WORTH
        spread = self.given is not None or (local and worth)
        share = max(LEAST_CHUNK, math.ceil(len(y) / workers)) if spread else self.chunk
        chunks = list(torch.split(y, min(share, self.chunk)))
        if spread:
            parts, seconds = zip(*self._spread(chunks), strict=True)
            self.seconds += sum(seconds)
        else:
            began = time.process_time()
            parts = tuple(self.function(part.clone()) for part in chunks)  # it may work in place
            self.seconds += time.process_time() - began
        values = torch.cat([_checked(value, part) for value, part in zip(parts, chunks, strict=True)])
        self.calls += len(y)
        return values

    def _spread(self, chunks: list[Tensor]) -> list[tuple[Any, float]]:
        make = functools.partial(_timed, self.function)
        if self.given is not None:
            return list(ordered(make, chunks, self.workers, self.given))
        for _ in range(LOSSES - 1):
            if self.pool is None:
                with one_thread():
                    self.pool = local_processes(self.workers)
            try:
                return list(ordered(make, chunks, self.workers, self.pool))
            except WorkerError:
                self._close()
        return list(ordered(make, chunks, self.workers))


def _checked(value: Any, points: Tensor) -> Tensor:
    try:
        values = torch.as_tensor(value).detach()
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"the integrand must give one number a point, (n,), and gives {type(value).__name__} ({error})"
        ) from error
    if values.is_complex():
        raise InputError("the integrand gives complex numbers; it must give real ones")
    if values.shape != (len(points),):
        raise InputError(
            f"the integrand must give one number a point, (n,): for {len(points)} points it gave the shape "
            f"{tuple(values.shape)}"
        )
    values = values.double()
    wrong = ~torch.isfinite(values)
    if bool(wrong.any()):
        at = int(torch.argmax(wrong.int()))
        place = ", ".join(f"{float(number):.6g}" for number in points[at][:8])
        raise InputError(
            f"the integrand is {float(values[at])} at ({place}); it must be finite at every point, and 0 where "
            "a cut removes it"
        )
    return values
