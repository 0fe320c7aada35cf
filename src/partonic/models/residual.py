"""Convolutions with batch norms and residual blocks of them, along a line or over an image (arXiv:1512.03385)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn.functional import relu


class ConvNorm(nn.Sequential):
    """A convolution without bias and the batch norm of what it gives; strides and rims keep the middles of the windows.

    Args:
        dimensions: 1 for a line, 2 for an image.
        inputs: channels that come in.
        outputs: channels that go out.
        width: of the windows, odd.
        stride: of the windows.
        groups: of channels, each convolved for itself.
    """

    def __init__(
        self, dimensions: Literal[1, 2], inputs: int, outputs: int, width: int, stride: int = 1, groups: int = 1
    ) -> None:
        convolution = nn.Conv1d if dimensions == 1 else nn.Conv2d
        norm = nn.BatchNorm1d if dimensions == 1 else nn.BatchNorm2d
        super().__init__(
            convolution(inputs, outputs, width, stride, width // 2, groups=groups, bias=False), norm(outputs)
        )


class Residual(nn.Module):
    """Two convolutions of three neighbouring slots, or of 3 x 3 pixels, beside a shortcut.

    Args:
        dimensions: 1 for a line, 2 for an image.
        inputs: channels that come in.
        outputs: channels that go out.
        stride: of the first convolution.
        activate_sum: whether the last ReLU stands behind the sum with the shortcut, or before it.
    """

    def __init__(
        self, dimensions: Literal[1, 2], inputs: int, outputs: int, stride: int, activate_sum: bool = True
    ) -> None:
        super().__init__()
        self.activate_sum = activate_sum
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
        seen, beside = self.norms[1](self.second(hidden)), self.shortcut(values)
        return relu(seen + beside) if self.activate_sum else relu(seen) + beside
