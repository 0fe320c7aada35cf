"""Compiled passes over padded arrays: slots into flat constituents, polar momenta, sums, the order by falling pt."""

from __future__ import annotations

import numpy as np

from partonic.core.compiled import compiled
from partonic.events.ragged import Array

RULES = ("first", "any", "last")
"""Which slots hold something: first component not zero, any component not zero, last component above zero."""
_FIRST, _LAST = 0, 2

FEW, MANY = 48, 2048  # items below which a row is sorted by insertion alone, and from which by bytes alone
_WOUND = 1e6  # angle beyond which its short reduction is not exact
_SMALL = 0.01  # square of a pseudorapidity below which the difference of two exponentials is not exact


@compiled
def _holds(row: Array, start: int, components: int, rule: int) -> bool:
    if rule == _LAST:
        return bool(row[start + components - 1] > 0)
    if rule == _FIRST or row[start] != 0:
        return bool(row[start] != 0)
    some = False
    for i in range(start + 1, start + components):
        some |= row[i] != 0
    return some


@compiled
def collect(values: Array, first: int, components: int, rule: int, offsets: Array, out: Array) -> None:
    """Find the slots that hold something, and what they hold, in one pass: rows are long, and memory is slow.

    Args:
        values: (rows, columns), contiguous.
        first: column where the slots begin.
        components: columns of a slot.
        rule: place in ``RULES``.
        offsets: (rows + 1,) becomes where the items of each row begin.
        out: (components, rows * slots) becomes, up to the last offset, the items in their order.
    """
    slots = out.shape[1] // max(len(values), 1)
    offsets[0] = 0
    for row in range(len(values)):
        used = values[row, first : first + slots * components]
        last = 0
        for i in range(len(used)):
            last = i + 1 if used[i] != 0 else last
        end = (last + components - 1) // components
        found = 0
        for slot in range(end):
            found += _holds(used, slot * components, components, rule)
        place = offsets[row]
        offsets[row + 1] = place + found
        if found == end:
            for i in range(components):
                for slot in range(end):
                    out[i, place + slot] = used[slot * components + i]
            continue
        for slot in range(end):
            if _holds(used, slot * components, components, rule):
                for i in range(components):
                    out[i, place] = used[slot * components + i]
                place += 1


@compiled
def absolute(offsets: Array, relative: Array, jets: Array, out: Array) -> None:
    """Momenta and positions of particles out of those relative to their jet.

    Args:
        offsets: (rows + 1,) where the particles of each jet begin.
        relative: (2, items) pt in units of the jet's, eta less the jet's.
        jets: (2, rows) pt, eta of the jets.
        out: (2, items) becomes pt, eta, in double precision.
    """
    for row in range(len(offsets) - 1):
        for i in range(offsets[row], offsets[row + 1]):
            out[0, i] = jets[0, row] * relative[0, i]
            out[1, i] = jets[1, row] + relative[1, i]


@compiled
def turned(angle: float) -> tuple[float, float]:
    """Cosine and sine: Taylor series within an eighth of a turn, to 1e-15."""
    quarters = np.rint(angle * 0.6366197723675814)
    x = angle - quarters * 1.5707963267948966
    s = x * x
    cos = 1 / 40320 + s * (-1 / 3628800 + s * (1 / 479001600 - s / 87178291200))
    cos = 1 + s * (-1 / 2 + s * (1 / 24 + s * (-1 / 720 + s * cos)))
    sin = -1 / 5040 + s * (1 / 362880 + s * (-1 / 39916800 + s / 6227020800))
    sin = x * (1 + s * (-1 / 6 + s * (1 / 120 + s * sin)))
    odd = quarters - 2 * np.floor(quarters * 0.5)  # 1 where sine and cosine change places
    half = np.floor(quarters * 0.5)
    sign = 1 - 2 * (half - 2 * np.floor(half * 0.5))
    return sign * ((1 - odd) * cos - odd * sin), sign * ((1 - odd) * sin + odd * cos)


@compiled
def power(x: float) -> float:
    """Exponential function, to 1e-15 (1e-13 near its limits); without a call, so that it runs on vectors."""
    x = 800.0 if x > 800 else (-800.0 if x < -800 else x)
    twos = np.rint(x * 1.4426950408889634)
    r = x - twos * 0.6931471805599453
    high = 1 / 362880 + r * (1 / 3628800 + r * (1 / 39916800 + r / 479001600))
    high = 1 / 120 + r * (1 / 720 + r * (1 / 5040 + r * (1 / 40320 + r * high)))
    near: float = 1 + r * (1 + r * (1 / 2 + r * (1 / 6 + r * (1 / 24 + r * high))))
    near *= np.int64((np.int64(min(max(twos, -1023.0), 1024.0)) + 1023) << 52).view(np.float64)  # the power of two
    return near


