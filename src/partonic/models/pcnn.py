"""P-CNN: residual convolutions along the constituents in the order of their momenta (arXiv:1902.08570, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from partonic.core.registry import register_model
from partonic.models.heads import logits
from partonic.models.residual import ConvNorm, Residual
from partonic.represent.leading import Leading, leading

if TYPE_CHECKING:
    from partonic.represent.batch import PackedJets


@register_model(
    "pcnn",
    paper="arXiv:1902.08570",
    input="packed",
    invariant=("permutation", "azimuth"),
    rate=280,
    training={"epochs": 10, "learning_rate": 1e-3, "weight_decay": 1e-3, "size": 32},
)
class PCNN(nn.Module):
    """Logits of a jet from its hardest constituents, always in the same number of slots.

    As published, but for a further channel that says which slots are filled, and without the biases in front of
    batch norms, which these take out again.

    Args:
        particles: slots.
        first: channels of the first convolution.
        widths: channels of each stage of two residual blocks; every stage but the first halves the slots.
        dense: width of the dense layer.
        features: of a particle.
        outputs: 1 for one logit a jet, else so many.

    Example:
        >>> sum(weight.numel() for weight in PCNN().parameters())
        347969
    """

    def __init__(
        self,
        particles: int = 100,
        first: int = 32,
        widths: Sequence[int] = (64, 64, 128),
        dense: int = 512,
        features: int = 7,
        outputs: int = 1,
    ) -> None:
        super().__init__()
        self.particles = particles
        self.enter = ConvNorm(1, features + 1, first, 3)
        blocks: list[nn.Module] = []
        inputs = first
        for number, width in enumerate(widths):
            blocks += [Residual(1, inputs, width, 1 + (number > 0), False), Residual(1, width, width, 1, False)]
            inputs = width
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(nn.Linear(inputs, dense), nn.ReLU(), nn.Dropout(0.2), nn.Linear(dense, outputs))

    def forward(self, jets: PackedJets) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        return self.of_leading(leading(jets, self.particles))

    def of_leading(self, given: Leading) -> Tensor:
        """Logits from the hardest constituents of each jet."""
        there = torch.arange(self.particles, device=given.numbers.device) < given.numbers[:, None]
        slots = torch.cat([given.features, there[:, :, None].to(given.features)], dim=2).transpose(1, 2)
        return logits(cast("Tensor", self.head(self.blocks(relu(self.enter(slots))).mean(dim=2))))
