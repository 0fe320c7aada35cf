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
SMALLEST = 1e-18  # of the largest term of a sum


def plaquette(beta: float, side: int) -> float:
    """The mean of cos P.

    Args:
        beta: coupling, above 0.
        side: L, sites in each direction, 2 or more.

    Raises:
        InputError: a number is out of range.
    """
    orders = _orders(beta, side)
    bessel = ive(np.abs(orders), beta) / ive(0, beta)
    slope = 0.5 * (ive(np.abs(orders - 1), beta) + ive(np.abs(orders + 1), beta)) / ive(0, beta)
    return float((bessel ** (side**2 - 1) * slope).sum() / (bessel ** (side**2)).sum())


def charge_squared(beta: float, side: int) -> float:
    """The mean of the squared topological charge.

    Args:
        beta: coupling, above 0.
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


def wilson_loop(beta: float, area: int) -> float:
    """The mean of a Wilson loop around some plaquettes of an infinite lattice, ``(I_1 / I_0) ** area``.

    Args:
        beta: coupling, above 0.
        area: number of plaquettes, 1 or more.

    Raises:
        InputError: a number is out of range.
    """
    _orders(beta, 2)
    if area < 1:
        raise InputError(f"the area of a loop is 1 plaquette or more, not {area}")
    return float((ive(1, beta) / ive(0, beta)) ** area)


def _orders(beta: float, side: int) -> NDArray[np.int64]:
    """Orders n whose terms count."""
    if not (beta > 0 and np.isfinite(beta)):
        raise InputError(f"beta must be above 0, not {beta}")
    if side < 2:
        raise InputError(f"a lattice has 2 sites or more in each direction, not {side}")
    most = 1
    while (ive(most, beta) / ive(0, beta)) ** (side**2 - 2) > SMALLEST and most < NODES // 4:
        most += 1
    return np.arange(-most, most + 1)
