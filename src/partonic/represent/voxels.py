"""Jets as clouds of the calorimeter cells that read anything: a sparse image in three dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from partonic.core.errors import BadJetError
from partonic.events.ragged import Ragged
from partonic.represent.batch import PackedJets
from partonic.represent.constituents import COLLECTION
from partonic.represent.packed import FEATURES, Packed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partonic.events.events import Events

CELLS = "cells"
DEEPEST = 5  # number of the last layer, hadronic; 3 is the first of those
FIRST_HADRONIC = 3
CELL_FEATURES = {
    **FEATURES,
    "depth": "layer from the inside, 0 for the first to 1 for the last",
    "hadronic": "1 in the hadronic calorimeter, else 0",
}
"""The features of a cell: those of a massless particle that goes through its middle, and where it is in depth."""


@dataclass(frozen=True)
class Voxels:
    """Representation of jets as clouds of their calorimeter cells, with the nine features of :data:`CELL_FEATURES`.

    It reads the collection ``cells`` (eta, phi, energy, layer), which simulated jets have where ``cells`` was asked
    for. Momenta and axis of the jet are those of its cells.
    """

    collections: ClassVar[tuple[str, ...]] = (CELLS,)

    @property
    def width(self) -> int:
        """Number of features of a cell."""
        return len(CELL_FEATURES)

    @property
    def described(self) -> dict[str, str]:
        """Names of the features and what they are."""
        return CELL_FEATURES

    def __call__(self, events: Events) -> PackedJets:
        """Pack the cells of the jets of a sample.

        Raises:
            UnknownNameError: the sample has no cells, or they lack a field.
            BadJetError: a jet has no cell or one that is not usable.
        """
        cells = events.collection(CELLS)
        layer = np.asarray(cells["layer"], dtype=np.float32)
        wrong = np.flatnonzero(~((layer >= 0) & (layer <= DEEPEST)))
        if len(wrong):
            row = int(np.searchsorted(cells.offsets, wrong[0], side="right")) - 1
            raise BadJetError(row, f"one of its cells is in layer {layer[wrong[0]]:g}, and there are 0 to {DEEPEST}")
        empty = np.flatnonzero(cells.counts == 0)
        if len(empty):
            raise BadJetError(int(empty[0]), "it has no calorimeter cell")
        packed = Packed()(events.with_collections(**{COLLECTION: _massless(cells)}))
        depth = np.stack([layer / DEEPEST, layer >= FIRST_HADRONIC], axis=1).astype(np.float32)
        return PackedJets(torch.cat([packed.features, torch.from_numpy(depth)], dim=1), packed.p4, packed.offsets)


def _massless(cells: Ragged) -> Ragged:
    """Cells as massless particles, px py pz e in GeV."""
    eta, phi, energy = (np.asarray(cells[name], dtype=np.float64) for name in ("eta", "phi", "energy"))
    momentum: NDArray[np.float64] = energy / np.cosh(eta)
    fields = {"px": momentum * np.cos(phi), "py": momentum * np.sin(phi), "pz": energy * np.tanh(eta), "e": energy}
    return Ragged(cells.offsets, fields)
