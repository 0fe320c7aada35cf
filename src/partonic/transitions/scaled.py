"""A potential in its own units: the false vacuum at the origin, distances and heights of the barrier of order 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from partonic.transitions.potential import Potential

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ScaledPotential:
    r""":math:`U(x) = (V(\phi_f + \ell x) - V(\phi_f)) / h`, NumPy in and out.

    Args:
        potential: V.
        T: temperature.
        false: the false vacuum, (fields,).
        true: the true vacuum in scaled fields, (fields,).
        aim: a point of the deeper region to which the first path goes straight, in scaled fields: the true vacuum, or
            one nearer to the barrier.
        length: unit of the fields.
        height: unit of energy density.
        bottom: V at the false vacuum.
    """

    potential: Potential
    T: float
    false: Array
    true: Array
    aim: Array
    length: float
    height: float
    bottom: float

    @property
    def fields(self) -> int:
        """Number of fields."""
        return len(self.false)

    def value(self, x: Array) -> Array:
        """U, (..., fields) -> (...)."""
        with torch.no_grad():
            found = self.potential.value(self._there(x), self.T).numpy()
        scaled: Array = (found - self.bottom) / self.height
        return scaled

    def gradient(self, x: Array) -> Array:
        """First derivatives, (..., fields)."""
        found: Array = self.potential.gradient(self._there(x), self.T).detach().numpy() * (self.length / self.height)
        return found

    def hessian(self, x: Array) -> Array:
        """Second derivatives, (..., fields, fields)."""
        found = self.potential.hessian(self._there(x), self.T).detach().numpy()
        scaled: Array = found * (self.length**2 / self.height)
        return scaled

    def action_unit(self, d: int) -> float:
        """What an action in d dimensions is measured in."""
        return float(self.length**d * self.height ** (1 - d / 2))

    @property
    def radius_unit(self) -> float:
        """What radii are measured in, 1/energy."""
        return float(self.length / self.height**0.5)

    def fields_of(self, x: Array) -> Array:
        """Fields in the user's units, (..., fields)."""
        found: Array = self.false + self.length * x
        return found

    def _there(self, x: Array) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(self.false + self.length * x))


def scaled(potential: Potential, false: Array, true: Array, aim: Array, T: float) -> ScaledPotential:
    """The potential between two vacua in its own units: of the way to the aim, what the barrier takes.

    Args:
        potential: V.
        false: false vacuum, (fields,).
        true: true vacuum, (fields,), another point.
        aim: where the first path goes, (fields,), V below that of the false vacuum.
        T: temperature.
    """
    share = np.concatenate([[0.0], np.geomspace(1e-6, 1e-2, 200, endpoint=False), np.linspace(1e-2, 1, 800)])
    line = false + share[:, None] * (aim - false)
    with torch.no_grad():
        along = potential.value(torch.from_numpy(line), T).numpy()
    rise = along - along[0]
    above = np.flatnonzero(rise > 0)
    width = min(1.0, 4 * float(share[above[-1]])) if len(above) else 1.0
    length = width * float(np.linalg.norm(aim - false))
    height = max(float(rise.max()), 1e-9 * float(np.ptp(along)), 1e-300)
    return ScaledPotential(
        potential, T, false, (true - false) / length, (aim - false) / length, length, height, float(along[0])
    )
