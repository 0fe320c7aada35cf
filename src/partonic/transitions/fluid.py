r"""How a growing bubble moves the plasma: self-similar profiles, and the share of the energy that ends in motion.

The plasma is a bag: pressure and energy density of either side differ by a constant only, so that sound travels at
:math:`c_s = 1/\sqrt 3` (Espinosa, Konstandin, No and Servant, arXiv:1004.4187). The strength is
:math:`\alpha = 4\epsilon/(3 w_N)`, with the difference :math:`\epsilon` of the vacuum energies and the enthalpy
density :math:`w_N` far from the bubble.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from partonic.core.errors import InputError

Floats = NDArray[np.float64]
Kind = Literal["deflagration", "hybrid", "detonation"]
SOUND = 1 / math.sqrt(3)
TOLERANCE = 1e-10
FINER = 10  # points of a profile for each step of the integrator
SMALLEST = 1e-6  # part of the velocity at the wall that counts as rest


@dataclass(frozen=True)
class FluidProfile:
    """The plasma around a bubble as a function of xi = r/t.

    Args:
        kind: deflagration (the plasma moves before the wall), detonation (behind it) or hybrid (both).
        xi: (points,) ascending, in units of the speed of light, twice at the wall where both sides move; the plasma
            is at rest inside the first (with its enthalpy) and outside the last.
        velocity: (points,) of the plasma in the frame of the bubble's centre.
        enthalpy: (points,) enthalpy density over that far from the bubble.
        efficiency: kinetic energy of the plasma over the vacuum energy that was set free, kappa.
    """

    kind: Kind
    xi: Floats
    velocity: Floats
    enthalpy: Floats
    efficiency: float


def efficiency(alpha: float, wall_velocity: float) -> float:
    r"""Share kappa of the freed vacuum energy that ends in motion of the plasma.

    Args:
        alpha: strength of the transition.
        wall_velocity: of the bubble's wall, in units of the speed of light.

    Raises:
        InputError: alpha is not above 0, the velocity not between 0 and 1, or no stationary wall is that slow.
    """
    return fluid_profile(alpha, wall_velocity).efficiency


def chapman_jouguet(alpha: float) -> float:
    """Wall velocity above which the plasma before the wall stays at rest (arXiv:1004.4187, equation 39)."""
    return (math.sqrt(alpha * (2 + 3 * alpha)) + 1) / (math.sqrt(3) * (1 + alpha))


def fluid_profile(alpha: float, wall_velocity: float) -> FluidProfile:
    """Velocity and enthalpy of the plasma around a bubble.

    Args:
        alpha: strength of the transition.
        wall_velocity: of the bubble's wall, in units of the speed of light.

    Raises:
        InputError: alpha is not above 0, the velocity not between 0 and 1, or no stationary wall is that slow.
    """
    if not alpha > 0:
        raise InputError(f"the strength alpha must be above 0, not {alpha}")
    if not 0 < wall_velocity < 1:
        raise InputError(f"a wall velocity is between 0 and 1 (the speed of light), not {wall_velocity}")
    if wall_velocity >= chapman_jouguet(alpha):
        behind = _behind(wall_velocity, _matched_behind(wall_velocity, alpha))
        jump = _enthalpy_ratio(wall_velocity, behind.inner)
        return _profile("detonation", alpha, wall_velocity, [behind.scaled(jump)])
    before = _shock(alpha, wall_velocity)
    level = float(before.enthalpy[0]) * _enthalpy_ratio(before.inner, min(wall_velocity, SOUND))
    if wall_velocity <= SOUND:
        inside = _Wave(np.array([wall_velocity]), np.zeros(1), np.array([level]), wall_velocity, 0.0)
        return _profile("deflagration", alpha, wall_velocity, [inside, before])
    return _profile("hybrid", alpha, wall_velocity, [_behind(wall_velocity, SOUND).scaled(level), before])


@dataclass(frozen=True)
class _Wave:
    """One part of a profile.

    ``inner`` is the plasma's speed on its side of the wall in the wall's frame, ``energy`` the integral of
    w gamma^2 v^2 xi^2 over xi.
    """

    xi: Floats
    velocity: Floats
    enthalpy: Floats
    inner: float
    energy: float

    def scaled(self, factor: float) -> _Wave:
        return _Wave(self.xi, self.velocity, self.enthalpy * factor, self.inner, self.energy * factor)


def _boost(a: float, b: float) -> float:
    """Velocity b seen from a frame that moves with a."""
    return (a - b) / (1 - a * b)


def _matched_behind(before: float, alpha: float) -> float:
    """Speed behind a detonation's wall in its frame, from that before it (the faster of two solutions)."""
    x = ((1 + alpha) * before**2 + 1 / 3 - alpha) / before
    return (x + math.sqrt(max(x * x - 4 / 3, 0.0))) / 2


def _matched_before(behind: float, alpha: float) -> float:
    """Speed before a deflagration's wall in its frame, from that behind it (the slower of two solutions)."""
    x = behind / 2 + 1 / (6 * behind)
    root = x * x + alpha**2 + 2 * alpha / 3 - 1 / 3
    return float((x - math.sqrt(max(root, 0.0))) / (1 + alpha))


