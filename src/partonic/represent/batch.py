"""The batches that models take: small frozen dataclasses of tensors with documented shapes."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Generic, Protocol, Self, TypeVar

import torch
from torch import Tensor


class Batch(Protocol):
    """What every batch can do."""

    def __len__(self) -> int:
        """Number of jets or events."""
        ...

    def to(self, device: torch.device | str) -> Self:
        """The batch on a device."""
        ...


B = TypeVar("B", bound=Batch)


class _Tensors:
    """Moves every tensor of a frozen dataclass."""

    def to(self, device: torch.device | str) -> Self:
        """The same batch with every tensor on ``device``."""
        moved = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        tensors = {name: value.to(device) for name, value in moved.items() if isinstance(value, Tensor)}
        return replace(self, **tensors)  # type: ignore[type-var]


@dataclass(frozen=True)
class PackedJets(_Tensors):
    """Jets as flat particles and offsets, never padded.

    Args:
        features: (particles, F) float32 network inputs.
        p4: (particles, 4) float32 four-momenta as (E, px, py, pz) in GeV.
        offsets: (jets + 1,) int64, where the particles of each jet begin.
    """

    features: Tensor
    p4: Tensor
    offsets: Tensor

    def __len__(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True)
class Images(_Tensors):
    """Jet images.

    Args:
        pixels: (jets, channels, height, width) float32.
    """

    pixels: Tensor

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True)
class Features(_Tensors):
    """High-level observables of each jet.

    Args:
        values: (jets, F) float32.
    """

    values: Tensor

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Labelled(Generic[B]):
    """A batch with its targets, as supervised objectives take it.

    Args:
        inputs: what the model takes.
        target: (jets,) float32, 1 for signal and 0 for background.
        weight: (jets,) float32 event weights.
    """

    inputs: B
    target: Tensor
    weight: Tensor

    def __len__(self) -> int:
        return len(self.target)

    def to(self, device: torch.device | str) -> Labelled[B]:
        """The batch, its targets and weights on ``device``."""
        return Labelled(self.inputs.to(device), self.target.to(device), self.weight.to(device))
