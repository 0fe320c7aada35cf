r"""The U(1) gauge theory on a two-dimensional torus, solved by sums over characters.

The plaquettes are independent up to one constraint, so that with :math:`V = L^2`

.. math:: Z(\vartheta) = \sum_n f(n + \vartheta / 2\pi)^V, \quad
   f(\nu) = \frac1{2\pi} \int_{-\pi}^{\pi} dP\, e^{\beta (\cos P - 1)} \cos(\nu P),

where :math:`\vartheta` couples to the topological charge and the factor :math:`e^{-\beta}` keeps all numbers small.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ive

from partonic.core.errors import InputError

Floats = NDArray[np.float64]

NODES = 400  # of the integrals over a plaquette
LARGEST = 1_000.0  # coupling up to which NODES are enough
SMALLEST = 1e-18  # of the largest term of a sum


def plaquette(beta: float, side: int) -> float:
    """The mean of cos P.

    Args:
        beta: coupling, above 0 and at most 1,000.
        side: L, sites in each direction, 2 or more.

    Raises:
        InputError: a number is out of range.
    """
    orders = _orders(beta, side)
    bessel = ive(np.abs(orders), beta) / ive(0, beta)
    slope = 0.5 * (ive(np.abs(orders - 1), beta) + ive(np.abs(orders + 1), beta)) / ive(0, beta)
    return float((bessel ** (side**2 - 1) * slope).sum() / (bessel ** (side**2)).sum())


def log_partition(beta: float, side: int) -> float:
    r"""The logarithm of :math:`Z = \int \prod d\theta\, e^{-S} = (2\pi)^{2V} \sum_n I_n(\beta)^V`.

    Args:
        beta: coupling, above 0 and at most 1,000.
        side: L, sites in each direction, 2 or more.

    Raises:
        InputError: a number is out of range.
    """
    volume = side**2
    total = (_shares(_orders(beta, side), beta) ** volume).sum()
    return float(volume * (2 * np.log(2 * np.pi) + np.log(ive(0, beta)) + beta) + np.log(total))


def charge_squared(beta: float, side: int) -> float:
    """The mean of the squared topological charge.

    Args:
        beta: coupling, above 0 and at most 1,000.
        side: L, sites in each direction, 2 or more.

    Raises:
        InputError: a number is out of range.
    """
    volume = side**2
    orders = _orders(beta, side).astype(np.float64)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    angle = np.pi * nodes
    density = 0.5 * weights * np.exp(beta * (np.cos(angle) - 1))
    waves = np.cos(orders[:, None] * angle), np.sin(orders[:, None] * angle)
    value, first, second = waves[0] @ density, -waves[1] @ (density * angle), -waves[0] @ (density * angle**2)
    scale = value.max()
    value, first, second = value / scale, first / scale, second / scale
    curvature = volume * value ** (volume - 1) * second + volume * (volume - 1) * value ** (volume - 2) * first**2
    return float(-curvature.sum() / (value**volume).sum() / (4 * np.pi**2))


def charge_shares(beta: float, side: int, most: int) -> Floats:
    r"""Probabilities of the topological charges from -most to most, (2 * most + 1,).

    That of Q is :math:`\int d\nu f(\nu)^V \cos(2\pi\nu Q)` over the sum of all.

    Args:
        beta: coupling, above 0 and at most 1,000.
        side: L, sites in each direction, 2 or more.
        most: largest charge, between 0 and L^2 / 2, beyond which there is none.

    Raises:
        InputError: a number is out of range.
    """
    volume = side**2
    reach = int(_orders(beta, side)[-1]) + 1
    if not 0 <= most <= volume // 2:
        raise InputError(f"charges on this lattice are 0 to {volume // 2}, not {most}")
    order = np.linspace(-reach, reach, 2 * reach * 2 * volume + 1)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    angle = np.pi * nodes
    values = np.cos(order[:, None] * angle) @ (0.5 * weights * np.exp(beta * (np.cos(angle) - 1)))
    power = (values / values.max()) ** volume
    charges = np.arange(-most, most + 1)
    shares: Floats = np.cos(2 * np.pi * charges[:, None] * order) @ power * (order[1] - order[0])
    shares /= power[:: 2 * volume].sum()
    return shares


def wilson_loop(beta: float, area: int, side: int | None = None) -> float:
    """The mean of a Wilson loop around some plaquettes; ``(I_1 / I_0) ** area`` on an infinite lattice.

    Args:
        beta: coupling, above 0 and at most 1,000.
        area: number of plaquettes, 1 or more and at most those of the lattice.
        side: L, sites in each direction, 2 or more; None for an infinite lattice.

    Raises:
        InputError: a number is out of range.
    """
    orders = _orders(beta, side or 2)
    if area < 1 or (side is not None and area > side**2):
        raise InputError(f"the area of a loop is 1 plaquette or more and fits the lattice, not {area}")
    if side is None:
        return float((ive(1, beta) / ive(0, beta)) ** area)
    here, above = _shares(orders, beta), _shares(orders + 1, beta)
    return float((here ** (side**2 - area) * above**area).sum() / (here ** (side**2)).sum())


def sine_correlation(beta: float, side: int) -> tuple[float, float]:
    """The mean of sin P sin P' for one plaquette and for two different ones, whatever their distance.

    Args:
        beta: coupling, above 0 and at most 1,000.
        side: L, sites in each direction, 2 or more.

    Raises:
        InputError: a number is out of range.
    """
    orders, volume = _orders(beta, side), side**2
    here, up, down = (_shares(orders + shift, beta) for shift in (0, 1, -1))
    total = (here**volume).sum()
    twice = (here ** (volume - 1) * _shares(orders + 2, beta)).sum() / total
    same, opposite = ((here ** (volume - 2) * up * other).sum() / total for other in (up, down))
    return float(0.5 - 0.5 * twice), float(0.5 * (opposite - same))


def _shares(orders: NDArray[np.int64], beta: float) -> Floats:
    """Bessel functions of these orders as shares of that of order 0."""
    shares: Floats = ive(np.abs(orders), beta) / ive(0, beta)
    return shares


def _orders(beta: float, side: int) -> NDArray[np.int64]:
    """Orders n whose terms count."""
    if not 0 < beta <= LARGEST:
        raise InputError(f"beta must be above 0 and at most {LARGEST:g}, where the sums still converge, not {beta}")
    if side < 2:
        raise InputError(f"a lattice has 2 sites or more in each direction, not {side}")
    most = 1
    while (ive(most, beta) / ive(0, beta)) ** (side**2 - 2) > SMALLEST and most < NODES // 4:
        most += 1
    return np.arange(-most, most + 1)
