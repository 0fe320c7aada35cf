r"""Thermal functions of a free field's free energy, differentiable at any mass squared, also at negative ones.

A bosonic degree of freedom of mass m in a bath of temperature T adds :math:`T^4 J_b(m^2/T^2)/(2\pi^2)` to the effective
potential, a fermionic one :math:`T^4 J_f(m^2/T^2)/(2\pi^2)` (Dolan and Jackiw, Phys. Rev. D 9, 3320):

.. math::
    J_b(y) = \int_0^\infty x^2 \ln\left(1 - e^{-\sqrt{x^2 + y}}\right) dx, \qquad
    J_f(y) = -\int_0^\infty x^2 \ln\left(1 + e^{-\sqrt{x^2 + y}}\right) dx.

Below ``JOIN`` they are summed over the Matsubara frequencies: the lowest ones exactly, which carry all that is not
analytic, the others by their power series. Above it :math:`e^{\sqrt y} y^{-3/4} J` is a polynomial in
:math:`1/\sqrt y`.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import binom, kve, zeta
from torch import Tensor

JOIN = 20.0
"""m^2/T^2 at which the two forms meet."""

LOWEST = -250.0
"""m^2/T^2 below which the functions keep their value; they are exact to 1e-10 above -100."""

HIGHEST = 1e6  # where exp(-m/T) is 0 in double precision
EXACT, TERMS, DEGREE = 3, 24, 30  # frequencies taken exactly, terms of the others' series, degree at high mass
EULER = 0.5772156649015329


@dataclass(frozen=True)
class _Expansion:
    """Coefficients of one of the two functions.

    Args:
        sign: 1 for bosons, -1 for fermions.
        constants: of 1, y and y^2.
        zero: whether there is a mode of frequency zero.
        frequencies: those taken exactly, of both signs, in units of T.
        series: coefficients of y^3, y^4, ... from the other frequencies.
        high: Chebyshev series of exp(sqrt y) y^(-3/4) J in 1/sqrt y, mapped from [0, 1/sqrt(JOIN)] to [-1, 1].
    """

    sign: int
    constants: tuple[float, float, float]
    zero: bool
    frequencies: tuple[float, ...]
    series: tuple[float, ...]
    high: tuple[float, ...]


def thermal_boson(y: Tensor) -> Tensor:
    """J_b at y = m^2/T^2, real part; elementwise.

    Its second derivative is infinite at y = 0. Below ``LOWEST`` it is constant.
    """
    return _evaluate(_expansion(1), y)


def thermal_fermion(y: Tensor) -> Tensor:
    """J_f at y = m^2/T^2, real part; elementwise. Below ``LOWEST`` it is constant."""
    return _evaluate(_expansion(-1), y)


def _evaluate(table: _Expansion, y: Tensor) -> Tensor:
    heavy = y > JOIN
    light = _low(table, torch.where(heavy, JOIN, y.clamp_min(LOWEST)))
    return torch.where(heavy, _high(table, torch.where(heavy, y.clamp_max(HIGHEST), JOIN)), light)


def _low(table: _Expansion, y: Tensor) -> Tensor:
    total = torch.zeros_like(y)
    for coefficient in reversed(table.series):
        total = (total + coefficient) * y
    total = total * y * y
    first, second, third = table.constants
    distance = torch.where(y == 0, 1.0, y.abs())
    total = total + first + second * y + y * y * (third - table.sign * torch.log(distance) / 32)
    share = -table.sign * math.pi / 3
    if table.zero:
        total = total + share / 2 * _power(y)
    for frequency in table.frequencies:
        expected = frequency**3 + 1.5 * frequency * y + 0.375 * y * y / frequency
        total = total + share * (_power(y + frequency**2) - expected)
    return total


def _power(x: Tensor) -> Tensor:
    """x^(3/2), 0 where x is negative; derivatives are finite there, too."""
    positive = x > 0
    safe = torch.where(positive, x, 1.0)
    return torch.where(positive, safe * torch.sqrt(safe), 0.0)


def _high(table: _Expansion, y: Tensor) -> Tensor:
    mass = torch.sqrt(y)
    t = 2 * math.sqrt(JOIN) / mass - 1
    later, last = torch.zeros_like(t), torch.zeros_like(t)
    for coefficient in reversed(table.high[1:]):
        later, last = 2 * t * later - last + coefficient, later
    return torch.exp(-mass) * mass * torch.sqrt(mass) * (t * later - last + table.high[0])


@functools.cache
def _expansion(sign: int) -> _Expansion:
    if sign > 0:
        constants = (-(math.pi**4) / 45, math.pi**2 / 12, (1.5 - 2 * EULER + math.log(16 * math.pi**2)) / 32)
        frequencies = tuple(2 * math.pi * n for n in range(1, EXACT + 1))
        step, offset = 2 * math.pi, EXACT + 1.0
    else:
        constants = (-7 * math.pi**4 / 360, math.pi**2 / 24, -(1.5 - 2 * EULER + math.log(math.pi**2)) / 32)
        frequencies = tuple(math.pi * (2 * n + 1) for n in range(EXACT))
        step, offset = 2 * math.pi, EXACT + 0.5
    orders = np.arange(1, TERMS + 1)
    modes = step ** (-2.0 * orders - 1) * zeta(2.0 * orders + 1, offset)  # sum of frequency^(-2l-1)
    series = -sign * math.pi / 3 * binom(1.5, orders + 2) * modes
    return _Expansion(sign, constants, sign > 0, frequencies, tuple(series.tolist()), tuple(_chebyshev(sign).tolist()))


def _chebyshev(sign: int) -> NDArray[np.float64]:
    """From the sum over Boltzmann factors exp(-k sqrt y), whose terms are Bessel functions."""
    nodes = np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))
    mass = 2 * math.sqrt(JOIN) / (nodes + 1)
    k = np.arange(1, 13)[:, None]
    signs = np.ones_like(k) if sign > 0 else (-1.0) ** (k + 1)
    values = -(signs / k**2 * kve(2, k * mass) * np.exp((1 - k) * mass)).sum(0) * np.sqrt(mass)
    return np.polynomial.chebyshev.chebfit(nodes, values, DEGREE)
