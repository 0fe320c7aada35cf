r"""Secondary vertices of jets: points downstream of the beam line where displaced tracks meet.

Every pair of displaced tracks seeds an adaptive fit (Fruehwirth, Waltenberger and Vanlaer, J. Phys. G 34 (2007) N343):
the point :math:`v` that minimises :math:`\sum_i w_i \chi_i^2`, with :math:`\chi_i` the distance of the straight track
:math:`i` from it over its error, and the weights
:math:`w_i = 1 / (1 + e^{(\chi_i^2 - \chi_c^2) / 2T})` found anew while :math:`T` falls to 1. The fit that gathers most
weight in front of the jet is a vertex; its tracks are taken away and the search begins again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from partonic.core.compiled import compiled
from partonic.represent import impact
from partonic.represent.constituents import constituents
from partonic.represent.impact import tracks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partonic.events.events import Events

    Floats = NDArray[np.float64]

MOST = 4
"""Vertices a jet at most."""

DISPLACED = 2.0  # significance in space from which a track may belong to a vertex
CUT = 9.0  # chi squared at which a track has half its weight
FARTHEST = 100.0  # mm
_SIZE = 8  # numbers of a vertex: x y z, flight error, chi squared, tracks, and two of the fit


@dataclass(frozen=True)
class Vertices:
    """Secondary vertices, those of a jet by falling significance of the flight.

    Args:
        offsets: (jets + 1,) where those of each jet begin.
        jet: (vertices,) number of the jet.
        position: (vertices, 3) from the beam line, mm.
        flight: (vertices,) distance from the beam line, mm.
        error: (vertices,) of the flight, mm.
        quality: (vertices,) chi squared over degrees of freedom.
        tracks: (vertices,) number of tracks of more than half weight.
        mass: (vertices,) of these tracks, GeV.
        share: (vertices,) of the jet's energy that these tracks carry.
        angle: (vertices,) between the flight and the axis of the jet, rad.
        member: (tracks,) vertex of each track in the order of :class:`~partonic.represent.impact.Tracks`, or -1.
    """

    offsets: NDArray[np.int64]
    jet: NDArray[np.int64]
    position: Floats
    flight: Floats
    error: Floats
    quality: Floats
    tracks: NDArray[np.int64]
    mass: Floats
    share: Floats
    angle: Floats
    member: NDArray[np.int64]


def vertices(events: Events, found: impact.Tracks | None = None) -> Vertices:
    """Find the secondary vertices of jets.

    Args:
        events: jets whose constituents have charge, d0, dz and their errors (mm).
        found: their tracks, if they are known.

    Raises:
        BadJetError: a jet has no constituent or one that is not usable.
        InputError: the constituents lack a field.
    """
    found = tracks(events) if found is None else found
    jets = constituents(events)
    n = len(jets)
    axes = np.stack([np.add.reduceat(v, jets.offsets[:-1]) for v in (jets.px, jets.py, jets.pz)], axis=1)
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    fits = np.zeros((n, MOST, _SIZE))
    member = np.full(len(found.index), -1, dtype=np.int64)
    displaced = np.abs(found.impact) > DISPLACED * found.error
    _find(found.offsets, found.point, found.direction, found.error, displaced, axes, fits, member)
    slots = fits.reshape(-1, _SIZE)
    used = np.flatnonzero(slots[:, 5] >= 2)
    flight, jet = np.linalg.norm(slots[used, :3], axis=1), used // MOST
    order = np.lexsort((-flight / slots[used, 3], jet))
    used, flight, jet = used[order], flight[order], jet[order]
    place = np.full(n * MOST, -1, dtype=np.int64)
    place[used] = np.arange(len(used))
    member = np.where(member >= 0, place[found.jet * MOST + member], -1)
    sums = _momenta(jets.arrays, found.index, member, len(used))
    energy = np.add.reduceat(jets.e, jets.offsets[:-1])
    cosine = np.sum(slots[used, :3] * axes[jet], axis=1) / flight
    return Vertices(
        np.concatenate([[0], np.cumsum(np.bincount(jet, minlength=n))]),
        jet,
        slots[used, :3],
        flight,
        slots[used, 3],
        slots[used, 4],
        slots[used, 5].astype(np.int64),
        np.sqrt(np.maximum(sums[3] ** 2 - sums[0] ** 2 - sums[1] ** 2 - sums[2] ** 2, 0.0)),
        sums[3] / energy[jet],
        np.arccos(np.clip(cosine, -1.0, 1.0)),
        member,
    )


def _momenta(
    arrays: tuple[Floats, ...], index: NDArray[np.int64], member: NDArray[np.int64], number: int
) -> list[Floats]:
    """Summed px, py, pz, e of the tracks of each vertex."""
    inside = member >= 0
    return [np.bincount(member[inside], values[index[inside]], number).astype(np.float64) for values in arrays]


@compiled
def _find(
    offsets: NDArray[np.int64],
    point: Floats,
    direction: Floats,
    error: Floats,
    displaced: NDArray[np.bool_],
    axes: Floats,
    out: Floats,
    member: NDArray[np.int64],
) -> None:
    """Fill the fits of each jet (x y z, flight error, chi squared a degree of freedom, tracks) and who is in which."""
    for jet in range(len(offsets) - 1):
        start, stop = offsets[jet], offsets[jet + 1]
        free = np.zeros(stop - start, dtype=np.int64)
        n = 0
        for i in range(start, stop):
            if displaced[i]:
                free[n] = i
                n += 1
        for number in range(out.shape[1]):
            best = np.zeros(out.shape[2])
            for one in range(n):
                for two in range(one):
                    fit = np.zeros(out.shape[2])
                    _fit(free[:n], free[one], free[two], point, direction, error, fit)
                    ahead = fit[0] * axes[jet, 0] + fit[1] * axes[jet, 1] + fit[2] * axes[jet, 2] > 0
                    if ahead and fit[5] >= 2 and fit[6] > best[6]:
                        best[:] = fit
            if best[5] < 2:
                break
            out[jet, number] = best
            left = 0
            for k in range(n):
                i = free[k]
                if _distance2(best, point[i], direction[i]) < CUT * error[i] ** 2:
                    member[i] = number
                else:
                    free[left] = i
                    left += 1
            n = left


@compiled
def _distance2(v: Floats, point: Floats, direction: Floats) -> float:
    """Squared distance of a point from a straight line."""
    x, y, z = v[0] - point[0], v[1] - point[1], v[2] - point[2]
    along = x * direction[0] + y * direction[1] + z * direction[2]
    return max(x * x + y * y + z * z - along * along, 0.0)  # type: ignore[no-any-return]


@compiled
def _invert(m: Floats, out: Floats) -> bool:
    """Fill the inverse of a symmetric positive matrix; false where it is all but singular (parallel tracks)."""
    for a in range(3):
        b, c = (a + 1) % 3, (a + 2) % 3
        for d in range(3):
            e, f = (d + 1) % 3, (d + 2) % 3
            out[d, a] = m[b, e] * m[c, f] - m[b, f] * m[c, e]
    determinant = m[0, 0] * out[0, 0] + m[0, 1] * out[1, 0] + m[0, 2] * out[2, 0]
    trace = (m[0, 0] + m[1, 1] + m[2, 2]) / 3.0
    if not determinant > 1e-9 * trace**3:
        return False
    for a in range(3):
        for d in range(3):
            out[d, a] /= determinant
    return True


@compiled
def _fit(
    free: NDArray[np.int64],
    one: int,
    two: int,
    point: Floats,
    direction: Floats,
    error: Floats,
    fit: Floats,
) -> None:
    """Adaptive fit that begins where two tracks meet; ``fit`` stays 0 where it fails."""
    weight = np.zeros(len(free))
    for k in range(len(free)):
        weight[k] = 1.0 if free[k] == one or free[k] == two else 0.0
    v = np.zeros(3)
    matrix, covariance = np.zeros((3, 3)), np.zeros((3, 3))
    for temperature in (64.0, 16.0, 4.0, 1.0, 1.0):
        matrix[:] = 0.0
        right = np.zeros(3)
        for k in range(len(free)):
            i = free[k]
            scale = weight[k] / error[i] ** 2
            for a in range(3):
                for b in range(3):
                    project = (1.0 if a == b else 0.0) - direction[i, a] * direction[i, b]
                    matrix[a, b] += scale * project
                    right[a] += scale * project * point[i, b]
        if not _invert(matrix, covariance):
            return
        for a in range(3):
            v[a] = covariance[a, 0] * right[0] + covariance[a, 1] * right[1] + covariance[a, 2] * right[2]
        for k in range(len(free)):
            chi2 = _distance2(v, point[free[k]], direction[free[k]]) / error[free[k]] ** 2
            weight[k] = 1.0 / (1.0 + np.exp(min((chi2 - CUT) / (2.0 * temperature), 50.0)))
    flight2 = v[0] ** 2 + v[1] ** 2 + v[2] ** 2
    if not 0.0 < flight2 < FARTHEST**2:
        return
    count, chi2_sum, total = 0, 0.0, 0.0
    for k in range(len(free)):
        if weight[k] > 0.5:
            count += 1
            chi2_sum += _distance2(v, point[free[k]], direction[free[k]]) / error[free[k]] ** 2
        total += weight[k]
    fit[:3] = v
    along = 0.0
    for a in range(3):
        for b in range(3):
            along += v[a] * covariance[a, b] * v[b]
    fit[3] = np.sqrt(along / flight2)
    fit[4] = chi2_sum / max(2 * count - 3, 1)
    fit[5] = count
    fit[6] = total - 0.01 * chi2_sum
