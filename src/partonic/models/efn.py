"""Energy flow network: a sum weighted by energies, safe against soft and collinear radiation (arXiv:1810.05165)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from partonic.core.registry import register_model
from partonic.models.deep_sets import summed
from partonic.models.heads import logits
from partonic.models.mlp import mlp
from partonic.represent.packed import KINEMATIC, POSITION
from partonic.represent.segments import segment_sum, segments

if TYPE_CHECKING:
    from partonic.represent.batch import PackedJets

SCALE = 5.0  # brings positions of about 0.2 near 1


@register_model(
    "efn",
    paper="arXiv:1810.05165",
    input="packed",
    invariant=("permutation", "azimuth", "soft-collinear"),
    rate=3_000,
    training={"epochs": 16, "learning_rate": 3e-3, "weight_decay": 1e-3, "size": 128},
)
class EFN(nn.Module):
    r"""Logits of a jet, :math:`F(\sum_i z_i \Phi(\hat p_i))`, with the published widths.

    The weight :math:`z_i` is the share of the scalar sum of transverse momenta, the direction :math:`\hat p_i` the
    place relative to the jet's axis.

    Args:
        width: of the latent space of the sum.
        features: of a particle; what stands behind the seven kinematic ones (charge, kind) is seen too;
            then only splittings into particles of the same kind change nothing.
        outputs: 1 for one logit a jet, else so many.
    """

    def __init__(self, width: int = 256, features: int = KINEMATIC, outputs: int = 1) -> None:
        super().__init__()
        self.phi = mlp(2 + features - KINEMATIC, 100, 100, width, activate_last=True)
        self.rho = mlp(width, 100, 100, 100, outputs)

    def forward(self, jets: PackedJets) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        pt = jets.p4[:, 1:3].norm(dim=1, keepdim=True)
        share = pt / segment_sum(pt, jets.offsets)[segments(jets.offsets)]
        known = torch.cat([SCALE * jets.features[:, POSITION], jets.features[:, KINEMATIC:]], dim=1)
        latent = summed(self.phi, known, jets.offsets, share[:, 0])
        return logits(self.rho(latent))
