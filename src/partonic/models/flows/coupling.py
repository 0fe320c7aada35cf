"""Coupling flow on the unit cube: each layer bends half of the variables by splines that the others choose.

Layers come in pairs, one for each binary digit of the numbers of the variables and its complement, so that every
variable steers every other at least once (arXiv:2001.05486). Sources: arXiv:1808.03856, arXiv:1906.04032.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from partonic.core.errors import InputError
from partonic.models.flows.spline import spline


def masks(dim: int) -> list[list[bool]]:
    """For each layer, which variables it bends."""
    digits = max(1, math.ceil(math.log2(dim)))
    rows = [[bool(i >> digit & 1) for i in range(dim)] for digit in range(digits)]
    return [[value == side for value in row] for row in rows for side in ((True, False) if dim > 1 else (False,))]


class SplineCoupling(nn.Module):
    """One layer.

    Args:
        bent: which variables it bends, (dim,).
        bins: of each spline.
        hidden: widths of the hidden layers of its network.
        context: number of given values that steer too.
        circular: which variables are angles, (dim,), a turn from 0 to 1. The splines of angles have equal slopes at
            both ends and turn by what the network says; angles that steer do so by their cosine and sine.
    """

    def __init__(
        self, bent: Sequence[bool], bins: int, hidden: Sequence[int], context: int, circular: Sequence[bool] = ()
    ) -> None:
        super().__init__()
        angles = {i for i, yes in enumerate(circular) if yes}
        self.bent = [i for i, yes in enumerate(bent) if yes]
        self.kept = [i for i, yes in enumerate(bent) if not yes]
        order = self.kept + self.bent
        self.back = [order.index(i) for i in range(len(order))]
        self.bins = bins
        self.turning = [i in angles for i in self.bent] if angles & set(self.bent) else []
        self.steering = [k for k, i in enumerate(self.kept) if i in angles]
        widths = [max(1, len(self.kept) + len(self.steering) + context), *hidden]
        layers: list[nn.Module] = []
        for into, out in pairwise(widths):
            layers += [nn.Linear(into, out), nn.SiLU(inplace=True)]
        last = nn.Linear(widths[-1], len(self.bent) * (3 * bins + 1))
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.network = nn.Sequential(*layers, last)

    def forward(self, x: Tensor, context: Tensor | None, *, inverse: bool) -> tuple[Tensor, Tensor]:
        """Bent points and the logarithm of the Jacobian, (n, dim) and (n,)."""
        kept, bent = x[:, self.kept], x[:, self.bent]
        steer = 2 * kept - 1
        if self.steering:
            turn = 2 * math.pi * kept[:, self.steering]
            steer[:, self.steering] = torch.cos(turn)
            steer = torch.cat([steer, torch.sin(turn)], -1)
        steer = steer if context is None else torch.cat([steer, context], -1)
        if steer.shape[1] == 0:  # a single variable, and nothing given
            steer = x.new_zeros((len(x), 1))
        free = self.network(steer).reshape(len(x), len(self.bent), 3 * self.bins + 1)
        values, logs = self._turned(bent, free, inverse) if self.turning else spline(bent, free, inverse=inverse)
        return torch.cat([kept, values], -1)[:, self.back], logs.sum(-1)

    def _turned(self, bent: Tensor, free: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
        """The splines where some bend angles: what would be the last slope is the turn, in radians."""
        angle = torch.tensor(self.turning, device=bent.device)
        turn = torch.where(angle, free[..., -1] / (2 * math.pi), 0.0)
        last = torch.where(angle, free[..., 2 * self.bins], free[..., -1])
        free = torch.cat([free[..., :-1], last[..., None]], -1)
        start = bent if inverse else torch.where(angle, torch.remainder(bent + turn, 1.0), bent)
        values, logs = spline(start, free, inverse=inverse)
        return torch.where(angle, torch.remainder(values - turn, 1.0), values) if inverse else values, logs


class CouplingFlow(nn.Module):
    r"""A map of the unit cube onto itself with known Jacobian, the identity before it has learned.

    It is fast both ways; :meth:`log_prob` (training) takes the splines as they are, :meth:`forward` (drawing) solves a
    quadratic equation for each.

    Args:
        dim: number of variables.
        bins: of each spline.
        hidden: widths of the hidden layers of each network.
        context: number of given values on which the map depends.
        rounds: how often each pair of layers comes.
        circular: which variables are angles, a turn from 0 to 1, whose density goes on over the ends; none if empty.

    Raises:
        InputError: a size is too small, or ``circular`` does not name each variable.

    Example:
        >>> flow = CouplingFlow(4)
        >>> x, log_jacobian = flow(torch.rand(10, 4, dtype=torch.float64))
    """

    def __init__(
        self,
        dim: int,
        bins: int = 10,
        hidden: Sequence[int] = (32, 32),
        context: int = 0,
        rounds: int = 1,
        circular: Sequence[bool] = (),
    ) -> None:
        super().__init__()
        if dim < 1 or bins < 2 or context < 0 or rounds < 1 or not hidden or min(hidden) < 1:
            raise InputError(
                "a coupling flow needs dim, rounds and hidden widths of 1 or more and 2 bins or more, "
                f"not dim {dim}, bins {bins}, hidden {tuple(hidden)}, context {context}, rounds {rounds}"
            )
        if circular and len(circular) != dim:
            raise InputError(f"circular must say of each of {dim} variables whether it is an angle, not {circular}")
        self.dim = dim
        self.context = context
        self.sizes: dict[str, Any] = {
            "dim": dim,
            "bins": bins,
            "hidden": list(hidden),
            "context": context,
            "rounds": rounds,
            "circular": list(circular),
        }
        rows = masks(dim) * rounds
        self.layers = nn.ModuleList(SplineCoupling(row, bins, hidden, context, circular) for row in rows)
        self.double()

    def _checked(self, x: Tensor, context: Tensor | None) -> None:
        if x.ndim != 2 or x.shape[1] != self.dim:
            raise InputError(f"this flow takes points of shape (n, {self.dim}), not {tuple(x.shape)}")
        given = 0 if context is None else context.shape[-1]
        if given != self.context:
            raise InputError(f"this flow takes {self.context} given values a point, not {given}")

    def forward(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        r"""Points from uniform numbers.

        Args:
            z: in the unit cube, (n, dim).
            context: given values, (n, context).

        Returns:
            Points (n, dim) and :math:`\ln|\partial x/\partial z|`, (n,).

        Raises:
            InputError: the shapes do not fit.
        """
        self._checked(z, context)
        total = z.new_zeros(len(z))
        for layer in reversed(self.layers):
            z, log = layer(z, context, inverse=True)
            total = total + log
        return z, total

    def inverse(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        r"""The uniform numbers that give the points, with :math:`\ln|\partial z/\partial x|`.

        Args:
            x: in the unit cube, (n, dim).
            context: given values, (n, context).

        Raises:
            InputError: the shapes do not fit.
        """
        self._checked(x, context)
        total = x.new_zeros(len(x))
        for layer in self.layers:
            x, log = layer(x, context, inverse=False)
            total = total + log
        return x, total

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Logarithm of the density at points of the unit cube, (n,)."""
        return self.inverse(x, context)[1]
