"""Networks that sum over particles, on padded arrays."""

from __future__ import annotations

import torch
from torch import Tensor

from partonic.models.dense.form import dense
from partonic.models.efn import EFN, SCALE
from partonic.models.heads import logits
from partonic.models.pfn import PARTICLES, PFN
from partonic.represent.packed import KINEMATIC, POSITION
from partonic.represent.padded import PaddedJets


@dense.register(PFN)
def pfn(net: PFN, jets: PaddedJets) -> Tensor:
    """Particle flow network."""
    return logits(net.rho(jets.sum(net.phi(net.norm(jets.features * net.scales))) / PARTICLES))


@dense.register(EFN)
def efn(net: EFN, jets: PaddedJets) -> Tensor:
    """Energy flow network."""
    pt = jets.p4[:, :, 1:3].square().sum(dim=2, keepdim=True).sqrt()  # 0 where there is no particle
    share = pt / pt.sum(dim=1, keepdim=True)
    known = torch.cat([SCALE * jets.features[:, :, POSITION], jets.features[:, :, KINEMATIC:]], dim=2)
    return logits(net.rho((share * net.phi(known)).sum(dim=1)))
