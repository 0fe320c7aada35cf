"""A network that says how fast a point moves at a time, for generators that follow it from noise to events."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from partonic.core.errors import InputError

Velocity = Callable[[Tensor, float], Tensor]  # of points (b, values) at one time
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
        self.values = values
        self.first = nn.Linear(values + 2 * FREQUENCIES + 1 + context, hidden)
        self.inner = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(layers - 1))
        self.last = nn.Linear(hidden, values)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, point: Tensor, time: Tensor, context: Tensor) -> Tensor:
        """Velocities (b, values) at points (b, values), times (b, 1) and context (b, c)."""
        return self._velocity(self.first(torch.cat([point, self._clock(time), context], dim=1)))

    def at(self, context: Tensor) -> Velocity:
        """The velocity at a context (b, c) for points that move together: what it adds is worked out only once."""
        width = self.values + 2 * FREQUENCIES + 1
        still = context.new_zeros((1, width + context.shape[1]))
        columns = self.first(torch.eye(width, still.shape[1]).to(still)) - self.first(still)  # (width, hidden)
        of_point, of_clock = columns[: self.values], columns[self.values :]
        known = self.first(torch.cat([context.new_zeros((len(context), width)), context], dim=1))

        def velocity(point: Tensor, time: float) -> Tensor:
            """Of points (b, values) at one time."""
            moment = self._clock(context.new_full((1, 1), time)) @ of_clock
            return self._velocity(torch.addmm(known + moment, point, of_point))

        return velocity

    def _clock(self, time: Tensor) -> Tensor:
        angle = time * self.frequencies
        return torch.cat([time, torch.sin(angle), torch.cos(angle)], dim=1)

    def _velocity(self, hidden: Tensor) -> Tensor:
        for layer in self.inner:
            hidden = hidden + layer(nn.functional.silu(hidden))
        velocity: Tensor = self.last(nn.functional.silu(hidden))
        return velocity
