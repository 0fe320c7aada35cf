"""Substructure of jets: soft drop, N-subjettiness, subjets, energy correlators and shapes.

Every function takes clustering histories (:func:`partonic.represent.clustering.cluster`) and gives one row a jet.
Distances are in rapidity and azimuth, so that nothing changes under boosts along the beam, rotations about it and
reflections. Masses and momenta are in GeV.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from partonic.core.compiled import compiled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from partonic.represent.clustering import History

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]


def soft_drop(history: History, cut: float = 0.1, exponent: float = 0.0, radius: float = 0.8) -> Floats:
    """Soft-drop mass, momentum share and distance of the two prongs, (jets, 3) (arXiv:1402.2657).

    The tree is followed down its harder branch until min(pt_1, pt_2) / (pt_1 + pt_2) > cut (dR / radius)^exponent;
    with exponent 0 this is the modified mass drop. A jet without such a splitting ends as its last single constituent,
    with share and distance 0.

    Args:
        history: Cambridge/Aachen history.
        cut: least momentum share of the softer prong.
        exponent: power of the distance.
        radius: jet radius.
    """
    out = np.zeros((len(history), 3))
    _soft_drop(history.offsets, history.p4, history.cylinder, history.children, np.array([cut, exponent, radius]), out)
    return out


def subjet_masses(history: History) -> Floats:
    """Masses of the pairs among the three exclusive subjets, rising, and the subjets' pt shares, falling: (jets, 6).

    In a top jet the smallest pair mass peaks at the W mass. A jet of one or two constituents has zeros for what it
    lacks.

    Args:
        history: kT history.
    """
    out = np.zeros((len(history), 6))
    _subjet_masses(history.offsets, history.p4, history.cylinder, history.children, out)
    return out


def splitting_scales(history: History, n: int = 3) -> Floats:
    r"""Splitting scales :math:`\sqrt{d_{12}}, \sqrt{d_{23}}, ...` in GeV, (jets, n); 0 where there is no such merge.

    Args:
        history: kT history; :math:`\sqrt{d} = \min(p_{T1}, p_{T2}) \Delta R_{12}` of the last merges.
        n: how many.
    """
    merges = np.diff(history.offsets) // 2
    steps = np.arange(n)
    node = history.offsets[1:, None] - 1 - steps
    scales: Floats = np.where(steps < merges[:, None], np.sqrt(history.distance[np.maximum(node, 0)]), 0.0)
    return scales


def subjettiness(history: History, n: int = 4, radius: float = 0.8, beta: float = 1.0) -> Floats:
    r"""N-subjettiness :math:`\tau_N^{(\beta)} = \sum_i z_i \min_k (\Delta R_{ik} / R)^\beta`, (jets, n), N = 1 ... n.

    arXiv:1011.2268, with :math:`z_i = p_{Ti} / \sum p_T`. The axes are the N exclusive subjets of the history,
    whatever beta is; a jet of N constituents or less has 0.

    Args:
        history: kT history.
        n: largest N.
        radius: jet radius R.
        beta: power of the distance, above 0.
    """
    return subjettinesses(history, (beta,), n, radius)[:, 0]


def subjettinesses(history: History, betas: Sequence[float], n: int = 4, radius: float = 0.8) -> Floats:
    """N-subjettiness for several powers of the distance at once, (jets, betas, n); see :func:`subjettiness`."""
    out = np.zeros((len(history), len(betas), n))
    _subjettiness(history.offsets, history.cylinder, history.children, radius, np.array(betas, dtype=float), out)
    return out


def correlators(history: History) -> Floats:
    r"""Energy correlation functions e2, e3 and 2e3 with angular exponent 1, (jets, 3).

    With :math:`z_i = p_{Ti} / \sum p_T`: :math:`e_2 = \sum_{i<j} z_i z_j R_{ij}`,
    :math:`e_3 = \sum_{i<j<k} z_i z_j z_k R_{ij} R_{ik} R_{jk}` (arXiv:1305.0007) and the same sum with the product
    of the two smallest distances only, :math:`{}_2e_3` (arXiv:1609.07483).

    Args:
        history: either history.
    """
    out = np.zeros((len(history), 3))
    _correlators(history.offsets, history.cylinder, out)
    return out


def shapes(history: History, radius: float = 0.8) -> Floats:
    r"""Mass, multiplicity, pTD and Les Houches angularity, (jets, 4).

    With :math:`z_i = p_{Ti} / \sum p_T` and the distance to the jet's axis: :math:`p_T D = \sqrt{\sum z_i^2}`
    and the angularity :math:`\sum z_i (\Delta R_i / R)^{1/2}` (arXiv:1704.03878).

    Args:
        history: either history.
        radius: jet radius R.
    """
    out = np.zeros((len(history), 4))
    _shapes(history.offsets, history.p4, history.cylinder, radius, out)
    return out


@compiled
def _mass(p4: Floats) -> float:
    """Invariant mass, 0 where rounding makes its square negative."""
    square = (p4[0] - p4[3]) * (p4[0] + p4[3]) - p4[1] * p4[1] - p4[2] * p4[2]
    return np.sqrt(max(square, 0.0))  # type: ignore[no-any-return]


@compiled
def _distance(one: Floats, other: Floats) -> float:
    """Distance of two rows (pt, rapidity, azimuth)."""
    turn = abs(one[2] - other[2])
    turn = min(turn, 2 * np.pi - turn)
    return np.sqrt((one[1] - other[1]) ** 2 + turn * turn)  # type: ignore[no-any-return]


@compiled
def _soft_drop(
    offsets: Integers, p4: Floats, cylinder: Floats, children: Integers, condition: Floats, out: Floats
) -> None:
    """Follow the harder branch of each jet's tree."""
    cut, exponent, radius = condition
    for jet in range(len(out)):
        first = offsets[jet]
        node = offsets[jet + 1] - 1
        while children[node, 0] >= 0:
            hard, soft = first + children[node, 0], first + children[node, 1]
            if cylinder[hard, 0] < cylinder[soft, 0]:
                hard, soft = soft, hard
            share = cylinder[soft, 0] / (cylinder[hard, 0] + cylinder[soft, 0])
            apart = _distance(cylinder[hard], cylinder[soft])
            if share > cut * (apart / radius) ** exponent:
                out[jet, 1], out[jet, 2] = share, apart
                break
            node = hard
        out[jet, 0] = _mass(p4[node])


