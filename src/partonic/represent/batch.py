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


class Segmented(_Tensors):
    """Jets of any number of items: ``offsets`` (jets + 1,) say where those of each begin.

    Every other tensor has one row for each item; numbers of items in it count from the first of their jet.
    """

    offsets: Tensor

    def __len__(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True)
class PackedJets(Segmented):
    """Jets as flat particles and offsets, never padded.

    Args:
        features: (particles, F) float32 network inputs.
        p4: (particles, 4) float32 four-momenta as (E, px, py, pz) in GeV.
        offsets: (jets + 1,) int64, where the particles of each jet begin.
    """

    features: Tensor
    p4: Tensor
    offsets: Tensor


@dataclass(frozen=True)
class Trees(Segmented):
    """Binary clustering trees of jets: first the constituents of each, its root last.

    Args:
        features: (nodes, F) float32 network inputs.
        children: (nodes, 2) int64 numbers within the jet of the harder and the softer child; -1 for constituents.
        depth: (nodes,) int64 steps from the root, which has 0.
        offsets: (jets + 1,) int64, where the nodes of each jet begin.
    """

    features: Tensor
    children: Tensor
    depth: Tensor
    offsets: Tensor


@dataclass(frozen=True)
class LundTrees(Segmented):
    """Declusterings of jets as trees, as :class:`~partonic.represent.lund.Declusterings` has them.

    Args:
        features: (declusterings, F) float32 network inputs.
        parent: (declusterings,) int64 number within the jet of the declustering above; -1 for the first.
        offsets: (jets + 1,) int64, where the declusterings of each jet begin.
    """

    features: Tensor
    parent: Tensor
    offsets: Tensor


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
        target: (jets,) float32, number of the class: 1 for signal and 0 for background.
        weight: (jets,) float32 event weights.
        extra: (jets, targets) float32 standardised quantities that are learned beside the class, or none.
    """

    inputs: B
    target: Tensor
    weight: Tensor
    extra: Tensor | None = None

    def __len__(self) -> int:
        return len(self.target)

    def to(self, device: torch.device | str) -> Labelled[B]:
        """The batch, its targets and weights on ``device``."""
        extra = None if self.extra is None else self.extra.to(device)
        return Labelled(self.inputs.to(device), self.target.to(device), self.weight.to(device), extra)
