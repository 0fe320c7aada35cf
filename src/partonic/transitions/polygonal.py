"""The polygonal bounce of one field: V replaced by straight pieces, each solved exactly (arXiv:1803.01853)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre

from partonic.core.errors import InputError
from partonic.transitions.potential import Potential
from partonic.transitions.radial import sphere
from partonic.transitions.scaled import Array
from partonic.transitions.shooting import one_field

BISECTIONS = 80


@dataclass(frozen=True)
class Polygon:
    """A polygonal bounce.

    Args:
        action: S of the potential of straight pieces.
        radius: where the field passes the corners, outwards, (corners,), 1/E.
        phi: the field there, (corners, 1), E.
    """

    action: float
    radius: Array
    phi: Array


@dataclass(frozen=True)
class _Piece:
    """The field :math:`v + k r^2 / (2d) + b r^{2-d}` between two radii, U = height + k (x - corner)."""

    v: float
    k: float
    b: float
    start: float
    stop: float
    height: float
    corner: float

    def field(self, r: Array, d: int) -> Array:
        found: Array = self.v + self.k * r**2 / (2 * d) + self.b * r ** (2.0 - d)
        return found

    def speed(self, r: Array, d: int) -> Array:
        found: Array = self.k * r / d - (d - 2) * self.b * r ** (1.0 - d)
        return found


def polygonal_bounce(
    potential: Potential, false: float, true: float, T: float = 0.0, d: int = 3, *, pieces: int = 100
) -> Polygon:
    r"""Join exact solutions :math:`\phi = v + k r^2 / (2d) + b r^{2-d}` on straight pieces of V of slope k.

    Args:
        potential: of one field.
        false: the false vacuum.
        true: the true vacuum, deeper.
        T: temperature.
        d: 3 or 4.
        pieces: of the potential; the error of the action falls as there are more.

    Raises:
        InputError: more fields than one, the true vacuum is not deeper, or too few pieces.
    """
    if pieces < 4:
        raise InputError(f"a polygon has 4 pieces or more, not {pieces}")
    u = one_field(potential, false, true, T)
    end = float(u.true[0])
    corners = np.linspace(abs(end), 0, pieces + 1)  # from the true vacuum to the false one
    heights = u.value(math.copysign(1.0, end) * corners[:, None])
    above = np.flatnonzero(heights[1:] >= 0)
    if heights[0] >= 0 or len(above) == 0 or above[0] == pieces - 1:
        raise InputError(f"{pieces} pieces are too few to see the barrier of '{potential.name}'")
    k = int(above[0])
    first = corners[k] + (corners[k + 1] - corners[k]) * heights[k] / (heights[k] - heights[k + 1])
    low, high = 0.0, 1.0
    while not _march(corners, heights, _departure(corners, first, high), d)[1]:
        high *= 2
        if high > 1e9:
            raise InputError(f"no release of '{potential.name}' overshoots: the vacua are too close to equal")
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        over = _march(corners, heights, _departure(corners, first, middle), d)[1]
        low, high = (low, middle) if over else (middle, high)
    chain, _ = _march(corners, heights, _departure(corners, first, high), d)
    radius = np.array([chain[0].start, *[piece.stop for piece in chain]])
    inner = chain[0].field(np.array([max(chain[0].start, 1e-300)]), d) if chain[0].start > 0 else [chain[0].v]
    phi = np.array([float(inner[0]), *[float(piece.field(np.array([piece.stop]), d)[0]) for piece in chain]])
    action = _action(chain, float(heights[0]), d) * u.action_unit(d)
    signed = math.copysign(1.0, end) * phi[:, None]
    return Polygon(action, radius * u.radius_unit, u.fields_of(signed))


def _departure(corners: Array, first: float, release: float) -> tuple[float, float]:
    """Radius and field: a part of the way down to the true vacuum at the centre (below 1), or its radius (above)."""
    if release < 1:
        return 0.0, float(first + (corners[0] - first) * release)
    return release - 1, float(corners[0])


def _march(corners: Array, heights: Array, departure: tuple[float, float], d: int) -> tuple[list[_Piece], bool]:
    """The pieces from a departure outwards, and whether the field passes the false vacuum with speed left."""
    r, x = departure
    speed = 0.0
    chain: list[_Piece] = []
    begin = min(int(np.searchsorted(-corners, -x, side="right")) - 1, len(corners) - 2)
    for i in range(begin, len(corners) - 1):
        k = float((heights[i + 1] - heights[i]) / (corners[i + 1] - corners[i]))
        b = (k * r / d - speed) * r ** (d - 1) / (d - 2)
        v = x - k * r**2 / (2 * d) - (b * r ** (2.0 - d) if r > 0 else 0.0)
        target = float(corners[i + 1])
        powers = [k / 6, 0.0, v - target, b] if d == 3 else [k / 8, v - target, b]
        roots = np.roots(powers)
        real = roots.real[np.abs(roots.imag) < 1e-9 * (1 + np.abs(roots.real))]
        ahead = real if d == 3 else np.sqrt(np.maximum(real, 0))
        ahead = ahead[ahead > r * (1 + 1e-12)]
        if len(ahead) == 0:
            return chain, False
        stop = float(ahead.min())
        piece = _Piece(v, k, b, r, stop, float(heights[i]), float(corners[i]))
        speed = float(piece.speed(np.array([stop]), d)[0])
        if speed > 0:
            return chain, False
        chain.append(piece)
        r, x = stop, target
    return chain, True


def _action(chain: list[_Piece], inside: float, d: int) -> float:
    """Integral of kinetic and potential energy, in units of the scaled potential."""
    z, w = legendre.leggauss(16)
    total = inside * chain[0].start ** d / d
    for piece in chain:
        r = piece.start + (z + 1) / 2 * (piece.stop - piece.start)
        u = piece.height + piece.k * (piece.field(r, d) - piece.corner)
        density = r ** (d - 1) * (0.5 * piece.speed(r, d) ** 2 + u)
        total += float(w @ density) * (piece.stop - piece.start) / 2
    return sphere(d) * total
