"""A network that says how fast a point moves at a time, for generators that follow it from noise to events."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from partonic.core.errors import InputError

FREQUENCIES = 6  # of the time, 1, 2, 4, ... half turns


class DriftNet(nn.Module):
    """A perceptron of points, sines and cosines of the time, and context, with residual hidden layers.

    Args:
        values: number of coordinates.
        context: number of given values.
        hidden: width of the hidden layers.
        layers: their number, 1 or more.

    Raises:
        InputError: a size is too small.
    """

    frequencies: Tensor

    def __init__(self, values: int, context: int = 0, hidden: int = 192, layers: int = 4) -> None:
        super().__init__()
        if values < 1 or context < 0 or hidden < 1 or layers < 1:
            raise InputError(
                f"a drift network needs values, layers and a width of 1 or more, not {values}, {layers} and {hidden}"
            )
        self.register_buffer("frequencies", math.pi * 2.0 ** torch.arange(FREQUENCIES, dtype=torch.float32))
        self.first = nn.Linear(values + 2 * FREQUENCIES + 1 + context, hidden)
        self.inner = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(layers - 1))
        self.last = nn.Linear(hidden, values)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, point: Tensor, time: Tensor, context: Tensor) -> Tensor:
        """Velocities (b, values) at points (b, values), times (b, 1) and context (b, c)."""
        angle = time * self.frequencies
        hidden = self.first(torch.cat([point, time, torch.sin(angle), torch.cos(angle), context], dim=1))
        for layer in self.inner:
            hidden = hidden + layer(nn.functional.silu(hidden))
        velocity: Tensor = self.last(nn.functional.silu(hidden))
        return velocity
