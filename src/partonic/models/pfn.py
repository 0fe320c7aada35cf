"""Particle flow network: a permutation-invariant sum over per-particle features (Komiske et al., arXiv:1810.05165)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from partonic.core.registry import register_model
from partonic.models.mlp import mlp
from partonic.represent.segments import segment_sum

if TYPE_CHECKING:
    from partonic.represent.batch import PackedJets

PARTICLES = 50.0  # about the number of constituents of a jet: keeps the sum near 1 at the start
SCALES = (1.0, 1.0, 1.0, 1.0, 1.0, 5.0, 5.0)  # bring delta_eta and delta_phi to the spread of the others: learns faster


@register_model(
    "pfn",
    paper="arXiv:1810.05165",
    input="packed",
    invariant=("permutation", "azimuth"),
    training={"epochs": 16, "learning_rate": 4e-3, "weight_decay": 1e-3, "size": 128},
)
class PFN(nn.Module):
    r"""Logit of a jet, :math:`F(\sum_i \Phi(p_i))`, with the published widths: 82,757 weights.

    Args:
        scales: factor of each feature of a particle.
        width: of the latent space of the sum.

    Example:
        >>> sum(weight.numel() for weight in PFN().parameters())
        82757
    """

    scales: Tensor

    def __init__(self, scales: Sequence[float] = SCALES, width: int = 256) -> None:
        super().__init__()
        self.register_buffer("scales", torch.tensor(scales), persistent=False)
        self.phi = mlp(len(scales), 100, 100, width, activate_last=True)
        self.rho = mlp(width, 100, 100, 100, 1)

    def forward(self, jets: PackedJets) -> Tensor:
        """Logits, (jets,)."""
        latent = segment_sum(self.phi(jets.features * self.scales), jets.offsets) / PARTICLES  # (jets, width)
        return cast("Tensor", self.rho(latent)).squeeze(-1)
