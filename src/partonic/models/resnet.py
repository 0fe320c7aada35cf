"""A residual network on jet images, after the ResNeXt of the top-tagging comparison (arXiv:1512.03385, 1902.09914)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from partonic.core.registry import register_model
from partonic.models.cnn import SCALE
from partonic.models.heads import logits

if TYPE_CHECKING:
    from partonic.represent.batch import Images


class Residual(nn.Module):
    """Two convolutions of 3 x 3 pixels beside a shortcut.

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        stride: of the first convolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(outputs) for _ in range(2))
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, values: Tensor) -> Tensor:
        """(jets, inputs, height, width) to (jets, outputs, height / stride, width / stride)."""
        hidden = relu(self.norms[0](self.first(values)))
        return relu(self.norms[1](self.second(hidden)) + self.shortcut(values))


@register_model(
    "resnet",
    paper="arXiv:1902.09914",
    input="image",
    invariant=("permutation", "azimuth", "boost", "reflection"),
    training={"epochs": 8, "learning_rate": 2e-3, "weight_decay": 1e-3, "size": 256},
)
class ResNet(nn.Module):
    """Logits of a jet image.

    Args:
        widths: channels of each stage of two residual blocks; every stage halves the pixels.
        channels: of the image.
        classes: 1 for one logit a jet, else so many.
    """

    def __init__(self, widths: Sequence[int] = (16, 32, 64), channels: int = 1, classes: int = 1) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        inputs = channels
        for width in widths:
            blocks += [Residual(inputs, width, 2), Residual(width, width, 1)]
            inputs = width
        self.blocks: nn.Module = nn.Sequential(*blocks).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.head = nn.Linear(inputs, classes)

    def forward(self, jets: Images) -> Tensor:
        """Logits, (jets,) or (jets, classes)."""
        pixels = (jets.pixels * SCALE).contiguous(memory_format=torch.channels_last)
        return logits(self.head(cast("Tensor", self.blocks(pixels)).mean(dim=(2, 3))))
