"""Sequential clustering of a jet's constituents: the whole history of Cambridge/Aachen or kT merges.

The smallest distance d_ij = min(pt_i, pt_j)^2p [(y_i - y_j)^2 + (phi_i - phi_j)^2] is merged first, p = 0 for
Cambridge/Aachen (hep-ph/9707323) and p = 1 for kT (hep-ph/9305266), four-momenta are added (E-scheme), and there is no
beam distance: a jet ends as one node. Nearest neighbours are kept, so that a jet of n constituents costs n^2 operations
(hep-ph/0512210).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from partonic.core.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partonic.represent.constituents import Constituents

Algorithm = Literal["cambridge-aachen", "kt"]
POWERS = {"cambridge-aachen": 0, "kt": 1}


@dataclass(frozen=True)
class History:
    """The nodes of each jet's binary tree: first its n constituents, then n - 1 merges in their order, the jet last.

    Args:
        offsets: (jets + 1,) int64, where the nodes of each jet begin.
        p4: (nodes, 4) float64 four-momenta (E, px, py, pz) in GeV.
        cylinder: (nodes, 3) float64 as (pt in GeV, rapidity, azimuth).
        children: (nodes, 2) int64 node numbers within the jet; -1 for constituents.
        distance: (nodes,) float64 distance d_ij of the merge (GeV^2p); 0 for constituents.
    """

    offsets: NDArray[np.int64]
    p4: NDArray[np.float64]
    cylinder: NDArray[np.float64]
    children: NDArray[np.int64]
    distance: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.offsets) - 1


def cluster(jets: Constituents, algorithm: Algorithm) -> History:
    """Cluster the constituents of each jet to one node."""
    offsets = 2 * jets.offsets - np.arange(len(jets.offsets))
    nodes = int(offsets[-1])
    history = History(
        offsets, np.empty((nodes, 4)), np.empty((nodes, 3)), np.full((nodes, 2), -1, dtype=np.int64), np.zeros(nodes)
    )
    for column, values in enumerate((jets.e, jets.px, jets.py, jets.pz)):
        history.p4[_leaves(jets.offsets, offsets), column] = values
    _cluster(jets.offsets, offsets, POWERS[algorithm], history.p4, history.cylinder, history.children, history.distance)
    return history


def leaves(history: History) -> NDArray[np.int64]:
    """Constituents (of all jets, from 0) in the order of their tree, each harder branch first, (particles,)."""
    out = np.empty((len(history.p4) + len(history)) // 2, np.int64)
    _walk(history.offsets, history.cylinder, history.children, out)
    return out


@compiled
def _walk(
    offsets: NDArray[np.int64], cylinder: NDArray[np.float64], children: NDArray[np.int64], out: NDArray[np.int64]
) -> None:
    """Go down every tree, harder branch first, and write the leaves that are met."""
    at = 0
    for jet in range(len(offsets) - 1):
        first, start, left = offsets[jet], at, 1
        waiting = np.empty(offsets[jet + 1] - first, np.int64)
        waiting[0] = offsets[jet + 1] - first - 1
        while left > 0:
            left -= 1
            node = waiting[left]
            hard, soft = children[first + node]
            if hard < 0:
                out[at] = start + node
                at += 1
                continue
            if cylinder[first + hard, 0] < cylinder[first + soft, 0]:
                hard, soft = soft, hard
            waiting[left], waiting[left + 1] = soft, hard
            left += 2


def _leaves(particles: NDArray[np.int64], nodes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Node of each constituent, (particles,)."""
    counts = np.diff(particles)
    shift: NDArray[np.int64] = np.arange(particles[-1]) + np.repeat(nodes[:-1] - particles[:-1], counts)
    return shift


