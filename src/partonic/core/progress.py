"""Progress of long steps on standard error: a bar with rate and time left, or a plain line now and then."""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
import time
from typing import TYPE_CHECKING

from partonic.core.rank import rank

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN_EVERY = 15.0  # seconds between lines where there is no terminal
WORKER_EVERY = 60.0  # and between those of a process that works for another one


class Progress:
    """Counts work done; made by :func:`progress`."""

    def __init__(self, description: str, total: float, unit: str) -> None:
        self.description, self.total, self.unit = description, total, unit
        self.done = 0.0
        self.note = ""
        self._start = self._last = time.monotonic()
        self._every = PLAIN_EVERY if multiprocessing.parent_process() is None else WORKER_EVERY

    def advance(self, amount: float = 1.0, note: str = "") -> None:
        """Report ``amount`` more work done; ``note`` is shown behind, as ``"loss 0.21"``."""
        self.done += amount
        self.note = note or self.note
        now = time.monotonic()
        if now - self._last >= self._every:
            self._last = now
            self._show(now - self._start)

    def _show(self, elapsed: float) -> None:
        rate = self.done / max(elapsed, 1e-9)
        left = max(self.total - self.done, 0.0) / rate if rate > 0 else float("inf")
        parts = [f"{self.done:,.0f}{f' of {self.total:,.0f}' if self.total else ''} {self.unit}", f"{rate:,.3g}/s"]
        parts += [f"{duration(left)} left"] if self.total else []
        parts += [self.note] if self.note else []
        print(f"{self.description}: {', '.join(parts)}", file=sys.stderr, flush=True)


class _Silent(Progress):
    """Nothing is shown: of several equal processes the first one speaks."""

    def advance(self, amount: float = 1.0, note: str = "") -> None:
        """Count, and say nothing."""
        self.done += amount
        self.note = note or self.note


class _Bar(Progress):
    """The same as a rich bar on a terminal."""

    def __init__(self, description: str, total: float, unit: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        super().__init__(description, total, unit)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f}/{task.fields[all]} {task.fields[unit]} {task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self.bar = RichProgress(*columns, console=Console(stderr=True), transient=True)
        self._task = self.bar.add_task(
            description, total=total or None, unit=unit, all=f"{total:,.0f}" if total else "?", rate="", note=""
        )

    def advance(self, amount: float = 1.0, note: str = "") -> None:
        """Move the bar."""
        self.done += amount
        self.note = note or self.note
        rate = self.done / max(time.monotonic() - self._start, 1e-9)
        self.bar.update(self._task, completed=self.done, rate=f"{rate:,.3g}/s", note=self.note)


@contextlib.contextmanager
def progress(description: str, total: float, unit: str) -> Iterator[Progress]:
    """Show progress while the block runs; a process that works for another one writes plain lines.

    Args:
        description: what is being done, as ``"simulating top"``.
        total: how much there is to do; 0 where that is not known.
        unit: of what, as ``"jets"``.
    """
    if rank() > 0:
        yield _Silent(description, total, unit)
    elif sys.stderr.isatty() and multiprocessing.parent_process() is None:
        bar = _Bar(description, total, unit)
        with bar.bar:
            yield bar
    else:
        yield Progress(description, total, unit)


def duration(seconds: float) -> str:
    """A time a person reads: ``42 s``, ``3 min``, ``2.5 h``."""
    if not seconds < 1e8:
        return "unknown time"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
