"""DeepTop: convolutions and pooling on jet images (arXiv:1803.00107, 1902.09914)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from partonic.core.errors import InputError
from partonic.core.registry import register_model
from partonic.models.cnn import ImageNetwork
from partonic.models.mlp import mlp

LEAST = 10  # pixels a side of which one is left


@register_model(
    "deeptop",
    paper="arXiv:1803.00107",
    input="image",
    invariant=("permutation", "azimuth", "boost", "reflection"),
    rate=45,
    training={"epochs": 6, "learning_rate": 1e-3, "weight_decay": 1e-3, "size": 128},
)
class DeepTop(ImageNetwork):
    """Logits of a jet image from four convolutions of 4 x 4 pixels, pooled after every second, and dense layers.

    The rim of the images, which the paper leaves open, is one pixel wide: on 40 x 40 pixels this gives the 610 thousand
    weights that arXiv:1902.09914 counts.

    Args:
        size: pixels a side, 10 or more.
        channels: number of channels of the images.
        widths: channels of the four convolutions.
        dense: widths of the dense layers.
        outputs: 1 for one logit a jet, else so many.

    Raises:
        InputError: the size is below 10.

    Example:
        >>> sum(weight.numel() for weight in DeepTop().parameters())
        609409
    """

    def __init__(
        self,
        size: int = 40,
        channels: int = 1,
        widths: Sequence[int] = (128, 64, 64, 64),
        dense: Sequence[int] = (64, 256, 256),
        outputs: int = 1,
    ) -> None:
        if size < LEAST:
            raise InputError(f"the images of the model 'deeptop' must have a size of {LEAST} or more, not {size}")
        layers: list[nn.Module] = []
        for number, (inputs, width) in enumerate(zip((channels, *widths), widths, strict=False)):
            layers += [nn.Conv2d(inputs, width, 4, padding=1), nn.ReLU()]
            size -= 1
            if number % 2:
                layers.append(nn.MaxPool2d(2))
                size //= 2
        head = nn.Sequential(nn.Flatten(), mlp(widths[-1] * size**2, *dense, outputs))
        super().__init__(nn.Sequential(*layers), head)
