r"""Charged and neutral particles through the solenoid, and the tracks that are found.

In the transverse plane a particle of charge q and transverse momentum pt turns clockwise by :math:`\kappa s` on a path
of length s, :math:`\kappa = 0.2998\,q B / p_T` (GeV, tesla, metre). With the production point (a, b) along the flight
direction and to the right of it, the crossing with a cylinder of radius R has the half-angle tangent
:math:`\kappa\tau/2`, where :math:`A\tau^2 + 2a\tau - D = 0`, :math:`D = R^2 - a^2 - b^2` and
:math:`A = 1 + \kappa b - \kappa^2 D / 4`. The same formula holds for straight lines (:math:`\kappa = 0`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

    from partonic.simulators.cards import Solenoid, Tracker, Tracks

Floats = NDArray[np.float64]

CURVATURE = 0.299792458e-3  # of a unit charge of 1 GeV transverse momentum in one tesla, 1/mm
MASSES = np.array([0.13957039, 0.00051099895, 0.1056583755])  # pion (all charged hadrons), electron, muon; GeV
HADRON, ELECTRON, MUON = 0, 1, 2


@dataclass(frozen=True)
class Arrivals:
    """Where particles meet the calorimeter.

    Args:
        eta: pseudorapidity of that point as seen from the centre (particles,).
        phi: its azimuth, (particles,).
        reached: false where the particle never gets there, (particles,).
    """

    eta: Floats
    phi: Floats
    reached: NDArray[np.bool_]


@dataclass(frozen=True)
class TrackSet:
    """Reconstructed tracks.

    Args:
        index: positions of their particles among those given, rising, (tracks,).
        kind: 0 hadron, 1 electron, 2 muon, (tracks,).
        scale: measured over true momentum, (tracks,).
        energy: measured energy under the mass of the kind, GeV, (tracks,).
        sigma: error of the energy, GeV, (tracks,).
    """

    index: NDArray[np.int64]
    kind: NDArray[np.int8]
    scale: Floats
    energy: Floats
    sigma: Floats


def curvature(charge: NDArray[Any], pt: Floats, field: float) -> Floats:
    """Signed turning angle for each mm of transverse path, clockwise positive (1/mm).

    Args:
        charge: charge in units of e, (particles,).
        pt: transverse momentum (GeV), above 0, (particles,).
        field: magnetic field along z (tesla).
    """
    kappa: Floats = (CURVATURE * field) * charge / pt
    return kappa


def _arc(tangent: Floats) -> Floats:
    """arctan(x) / x, 1 at 0."""
    return np.divide(np.arctan(tangent), tangent, out=np.ones_like(tangent), where=tangent != 0)


def _barrel(a: Floats, b: Floats, kappa: Floats, radius: float) -> tuple[Floats, Floats]:
    """Give tau and the path length (mm) to the barrel; the path is infinite where it is not met within half a turn."""
    inside = radius * radius - a * a - b * b
    factor = 1 + kappa * (b - 0.25 * kappa * inside)
    square = a * a + factor * inside
    with np.errstate(invalid="ignore", divide="ignore"):
        tau = inside / (a + np.sqrt(square))
        meets = (square >= 0) & (tau > 0) & (inside > 0)
    tau[~meets] = 0.0
    length = tau * _arc(0.5 * kappa * tau)
    length[~meets] = np.inf
    return tau, length


def propagate(particles: Mapping[str, NDArray[Any]], pt: Floats, solenoid: Solenoid) -> Arrivals:
    """Follow particles from their production vertices to the surface of the solenoid.

    A particle that turns by half a circle before it gets there loops inside the tracker and is lost.

    Args:
        particles: flat arrays px py pz (GeV), charge (units of e), vx vy vz (mm), each (particles,).
        pt: their transverse momenta (GeV), above 0, (particles,).
        solenoid: the field and its size.
    """
    ux, uy, slope = particles["px"] / pt, particles["py"] / pt, particles["pz"] / pt
    vx, vy, vz = particles["vx"], particles["vy"], particles["vz"]
    radius, half_length = 1000.0 * solenoid.radius, 1000.0 * solenoid.half_length
    kappa = curvature(particles["charge"], pt, solenoid.field)
    a, b = vx * ux + vy * uy, vx * uy - vy * ux
    tau, length = _barrel(a, b, kappa, radius)
    with np.errstate(divide="ignore", invalid="ignore"):
        to_cap = (np.copysign(half_length, slope) - vz) / slope
    cap = np.flatnonzero(to_cap < length)
    length[cap] = to_cap[cap]
    tangent = 0.5 * kappa * tau
    half_turn = 0.5 * kappa[cap] * to_cap[cap]
    tangent[cap] = np.tan(half_turn)
    tau[cap] = to_cap[cap] * np.divide(tangent[cap], half_turn, out=np.ones_like(half_turn), where=half_turn != 0)
    forward = tau / (1 + tangent * tangent)
    along, aside = a + forward, b + forward * tangent
    inside = (vx * vx + vy * vy < radius * radius) & (np.abs(vz) < half_length)
    reached = inside & np.isfinite(length) & (np.abs(kappa * length) <= np.pi)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = vz + slope * length
        eta = np.arcsinh(z / np.sqrt(along * along + aside * aside))
    phi = np.arctan2(along * uy - aside * ux, along * ux + aside * uy)
    return Arrivals(eta, phi, reached)


def _tables(tracker: Tracker) -> tuple[Floats, Floats, Floats]:
    """Efficiency (kind, eta bin, pt bin) with zeros outside, squares of a and b (kind, eta bin)."""
    kinds: tuple[Tracks, ...] = (tracker.hadron, tracker.electron, tracker.muon)
    efficiency = np.zeros((3, len(tracker.efficiency_eta) + 1, len(tracker.efficiency_pt) + 1))
    efficiency[:, :-1, 1:] = [kind.efficiency for kind in kinds]
    resolution = np.array([kind.resolution for kind in kinds])
    return efficiency, resolution[..., 0] ** 2, resolution[..., 1] ** 2


def bins(values: Floats, edges: tuple[float, ...]) -> NDArray[np.int8]:
    """Number of the edges below each value: a bin includes its upper edge (a few comparisons beat a search)."""
    number = np.zeros(len(values), dtype=np.int8)
    for edge in edges:
        number += values > edge
    return number


def find_tracks(
    particles: Mapping[str, NDArray[Any]],
    pt: Floats,
    eta: Floats,
    candidates: NDArray[np.int64],
    tracker: Tracker,
    rng: np.random.Generator,
) -> TrackSet:
    """Apply the efficiency of the tracker and smear the momenta (log-normal, mean kept, at most 100 %).

    Args:
        particles: flat arrays px py pz (GeV) and pid, each (particles,).
        pt: transverse momenta (GeV), (particles,).
        eta: pseudorapidity where they meet the calorimeter, (particles,).
        candidates: rising positions of the charged particles that get there.
        tracker: the numbers of the tracker.
        rng: source of randomness.
    """
    efficiency, constant, linear = _tables(tracker)
    identity = np.abs(particles["pid"][candidates])
    kind = (identity == 11).astype(np.int8) + np.int8(MUON) * (identity == 13)
    transverse, distance = pt[candidates], np.abs(eta[candidates])
    chance = efficiency[kind, bins(distance, tracker.efficiency_eta), bins(transverse, tracker.efficiency_pt)]
    found = np.flatnonzero(rng.random(len(candidates)) < chance)
    index, kind, transverse = candidates[found], kind[found], transverse[found]
    in_eta = bins(distance[found], tracker.resolution_eta)
    relative = np.minimum(np.sqrt(constant[kind, in_eta] + linear[kind, in_eta] * transverse * transverse), 1.0)
    scale = log_normal(relative, rng)
    slope = particles["pz"][index] / transverse
    momentum2 = (scale * transverse) ** 2 * (1 + slope * slope)
    energy = np.sqrt(momentum2 + MASSES[kind] ** 2)
    return TrackSet(index, kind, scale, energy, relative * energy)


def log_normal(relative: Floats, rng: np.random.Generator) -> Floats:
    """Log-normal factors of mean 1 and the given relative width."""
    variance = np.log1p(relative * relative)
    factors: Floats = np.exp(np.sqrt(variance) * rng.standard_normal(len(relative)) - 0.5 * variance)
    return factors


def impact_parameters(
    particles: Mapping[str, NDArray[Any]], index: NDArray[np.int64], field: float
) -> tuple[Floats, Floats]:
    """Signed transverse and longitudinal impact parameters of helices to the beam line x = y = 0 (mm).

    d0 is positive where the beam line lies to the left of the flight direction, as (x py - y px) / pt of a straight
    line through (x, y); dz is the z of the point of closest approach.

    Args:
        particles: flat arrays px py pz (GeV), charge (units of e), vx vy vz (mm).
        index: positions of the charged particles to look at.
        field: magnetic field along z (tesla); 0 for straight lines.
    """
    px, py, pz = (particles[name][index] for name in ("px", "py", "pz"))
    vx, vy, vz = (particles[name][index] for name in ("vx", "vy", "vz"))
    pt = np.sqrt(px * px + py * py)
    kappa = curvature(particles["charge"][index], pt, field)
    a, b = (vx * px + vy * py) / pt, (vx * py - vy * px) / pt
    along, aside = kappa * a, 1 + kappa * b
    d0 = (kappa * (a * a + b * b) + 2 * b) / (np.sqrt(along * along + aside * aside) + 1)
    dz = vz - pz / pt * (a / aside) * _arc(along / aside)
    return d0, dz


def impact_error(pt: Floats, slope: Floats, tracker: Tracker) -> Floats:
    """Resolution constant (+) scattering / (p sin(theta)^1.5) of both impact parameters (mm).

    Args:
        pt: transverse momenta (GeV).
        slope: pz / pt.
        tracker: the numbers of the tracker.
    """
    thickness = np.sqrt(np.sqrt(1 + slope * slope)) / pt  # 1 / (p sin(theta)^1.5)
    error: Floats = np.hypot(tracker.impact_constant, tracker.impact_scattering * thickness)
    return error
