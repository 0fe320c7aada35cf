"""ResNeXt-50 on jet images, as in the comparison of top taggers (arXiv:1611.05431, 1902.09914)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn
from torch.nn.functional import relu

from partonic.core.registry import register_model
from partonic.models.cnn import ImageNetwork
from partonic.models.residual import ConvNorm

WIDER = 2  # channels between the blocks, as a multiple of those inside


class Bottleneck(nn.Module):
    """A convolution in groups between two of single pixels, beside a shortcut.

    Args:
        inputs: channels that come in.
        inside: channels of the convolution in groups.
        groups: their number, a divisor of the channels inside.
        stride: of the convolution in groups.
        project: whether the shortcut is a convolution of single pixels.
    """

    def __init__(self, inputs: int, inside: int, groups: int, stride: int = 1, project: bool = False) -> None:
        super().__init__()
        outputs = WIDER * inside
        self.path = nn.Sequential(
            ConvNorm(2, inputs, inside, 1),
            nn.ReLU(),
            ConvNorm(2, inside, inside, 3, stride, groups),
            nn.ReLU(),
            ConvNorm(2, inside, outputs, 1),
        )
        self.shortcut = ConvNorm(2, inputs, outputs, 1, stride) if project else nn.Identity()

    def forward(self, values: Tensor) -> Tensor:
        """(jets, inputs, height, width) to (jets, outputs, ...), each side shorter by the stride."""
        return relu(cast("Tensor", self.path(values) + self.shortcut(values)))


@register_model(
    "resnext",
    paper="arXiv:1902.09914",
    input="image",
    invariant=("permutation", "azimuth", "boost", "reflection"),
    rate=190,
    training={"epochs": 8, "learning_rate": 2e-3, "weight_decay": 1e-3, "size": 128},
)
class ResNeXt(ImageNetwork):
    """Logits of a jet image from 50 layers with a quarter of the channels that are usual on photographs.

    The comparison drew 64 x 64 pixels, each of 0.025 a side: ``input_options={"size": 64}``. The weights are the same.

    Args:
        depths: blocks of each stage; every stage but the first halves the pixels.
        widths: channels inside the blocks of each stage.
        groups: of these channels.
        first: channels of the first convolution.
        dropout: behind the mean over the pixels.
        channels: of the image.
        outputs: 1 for one logit a jet, else so many.

    Example:
        >>> sum(weight.numel() for weight in ResNeXt().parameters())
        1456801
    """

    def __init__(
        self,
        depths: Sequence[int] = (3, 4, 6, 3),
        widths: Sequence[int] = (32, 64, 128, 256),
        groups: int = 32,
        first: int = 64,
        dropout: float = 0.5,
        channels: int = 1,
        outputs: int = 1,
    ) -> None:
        layers: list[nn.Module] = [ConvNorm(2, channels, first, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        inputs = first
        for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
            layers.append(Bottleneck(inputs, width, groups, 1 + (stage > 0), project=True))
            inputs = WIDER * width
            layers += [Bottleneck(inputs, width, groups) for _ in range(depth - 1)]
        head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(inputs, outputs))
        super().__init__(nn.Sequential(*layers), head)
