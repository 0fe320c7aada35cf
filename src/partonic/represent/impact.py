r"""Tracks of jets and their impact parameters, signed by the axis of the jet.

A track of transverse direction :math:`u` with the signed transverse impact parameter d0 passes the beam line, from
which all jets are taken to come, at :math:`(d_0 u_y, -d_0 u_x, d_z)`; near there it is a straight line. Of that point
what lies along the track is taken away; the length of the rest is the impact parameter in space. Its sign is that of
the scalar product with the axis of the jet: decays downstream have positive ones, errors of measurement both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from partonic.represent.constituents import COLLECTION, constituents, fields

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partonic.events.events import Events

    Floats = NDArray[np.float64]

NEEDED = ("charge", "pid", "d0", "d0_error", "dz", "dz_error")
LEAST_ERROR = 1e-4  # mm, of tracks without a detector, which have none
NO_TRACK = -100.0  # significance that stands for a track that is not there


@dataclass(frozen=True)
class Tracks:
    """Charged constituents of jets, by falling signed significance within each jet.

    Args:
        offsets: (jets + 1,) where those of each jet begin.
        index: (tracks,) position among all constituents.
        jet: (tracks,) number of the jet.
        point: (tracks, 3) where the track passes the beam line, mm.
        direction: (tracks, 3) of unit length.
        error: (tracks,) of both impact parameters, root mean square, mm.
        impact: (tracks,) signed impact parameter in space, mm.
        transverse: (tracks,) signed transverse impact parameter, mm.
        significance: (tracks,) signed transverse impact parameter over its error.
    """

    offsets: NDArray[np.int64]
    index: NDArray[np.int64]
    jet: NDArray[np.int64]
    point: Floats
    direction: Floats
    error: Floats
    impact: Floats
    transverse: Floats
    significance: Floats


def tracks(events: Events) -> Tracks:
    """The tracks of jets.

    Args:
        events: jets whose constituents have charge, d0, dz and their errors (mm).

    Raises:
        BadJetError: a jet has no constituent or one that is not usable.
        InputError: the constituents lack a field.
    """
    jets = constituents(events)
    known: dict[str, Any] = dict(zip(NEEDED, fields(events, "streams", NEEDED), strict=True))
    index = np.flatnonzero(known["charge"] != 0)
    jet = events.collection(COLLECTION).rows[index]
    axes = np.stack([np.add.reduceat(values, jets.offsets[:-1]) for values in (jets.px, jets.py, jets.pz)], axis=1)
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    momentum = np.stack([jets.px[index], jets.py[index], jets.pz[index]], axis=1)
    direction = momentum / np.linalg.norm(momentum, axis=1, keepdims=True)
    u = momentum[:, :2] / np.hypot(momentum[:, 0], momentum[:, 1])[:, None]
    d0, dz = (known[name][index].astype(np.float64) for name in ("d0", "dz"))
    d0_error, dz_error = (np.maximum(known[name][index], LEAST_ERROR) for name in ("d0_error", "dz_error"))
    point = np.stack([d0 * u[:, 1], -d0 * u[:, 0], dz], axis=1)
    nearest = point - direction * np.sum(point * direction, axis=1, keepdims=True)
    sign = _sign(np.sum(nearest * axes[jet], axis=1))
    transverse = np.abs(d0) * _sign(np.sum(point[:, :2] * axes[jet, :2], axis=1))
    significance = transverse / d0_error
    order = np.lexsort((-significance, jet))
    counts = np.bincount(jet, minlength=len(jets))
    return Tracks(
        np.concatenate([[0], np.cumsum(counts)]),
        index[order],
        jet[order],
        point[order],
        direction[order],
        np.sqrt(0.5 * (d0_error**2 + dz_error**2)).astype(np.float64)[order],
        (sign * np.linalg.norm(nearest, axis=1))[order],
        transverse[order],
        significance[order],
    )


def _sign(values: Floats) -> Floats:
    return np.where(values < 0, -1.0, 1.0)


def ranked_significance(found: Tracks, place: int) -> Floats:
    """Signed significance of the track that comes ``place``-th (from 1) in each jet, (jets,); low where there is none.

    A cut on the second or third is known as track counting (arXiv:1211.4462).
    """
    there = np.diff(found.offsets) >= place
    values = np.full(len(there), NO_TRACK)
    values[there] = found.significance[found.offsets[:-1][there] + place - 1]
    return values
