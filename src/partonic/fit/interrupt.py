"""Ctrl-C at a safe point: between two steps, so that the state that is saved is whole."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class Paused(KeyboardInterrupt):
    """The user pressed Ctrl-C and the work stopped between two steps."""


class Interrupts:
    """While the block runs, the first Ctrl-C waits for :meth:`check`; the second stops at once.

    Outside the main thread, where Python allows no signal handlers, nothing changes.
    """

    def __init__(self) -> None:
        self._waiting = False
        self._active = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> Interrupts:
        if self._active:
            self._before = signal.getsignal(signal.SIGINT)
            signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._active:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self._waiting:
            raise KeyboardInterrupt
        self._waiting = True

    @property
    def waiting(self) -> bool:
        """Whether Ctrl-C was pressed."""
        return self._waiting

    def check(self) -> None:
        """Stop here if Ctrl-C was pressed.

        Raises:
            Paused: it was.
        """
        if self._waiting:
            raise Paused
