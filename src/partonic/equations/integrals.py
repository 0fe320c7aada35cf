r"""Integral operators: at each point x an integral over y of a kernel K(x, y, u(y), ...), by Gauss-Legendre nodes.

A kernel that is smooth between the limits converges faster than any power of the number of nodes. One with a kink at
y = x, as \|x - y\|, is written as two integrals that meet there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from partonic.core.errors import InputError

Kernel = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
Limit = float | Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class KernelIntegral:
    """An integral over a part of an interval, whose value at x appears in the equations.

    Args:
        kernel: torch function ``(x, y, u, du, unknowns)``, elementwise in the last index: x and y (1, points), fields
            (fields, points) and their derivatives (fields, 1, points) at y, unknown numbers (unknowns, points). It
            gives (points,).
        lower: of y, a number or a function of x (1, points) that gives (points,); the lower end of the domain if None.
        upper: the same of the upper limit, as ``lambda x: x[0]`` of a Volterra equation; its upper end if None.
    """

    kernel: Kernel
    lower: Limit | None = None
    upper: Limit | None = None


@dataclass(frozen=True)
class Sum:
    """An integral at points, as sums over nodes.

    Args:
        kernel: see :class:`KernelIntegral`.
        x: (1, points).
        y: nodes (points, nodes), or (1, nodes) where all points have the same.
        weights: (points, nodes), or (1, nodes).
    """

    kernel: Kernel
    x: Tensor
    y: Tensor
    weights: Tensor

    @property
    def shared(self) -> bool:
        """Whether all points have the same nodes."""
        return len(self.y) == 1

    def part(self, chosen: slice) -> Sum:
        """The same for some of the points."""
        y, weights = (self.y, self.weights) if self.shared else (self.y[chosen], self.weights[chosen])
        return Sum(self.kernel, self.x[:, chosen], y, weights)


def sums(integrals: Sequence[KernelIntegral], x: Tensor, ends: tuple[float, float], nodes: int) -> tuple[Sum, ...]:
    """Integrals at points.

    Args:
        integrals: operators.
        x: (1, points).
        ends: of the domain.
        nodes: of each integral.

    Raises:
        InputError: a limit lies outside of the domain.
    """
    given, width = np.polynomial.legendre.leggauss(nodes)
    place, weight = torch.from_numpy(0.5 * (given + 1)), torch.from_numpy(0.5 * width)
    found = []
    for one in integrals:
        low, high = (_limit(value, x, end) for value, end in zip((one.lower, one.upper), ends, strict=True))
        _check_limits(low, high, ends)
        length = (high - low)[:, None]
        found.append(Sum(one.kernel, x, low[:, None] + length * place, length * weight))
    return tuple(found)


def _limit(value: Limit | None, x: Tensor, end: float) -> Tensor:
    """(points,) of a limit that depends on the point, otherwise (1,)."""
    if callable(value):
        return value(x).to(torch.float64).expand(x.shape[1])
    return torch.tensor([end if value is None else float(value)], dtype=torch.float64)


def _check_limits(low: Tensor, high: Tensor, ends: tuple[float, float]) -> None:
    slack = 1e-12 * (ends[1] - ends[0])
    for limit in (low, high):
        inside = (limit >= ends[0] - slack) & (limit <= ends[1] + slack)
        if not bool(inside.all()):
            raise InputError(
                f"an integral reaches {float(limit[~inside][0]):.6g}, outside of the domain from {ends[0]:.6g} to "
                f"{ends[1]:.6g}"
            )
