"""From a tunnelling potential to a first guess of the radial profile, and meshes that suit it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from partonic.transitions.elements import Mesh
from partonic.transitions.scaled import Array, ScaledPotential
from partonic.transitions.tunnelling import TunnellingPath

SMALL = 1e-8  # displacement from the false vacuum at which the mesh ends, in units of the distance of the vacua
DEEP = 40.0  # inside of a thick wall that is so many decay lengths deep, nothing happens
CENTRE = 0.25  # part of the radius inside of which a guess is a parabola
WALL = 10  # elements across the wall of a first mesh
GROWTH = 1.6  # of elements away from the wall
LONG = 1e3  # a massless tail is followed to so many radii


@dataclass(frozen=True)
class Guess:
    """A rough profile.

    Args:
        radius: increasing, (points,).
        phi: scaled fields, (points, fields).
        masses: the slowest decay towards the false vacuum, the slowest towards the true one.
    """

    radius: Array
    phi: Array
    masses: tuple[float, float]

    def __call__(self, r: Array) -> Array:
        """Fields (..., fields) at radii: constant inside, decaying exponentially outside."""
        inside = PchipInterpolator(self.radius, self.phi)(np.clip(r, self.radius[0], self.radius[-1]))
        rate = max(self.masses[0], 1 / self.radius[-1])
        beyond = np.maximum(r - self.radius[-1], 0)
        found: Array = inside * np.exp(-np.minimum(rate * beyond, 700))[..., None]
        return found


def guess(potential: ScaledPotential, path: TunnellingPath, d: int) -> Guess | None:
    """The profile of a tunnelling potential, ``r = (d - 1) sqrt(2 (U - U_t)) / |dU_t / dl|``, where it grows outwards.

    Args:
        potential: in its own units.
        path: its tunnelling potential.
        d: dimensions.

    Returns:
        None where too few points of the path have a radius.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        radius = (d - 1) * np.sqrt(2 * np.maximum(path.gap, 0)) * path.speed / path.fall
    far = np.linalg.norm(path.phi, axis=1)
    usable = (path.gap > 1e-13 * path.gap.max()) & np.isfinite(radius) & (far > 3e-4 * far.max())
    first = np.flatnonzero(usable)
    if len(first) < 8:
        return None
    kept = [int(first[0])]
    for i in first[1:]:
        if radius[i] < radius[kept[-1]] * (1 - 1e-12):
            kept.append(int(i))
        elif path.gap[i] < 1e-3 * path.gap.max() and path.s[i] > 0.2:
            break
    if len(kept) < 8:
        return None
    inward = np.array(kept[::-1])
    inward = inward[radius[inward] > CENTRE * radius[inward[-1]]]
    if len(inward) < 6:
        return None
    return _rounded(Guess(radius[inward], path.phi[inward], vacuum_masses(potential)))


def _rounded(rough: Guess) -> Guess:
    """A parabola from the innermost point to the centre, where the tunnelling potential says little."""
    r, phi = rough.radius, rough.phi
    slope = (phi[2] - phi[0]) / (r[2] - r[0])
    inside = r[0] * np.array([0.0, 0.25, 0.5, 0.75])
    bowl = phi[0] - slope * ((r[0] ** 2 - inside**2) / (2 * r[0]))[:, None]
    return Guess(np.concatenate([inside, r]), np.concatenate([bowl, phi]), rough.masses)


def vacuum_masses(potential: ScaledPotential) -> tuple[float, float]:
    """The smallest masses at the false and the true vacuum (0 for flat directions)."""
    found = []
    for x in (np.zeros(potential.fields), potential.true):
        curvature = np.linalg.eigvalsh(potential.hessian(x))
        flat = 1e-9 * float(np.abs(curvature).max())
        found.append(math.sqrt(max(float(curvature[0]), 0.0)) if curvature[0] > flat else 0.0)
    return found[0], found[1]


def first_mesh(potential: ScaledPotential, rough: Guess) -> Mesh:
    """Elements that follow the arc length across the wall and grow away from it."""
    arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(rough.phi, axis=0), axis=1))])
    arc /= arc[-1]
    inner, outer = (float(np.interp(share, arc, rough.radius)) for share in (0.02, 0.98))
    blend = 0.5 * arc + 0.5 * (rough.radius - inner) / (outer - inner)
    quantiles = np.linspace(np.interp(inner, rough.radius, blend), np.interp(outer, rough.radius, blend), WALL + 1)
    wall = np.interp(quantiles, blend, rough.radius)
    light, deep = rough.masses
    left = max(inner - DEEP / deep, 0.0) if deep > 0 and _close(potential, rough) else 0.0
    left = left if left > 0.3 * inner else 0.0
    displaced = float(np.linalg.norm(rough.phi[-1]))
    right = LONG * outer
    if light > 0:
        right = min(right, float(rough.radius[-1]) + max(math.log(displaced / SMALL), 3.0) / light)
    inside = _growing(wall[0], left, wall[1] - wall[0])[::-1]
    outside = _growing(wall[-1], right, wall[-1] - wall[-2])
    return Mesh(np.concatenate([inside[:-1], wall, outside[1:]]))


def _close(potential: ScaledPotential, rough: Guess) -> bool:
    """Whether the centre of the bubble lies in the true vacuum."""
    return float(np.linalg.norm(rough.phi[0] - potential.true)) < 0.05


def _growing(start: float, stop: float, first: float) -> Array:
    """Points from start to stop whose distances grow."""
    distance, sign = abs(stop - start), math.copysign(1.0, stop - start)
    if distance < 1e-12:
        return np.array([start])
    count = max(1, math.ceil(math.log1p(distance * (GROWTH - 1) / first) / math.log(GROWTH)))
    steps = np.cumsum(GROWTH ** np.arange(count))
    found: Array = np.concatenate([[start], start + sign * distance * steps / steps[-1]])
    return found
