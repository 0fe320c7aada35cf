"""A linear layer with a batch norm behind it; in evaluation they are one linear layer."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from partonic.models.norm_relu import bias_relu_, norm_relu
from partonic.represent.segments import segment_sum


class LinearNorm(nn.Sequential):
    """The batch norm of a linear layer's output, (n, inputs) to (n, outputs).

    Where the statistics are fixed their scale and shift go into the layer's weights, so that the values are passed over
    once.

    Args:
        inputs: features that come in.
        outputs: features that go out.
        bias: whether the layer has one of its own.
    """

    def __init__(self, inputs: int, outputs: int, bias: bool = False) -> None:
        super().__init__(nn.Linear(inputs, outputs, bias=bias), nn.BatchNorm1d(outputs))

    @property
    def layer(self) -> nn.Linear:
        """The layer."""
        return cast("nn.Linear", self[0])

    @property
    def norm(self) -> nn.BatchNorm1d:
        """The batch norm."""
        return cast("nn.BatchNorm1d", self[1])

    def fixed(self) -> tuple[Tensor, Tensor]:
        """Weight (outputs, inputs) and bias (outputs,) of both together, with the statistics as they are."""
        norm, bias = self.norm, self.layer.bias
        mean, variance = cast("Tensor", norm.running_mean), cast("Tensor", norm.running_var)
        scale = norm.weight * (variance + norm.eps).rsqrt()
        shift = norm.bias - mean * scale
        return self.layer.weight * scale[:, None], shift if bias is None else torch.addcmul(shift, bias, scale)

    def activated(self, values: Tensor, offsets: Tensor | None = None) -> Tensor:
        """ReLU of the normed outputs, (n, outputs), or its sums over the rows of each jet, (jets, outputs)."""
        if self.norm.training:
            return norm_relu(self.norm, values, self.layer, offsets)
        weight, bias = self.fixed()
        result = bias_relu_(linear(values, weight), bias)
        return result if offsets is None else segment_sum(result, offsets)

    def forward(self, values: Tensor) -> Tensor:
        """Normed outputs of the layer."""
        if self.norm.training:
            return cast("Tensor", self.norm(self.layer(values)))
        return linear(values, *self.fixed())
