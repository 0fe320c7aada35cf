"""A residual block of two convolutions, along a line or over an image (arXiv:1512.03385)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn.functional import relu


class Residual(nn.Module):
    """Two convolutions of three neighbouring slots, or of 3 x 3 pixels, beside a shortcut.

    Args:
        dimensions: 1 for a line, 2 for an image.
        inputs: channels that come in.
        outputs: channels that go out.
        stride: of the first convolution.
    """

    def __init__(self, dimensions: Literal[1, 2], inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        convolution = nn.Conv1d if dimensions == 1 else nn.Conv2d
        norm = nn.BatchNorm1d if dimensions == 1 else nn.BatchNorm2d
        self.first = convolution(inputs, outputs, 3, stride, 1, bias=False)
        self.second = convolution(outputs, outputs, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList(norm(outputs) for _ in range(2))
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else convolution(inputs, outputs, 1, stride, bias=False)

    def forward(self, values: Tensor) -> Tensor:
        """(jets, inputs, ...) to (jets, outputs, ...), each further axis shorter by the stride."""
        hidden = relu(self.norms[0](self.first(values)))
        return relu(self.norms[1](self.second(hidden)) + self.shortcut(values))