def _enthalpy_ratio(before: float, behind: float) -> float:
    """Enthalpy behind a front over that before it, from the speeds in the front's frame: w gamma^2 v is conserved."""
    return before * (1 - behind**2) / (behind * (1 - before**2))


def _flow(_: float, state: Floats) -> list[float]:
    """Equations of the similarity flow with a parameter along the curve, without a singular point.

    State: xi, velocity, logarithm of the enthalpy, kinetic energy so far.
    """
    xi, velocity, log_enthalpy, _ = state.tolist()
    mu = (xi - velocity) / (1 - xi * velocity)
    slope = 2 * velocity * (1 - velocity**2) * (1 - xi * velocity) / 3
    along = xi * ((xi - velocity) ** 2 - (1 - xi * velocity) ** 2 / 3)
    stretch = 1 / (1 - velocity**2)
    energy = math.exp(log_enthalpy) * stretch * velocity**2 * xi**2 * along
    return [-along, -slope, -4 * mu * stretch * slope, -energy]


def _follow(wall: float, velocity: float, end: Callable[[float, Floats], float] | None = None) -> Floats:
    """The flow from the wall until ``end`` passes zero (where given) or the plasma is at rest, (4, points)."""

    def at_rest(_: float, state: Floats) -> float:
        return float(state[1]) - SMALLEST * velocity

    events = [at_rest] if end is None else [at_rest, end]
    for event in events:
        event.terminal = True  # type: ignore[attr-defined]
    start = [wall, velocity, 0.0, 0.0]
    found = solve_ivp(_flow, (0, 1e6), start, "DOP853", None, True, events, rtol=TOLERANCE, atol=1e-13)
    times = np.interp(np.arange(0, len(found.t) - 1 + 1e-9, 1 / FINER), np.arange(len(found.t)), found.t)
    return np.asarray(found.sol(times))


def _behind(wall: float, speed: float) -> _Wave:
    """Rarefaction wave from the wall inwards, down to the speed of sound; the enthalpy is 1 at the wall."""
    inner = max(speed, SOUND + 1e-9)  # at the speed of sound itself the flow starts vertically
    velocity = _boost(wall, inner)
    if velocity <= 1e-13:
        return _Wave(np.array([wall]), np.zeros(1), np.ones(1), speed, 0.0)
    xi, v, log_w, energy = _follow(wall, velocity)[:, ::-1]
    return _Wave(xi, v, np.exp(log_w), speed, -float(energy[0]))


def _shock(alpha: float, wall: float) -> _Wave:
    """Compression wave from the wall out to its shock; the enthalpy is 1 beyond the shock."""
    behind = min(wall, SOUND)

    def missing(near: float) -> float:
        """Alpha far away that belongs to ``near`` just before the wall, less what it should be."""
        return float(near * _compression(wall, behind, near).enthalpy[0]) - alpha

    least, most = _least_strength(wall, behind), 1 / 3 - 1e-9  # from 1/3 on no plasma would pass the wall
    if missing(most) < 0:
        raise InputError(
            f"no wall moves steadily with {wall:g} in a transition of strength {alpha:g}: the plasma that piles up "
            f"before it would stop it from a strength of {missing(most) + alpha:.3g} on; take a faster wall"
        )
    if missing(least) > 0:
        return _compression(wall, behind, least)
    return _compression(wall, behind, float(brentq(missing, least, most, xtol=1e-14, rtol=1e-11)))


def _least_strength(wall: float, behind: float) -> float:
    """Alpha just before the wall below which nothing matches, or the shock would not be ahead of the wall."""
    x = behind / 2 + 1 / (6 * behind)
    matching = -1 / 3 + math.sqrt(max(0.0, 4 / 9 - x * x))
    speed = 1 / (3 * wall)
    ahead = (speed**2 - 2 * x * speed + 1 / 3) / (1 - speed**2) if wall > SOUND else 0.0
    return max(matching, ahead, 0.0) + 1e-12


def _compression(wall: float, behind: float, near: float) -> _Wave:
    """Wave before a wall with strength ``near`` at it."""
    speed = _matched_before(behind, near)
    velocity = _boost(wall, speed)
    if velocity <= 1e-13:
        return _Wave(np.array([wall]), np.zeros(1), np.ones(1), speed, 0.0)

    def front(_: float, state: Floats) -> float:
        return float(_boost(state[0], state[1]) * state[0]) - 1 / 3

    xi, v, log_w, energy = _follow(wall, velocity, front)
    shock, last = float(xi[-1]), float(v[-1])
    jump = _enthalpy_ratio(shock, _boost(shock, last)) if last > 2 * SMALLEST * velocity else 1.0
    level = math.exp(-log_w[-1]) * jump
    return _Wave(xi, v, np.exp(log_w), speed, float(energy[-1])).scaled(level)


def _profile(kind: Kind, alpha: float, wall: float, waves: list[_Wave]) -> FluidProfile:
    xi, velocity, enthalpy = (
        np.concatenate([getattr(wave, name) for wave in waves]) for name in ("xi", "velocity", "enthalpy")
    )
    energy = sum(wave.energy for wave in waves)
    return FluidProfile(kind, xi, velocity, enthalpy, 4 * energy / (alpha * wall**3))
