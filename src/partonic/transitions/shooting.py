"""The classic methods for one field: thin-wall formula, shooting by over- and undershoot (Coleman, PRD 15, 2929)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad, solve_ivp
from scipy.interpolate import BSpline, make_interp_spline
from scipy.special import ive

from partonic.core.errors import InputError
from partonic.transitions.potential import Potential
from partonic.transitions.radial import sphere
from partonic.transitions.scaled import Array, ScaledPotential, scaled

CLOSE = 1e-6  # nearer to the true vacuum than that (scaled fields) the equation is linear
BISECTIONS = 60
TABLE = 3000  # points of the spline of V along the way


@dataclass(frozen=True)
class Shot:
    """A bounce of one field found by shooting.

    Args:
        action: S.
        radius: (points,), 1/E.
        phi: (points, 1), E.
    """

    action: float
    radius: Array
    phi: Array


def thin_wall(potential: Potential, false: float, true: float, T: float = 0.0, d: int = 3) -> float:
    r"""The thin-wall action :math:`\Omega_d \sigma^d ((d - 1) / \Delta V)^{d-1} / d` of one field.

    The tension :math:`\sigma = \int \sqrt{2 (V - V_f)}\, d\phi` is taken over the barrier, between the false vacuum and
    the point of the same V on the other side.

    Args:
        potential: of one field.
        false: the false vacuum.
        true: the true vacuum, deeper.
        T: temperature.
        d: 3 or 4.

    Raises:
        InputError: more fields than one, or the true vacuum is not deeper.
    """
    u = one_field(potential, false, true, T)
    depth = -float(u.value(u.true))
    share = np.linspace(0, 1, 4001)
    above = np.flatnonzero(u.value(share[:, None] * u.true) > 0)
    crossing = share[above[-1]] if len(above) else 0.0
    length = abs(float(u.true[0]))

    def root(x: float) -> float:
        return math.sqrt(max(2 * float(u.value(x * u.true)), 0.0)) * length

    tension = quad(root, 0, crossing, limit=200)[0]
    return float(sphere(d) / d * tension**d * ((d - 1) / depth) ** (d - 1) * u.action_unit(d))


def shoot(
    potential: Potential, false: float, true: float, T: float = 0.0, d: int = 3, *, tolerance: float = 1e-9
) -> Shot:
    """Bisect between releases that overshoot the false vacuum and releases that turn back before.

    A release next to the true vacuum is told by the radius at which the field has left it, so that thin walls are no
    matter of more digits than a number has.

    Args:
        potential: of one field.
        false: the false vacuum.
        true: the true vacuum, deeper.
        T: temperature.
        d: 3 or 4.
        tolerance: of the integration, relative.

    Raises:
        InputError: more fields than one, the true vacuum is not deeper, or no release overshoots.
    """
    u = one_field(potential, false, true, T)
    sign = math.copysign(1.0, float(u.true[0]))
    end = abs(float(u.true[0]))
    mass = math.sqrt(max(float(u.hessian(u.true)[0, 0]), 1e-12))
    share = np.linspace(0, 1, 4001)
    above = np.flatnonzero(u.value(share[:, None] * u.true) >= 0)
    first = end * float(share[above[-1]]) if len(above) else 0.0
    x = np.linspace(-0.02 * end, 1.02 * end, TABLE)
    table = make_interp_spline(x, u.value(sign * x[:, None]), k=7)
    shooter = _Shooter(u, d, sign, end, mass, table, table.derivative(), tolerance)
    # releases in one parameter: below 0 the distance from the point of equal V, above 0 the radius of departure
    low, high = 0.0, 1.0
    room = end - CLOSE * end - first
    while not shooter.run(first, room, high).over:
        high *= 2
        if high > 1e9:
            raise InputError(f"no release of '{potential.name}' overshoots: the vacua are too close to equal")
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (low, middle) if shooter.run(first, room, middle).over else (middle, high)
    return shooter.finish(first, room, low)


@dataclass(frozen=True)
class _Run:
    over: bool
    r: Array
    state: Array


@dataclass(frozen=True)
class _Shooter:
    u: ScaledPotential
    d: int
    sign: float
    end: float
    mass: float
    table: BSpline
    force: BSpline
    tolerance: float

    def run(self, first: float, room: float, release: float) -> _Run:
        """Integrate outwards from a release: below 1 a part of the room, above 1 a radius of departure."""
        r, x, speed = self._departure(first, room, release)
        passed, turned = (lambda _, y: y[0]), (lambda _, y: y[1])
        passed.terminal = turned.terminal = True  # type: ignore[attr-defined]
        passed.direction, turned.direction = -1, 1  # type: ignore[attr-defined]
        done = solve_ivp(
            self._slope,
            (r, r + 1e4),
            [x, speed, 0.0],
            "DOP853",
            events=(passed, turned),
            rtol=self.tolerance,
            atol=1e-3 * self.tolerance,
        )
        return _Run(len(done.t_events[0]) > 0, done.t, done.y)

    def finish(self, first: float, room: float, release: float) -> Shot:
        """Action and profile of the last run, with the linear tail beyond the turning point."""
        found, d = self.run(first, room, release), self.d
        r0, r1 = float(found.r[0]), float(found.r[-1])
        inner = float(self.u.value(self.u.true if release > 1 else np.array([found.state[0, 0] * self.sign])))
        edge = float(found.state[0, -1])
        light = math.sqrt(max(float(self.u.hessian(np.zeros(1))[0, 0]), 0.0))
        tail = r1 ** (d - 1) * light * edge**2 / 2
        action = sphere(d) * (float(found.state[2, -1]) + inner * r0**d / d + tail) * self.u.action_unit(d)
        return Shot(action, found.r * self.u.radius_unit, self.u.fields_of((self.sign * found.state[0])[:, None]))

    def _slope(self, r: float, y: Array) -> list[float]:
        x, speed = float(y[0]), float(y[1])
        density = r ** (self.d - 1) * (0.5 * speed * speed + float(self.table(x)))
        return [speed, float(self.force(x)) - (self.d - 1) / r * speed, density]

    def _departure(self, first: float, room: float, release: float) -> tuple[float, float, float]:
        """Radius, field and slope to begin with."""
        if release < 1:
            x = first + room * release
            force = float(self.force(x))
            r = 1e-4 / (1 + self.mass)
            return r, x + force * r * r / (2 * self.d), force * r / self.d
        order, r = self.d / 2 - 1, release - 1 + 1e-4 / (1 + self.mass)
        rate = self.mass * float(ive(order + 1, self.mass * r) / ive(order, self.mass * r))
        return r, self.end * (1 - CLOSE), -rate * CLOSE * self.end


def one_field(potential: Potential, false: float, true: float, T: float) -> ScaledPotential:
    """The potential of one field between two vacua in its own units.

    Raises:
        InputError: more fields than one, or the true vacuum is not deeper.
    """
    if potential.fields != 1:
        raise InputError(
            f"thin walls, shooting and polygons are for one field; '{potential.name}' has {potential.fields}"
        )
    low, high = (potential.point(np.atleast_1d(one), T).numpy() for one in (false, true))
    found = scaled(potential, low, high, high, T)
    if not float(found.value(found.true)) < 0:
        raise InputError(f"the true vacuum {float(high[0]):.6g} of '{potential.name}' is not below the false one")
    return found
