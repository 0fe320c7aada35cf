"""Objectives that learn the density of a sample, to draw from it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class DensityBatch:
    """Values, what is given with each, and weights; tensors of float32.

    Args:
        values: whose density is learned, (b, v).
        context: on which it depends, (b, c).
        weight: with a mean of 1 over the sample, (b,).
    """

    values: Tensor
    context: Tensor
    weight: Tensor

    def __len__(self) -> int:
        return len(self.values)

    def to(self, device: torch.device | str) -> DensityBatch:
        """The same batch with every tensor on ``device``."""
        return DensityBatch(self.values.to(device), self.context.to(device), self.weight.to(device))


def negative_log_density(model: nn.Module, batch: DensityBatch) -> Tensor:
    r""":math:`-\frac1B \sum_i w_i \ln q(u_i|c_i)`, a scalar; the minimum is the density of the weighted sample."""
    log_density: Tensor = model(batch.values, batch.context)
    return -(batch.weight * log_density).mean()
