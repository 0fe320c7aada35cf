"""Errors that end in one clear sentence: what was wrong, what was expected, the nearest right name, the next step."""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import ModuleType


class PartonicError(Exception):
    """Base of every error that a user can cause; the command line prints its message and exits with 2."""

    def __str__(self) -> str:
        """Return the message as written (``KeyError`` would print its repr)."""
        return str(self.args[0]) if self.args else ""


class InputError(PartonicError, ValueError):
    """A value is out of range, of the wrong type or inconsistent with others."""


class UnknownNameError(PartonicError, KeyError):
    """A name (process, model, preset, key, column) does not exist."""


class FileError(PartonicError, OSError):
    """A file is missing, unreadable, truncated, of another format, or cannot be written."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


class BadJetError(InputError):
    """A jet that no representation can take.

    Args:
        row: its row in the sample, from 0.
        reason: what is wrong with it, as ``"it has no constituent"``.
    """

    NEEDS = (
        "a jet needs at least one constituent, each with a finite momentum and other inputs, energy above 0 and some "
        "transverse momentum"
    )

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(f"the jet in row {row}: {reason}; {self.NEEDS}")
        self.row = row
        self.reason = reason

    def __reduce__(self) -> tuple[type[BadJetError], tuple[int, str]]:
        """How it comes out of another process."""
        return BadJetError, (self.row, self.reason)

    def moved(self, rows: int) -> BadJetError:
        """The same error of a sample that begins ``rows`` earlier."""
        return BadJetError(self.row + rows, self.reason)

    def of_file(self, path: Path | str, row: int) -> FileError:
        """The error for the jet in a row (from 0) of a file; events of files are counted from 1."""
        return FileError(f"{path}: event {row + 1:,}: {self.reason}; {self.NEEDS}")


class MissingPackageError(PartonicError, ImportError):
    """An optional package is needed and not installed."""


class SimulationError(PartonicError, RuntimeError):
    """The generator refused its settings or accepted nothing."""


class WorkerError(PartonicError, RuntimeError):
    """A worker process died."""


class TrainingError(PartonicError, RuntimeError):
    """A training could not go on (loss not finite, no data)."""


class FitError(PartonicError, RuntimeError):
    """A statistical fit did not converge, or has no minimum."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """Say which of ``choices`` is meant: ``"; did you mean 'top'?"`` or the list of what there is."""
    known = sorted(choices)
    by_lower = {choice.lower(): choice for choice in reversed(known)}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.55)
    if close:
        return f"; did you mean '{by_lower[close[0]]}'?"
    return f"; there are: {', '.join(known)}" if known else ""


def unknown(kind: str, name: str, choices: Iterable[str]) -> UnknownNameError:
    """Build the error for an unknown name of a kind, with the nearest right one."""
    return UnknownNameError(f"unknown {kind} '{name}'{nearest(name, choices)}")


def require(package: str, extra: str) -> ModuleType:
    """Import an optional package, or say how to install it.

    Raises:
        MissingPackageError: the package cannot be imported.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingPackageError(
            f"this needs the package '{package}', which cannot be imported ({error}); "
            f"install it with: pip install 'partonic[{extra}]'"
        ) from error
