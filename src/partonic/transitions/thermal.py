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
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import binom, kve, zeta
from torch import Tensor

from partonic.core.errors import InputError

Floats = NDArray[np.float64]

JOIN = 20.0
"""m^2/T^2 at which the two forms meet."""

LOWEST = -250.0
"""m^2/T^2 below which the functions keep their value; they are exact to 1e-10 above -100."""

TINY = 1e-300  # m^2/T^2 below which its inverse is left out
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
        series: polynomial of the other frequencies, from y^0 on; those of its derivatives follow.
        high: Chebyshev series, in 1/sqrt y mapped from [0, 1/sqrt(JOIN)] to [-1, 1], of exp(sqrt y) y^(-p) times the
            function and its derivatives.
    """

    sign: int
    constants: tuple[float, float, float]
    zero: bool
    frequencies: tuple[float, ...]
    series: tuple[Floats, ...]
    high: tuple[Floats, ...]


def thermal_boson(y: Tensor) -> Tensor:
    """J_b at y = m^2/T^2, real part; elementwise, differentiable three times.

    Its second derivative is infinite at y = 0. Below ``LOWEST`` it is constant.
    """
    return _applied(y, 1, 0)


def thermal_fermion(y: Tensor) -> Tensor:
    """J_f at y = m^2/T^2, real part; elementwise, differentiable three times. Below ``LOWEST`` it is constant."""
    return _applied(y, -1, 0)


class _Differentiable(torch.autograd.Function):
    """A derivative of one of the functions, whose own derivative is the next one."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, sign: int, order: int) -> Tensor:
        """The values."""
        ctx.sign, ctx.order = sign, order
        ctx.save_for_backward(y)
        return torch.from_numpy(derivative(sign, order, y.detach().numpy()))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        """Chain rule."""
        (y,) = ctx.saved_tensors
        return grads[0] * _applied(y, ctx.sign, ctx.order + 1), None, None


def _applied(y: Tensor, sign: int, order: int) -> Tensor:
    values: Tensor = _Differentiable.apply(y, sign, order)  # type: ignore[no-untyped-call]
    return values


def derivative(sign: int, order: int, y: Floats) -> Floats:
    """A derivative of one of the functions, elementwise.

    Args:
        sign: 1 for bosons, -1 for fermions.
        order: 0 to 3; 0 is the function.
        y: m^2/T^2.

    Raises:
        InputError: another order.
    """
    if not 0 <= order <= 3:
        raise InputError(f"thermal functions have derivatives of order 0 to 3 here, not {order}")
    table = _expansion(sign)
    y = np.asarray(y, dtype=np.float64)
    heavy = y > JOIN
    found = _low(table, order, np.where(heavy, JOIN, np.maximum(y, LOWEST)))
    if order > 0:
        found = np.where(y < LOWEST, 0.0, found)
    if heavy.any():
        found = np.where(heavy, _high(table, order, np.where(heavy, np.minimum(y, HIGHEST), JOIN)), found)
    return np.asarray(found)


def _low(table: _Expansion, order: int, y: Floats) -> Floats:
    total = np.polynomial.polynomial.polyval(y, table.series[order])
    logarithm = np.log(np.where(y == 0, 1.0, np.abs(y)))
    turns = (y * y * logarithm, y * (2 * logarithm + 1), 2 * logarithm + 3, 2 / np.where(np.abs(y) < TINY, np.inf, y))
    total = total - table.sign / 32 * turns[order]
    share = -table.sign * math.pi / 3
    if table.zero:
        total = total + share / 2 * _power(y, order)
    for frequency in table.frequencies:
        total = total + share * _power(y + frequency**2, order)
    return np.asarray(total)


def _power(x: Floats, order: int) -> Floats:
    """Derivatives of x^(3/2), 0 where x is not positive."""
    power = (1.5, 0.5, -0.5, -1.5)[order]
    factor = (1.0, 1.5, 0.75, -0.375)[order]
    return np.asarray(np.where(x > 0, factor * np.where(x > 0, x, 1.0) ** power, 0.0))


def _high(table: _Expansion, order: int, y: Floats) -> Floats:
    mass = np.sqrt(y)
    polynomial = np.polynomial.chebyshev.chebval(2 * math.sqrt(JOIN) / mass - 1, table.high[order])
    return np.asarray(np.exp(-mass) * mass ** (1.5 - order) * polynomial)


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
    share = -sign * math.pi / 3
    series = np.concatenate([constants, share * binom(1.5, orders + 2) * modes])
    for frequency in frequencies:  # what the exact modes hold of 1, y and y^2 is in the constants already
        series[:3] -= share * np.array([frequency**3, 1.5 * frequency, 0.375 / frequency])
    polynomials = tuple(np.polynomial.polynomial.polyder(series, order) for order in range(4))
    high = tuple(_chebyshev(sign, order) for order in range(4))
    return _Expansion(sign, constants, sign > 0, frequencies, polynomials, high)


def _chebyshev(sign: int, order: int) -> Floats:
    """From the sum over Boltzmann factors exp(-k sqrt y), whose terms are Bessel functions."""
    nodes = np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))
    mass = 2 * math.sqrt(JOIN) / (nodes + 1)
    k = np.arange(1, 13)[:, None]
    signs = np.ones_like(k) if sign > 0 else (-1.0) ** (k + 1)
    bessel = kve(abs(2 - order), k * mass) * np.exp((1 - k) * mass)
    terms = -signs * (-0.5) ** order * k ** (order - 2.0) * mass ** (2.0 - order) * bessel
    return np.polynomial.chebyshev.chebfit(nodes, terms.sum(0) * mass ** (order - 1.5), DEGREE)
