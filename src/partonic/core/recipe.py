"""What a recipe is handed: its run directory and the resources it may use."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Protocol, Self

from partonic.core.result import Result


@dataclass(frozen=True)
class Context:
    """Where a recipe writes, and with what it may work.

    Args:
        result: the run directory.
        workers: processes for work that splits.
        device: of the training, as ``"cpu"`` or ``"cuda"``.
        executor: where work that splits goes instead of local processes, as a cluster; ``None`` for these.
    """

    result: Result
    workers: int = 1
    device: str = "cpu"
    executor: Executor | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What another process gets: the connection to a cluster stays where it is."""
        return {**self.__dict__, "executor": None}


class Recipe(Protocol):
    """One study: a frozen dataclass of options that runs."""

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options of a preset: ``tiny``, ``quick``, ``default`` or ``benchmark``."""
        ...

    def check(self) -> None:
        """Find missing files and packages before anything is written or any long step begins."""
        ...

    def cost(self, context: Context) -> str:
        """One line that says what the run will take on this machine."""
        ...

    def run(self, context: Context) -> Result:
        """Do the study; called again after an interruption it goes on where it stopped."""
        ...
