r"""How a bubble grows: :math:`(-\partial_t^2 + \nabla^2) \phi = \partial V / \partial \phi` for a sphere, by leapfrog.

The energy on the grid is conserved by the equations between the time steps; what the steps change in it is told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from partonic.core.errors import InputError
from partonic.transitions.bounce import Bounce
from partonic.transitions.scaled import Array, ScaledPotential

COURANT = 0.4  # time step in units of the distance of the grid


@dataclass(frozen=True)
class Growth:
    """A growing bubble.

    Args:
        times: (times,), 1/E.
        radius: of the grid, (points,), 1/E.
        phi: fields, (times, points, fields), E.
        wall: where the field is as far from the false vacuum as half of the centre was at nucleation, (times,), 1/E.
        energy_error: largest change of the energy, as part of the kinetic and gradient energy at the end.
    """

    times: Array
    radius: Array
    phi: Array
    wall: Array
    energy_error: float

    @property
    def speed(self) -> Array:
        """Of the wall, (times,), in units of that of light."""
        found: Array = np.gradient(self.wall, self.times)
        return found


def grow(bounce: Bounce, duration: float, *, points: int = 2000, snapshots: int = 21, stretch: float = 0.01) -> Growth:
    r"""Follow a bubble after its nucleation.

    The bounce in four dimensions is at rest at t = 0 and then runs away, :math:`\phi(r, t) = \phi_b(\sqrt{r^2 -
    t^2})`. That in three dimensions is static but unstable: its radius is stretched a little to let it go.

    Args:
        bounce: a solved one.
        duration: of the growth, 1/E.
        points: of the radial grid, which reaches beyond what light can in this time.
        snapshots: times that are kept, the first at nucleation.
        stretch: of the radius of a three-dimensional bounce, as part of it.

    Raises:
        InputError: the bounce is not solved, or a number is not positive.
    """
    if not bounce.solved or bounce.units is None or bounce.polished is None:
        raise InputError(f"only a solved bounce can grow; {bounce.message}")
    if not (duration > 0 and points >= 50 and snapshots >= 2 and stretch > 0):
        raise InputError(
            f"growth needs a duration above 0, 50 points, 2 snapshots and a stretch above 0; not {duration}, {points}, "
            f"{snapshots}, {stretch}"
        )
    units, unit = bounce.units, bounce.units.radius_unit
    size = float(bounce.radius[-1])
    reach = (size + 1.05 * duration) / unit
    h = reach / points
    r = np.asarray((np.arange(points) + 0.5) * h, dtype=np.float64)
    scale = 1 + stretch if bounce.dimensions == 3 else 1.0
    x = (bounce.profile(r * unit / scale) - units.false) / units.length
    lattice = _Lattice(units, r, h)
    steps = math.ceil(duration / unit / (COURANT * h) / (snapshots - 1)) * (snapshots - 1)
    dt = duration / unit / steps
    speed, force = np.zeros_like(x), lattice.force(x)
    start, worst, kept = lattice.energy(x, speed)[0], 0.0, [x.copy()]
    moving = 0.0
    for step in range(1, steps + 1):
        speed += dt / 2 * force
        x = x + dt * speed
        force = lattice.force(x)
        speed += dt / 2 * force
        if step % (steps // (snapshots - 1)) == 0:
            kept.append(x.copy())
            energy, moving = lattice.energy(x, speed)
            worst = max(worst, abs(energy - start))
    times = np.linspace(0, duration, snapshots)
    level = float(np.linalg.norm(kept[0], axis=1).max()) / 2
    wall = np.array([_outermost(r, one, level) for one in kept]) * unit
    return Growth(times, r * unit, units.fields_of(np.stack(kept)), wall, worst / moving)


@dataclass(frozen=True)
class _Lattice:
    units: ScaledPotential
    r: Array
    h: float

    def force(self, x: Array) -> Array:
        """Minus the derivative of the energy, over the volume of each shell, (points, fields)."""
        faces = (self.r[:-1] + self.h / 2) ** 2
        flow = faces[:, None] * np.diff(x, axis=0) / self.h
        spread = np.zeros_like(x)
        spread[:-1] += flow
        spread[1:] -= flow
        found: Array = spread / (self.r[:, None] ** 2 * self.h) - self.units.gradient(x)
        return found

    def energy(self, x: Array, speed: Array) -> tuple[float, float]:
        """All of it, and the kinetic and gradient part (without 4 pi)."""
        faces = (self.r[:-1] + self.h / 2) ** 2
        kinetic = 0.5 * float((self.r**2 * (speed**2).sum(1)).sum()) * self.h
        gradient = 0.5 * float((faces * (np.diff(x, axis=0) ** 2).sum(1)).sum()) / self.h
        return kinetic + gradient + float((self.r**2 * self.units.value(x)).sum()) * self.h, kinetic + gradient


def _outermost(r: Array, x: Array, level: float) -> float:
    """The outermost radius at which the displacement is above a level; 0 where a bubble has gone."""
    size = np.linalg.norm(x, axis=1)
    above = np.flatnonzero(size >= level)
    if len(above) == 0:
        return 0.0
    last = int(above[-1])
    if last + 1 == len(r):
        return float(r[-1])
    part = (size[last] - level) / (size[last] - size[last + 1])
    return float(r[last] + part * (r[last + 1] - r[last]))
