"""Particle flow network: a permutation-invariant sum over per-particle features (Komiske et al., arXiv:1810.05165)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from partonic.core.registry import register_model
from partonic.models.deep_sets import summed
from partonic.models.heads import logits
from partonic.models.mlp import mlp
from partonic.represent.packed import POSITION

if TYPE_CHECKING:
    from partonic.represent.batch import PackedJets

PARTICLES = 50.0  # about the number of constituents of a jet: keeps the sum near 1 at the start
POSITION_SCALE = 5.0  # brings delta_eta and delta_phi to the spread of the other features: learns faster


@register_model(
    "pfn",
    paper="arXiv:1810.05165",
    input="packed",
    invariant=("permutation", "azimuth"),
    rate=2_800,
    training={"epochs": 16, "learning_rate": 4e-3, "weight_decay": 1e-3, "size": 128},
)
class PFN(nn.Module):
    r"""Logits of a jet, :math:`F(\sum_i \Phi(p_i))`, with the published widths: 82,757 weights.

    Args:
        width: of the latent space of the sum.
        norms: whether batch norms stand before and within the network of a particle, as in its usual form in PyTorch.
        features: of a particle.
        outputs: 1 for one logit a jet, else so many.

    Example:
        >>> sum(weight.numel() for weight in PFN().parameters())
        82757
    """

    scales: Tensor

    def __init__(self, width: int = 256, norms: bool = False, features: int = 7, outputs: int = 1) -> None:
        super().__init__()
        scales = torch.ones(features)
        scales[POSITION] = POSITION_SCALE
        self.register_buffer("scales", scales, persistent=False)
        self.norm = nn.BatchNorm1d(features) if norms else nn.Identity()
        self.phi = mlp(features, 100, 100, width, activate_last=True, norms=norms)
        self.rho = mlp(width, 100, 100, 100, outputs)

    def forward(self, jets: PackedJets) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        latent = summed(self.phi, self.norm(jets.features * self.scales), jets.offsets) / PARTICLES  # (jets, width)
        return logits(self.rho(latent))
