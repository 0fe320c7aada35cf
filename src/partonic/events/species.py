"""Masses and charges of particles by their number in the PDG's numbering scheme."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Particles that live long enough to be met in a detector, GeV (Review of Particle Physics 2024).
MASS = {
    11: 0.00051099895,
    13: 0.1056583755,
    15: 1.77693,
    23: 91.1880,
    24: 80.3692,
    25: 125.20,
    111: 0.1349768,
    130: 0.497611,
    211: 0.13957039,
    310: 0.497611,
    311: 0.497611,
    321: 0.493677,
    2112: 0.93956542,
    2212: 0.93827209,
    3112: 1.197449,
    3122: 1.115683,
    3212: 1.192642,
    3222: 1.18937,
    3312: 1.32171,
    3322: 1.31486,
    3334: 1.67245,
}
_THIRDS = np.array([0, -1, 2, -1, 2, -1, 2, 0, 0, 0])  # charge of the quarks d, u, s, c, b, t in units of e/3
COMMON = 6000  # numbers beyond are looked up one by one
_ELEMENTARY = {11: -1, 13: -1, 15: -1, 24: 1, 34: 1, 37: 1}


def mass(pid: NDArray[Any]) -> NDArray[np.float64]:
    """Masses (GeV) of particles; 0 for those that are massless or not in the table ``MASS``."""
    return _look_up(pid, _mass, np.float64)


def charge(pid: NDArray[Any]) -> NDArray[np.int8]:
    """Charges in units of e of leptons, bosons, mesons, baryons and nuclei; 0 for quarks and what else has none."""
    return _look_up(pid, _charge, np.int8)


def _look_up(pid: NDArray[Any], of: Callable[[int], float], kind: Any) -> NDArray[Any]:
    """The property of each particle; by a table for common numbers, else found once for each number."""
    number = np.asarray(pid, np.int64)
    if np.all((number >= -COMMON) & (number <= COMMON)):
        return _table(of, kind)[number + COMMON]
    kinds, place = np.unique(number, return_inverse=True)
    found = np.array([of(int(one)) for one in kinds], dtype=kind)
    return found[place].reshape(number.shape)


@functools.cache
def _table(of: Callable[[int], float], kind: Any) -> NDArray[Any]:
    return np.array([of(pid) for pid in range(-COMMON, COMMON + 1)], dtype=kind)


def _mass(pid: int) -> float:
    return MASS.get(abs(pid), 0.0)


def _charge(pid: int) -> int:
    sign, kind = (-1 if pid < 0 else 1), abs(pid)
    if kind < 100:
        return sign * _ELEMENTARY.get(kind, 0)
    if 10**9 <= kind < 2 * 10**9:  # a nucleus, 10LZZZAAAI
        return sign * min(kind // 10_000 % 1000, 127)
    first, second, third = (kind // 10**digit % 10 for digit in (3, 2, 1))
    if second == 0 or third == 0:
        return 0
    if first:
        return int(sign * _THIRDS[[first, second, third]].sum() // 3)
    # A meson names its heavier quark first; one of down type is its antiquark.
    meson = int(_THIRDS[second] - _THIRDS[third]) // 3
    return sign * (meson if second % 2 == 0 else -meson)
