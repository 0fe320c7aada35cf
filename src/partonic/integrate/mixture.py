r"""The density from which points are drawn: a sum over grids and flows, known at every point.

.. math:: q(y) = \sum_c p_c\,q_c(y), \qquad w(y) = f(y) / q(y).

The weight of a component at a point is its share :math:`p_c q_c / q` of the density, which smooth and sharp components
divide among themselves (Kleiss and Pittau, hep-ph/9405257; Ohl, hep-ph/9806432). As the density of all is in every
weight, no weight exceeds :math:`f / (p_c q_c)` for any c: a component that covers everything bounds them all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from partonic.core.errors import InputError
from partonic.integrate.channels import CubeMap
from partonic.models.flows.coupling import CouplingFlow
from partonic.phasespace.vegas import Grid

BLOCK = 8192
TINY = 1e-300
EDGE = 1e-15


@dataclass(frozen=True)
class Component:
    """Uniform numbers, bent by a flow if there is one, then by a grid, then by a channel.

    Args:
        channel: number of the channel.
        grid: of its unit cube.
        share: probability of drawing from it.
        flow: bends the uniform numbers of the grid.
        broad: whether it is there to cover everything, and is not to be trained.
    """

    channel: int
    grid: Grid
    share: float
    flow: CouplingFlow | None = None
    broad: bool = False


@dataclass(frozen=True)
class Mixture:
    """Components over channels.

    Args:
        channels: maps of the unit cube.
        components: their shares sum to 1.

    Raises:
        InputError: they do not.
    """

    channels: tuple[CubeMap, ...]
    components: tuple[Component, ...]

    def __post_init__(self) -> None:
        total = math.fsum(component.share for component in self.components)
        if not abs(total - 1) < 1e-9:
            raise InputError(f"the shares of the components of a mixture must sum to 1, not to {total}")

    @property
    def dim(self) -> int:
        """Number of variables."""
        return self.channels[0].dim

    @property
    def shares(self) -> Tensor:
        """Shares of the components, (components,)."""
        return torch.tensor([component.share for component in self.components], dtype=torch.float64)

    def with_shares(self, shares: Sequence[float] | Tensor) -> Mixture:
        """The same components with other shares, which are scaled to sum to 1."""
        values = [float(share) for share in shares]
        total = math.fsum(values)
        return replace(
            self,
            components=tuple(
                replace(one, share=value / total) for one, value in zip(self.components, values, strict=True)
            ),
        )

    def points(self, number: int, u: Tensor) -> Tensor:
        """Points (n, m) of one component from uniform numbers (n, dim)."""
        return self._made(number, u)[0]

    def _made(self, number: int, u: Tensor) -> tuple[Tensor, Tensor]:
        """Points of a component, and its log density there."""
        component = self.components[number]
        log = u.new_zeros(len(u))
        if component.flow is not None:
            with torch.no_grad():
                u, log = component.flow(u)
            u = u.clamp(EDGE, 1 - EDGE)
        drawn = component.grid.draw(u)
        y, density = self.channels[component.channel].forward(drawn.points)
        return y, torch.log(density.clamp_min(TINY)) - torch.log(drawn.jacobian) - log

    def draw(self, number: int, u: Tensor) -> tuple[Tensor, Tensor]:
        """Points of one component, (n, m), and the density of the mixture there, (n,)."""
        points, densities = [], []
        for part in torch.split(u, BLOCK):
            y, own = self._made(number, part)
            log = self.log_densities(y, number, own)
            points.append(y)
            densities.append(torch.exp(log) @ self.shares)
        return torch.cat(points), torch.cat(densities)

    def located(self, y: Tensor) -> dict[int, tuple[Tensor, Tensor]]:
        """For each channel that components use: x and log density of points."""
        used = sorted({component.channel for component in self.components})
        found = {k: self.channels[k].inverse(y) for k in used}
        return {k: (x, torch.log(density.clamp_min(0.0))) for k, (x, density) in found.items()}

    def log_densities(self, y: Tensor, known: int = -1, own: Tensor | None = None) -> Tensor:
        """Log density of each component at points, (n, components).

        Args:
            y: points, (n, m).
            known: component whose densities are known, -1 for none.
            own: these densities, (n,).
        """
        places = self.located(y)
        result = y.new_empty(len(y), len(self.components))
        grids: dict[int, tuple[Tensor, Tensor]] = {}
        for number, component in enumerate(self.components):
            if number == known and own is not None:
                result[:, number] = own
                continue
            x, log = places[component.channel]
            if id(component.grid) not in grids:
                grids[id(component.grid)] = component.grid.located(x)
            v, density = grids[id(component.grid)]
            result[:, number] = log + torch.log(density)
            if component.flow is not None:
                with torch.no_grad():
                    result[:, number] += component.flow.log_prob(v)
        return result

    def density(self, y: Tensor) -> Tensor:
        """Density of the mixture at points, (n,)."""
        return torch.cat([torch.exp(self.log_densities(part)) @ self.shares for part in torch.split(y, BLOCK)])


def untrained(channels: Sequence[CubeMap], cells: int = 64) -> Mixture:
    """Uniform grids, one for each channel, of equal shares."""
    share = 1 / len(channels)
    return Mixture(
        tuple(channels),
        tuple(Component(k, Grid.uniform(c.dim, cells), share) for k, c in enumerate(channels)),
    )
