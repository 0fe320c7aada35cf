"""Four-momenta: mass, pt, eta, phi, rapidity, distances and boosts, computed in float64, given in the input's type.

Energies and momenta are in GeV, angles in radian; arrays broadcast. The axes are the detector's: z along the beam.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from partonic.core.errors import InputError

Floats = NDArray[Any]


def _double(*arrays: Floats) -> tuple[Any, ...]:
    """The arrays in float64 and, last, the type to return."""
    given = [np.asarray(array) for array in arrays]
    kind = np.result_type(*given)
    doubles = (array.astype(np.float64, copy=False) for array in given)
    return *doubles, kind if kind.kind == "f" else np.dtype(np.float64)


def _as(value: Any, kind: Any) -> Floats:
    result: Floats = np.asarray(value, dtype=kind)
    return result


def pt(px: Floats, py: Floats) -> Floats:
    """Transverse momentum sqrt(px^2 + py^2)."""
    x, y, kind = _double(px, py)
    return _as(np.hypot(x, y), kind)


def phi(px: Floats, py: Floats) -> Floats:
    """Azimuth in (-pi, pi]."""
    x, y, kind = _double(px, py)
    return _as(np.arctan2(y, x), kind)


def eta(px: Floats, py: Floats, pz: Floats) -> Floats:
    """Pseudorapidity asinh(pz / pt); +-inf along the beam, 0 for no momentum at all."""
    x, y, z, kind = _double(px, py, pz)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.arcsinh(z / np.hypot(x, y))
    return _as(np.where(np.isnan(value) & (z == 0), 0.0, value), kind)


def rapidity(pz: Floats, e: Floats) -> Floats:
    """Rapidity 1/2 ln[(E + pz) / (E - pz)] = artanh(pz / E)."""
    z, energy, kind = _double(pz, e)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = 0.5 * np.log((energy + z) / (energy - z))
    return _as(np.where(np.isnan(value) & (z == 0), 0.0, value), kind)


def mass2(px: Floats, py: Floats, pz: Floats, e: Floats) -> Floats:
    """Invariant mass squared E^2 - p^2 (GeV^2); may be negative by rounding."""
    x, y, z, energy, kind = _double(px, py, pz, e)
    return _as((energy - z) * (energy + z) - (x * x + y * y), kind)


def mass(px: Floats, py: Floats, pz: Floats, e: Floats) -> Floats:
    """Invariant mass; the root of a negative square is given as -sqrt(-m^2)."""
    x, y, z, energy, kind = _double(px, py, pz, e)
    square = mass2(x, y, z, energy)
    return _as(np.sign(square) * np.sqrt(np.abs(square)), kind)


def from_pt_eta_phi_mass(pt: Floats, eta: Floats, phi: Floats, mass: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Cartesian (px, py, pz, E)."""
    t, h, f, m, kind = _double(pt, eta, phi, mass)
    z = t * np.sinh(h)
    energy = np.sqrt(t * t + z * z + m * m)
    return _as(t * np.cos(f), kind), _as(t * np.sin(f), kind), _as(z, kind), _as(energy, kind)


def delta_phi(phi_1: Floats, phi_2: Floats) -> Floats:
    """Difference phi_1 - phi_2 wrapped into [-pi, pi)."""
    a, b, kind = _double(phi_1, phi_2)
    return _as((a - b + np.pi) % (2 * np.pi) - np.pi, kind)


def delta_r(eta_1: Floats, phi_1: Floats, eta_2: Floats, phi_2: Floats) -> Floats:
    """Distance sqrt(d eta^2 + d phi^2), the azimuth wrapped."""
    h1, f1, h2, f2, kind = _double(eta_1, phi_1, eta_2, phi_2)
    return _as(np.hypot(h1 - h2, delta_phi(f1, f2)), kind)


def boost(p4: Floats, beta: Floats) -> Floats:
    """Boost four-momenta by a velocity.

    Args:
        p4: (..., 4) as (E, px, py, pz).
        beta: (..., 3) velocity in units of c, length below 1; a particle at rest moves with ``beta`` afterwards.

    Raises:
        InputError: a velocity is 1 or above.
    """
    p, b, kind = _double(p4, beta)
    b2 = np.sum(b * b, axis=-1)
    if np.any(b2 >= 1) or not np.all(np.isfinite(b2)):
        raise InputError("a boost needs a velocity below 1 (in units of c)")
    gamma = 1 / np.sqrt(1 - b2)
    along = np.sum(b * p[..., 1:], axis=-1)
    factor = gamma * gamma / (1 + gamma) * along + gamma * p[..., 0]
    energy = gamma * (p[..., 0] + along)
    return _as(np.concatenate([energy[..., None], p[..., 1:] + factor[..., None] * b], axis=-1), kind)
