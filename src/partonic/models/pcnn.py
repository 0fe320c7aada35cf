"""P-CNN: residual convolutions along the constituents in the order of their momenta (arXiv:1902.08570, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from partonic.core.registry import register_model
from partonic.models.heads import logits
from partonic.models.residual import Residual
from partonic.represent.leading import Leading, leading

if TYPE_CHECKING:
    from partonic.represent.batch import PackedJets


@register_model(
    "pcnn",
    paper="arXiv:1902.08570",
    input="packed",
    invariant=("permutation", "azimuth"),
    rate=430,
    training={"epochs": 10, "learning_rate": 1e-3, "weight_decay": 1e-3, "size": 32},
)
class PCNN(nn.Module):
    """Logits of a jet from its hardest constituents, always in the same number of slots.

    Args:
        particles: slots.
        widths: channels of each stage of two residual blocks; every stage but the first halves the slots.
        features: of a particle.
        outputs: 1 for one logit a jet, else so many.
    """

    def __init__(
        self, particles: int = 100, widths: Sequence[int] = (32, 64, 128), features: int = 7, outputs: int = 1
    ) -> None:
        super().__init__()
        self.particles = particles
        self.enter = nn.Conv1d(features + 1, widths[0], 3, padding=1)
        blocks: list[nn.Module] = []
        inputs = widths[0]
        for number, width in enumerate(widths):
            blocks += [Residual(1, inputs, width, 1 + (number > 0)), Residual(1, width, width, 1)]
            inputs = width
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(nn.Linear(inputs, 512), nn.ReLU(), nn.Dropout(0.2), nn.Linear(512, outputs))

    def forward(self, jets: PackedJets) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        return self.of_leading(leading(jets, self.particles))

    def of_leading(self, given: Leading) -> Tensor:
        """Logits from the hardest constituents of each jet."""
        there = torch.arange(self.particles, device=given.numbers.device) < given.numbers[:, None]
        slots = torch.cat([given.features, there[:, :, None].to(given.features)], dim=2).transpose(1, 2)
        return logits(cast("Tensor", self.head(self.blocks(relu(self.enter(slots))).mean(dim=2))))
