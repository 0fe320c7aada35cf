"""Random tanh features: the hidden layer of a network that stays as it was drawn, with its derivatives by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Shape:
    """How a hidden layer is drawn.

    Args:
        width: number of features.
        slope: largest slope in the domain scaled to [-1, 1].
        smallest: smallest slope of features of many scales; 0 for normally distributed slopes.
        nodes: collocation points an axis.
    """

    width: int
    slope: float
    nodes: int
    smallest: float = 0.0


@dataclass(frozen=True)
class Features:
    r"""Features :math:`1, x, \tanh(w \cdot x + b)` of coordinates scaled to [-1, 1].

    Args:
        weights: (width, dimensions).
        biases: (width,).
        lower: lower ends of the box, (dimensions,).
        upper: upper ends.
    """

    weights: Tensor
    biases: Tensor
    lower: Tensor
    upper: Tensor

    @property
    def count(self) -> int:
        """Number of features, with the constant and the coordinates."""
        return len(self.biases) + self.weights.shape[1] + 1

    def jets(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Values (points, features), first (dimensions, points, features) and second derivatives at points.

        Args:
            x: (dimensions, points).
        """
        scale = 2 / (self.upper - self.lower)
        z = (x - self.lower[:, None]) * scale[:, None] - 1
        t = torch.tanh(z.T @ self.weights.T + self.biases)
        slope = 1 - t * t
        w = self.weights.T * scale[:, None]  # (dimensions, width)
        n, d = x.shape[1], len(x)
        values = torch.cat([torch.ones(n, 1, dtype=x.dtype), z.T, t], 1)
        linear = torch.diag(scale)[:, None, :].expand(d, n, d)
        first = torch.cat([torch.zeros(d, n, 1, dtype=x.dtype), linear, slope * w[:, None]], 2)
        bend = -2 * t * slope * w[:, None, None] * w[None, :, None]
        second = torch.cat([torch.zeros(d, d, n, d + 1, dtype=x.dtype), bend], 3)
        return values, first, second

    def fields(self, x: Tensor, output: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Fields (fields, points), first (fields, dims, points) and second derivatives (fields, dims, dims, points).

        Args:
            x: (dimensions, points).
            output: the layer behind the features, (features, fields).
        """
        return contract(self.jets(x), output)

    def layer(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scaled coordinates (points, dimensions) and tanh features (points, width), for :meth:`derivative`."""
        z = ((x - self.lower[:, None]) * (2 / (self.upper - self.lower))[:, None] - 1).T
        return z, torch.tanh(z @ self.weights.T + self.biases)

    def derivative(self, layer: tuple[Tensor, Tensor], orders: Sequence[int]) -> Tensor:
        """A mixed derivative of any order of all features, (points, features).

        Args:
            layer: as :meth:`layer` gives it.
            orders: one for each coordinate.
        """
        z, t = layer
        scale, total = 2 / (self.upper - self.lower), sum(orders)
        linear = torch.zeros(len(z), 1 + z.shape[1], dtype=z.dtype)
        if total == 0:
            linear = torch.cat([torch.ones_like(linear[:, :1]), z], 1)
        elif total == 1:
            axis = list(orders).index(1)
            linear[:, 1 + axis] = scale[axis]
        factor = ((self.weights * scale) ** torch.tensor(orders, dtype=torch.float64)).prod(1)
        bent = torch.zeros_like(t)
        for coefficient in reversed(bends(total)):
            bent = bent * t + coefficient
        return torch.cat([linear, bent * factor], 1)


def contract(jets: tuple[Tensor, Tensor, Tensor], output: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Fields and derivatives from those of the features, see :meth:`Features.jets`, and the output layer.

    Features that differ from field to field have a first index of the field.
    """
    values, first, second = jets
    if values.dim() == 3:
        u, du = torch.einsum("mnj,jm->mn", values, output), torch.einsum("manj,jm->man", first, output)
        return u, du, torch.einsum("mabnj,jm->mabn", second, output)
    return (values @ output).T, (first @ output).permute(2, 0, 1), (second @ output).permute(3, 0, 1, 2)


@lru_cache
def bends(order: int) -> tuple[float, ...]:
    """Coefficients of powers of t = tanh(z), from 0, of its derivative of an order by z: dt/dz = 1 - t^2."""
    found = np.polynomial.Polynomial([0.0, 1.0])
    for _ in range(order):
        found = found.deriv() * np.polynomial.Polynomial([1.0, 0.0, -1.0])
    return tuple(float(one) for one in found.coef)


def draw(shape: Shape, lower: tuple[float, ...], upper: tuple[float, ...], seed: int) -> Features:
    """Draw a hidden layer: each feature bends at a point drawn in the box (a little beyond it, too).

    Args:
        shape: width and slopes.
        lower: lower ends of the box.
        upper: upper ends.
        seed: of the draw.
    """
    generator = torch.Generator().manual_seed(seed)
    d = len(lower)
    weights = torch.randn(shape.width, d, generator=generator, dtype=torch.float64)
    centres = 2.2 * torch.rand(shape.width, d, generator=generator, dtype=torch.float64) - 1.1
    if shape.smallest > 0:  # slopes of all scales, steep ones mostly near the ends, where layers form
        weights = weights / weights.norm(dim=1, keepdim=True)
        ratio = shape.slope / shape.smallest
        size = shape.smallest * ratio ** torch.rand(shape.width, 1, generator=generator, dtype=torch.float64)
        weights = weights * size
        centres = torch.where(
            torch.rand(shape.width, d, generator=generator, dtype=torch.float64) < 0.7,
            torch.sign(centres) * (1 - centres.abs() * 2 / size.clamp(min=2)),
            centres,
        )
    else:
        weights = weights * shape.slope / d**0.5
    biases = -(weights * centres).sum(1)
    return Features(weights, biases, torch.tensor(lower, dtype=torch.float64), torch.tensor(upper, dtype=torch.float64))
