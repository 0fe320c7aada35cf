"""A residual network on jet images, the small kin of ResNeXt for a laptop (arXiv:1512.03385, 1902.09914)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from partonic.core.registry import register_model
from partonic.models.cnn import SCALE
from partonic.models.heads import logits
from partonic.models.residual import Residual

if TYPE_CHECKING:
    from partonic.represent.batch import Images


@register_model(
    "resnet",
    paper="arXiv:1902.09914",
    input="image",
    invariant=("permutation", "azimuth", "boost", "reflection"),
    rate=650,
    training={"epochs": 8, "learning_rate": 2e-3, "weight_decay": 1e-3, "size": 256},
)
class ResNet(nn.Module):
    """Logits of a jet image.

    Args:
        widths: channels of each stage of two residual blocks; every stage halves the pixels.
        channels: of the image.
        outputs: 1 for one logit a jet, else so many.

    Example:
        >>> sum(weight.numel() for weight in ResNet().parameters())
        171873
    """

    def __init__(self, widths: Sequence[int] = (16, 32, 64), channels: int = 1, outputs: int = 1) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        inputs = channels
        for width in widths:
            blocks += [Residual(2, inputs, width, 2), Residual(2, width, width, 1)]
            inputs = width
        self.blocks: nn.Module = nn.Sequential(*blocks).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.head = nn.Linear(inputs, outputs)

    def forward(self, jets: Images) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        pixels = (jets.pixels * SCALE).contiguous(memory_format=torch.channels_last)
        return logits(self.head(cast("Tensor", self.blocks(pixels)).mean(dim=(2, 3))))
