"""Compiled passes over padded arrays: slots into flat constituents, polar momenta, sums, the order by falling pt."""

from __future__ import annotations

import numpy as np

from partonic.core.compiled import compiled
from partonic.events.ragged import Array

RULES = ("first", "any", "last")
"""Which slots hold something: first component not zero, any component not zero, last component above zero."""
_FIRST, _ANY, _LAST = 0, 1, 2

FEW, MANY = 256, 2048  # items up to which each is compared with each, and from which a row is sorted by bytes alone
_SHORT = 24  # items that are sorted by insertion alone, where some are equal
_LANES, _AT_ONCE = 32, 8  # a row of numbers is filled up to a multiple of the first; compared with so many at a time
_LEAST = -(2**31)
_BINS, _CROWD = 256, 24  # bins of a row, and the items of one that are too many to be sorted by insertion
_WIDE, _NARROW = 128, 16  # numbers of the padding that are looked at together
_WOUND, _FORWARD = 1e6, 700.0  # angle and pseudorapidity beyond which the short series do not hold
_ONE, _TWO, _THREE, _FOUR = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)  # signed places may count from the
# end, which is asked each time


@compiled
def _end(bits: Array, size: np.uint64) -> int:
    """One behind the last number that is not zero: the padding is the end of a row, and most of it."""
    end = len(bits)
    for width in (_WIDE, _NARROW):
        while end >= width:
            part, some = bits[end - width : end], bits[0] * 0
            for i in range(width):
                some |= part[i]
            if some & size:
                break
            end -= width
    while end > 0 and bits[end - 1] & size == 0:
        end -= 1
    return end


@compiled
def _holds(row: Array, slot: int, components: int, rule: int) -> bool:
    if rule == _LAST:
        return bool(row[slot * components + components - 1] > 0)
    some = row[slot * components] != 0
    if rule == _ANY:
        for i in range(1, components):
            some |= row[slot * components + i] != 0
    return bool(some)


@compiled
def _held(row: Array, slots: int, components: int, rule: int) -> int:
    found = 0
    for slot in range(slots):
        found += _holds(row, slot, components, rule)
    return found


@compiled
def count(values: Array, bits: Array, first: int, slots: int, components: int, rule: int, out: Array) -> None:
    """Count the items of each row.

    Args:
        values: (rows, columns), contiguous.
        bits: the same memory as unsigned numbers.
        first: column where the slots begin.
        slots: of a row.
        components: columns of a slot.
        rule: place in ``RULES``.
        out: (2, rows) becomes the number of items, and one behind the last slot that is not all zero.
    """
    size = (_ONE << np.uint64(8 * bits.itemsize - 1)) - _ONE  # all but the sign: there are zeros below zero
    for row in range(len(values)):
        used = values[row, first : first + slots * components]
        end = (_end(bits[row, first : first + slots * components], size) + components - 1) // components
        if components == 4:  # numbers that the compiler knows make it twice as fast
            found = _held(used, end, 4, rule)
        elif components == 3:
            found = _held(used, end, 3, rule)
        else:
            found = _held(used, end, components, rule)
        out[0, row], out[1, row] = found, end


@compiled
def take(values: Array, first: int, rule: int, counts: Array, out: Array) -> None:
    """Write the items of each row one after the other.

    Args:
        values: (rows, columns), contiguous.
        first: column where the slots begin.
        rule: place in ``RULES``.
        counts: (2, rows) of :func:`count`.
        out: (components, items) becomes the items in their order.
    """
    components = len(out)
    place = 0
    for row in range(len(values)):
        found, end = counts[0, row], counts[1, row]
        used = values[row, first : first + end * components]
        if found == end:
            for i in range(components):
                part = out[i, place : place + found]
                for slot in range(end):
                    part[slot] = used[slot * components + i]
            place += found
            continue
        for slot in range(end):
            if _holds(used, slot, components, rule):
                for i in range(components):
                    out[i, place] = used[slot * components + i]
                place += 1


