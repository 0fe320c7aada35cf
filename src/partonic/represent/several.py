"""Several representations of the same jets side by side, for ensembles of different networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from partonic.core.errors import InputError
from partonic.represent import representation

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from partonic.events.events import Events
    from partonic.represent.batch import Batch


@dataclass(frozen=True)
class Batches:
    """The same jets in several representations.

    Args:
        parts: a batch of each.
    """

    parts: tuple[Batch, ...]

    def __len__(self) -> int:
        return len(self.parts[0])

    def to(self, device: torch.device | str) -> Batches:
        """The batches on a device."""
        return Batches(tuple(part.to(device) for part in self.parts))


@dataclass(frozen=True)
class Several:
    """Several representations; equal ones are made once.

    Args:
        parts: name and options of each.

    Raises:
        UnknownNameError: there is no such representation.
        InputError: there is no part, or an option is unknown or out of range.
    """

    parts: Sequence[tuple[str, Mapping[str, Any]]] = (("packed", {}), ("features", {}))

    def __post_init__(self) -> None:
        if not self.parts:
            raise InputError("several representations need the name and the options of one or more")
        self._made()

    def _made(self) -> list[Callable[[Events], Batch]]:
        return [representation(name, **options) for name, options in self.parts]

    def _union(self, attribute: str, usual: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for each in self._made() for name in getattr(each, attribute, usual)))

    @property
    def collections(self) -> tuple[str, ...]:
        """Collections that any of them reads."""
        return self._union("collections", ("constituents",))

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that any of them reads."""
        return self._union("columns", ())

    def __call__(self, events: Events) -> Batches:
        """Represent the jets of a sample in every way.

        Raises:
            BadJetError: a jet that one of them cannot take.
        """
        made: list[tuple[Callable[[Events], Batch], Batch]] = []
        for represent in self._made():
            same = next((batch for other, batch in made if other == represent), None)
            made.append((represent, represent(events) if same is None else same))
        return Batches(tuple(batch for _, batch in made))
