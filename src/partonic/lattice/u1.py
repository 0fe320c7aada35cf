r"""The U(1) gauge theory on a two-dimensional torus: action, loops, charge, chains.

Links are angles :math:`\theta_\mu(x)`; with the plaquettes
:math:`P(x) = \theta_0(x) + \theta_1(x + \hat 0) - \theta_0(x + \hat 1) - \theta_1(x)`

.. math:: S = -\beta \sum_x \cos P(x) \qquad \text{(arXiv:2101.08176)}
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from partonic.core.errors import InputError
from partonic.lattice.hybrid import hybrid_fields


@dataclass(frozen=True)
class U1:
    """The theory on a lattice.

    Args:
        side: L, sites in each direction, 2 or more.
        beta: inverse squared coupling, above 0.

    Raises:
        InputError: a number is out of range.
    """

    side: int = 8
    beta: float = 2.0

    def __post_init__(self) -> None:
        if self.side < 2:
            raise InputError(f"a lattice has 2 sites or more in each direction, not {self.side}")
        if not (self.beta > 0 and math.isfinite(self.beta)):
            raise InputError(f"beta must be above 0, not {self.beta}")

    def action(self, links: Tensor) -> Tensor:
        """The action (b,) of links (b, 2, L, L).

        Raises:
            InputError: the links have another shape.
        """
        if links.ndim != 4 or links.shape[1:] != (2, self.side, self.side):
            raise InputError(f"links are (configurations, 2, {self.side}, {self.side}), not {tuple(links.shape)}")
        return -self.beta * plaquettes(links).cos().sum(dim=(1, 2))

    def chains(
        self, count: int, steps: int, random: torch.Generator, *, warming: int = 100, every: int = 1
    ) -> tuple[Tensor, float]:
        """Links of many chains of hybrid Monte Carlo, (steps, count, 2, L, L), and the share of accepted trajectories.

        The chains start from links drawn evenly, so that each begins with a charge of its own.

        Args:
            count: chains.
            steps: configurations kept of each.
            random: source of randomness.
            warming: trajectories in which the step size is found and the starts are forgotten.
            every: trajectories from one kept configuration to the next.

        Raises:
            InputError: a number is below 1.
        """
        shape = (max(count, 0), 2, self.side, self.side)
        start = 2 * math.pi * torch.rand(shape, generator=random, dtype=torch.float64)
        return hybrid_fields(self.action, start, steps, random, warming=warming, every=every)


def plaquettes(links: Tensor) -> Tensor:
    """Sums of the links around each plaquette, (..., L, L), not wrapped, of links (..., 2, L, L)."""
    first, second = links.unbind(dim=-3)
    return first + second.roll(-1, dims=-2) - first.roll(-1, dims=-1) - second


def wrapped(angles: Tensor) -> Tensor:
    r"""The same angles in :math:`[-\pi, \pi)`."""
    return torch.remainder(angles + math.pi, 2 * math.pi) - math.pi


def charge(links: Tensor) -> Tensor:
    r"""The topological charge :math:`\sum_x \mathrm{wrap}(P(x)) / 2\pi`, an integer, (...), of links (..., 2, L, L)."""
    return (wrapped(plaquettes(links)).sum(dim=(-2, -1)) / (2 * math.pi)).round()


def wilson_loops(links: Tensor, width: int, height: int) -> Tensor:
    """Cosine of the links around a rectangle, mean over its places, (...), of links (..., 2, L, L).

    Args:
        links: angles.
        width: sites in direction 0, between 1 and L.
        height: sites in direction 1, between 1 and L.

    Raises:
        InputError: the rectangle does not fit the lattice.
    """
    if not 1 <= min(width, height) <= max(width, height) <= links.shape[-1]:
        raise InputError(f"a loop on this lattice has sides of 1 to {links.shape[-1]}, not {width} and {height}")
    first, second = links.unbind(dim=-3)
    bottom = torch.stack([first.roll(-k, dims=-2) for k in range(width)]).sum(dim=0)
    left = torch.stack([second.roll(-k, dims=-1) for k in range(height)]).sum(dim=0)
    around = bottom + left.roll(-width, dims=-2) - bottom.roll(-height, dims=-1) - left
    return around.cos().mean(dim=(-2, -1))


def gauge_transformed(links: Tensor, angles: Tensor) -> Tensor:
    r"""Links :math:`\theta_\mu(x) + \alpha(x) - \alpha(x + \hat\mu)`, which describe the same physics.

    Args:
        links: (..., 2, L, L).
        angles: one a site, (..., L, L).
    """
    change = torch.stack([angles - angles.roll(-1, dims=axis) for axis in (-2, -1)], dim=-3)
    return links + change