@compiled
def _to_cylinder(p4: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Transverse momentum, rapidity (of the massless direction where rounding makes m^2 negative) and azimuth."""
    square = p4[1] * p4[1] + p4[2] * p4[2]
    mass2 = max((p4[0] - p4[3]) * (p4[0] + p4[3]) - square, 0.0)
    forward = 0.5 * np.log((square + mass2) / (p4[0] + abs(p4[3])) ** 2)
    out[0] = np.sqrt(square)
    out[1] = -forward if p4[3] > 0 else forward
    out[2] = np.arctan2(p4[2], p4[1])


@compiled
def _distance2(y: NDArray[np.float64], phi: NDArray[np.float64], i: int, j: int) -> float:
    """Squared distance of two items in rapidity and azimuth."""
    turn = abs(phi[i] - phi[j])
    turn = min(turn, 2 * np.pi - turn)
    return (y[i] - y[j]) ** 2 + turn * turn  # type: ignore[no-any-return]


@compiled
def _nearest(y: NDArray[np.float64], phi: NDArray[np.float64], i: int, m: int) -> tuple[int, float]:
    """The nearest of the first ``m`` items to item ``i``, and its squared distance."""
    best, gap = -1, np.inf
    for j in range(m):
        if j != i:
            d = _distance2(y, phi, i, j)
            if d < gap:
                best, gap = j, d
    return best, gap


@compiled
def _merge(
    n: int,
    power: int,
    p4: NDArray[np.float64],
    cylinder: NDArray[np.float64],
    children: NDArray[np.int64],
    distance: NDArray[np.float64],
) -> None:
    """Cluster one jet of ``n`` constituents; its nodes are rows 0 to 2n - 2 of the arrays."""
    node = np.arange(n)
    y, phi = cylinder[:n, 1].copy(), cylinder[:n, 2].copy()
    scale = cylinder[:n, 0] ** (2 * power)
    near, gap, dij = np.empty(n, np.int64), np.empty(n), np.empty(n)
    for i in range(n):
        near[i], gap[i] = _nearest(y, phi, i, n)
    for i in range(n):
        dij[i] = gap[i] * min(scale[i], scale[near[i]])
    for new in range(n, 2 * n - 1):
        m = 2 * n - new  # items that are left
        a, smallest = 0, np.inf
        for i in range(m):
            if dij[i] < smallest:
                a, smallest = i, dij[i]
        a, b = min(a, near[a]), max(a, near[a])
        children[new, 0], children[new, 1], distance[new] = node[a], node[b], smallest
        for k in range(4):
            p4[new, k] = p4[node[a], k] + p4[node[b], k]
        _to_cylinder(p4[new], cylinder[new])
        node[a], y[a], phi[a] = new, cylinder[new, 1], cylinder[new, 2]
        scale[a] = cylinder[new, 0] ** (2 * power)
        last = m - 1  # the last item moves into the place that is free
        node[b], y[b], phi[b], scale[b] = node[last], y[last], phi[last], scale[last]
        near[b], gap[b], dij[b] = near[last], gap[last], dij[last]
        near[a], gap[a] = _nearest(y, phi, a, last)
        dij[a] = gap[a] * min(scale[a], scale[near[a]])
        for i in range(last):
            if i == a:
                continue
            if near[i] == a or near[i] == b:
                near[i], gap[i] = _nearest(y, phi, i, last)
                dij[i] = gap[i] * min(scale[i], scale[near[i]])
                continue
            if near[i] == last:
                near[i] = b
            d = _distance2(y, phi, i, a)
            if d < gap[i]:
                near[i], gap[i] = a, d
                dij[i] = d * min(scale[i], scale[a])


@compiled
def _cluster(
    particles: NDArray[np.int64],
    nodes: NDArray[np.int64],
    power: int,
    p4: NDArray[np.float64],
    cylinder: NDArray[np.float64],
    children: NDArray[np.int64],
    distance: NDArray[np.float64],
) -> None:
    """Cluster every jet; the rows of its constituents are filled in ``p4``."""
    for jet in range(len(nodes) - 1):
        start, stop = nodes[jet], nodes[jet + 1]
        n = particles[jet + 1] - particles[jet]
        for row in range(start, start + n):
            _to_cylinder(p4[row], cylinder[row])
        _merge(n, power, p4[start:stop], cylinder[start:stop], children[start:stop], distance[start:stop])
