"""Energy flow network: a sum over directions, weighted by pt, infrared safe."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from partonic.core.registry import register_model
from partonic.models.heads import logits
from partonic.models.mlp import mlp
from partonic.represent.batch import PackedJets
from partonic.represent.packed import FEATURES
from partonic.represent.segments import segment_sum

SHARE = list(FEATURES).index("log_pt_share")
PLACE = [list(FEATURES).index(name) for name in ("delta_eta", "delta_phi")]


@register_model(
    "efn",
    paper="arXiv:1810.05165",
    input="packed",
    invariant=("permutation", "azimuth"),
    training={"epochs": 12, "learning_rate": 2e-3, "size": 256},
)
class EFN(nn.Module):
    r"""Logits of a jet, :math:`F(\sum_i z_i \Phi(\hat p_i))` with the pt shares z.

    Args:
        width: of the latent space of the sum.
        outputs: 1 for one logit a jet, else so many.
    """

    def __init__(self, width: int = 256, outputs: int = 1) -> None:
        super().__init__()
        self.phi = mlp(2, 100, 100, width, activate_last=True)
        self.rho = mlp(width, 100, 100, outputs)

    def forward(self, jets: PackedJets) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        share = torch.exp(jets.features[:, [SHARE]] / 0.7 - 4.7)  # (particles, 1)
        latent = segment_sum(
            share * self.phi(jets.features[:, PLACE]), jets.offsets
        )  # (jets, width)
        return logits(self.rho(latent))
