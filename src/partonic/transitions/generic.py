r"""Generic potentials with a barrier: a transition from depth, barrier and separation alone (arXiv:1905.00911).

At the nucleation temperature the potential is a quartic with a false vacuum at 0 and a true one at v, lower by
:math:`E_\alpha^4`, behind a barrier of height :math:`E_m^4`. Away from it, :math:`a (T^2 - T_n^2) \phi^2 / 2` is added.
All bounces of such potentials are one family: with :math:`\phi = v x` and :math:`r = v \rho / \sqrt\Lambda` the
potential is :math:`\Lambda (x^4/4 - (c+1) x^3/3 + c x^2/2)`, and the action :math:`v^3/\sqrt\Lambda` times that of c.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq
from torch import Tensor

from partonic.core.errors import InputError
from partonic.transitions.bounce import bounce
from partonic.transitions.known_bounces import quartic
from partonic.transitions.potential import Potential

Floats = NDArray[np.float64]

LOWEST, HIGHEST, NODES = 0.02, 0.499, 25
COLDEST = 1e-6  # of the action: the lowest temperature that is looked at


@dataclass(frozen=True)
class BarrierFamily:
    """Bounces of the quartic in three dimensions between almost no barrier and thin walls, by splines in c.

    Args:
        c: nodes, ascending between 0 and 1/2.
        action: there.
        square: the integral of x^2 over the bubble there.
    """

    c: Floats
    action: Floats
    square: Floats

    def at(self, c: float) -> tuple[float, float]:
        """Action and integral of x^2 at one c.

        Raises:
            InputError: c is outside the nodes.
        """
        if not self.c[0] <= c <= self.c[-1]:
            raise InputError(f"c must be between {self.c[0]:g} and {self.c[-1]:g}, not {c:g}")
        u, thin = np.log(self.c / (0.5 - self.c)), 1 - 2 * self.c
        here = math.log(c / (0.5 - c))
        action = float(np.exp(CubicSpline(u, np.log(self.action * thin**2))(here))) / (1 - 2 * c) ** 2
        square = float(np.exp(CubicSpline(u, np.log(self.square * thin**3))(here))) / (1 - 2 * c) ** 3
        return action, square


@cache
def family() -> BarrierFamily:
    """The bounces of the quartic, solved once in a process (some seconds)."""
    u = np.linspace(math.log(LOWEST / (0.5 - LOWEST)), math.log(HIGHEST / (0.5 - HIGHEST)), NODES)
    c = 0.5 / (1 + np.exp(-u))
    found = [bounce(quartic(float(one)), [0.0], [1.0]) for one in c]
    good = [one.solved for one in found]
    kept = [one for one, yes in zip(found, good, strict=True) if yes]
    square = np.array([one.integrate(lambda x: (x**2).sum(-1)) for one in kept])
    return BarrierFamily(c[good], np.array([one.action.value for one in kept]), square)


def shape(barrier: float) -> float:
    """The c of a quartic whose barrier is so high, as E_m / E_alpha.

    Raises:
        InputError: the barrier is too low or too high for the bounces that are known.
    """

    def share(c: float) -> float:
        return c**3 * (2 - c) / (1 - 2 * c)

    nodes = family().c
    low, high = (share(float(one)) ** 0.25 for one in (nodes[0], nodes[-1]))
    if not low <= barrier <= high:
        raise InputError(f"E_m over E_alpha must be between {low:.3g} and {high:.3g}, not {barrier:g}")
    return float(brentq(lambda c: share(c) - barrier**4, nodes[0], nodes[-1], xtol=1e-14))


@dataclass(frozen=True)
class GenericTransition:
    """A transition found from a potential at its nucleation temperature; what gravitational waves depend on.

    Args:
        alpha: freed energy over that of the radiation.
        beta_over_hubble: beta/H; not above 0 where the rate falls as the universe cools, so that bubbles stay too rare.
        temperature: of nucleation, where S3/T = 140 - 4 ln(T / 100 GeV), GeV.
        degrees: relativistic degrees of freedom.
        action: S3, GeV.
        c: of the quartic.
        potential: V(phi, T).
        true: field of the true vacuum at nucleation, GeV.
    """

    alpha: float
    beta_over_hubble: float
    temperature: float
    degrees: float
    action: float
    c: float
    potential: Potential
    true: float


def generic_transition(
    depth: float, barrier: float, separation: float = 2.5, slope: float = 0.4, degrees: float = 106.75
) -> GenericTransition:
    """The transition of a generic potential.

    Args:
        depth: E_alpha, GeV: the true vacuum is lower by its fourth power.
        barrier: E_m in units of E_alpha.
        separation: v in units of E_alpha.
        slope: a, of the thermal mass squared a T^2.
        degrees: relativistic degrees of freedom.

    Raises:
        InputError: a number is not above 0, or the barrier is out of range.
    """
    for name, value in (("depth", depth), ("separation", separation), ("slope", slope), ("degrees", degrees)):
        if not (value > 0 and math.isfinite(value)):
            raise InputError(f"{name} must be above 0, not {value}")
    c = shape(barrier)
    action, square = family().at(c)
    v, scale = separation * depth, 12 * depth**4 / (1 - 2 * c)
    energy = v**3 / math.sqrt(scale) * action
    T = float(brentq(lambda t: energy / t - 140 + 4 * math.log(t / 100), COLDEST * energy, energy, xtol=1e-12 * energy))
    bubble = v**2 * (v / math.sqrt(scale)) ** 3 * square
    rate = slope * T * bubble - energy / T
    alpha = (depth**4 + slope * T**2 * v**2 / 4) / (math.pi**2 / 30 * degrees * T**4)

    def function(phi: Tensor, t: Tensor) -> Tensor:
        x = phi[..., 0] / v
        return scale * (x**4 / 4 - (c + 1) * x**3 / 3 + c * x**2 / 2) + slope / 2 * (t**2 - T**2) * phi[..., 0] ** 2

    return GenericTransition(alpha, rate, T, degrees, energy, c, Potential(function, 1, True, name="generic"), v)