@compiled
def polar(pt: Array, eta: Array, phi: Array, masses: Array, out: Array) -> None:
    """Momenta of particles, computed in double precision.

    Args:
        pt: transverse momentum (items,), GeV.
        eta: pseudorapidity of massless particles, rapidity of those with a mass.
        phi: azimuth.
        masses: (items,) GeV; empty where all are massless.
        out: (4, items) becomes px, py, pz, e.
    """
    massless = len(masses) == 0
    wound = False
    for i in range(len(pt)):
        wound |= np.abs(phi[i]) > _WOUND
        t, x = np.float64(pt[i]), np.float64(eta[i])
        cos, sin = turned(np.float64(phi[i]))
        up = power(x)
        s = x * x
        near = x * (1 + s * (1 / 6 + s * (1 / 120 + s / 5040)))
        sinh = near if s < _SMALL else 0.5 * (up - 1 / up)
        size = t if massless else np.sqrt(t * t + masses[i] * masses[i])
        out[0, i] = t * cos
        out[1, i] = t * sin
        out[2, i] = size * sinh
        out[3, i] = size * 0.5 * (up + 1 / up)
    if wound:
        for i in range(len(pt)):
            out[0, i], out[1, i] = pt[i] * np.cos(phi[i]), pt[i] * np.sin(phi[i])


@compiled
def sums(offsets: Array, px: Array, py: Array, pz: Array, e: Array, out: Array) -> None:
    """Fill ``out`` (4, rows) with the sums of the momenta of each row, in double precision."""
    for row in range(len(offsets) - 1):
        x = y = z = energy = 0.0
        for i in range(offsets[row], offsets[row + 1]):
            x += px[i]
            y += py[i]
            z += pz[i]
            energy += e[i]
        out[0, row], out[1, row], out[2, row], out[3, row] = x, y, z, energy


@compiled
def transverse(px: Array, py: Array, out: Array) -> None:
    """Fill ``out`` (items,) with the transverse momenta."""
    for i in range(len(px)):
        x, y = np.float64(px[i]), np.float64(py[i])
        out[i] = np.sqrt(x * x + y * y)


@compiled
def falling(offsets: Array, values: Array) -> bool:
    """Whether no value (items,) is above the one before it in its row."""
    for row in range(len(offsets) - 1):
        rising = False
        for i in range(offsets[row] + 1, offsets[row + 1]):
            rising |= values[i] > values[i - 1]
        if rising:
            return False
    return True


@compiled
def _by_byte(keys: Array, other: Array, n: int, shift: int, starts: Array) -> None:
    """Sort ``keys`` (n,) by one byte; equal ones stay as they are."""
    starts[:] = 0
    for i in range(n):
        starts[1 + ((keys[i] >> shift) & 255)] += 1
    for i in range(256):
        starts[i + 1] += starts[i]
    for i in range(n):
        digit = (keys[i] >> shift) & 255
        other[starts[digit]] = keys[i]
        starts[digit] += 1
    keys[:n] = other[:n]


@compiled
def order(offsets: Array, bits: Array, out: Array) -> None:
    """Find the order in which the bits of each row rise; equal ones stay as they are.

    Args:
        offsets: (rows + 1,) where the items of each row begin.
        bits: (items,), below 2^32.
        out: (items,) becomes the place of each item in that order.
    """
    longest = np.max(offsets[1:] - offsets[:-1])
    keys, other = np.empty(longest, np.int64), np.empty(longest, np.int64)
    starts = np.empty(257, np.int64)
    for row in range(len(offsets) - 1):
        first, n = offsets[row], offsets[row + 1] - offsets[row]
        rising = True
        for i in range(n):
            keys[i] = (np.int64(bits[first + i]) << 31) | i
            rising &= i == 0 or bits[first + i - 1] <= bits[first + i]
        if not rising:
            for byte in range(4 if n < FEW else 2 if n < MANY else 0, 4):
                _by_byte(keys, other, n, 31 + 8 * byte, starts)
            for i in range(1, n):  # nothing moves far
                key, place = keys[i], i
                while place > 0 and keys[place - 1] > key:
                    keys[place] = keys[place - 1]
                    place -= 1
                keys[place] = key
        for i in range(n):
            out[first + i] = first + (keys[i] & 0x7FFFFFFF)
