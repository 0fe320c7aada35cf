"""Jets as dense arrays of equal length with a mask, as runtimes of other programs take them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from partonic.represent.batch import PackedJets
from partonic.represent.packed import KINEMATIC
from partonic.represent.segments import lengths, segments


@dataclass(frozen=True)
class PaddedJets:
    """Jets in equally many slots; where there is no particle all values are zero.

    Args:
        features: (jets, slots, F) network inputs.
        p4: (jets, slots, 4) four-momenta as (E, px, py, pz) in GeV.
        there: (jets, slots) true where there is a particle.
    """

    features: Tensor
    p4: Tensor
    there: Tensor

    def __len__(self) -> int:
        return len(self.there)

    @property
    def known(self) -> Tensor:
        """What stands behind the kinematic features, (jets, slots, F - 7); without those nothing is read of them."""
        return self.features[:, :, KINEMATIC:] if self.features.shape[2] > KINEMATIC else self.p4[:, :, :0]

    @property
    def counts(self) -> Tensor:
        """Number of particles, (jets, 1), as a real number."""
        return self.there.to(self.p4).sum(dim=1, keepdim=True)

    def sum(self, values: Tensor) -> Tensor:
        """Sum over the particles of (jets, slots, C), (jets, C)."""
        return (values * self.there[:, :, None].to(values)).sum(dim=1)

    def mean(self, values: Tensor) -> Tensor:
        """Mean over the particles of (jets, slots, C), (jets, C)."""
        return self.sum(values) / self.counts

    def longer(self, slots: int) -> PaddedJets:
        """With so many empty slots behind the others."""
        features, p4 = (torch.nn.functional.pad(values, (0, 0, 0, slots)) for values in (self.features, self.p4))
        return PaddedJets(features, p4, torch.nn.functional.pad(self.there, (0, slots)))


def padded(jets: PackedJets, slots: int | None = None) -> PaddedJets:
    """Packed jets in dense arrays.

    Args:
        jets: packed jets.
        slots: of each jet, at least the particles of the longest; that by default.
    """
    count = lengths(jets.offsets)
    slots = int(count.max()) if slots is None else slots
    jet = segments(jets.offsets)
    where = jet * slots + torch.arange(len(jet), device=jet.device) - jets.offsets[jet]
    features, p4 = (
        values.new_zeros(len(jets) * slots, values.shape[1]).index_copy(0, where, values).view(len(jets), slots, -1)
        for values in (jets.features, jets.p4)
    )
    return PaddedJets(features, p4, torch.arange(slots, device=jet.device) < count[:, None])