@compiled
def cartesian(
    rows: tuple[Array, Array],
    shape: tuple[int, int, int],
    done: tuple[int, int],
    p: tuple[Array, ...],
    counts: Array,
    sums: Array,
) -> tuple[int, int, bool]:
    """Write the four-momenta of slots that are not all zero in the order of the file, and add those of each row up.

    Args:
        rows: rows of (e, px, py, pz, ...), one after the other, and the same memory as unsigned numbers.
        shape: columns of a row, the column where the slots begin, slots of a row.
        done: rows and items of earlier calls.
        p: px, py, pz, e, each with room for some items, are written.
        counts: (rows,) the number of items is written.
        sums: (4, rows) their sums are written, in double precision.

    Returns:
        Rows and items done, all or those for which there was room, and whether these stand by falling transverse
        momentum in each row.
    """
    flat, bits = rows
    px, py, pz, e = p
    size = (_ONE << np.uint64(8 * bits.itemsize - 1)) - _ONE  # all but the sign: there are zeros below zero
    room = len(px) - shape[2]
    place, row, rises = np.uint64(done[1]), done[0], False
    while row < len(counts) and place <= room:
        begin = row * shape[0] + shape[1]
        end = (_end(bits[begin : begin + 4 * shape[2]], size) + 3) // 4
        at, first, before = np.uint64(begin), place, np.inf
        x = y = z = energy = 0.0
        for _ in range(end):
            if (bits[at] | bits[at + _ONE] | bits[at + _TWO] | bits[at + _THREE]) & size:
                e[place], px[place] = flat[at], flat[at + _ONE]
                py[place], pz[place] = flat[at + _TWO], flat[at + _THREE]
                a, b = np.float64(px[place]), np.float64(py[place])
                rises |= not a * a + b * b <= before
                before = a * a + b * b
                x, y, z, energy = x + a, y + b, z + pz[place], energy + e[place]
                place += _ONE
            at += _FOUR
        sums[0, row], sums[1, row], sums[2, row], sums[3, row] = x, y, z, energy
        counts[row] = place - first
        row += 1
    return row, int(place), not rises


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
def _by_bin(keys: Array, other: Array, n: int, starts: Array) -> bool:
    """Bring ``keys`` (n,) near their place by bins of equal width; false if one is too full for that to help."""
    low = high = keys[0]
    for i in range(n):
        low, high = min(low, keys[i]), max(high, keys[i])
    shift = 0
    while (high - low) >> shift >= _BINS:
        shift += 1
    starts[:] = 0
    for i in range(n):
        starts[1 + ((keys[i] - low) >> shift)] += 1
    most = 0
    for i in range(_BINS):
        most = max(most, starts[i + 1])
        starts[i + 1] += starts[i]
    if most > _CROWD:
        return False
    for i in range(n):
        digit = (keys[i] - low) >> shift
        other[starts[digit]] = keys[i]
        starts[digit] += 1
    keys[:n] = other[:n]
    return True


@compiled
def _by_rank(pt: Array, keys: Array, ranks: Array, places: Array) -> bool:
    """Find the places (n,) of numbers by falling value in float32: how many are larger; false if some are equal.

    As many comparisons as pairs, but on vectors and without a jump that the processor could guess wrongly.
    """
    n = len(pt)
    width = (n + _LANES - 1) // _LANES * _LANES
    for i in range(n):
        bits = np.float32(pt[i]).view(np.int32)
        keys[i] = bits if bits >= 0 else -(bits & np.int32(0x7FFFFFFF))
    for i in range(n, width):
        keys[i] = _LEAST
    ranks[:width] = 0
    for first in range(0, n, _AT_ONCE):
        a, b, c, d = keys[first], keys[first + 1], keys[first + 2], keys[first + 3]
        e, f, g, h = keys[first + 4], keys[first + 5], keys[first + 6], keys[first + 7]
        for i in range(width):
            key = keys[i]
            some = np.int32(key < a) + np.int32(key < b) + np.int32(key < c) + np.int32(key < d)
            ranks[i] += some + np.int32(key < e) + np.int32(key < f) + np.int32(key < g) + np.int32(key < h)
    total = 0
    for i in range(n):
        total += ranks[i]
    if total < n * (n - 1) // 2:
        return False
    for i in range(n):
        places[np.uint32(ranks[i])] = i
    return True


