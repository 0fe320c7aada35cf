"""The hardest constituents of each jet as dense arrays of fixed length, for networks that want an order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from partonic.represent.segments import lengths, segments

if TYPE_CHECKING:
    from partonic.represent.batch import PackedJets


@dataclass(frozen=True)
class Leading:
    """The hardest constituents, zero where a jet has fewer.

    Args:
        features: (jets, count, F).
        p4: (jets, count, 4) as (E, px, py, pz) in GeV.
        numbers: (jets,) how many there are of each.
    """

    features: Tensor
    p4: Tensor
    numbers: Tensor


def leading(jets: PackedJets, count: int, order: str = "pt") -> Leading:
    """The hardest ``count`` constituents.

    Args:
        jets: packed jets.
        count: slots of each jet.
        order: ``pt`` for falling transverse momentum, whatever order they come in; ``given`` for that order.
    """
    jet = segments(jets.offsets)
    falling = jets.p4[:, 1:3].square().sum(1).argsort(descending=True, stable=True)
    falling = falling[jet[falling].argsort(stable=True)]
    place = torch.arange(len(falling), device=falling.device) - jets.offsets[jet]
    kept = place < count
    chosen = falling[kept] if order == "pt" else falling[kept].sort().values
    where = (jet * count + place)[kept]
    dense = [
        values.new_zeros(len(jets) * count, values.shape[1]).index_copy(0, where, values[chosen])
        for values in (jets.features, jets.p4)
    ]
    features, p4 = (values.view(len(jets), count, -1) for values in dense)
    return Leading(features, p4, lengths(jets.offsets).clamp(max=count))