@compiled
def _exclusive(children: Integers, roots: Integers, n: int) -> int:
    """Write the nodes of the ``n`` exclusive subjets of one jet to ``roots``; gives how many there are (n or less)."""
    roots[0] = len(children) - 1
    found = 1
    while found < n:
        last = 0
        for i in range(1, found):
            if roots[i] > roots[last]:
                last = i
        node = roots[last]
        if children[node, 0] < 0:
            break
        roots[last], roots[found] = children[node, 0], children[node, 1]
        found += 1
    return found


@compiled
def _subjet_masses(offsets: Integers, p4: Floats, cylinder: Floats, children: Integers, out: Floats) -> None:
    """Pair masses and momentum shares of the three exclusive subjets."""
    roots, total = np.empty(3, np.int64), np.empty(4)
    for jet in range(len(out)):
        start, stop = offsets[jet], offsets[jet + 1]
        found = _exclusive(children[start:stop], roots, 3)
        masses, momenta = np.zeros(3), np.zeros(3)
        for a in range(found):
            momenta[a] = cylinder[start + roots[a], 0]
            for b in range(a):
                for k in range(4):
                    total[k] = p4[start + roots[a], k] + p4[start + roots[b], k]
                masses[a + b - 1] = _mass(total)
        masses.sort()
        momenta.sort()
        for k in range(3):
            out[jet, k] = masses[k]
            out[jet, 3 + k] = momenta[2 - k] / momenta.sum()


@compiled
def _subjettiness(
    offsets: Integers, cylinder: Floats, children: Integers, radius: float, betas: Floats, out: Floats
) -> None:
    """Mean over pt of powers of the distance to the nearest of N axes, for N = 1 to the last axis of ``out``."""
    most = out.shape[2]
    roots = np.empty(most, np.int64)
    for jet in range(len(out)):
        start, stop = offsets[jet], offsets[jet + 1]
        items = (stop - start + 1) // 2
        norm = cylinder[start : start + items, 0].sum()
        for n in range(1, min(most, items - 1) + 1):
            _exclusive(children[start:stop], roots, n)
            for i in range(start, start + items):
                nearest = np.inf
                for k in range(n):
                    axis = start + roots[k]
                    turn = abs(cylinder[i, 2] - cylinder[axis, 2])
                    turn = min(turn, 2 * np.pi - turn)
                    nearest = min(nearest, (cylinder[i, 1] - cylinder[axis, 1]) ** 2 + turn * turn)
                apart = np.sqrt(nearest) / radius
                for b in range(len(betas)):
                    power = apart if betas[b] == 1.0 else apart ** betas[b]
                    out[jet, b, n - 1] += cylinder[i, 0] * power / norm


@compiled
def _correlators(offsets: Integers, cylinder: Floats, out: Floats) -> None:
    """Sums over pairs and triplets; all distances of a jet are kept in a table."""
    for jet in range(len(out)):
        start = offsets[jet]
        n = (offsets[jet + 1] - start + 1) // 2
        z = cylinder[start : start + n, 0] / cylinder[start : start + n, 0].sum()
        table = np.zeros((n, n))
        for i in range(n):
            for j in range(i):
                table[i, j] = table[j, i] = _distance(cylinder[start + i], cylinder[start + j])
        e2, e3, e3_two = 0.0, 0.0, 0.0
        for i in range(n):
            for j in range(i):
                r = table[i, j]
                inner, inner_two = 0.0, 0.0
                for k in range(j):
                    a, b = table[i, k], table[j, k]
                    inner += z[k] * (a * b)
                    inner_two += z[k] * min(a * b, r * min(a, b))
                pair = z[i] * z[j]
                e2 += pair * r
                e3 += pair * r * inner
                e3_two += pair * inner_two
        out[jet, 0], out[jet, 1], out[jet, 2] = e2, e3, e3_two


@compiled
def _shapes(offsets: Integers, p4: Floats, cylinder: Floats, radius: float, out: Floats) -> None:
    """Sums over the constituents, distances to the jet's axis."""
    for jet in range(len(out)):
        start, stop = offsets[jet], offsets[jet + 1]
        n = (stop - start + 1) // 2
        total, square, angularity = 0.0, 0.0, 0.0
        for i in range(start, start + n):
            momentum = cylinder[i, 0]
            total += momentum
            square += momentum * momentum
            angularity += momentum * np.sqrt(_distance(cylinder[i], cylinder[stop - 1]) / radius)
        out[jet, 0] = _mass(p4[stop - 1])
        out[jet, 1] = n
        out[jet, 2] = np.sqrt(square) / total
        out[jet, 3] = angularity / total