@compiled
def _sorted(pt: Array, keys: Array, other: Array, starts: Array) -> bool:
    """Order numbers by falling value in float32, equal ones as they stand: places are the low bits of ``keys``.

    Returns:
        Whether they stood otherwise.
    """
    n = len(pt)
    rising = False
    for i in range(n):
        bits = np.int64(np.float32(pt[i]).view(np.int32))
        keys[i] = ((0x7FFFFFFF - bits if bits >= 0 else 0x7FFFFFFF + (bits & 0x7FFFFFFF)) << 31) | i
        rising |= i > 0 and keys[i - 1] > keys[i]
    if not rising:
        return False
    if n >= MANY or (n >= _SHORT and not _by_bin(keys, other, n, starts)):
        for byte in range(2 if n < MANY else 0, 4):
            _by_byte(keys, other, n, 31 + 8 * byte, starts)
    for i in range(1, n):  # nothing moves far
        key, place = keys[i], i
        while place > 0 and keys[place - 1] > key:
            keys[place] = keys[place - 1]
            place -= 1
        keys[place] = key
    return True


@compiled
def _ordered(pt: Array, places: Array, keys: Array, other: Array, small: tuple[Array, Array]) -> None:
    """Find the order ``places`` (n,) of numbers by falling value in float32; equal ones stay as they are."""
    n = len(pt)
    if n <= FEW and _by_rank(pt, small[0], small[1], places):
        return
    _sorted(pt, keys, other, np.empty(_BINS + 1, np.int64))
    for i in range(n):
        places[i] = keys[i] & 0x7FFFFFFF


@compiled
def relative(
    rows: tuple[Array, Array],
    shape: tuple[int, int, int, int],
    rule: int,
    by: tuple[int, int, int],
    jets: tuple[Array, ...],
    done: tuple[int, int],
    stored: tuple[Array, ...],
    out: tuple[Array, ...],
    counts: Array,
) -> tuple[int, int]:
    """Write particles by falling pt, as they are and as they are in the detector.

    Args:
        rows: rows of slots, one after the other, and the same memory as unsigned numbers.
        shape: columns of a row, the column where the slots begin, slots of a row, columns of a slot.
        rule: place in ``RULES``.
        by: which column of a slot is pt, eta and phi.
        jets: pt by which those of each row are multiplied, eta that is added to theirs; each (rows,).
        done: rows and items of earlier calls.
        stored: pt, eta and phi as they are, each with room for some items, are written.
        out: pt, eta and phi in the detector are written, in double precision.
        counts: (rows,) the number of items is written.

    Returns:
        Rows and items done, all or those for which there was room.
    """
    flat, bits = rows
    size = (_ONE << np.uint64(8 * bits.itemsize - 1)) - _ONE
    slots, components = shape[2], shape[3]
    step, u, v, w = np.uint64(components), np.uint64(by[0]), np.uint64(by[1]), np.uint64(by[2])
    key = np.uint64(components - 1 if rule == _LAST else 0)
    taken, places = np.empty(slots, np.uint64), np.empty(slots, np.int64)
    keys, other = np.empty(slots, np.int64), np.empty(slots, np.int64)
    small = np.empty(FEW + _LANES, np.int32), np.empty(FEW + _LANES, np.int32)
    first, row, room = np.uint64(done[1]), done[0], len(stored[0]) - slots
    while row < len(counts) and first <= room:
        begin = row * shape[0] + shape[1]
        end = (_end(bits[begin : begin + slots * components], size) + components - 1) // components
        scale, shift, before = jets[0][row], jets[1][row], np.inf
        rises, at, place, n = False, np.uint64(begin), first, 0
        for _ in range(end):
            held = flat[at + key] > 0 if rule == _LAST else flat[at] != 0
            if rule == _ANY:
                for i in range(1, components):
                    held |= flat[at + np.uint64(i)] != 0
            if held:
                taken[n] = at
                x, y, z = flat[at + u], flat[at + v], flat[at + w]
                pt = scale * x
                stored[0][place], stored[1][place], stored[2][place] = x, y, z
                out[0][place], out[1][place], out[2][place] = pt, shift + y, z
                rises |= not pt <= before
                before = pt
                place += _ONE
                n += 1
            at += step
        if rises:
            _ordered(out[0][first:place], places, keys, other, small)
            for i in range(n):
                at, place = taken[places[i]], first + np.uint64(i)
                x, y, z = flat[at + u], flat[at + v], flat[at + w]
                stored[0][place], stored[1][place], stored[2][place] = x, y, z
                out[0][place], out[1][place], out[2][place] = scale * x, shift + y, z
        counts[row] = n
        first += np.uint64(n)
        row += 1
    return row, int(first)


@compiled
def _power(k: np.int64) -> float:
    """Two to a whole power between -1022 and 1023."""
    number: float = np.int64((k + 1023) << 52).view(np.float64)
    return number


