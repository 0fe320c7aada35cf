r"""The scalar field theory with a quartic coupling on a square lattice with periodic boundaries.

.. math:: S = \sum_x \Big[ m^2 \phi_x^2 + \lambda \phi_x^4
   + \sum_\mu \phi_x (2\phi_x - \phi_{x+\mu} - \phi_{x-\mu}) \Big] \qquad \text{(arXiv:2101.08176)}
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from partonic.core.errors import InputError
from partonic.lattice.hybrid import hybrid_fields

SPREAD = 0.3  # of the fields with which chains start


@dataclass(frozen=True)
class Phi4:
    """The theory on a lattice.

    Args:
        side: L, sites in each direction, even and 2 or more.
        mass2: m^2, may be negative.
        coupling: lambda, above 0.

    Raises:
        InputError: a number is out of range.
    """

    side: int = 8
    mass2: float = -4.0
    coupling: float = 8.0

    def __post_init__(self) -> None:
        if self.side < 2 or self.side % 2:
            raise InputError(f"a lattice has an even number of sites in each direction, 2 or more, not {self.side}")
        if not self.coupling > 0:
            raise InputError(f"the coupling must be above 0, not {self.coupling}: the action would have no minimum")

    def action(self, phi: Tensor) -> Tensor:
        """The action (b,) of fields (b, L, L).

        Raises:
            InputError: the fields have another shape.
        """
        if phi.ndim != 3 or phi.shape[1:] != (self.side, self.side):
            raise InputError(f"fields are (configurations, {self.side}, {self.side}), not {tuple(phi.shape)}")
        square = phi.square()
        kinetic = sum(2 * phi * (phi - phi.roll(1, dims=axis)) for axis in (1, 2))
        return (self.mass2 * square + self.coupling * square.square() + kinetic).sum(dim=(1, 2))

    def chains(
        self, count: int, steps: int, random: torch.Generator, *, warming: int = 100, every: int = 1
    ) -> tuple[Tensor, float]:
        """Fields of many chains of hybrid Monte Carlo, (steps, count, L, L), and the share of accepted trajectories.

        Args:
            count: chains, each from a start of its own.
            steps: fields kept of each.
            random: source of randomness.
            warming: trajectories in which the step size is found and the starts are forgotten.
            every: trajectories from one kept field to the next.

        Raises:
            InputError: a number is below 1.
        """
        start = SPREAD * torch.randn((max(count, 0), self.side, self.side), generator=random, dtype=torch.float64)
        return hybrid_fields(self.action, start, steps, random, warming=warming, every=every)


def magnetisation(phi: Tensor) -> Tensor:
    """Mean of the field over the lattice, (...), of fields (..., L, L)."""
    return phi.mean(dim=(-2, -1))


def correlations(phi: Tensor) -> Tensor:
    """Product of the field with itself at each distance along an axis, mean over places, (..., L), of (..., L, L)."""
    sums = [(phi * (phi.roll(r, dims=-1) + phi.roll(r, dims=-2))).mean(dim=(-2, -1)) for r in range(phi.shape[-1])]
    return 0.5 * torch.stack(sums, dim=-1)


def two_point(phi: Tensor) -> Tensor:
    """Correlation of the field with itself at each distance along an axis, (L,), connected, of fields (n, L, L)."""
    return correlations(phi - phi.mean()).mean(dim=0)
