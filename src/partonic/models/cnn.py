"""Convolutional network on jet images, after DeepTop (arXiv:1701.08784, 1803.00107), made small for a laptop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from partonic.core.errors import InputError
from partonic.core.registry import register_model
from partonic.models.heads import logits

if TYPE_CHECKING:
    from partonic.represent.batch import Images

SCALE = 100.0  # pixels of an image sum to 1; this brings the lit ones near 1


class ImageNetwork(nn.Module):
    """Logits of jet images.

    Args:
        convolutions: from (jets, channels, size, size) to what the head takes.
        head: to (jets, outputs).
    """

    def __init__(self, convolutions: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.convolutions: nn.Module = convolutions.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.head = head

    def forward(self, jets: Images) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        pixels = (jets.pixels * SCALE).contiguous(memory_format=torch.channels_last)  # (jets, channels, size, size)
        return logits(self.head(self.convolutions(pixels)))


@register_model(
    "cnn",
    paper="arXiv:1803.00107",
    input="image",
    invariant=("permutation", "azimuth", "boost", "reflection"),
    rate=3_900,
    training={"epochs": 6, "learning_rate": 2e-3, "weight_decay": 1e-3, "size": 256},
)
class CNN(ImageNetwork):
    """Logits of a jet image; convolutions with stride stand for convolution and pooling, at an eighth of the cost.

    Args:
        size: pixels a side, a multiple of 8.
        channels: number of channels of the images.
        width: channels of the first layer; the others have twice as many.
        outputs: 1 for one logit a jet, else so many.

    Raises:
        InputError: the size is not a multiple of 8.

    Example:
        >>> sum(weight.numel() for weight in CNN().parameters())
        76241
    """

    def __init__(self, size: int = 40, channels: int = 1, width: int = 16, outputs: int = 1) -> None:
        if size < 8 or size % 8:
            raise InputError(f"the images of the model 'cnn' must have a size that is a multiple of 8, not {size}")
        layers = nn.Sequential(
            nn.Conv2d(channels, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * width, 2 * width, 4, stride=2, padding=1),
            nn.ReLU(),
        )
        head = nn.Sequential(
            nn.Flatten(), nn.Linear(2 * width * (size // 8) ** 2, 64), nn.ReLU(), nn.Linear(64, outputs)
        )
        super().__init__(layers, head)