@compiled
def polar(pt: Array, eta: Array, phi: Array, masses: Array, out: tuple[Array, ...]) -> None:
    """Momenta of particles, computed in double precision, by Taylor series to 1e-10.

    The cosine and sine are those of the angle within an eighth of a turn, the exponential that of a number within half
    the logarithm of two; nothing is called, so that it runs on vectors.

    Args:
        pt: transverse momentum (items,), GeV.
        eta: pseudorapidity of massless particles, rapidity of those with a mass.
        phi: azimuth.
        masses: (items,) GeV; empty where all are massless.
        out: px, py, pz, e, each (items,), are written.
    """
    px, py, pz, e = out
    massless = len(masses) == 0
    beyond = False
    for i in range(len(pt)):
        t, h, f = np.float64(pt[i]), np.float64(eta[i]), np.float64(phi[i])
        beyond |= (np.abs(f) > _WOUND) | (np.abs(h) > _FORWARD)
        turn = np.rint(f * 0.6366197723675814)
        x = f - turn * 1.5707963267948966
        s = x * x
        cos = 1 + s * (-1 / 2 + s * (1 / 24 + s * (-1 / 720 + s * (1 / 40320 - s * (1 / 3628800)))))
        sin = x * (1 + s * (-1 / 6 + s * (1 / 120 + s * (-1 / 5040 + s * (1 / 362880 - s * (1 / 39916800))))))
        half = np.floor(turn * 0.5)
        odd = turn - 2 * half  # 1 where sine and cosine change places
        sign = 1 - 2 * (half - 2 * np.floor(half * 0.5))
        px[i] = t * (sign * ((1 - odd) * cos - odd * sin))
        py[i] = t * (sign * ((1 - odd) * sin + odd * cos))
        twos = np.rint(h * 1.4426950408889634)
        r = h - twos * 0.6931471805599453
        s = r * r
        even = 1 + s * (1 / 2 + s * (1 / 24 + s * (1 / 720 + s * (1 / 40320))))
        odds = r * (1 + s * (1 / 6 + s * (1 / 120 + s * (1 / 5040 + s * (1 / 362880)))))
        k = np.int64(min(max(twos, -1021.0), 1021.0))
        up, down = _power(k - 1) * (even + odds), _power(-k - 1) * (even - odds)  # halves of exp(h), exp(-h)
        size = t if massless else np.sqrt(t * t + masses[i] * masses[i])
        pz[i] = size * (odds if twos == 0 else up - down)
        e[i] = size * (up + down)
    if beyond:
        for i in range(len(pt)):
            size = pt[i] if massless else np.sqrt(pt[i] * pt[i] + masses[i] * masses[i])
            px[i], py[i] = pt[i] * np.cos(phi[i]), pt[i] * np.sin(phi[i])
            pz[i], e[i] = size * np.sinh(eta[i]), size * np.cosh(eta[i])


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
def jets(sums: Array, out: Array) -> None:
    """Fill ``out`` (4, rows) with pt, pseudorapidity, azimuth and mass of momenta (4, rows), px, py, pz, e.

    As those of :mod:`partonic.events.kinematics`.
    """
    for row in range(sums.shape[1]):
        x, y, z, energy = sums[0, row], sums[1, row], sums[2, row], sums[3, row]
        pt = np.hypot(x, y)
        square = (energy - z) * (energy + z) - (x * x + y * y)
        out[0, row], out[2, row] = pt, np.arctan2(y, x)
        out[1, row] = 0.0 if pt == 0 and z == 0 else np.arcsinh(z / pt)
        out[3, row] = np.sign(square) * np.sqrt(np.abs(square))


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
def order(offsets: Array, pt: Array, out: Array) -> None:
    """Find the order in which the values of each row fall in float32; equal ones stay as they are.

    Args:
        offsets: (rows + 1,) where the items of each row begin.
        pt: (items,).
        out: (items,) becomes the place of each item in that order.
    """
    longest = np.max(offsets[1:] - offsets[:-1])
    keys, other = np.empty(longest, np.int64), np.empty(longest, np.int64)
    small = np.empty(FEW + _LANES, np.int32), np.empty(FEW + _LANES, np.int32)
    for row in range(len(offsets) - 1):
        first, last = offsets[row], offsets[row + 1]
        _ordered(pt[first:last], out[first:last], keys, other, small)
        out[first:last] += first
