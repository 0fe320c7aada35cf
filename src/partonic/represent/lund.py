"""The Lund plane of jets: the declusterings of their Cambridge/Aachen trees (arXiv:1807.04758).

Undoing the merges of the angular-ordered tree one by one shows each emission at its angle and transverse momentum. The
harder branch of every splitting makes the primary plane; the softer branches have planes of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from partonic.core.compiled import compiled
from partonic.core.errors import unknown
from partonic.represent.batch import LundTrees
from partonic.represent.clustering import cluster
from partonic.represent.constituents import constituents
from partonic.represent.packed import INPUTS, KINEMATIC, particle_inputs
from partonic.represent.tree import branch_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partonic.events.events import Events
    from partonic.represent.clustering import History

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

COLUMNS = ("delta", "kt", "z", "psi", "mass")
"""What is known of a declustering into a harder branch a and a softer branch b.

The distance of both in rapidity and azimuth, ``kt`` = pt_b delta in GeV, ``z`` = pt_b / (pt_a + pt_b), the angle
``psi`` of b about a in the plane of azimuth and rapidity, in [-pi, pi], and the mass of a + b in GeV.
"""
FEATURES = ("ln 1 / delta", "ln kt / GeV", "ln z", "ln mass / GeV", "psi")
"""The five variables of arXiv:2012.08526."""
THREE = "lund-3"
"""The inputs of the same paper that are hard to change by what one cannot compute: ln 1 / delta, ln kt, ln z."""
SMALLEST = (1e-4, 1e-3, 1e-4, 1e-3)
"""Below these delta, kt / GeV, z and mass / GeV the logarithms stay what they are there."""
ANGLES, MOMENTA = (0.0, 6.0), (-2.0, 6.0)
"""Edges of the density's ln(R / delta) and ln(kt / GeV)."""


@dataclass(frozen=True)
class Declusterings:
    """All declusterings of jets: n - 1 for n constituents.

    Those of a jet stand from the root down, the whole harder branch before the softer one: first the primary plane,
    then the planes of its emissions, the innermost first.

    Args:
        offsets: (jets + 1,) int64, where the declusterings of each jet begin.
        primary: (jets,) int64, how many of them are of the primary plane.
        values: (declusterings, 5) float64, the columns of :data:`COLUMNS`.
        parent: (declusterings,) int64, number within the jet of the declustering that a branch comes from; -1 for
            the first of a jet.
        branches: (declusterings, 2) int64, nodes of the history that are the harder and the softer branch.
    """

    offsets: NDArray[np.int64]
    primary: NDArray[np.int64]
    values: NDArray[np.float64]
    parent: NDArray[np.int64]
    branches: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1


def decluster(history: History) -> Declusterings:
    """Undo all merges of each jet.

    Args:
        history: of Cambridge/Aachen clustering; with another the angles are not ordered.
    """
    offsets = (history.offsets - np.arange(len(history.offsets))) // 2
    many = int(offsets[-1])
    found = Declusterings(
        offsets,
        np.zeros(len(history), np.int64),
        np.empty((many, len(COLUMNS))),
        np.empty(many, np.int64),
        np.empty((many, 2), np.int64),
    )
    _decluster(
        history.offsets,
        history.p4,
        history.cylinder,
        history.children,
        offsets,
        found.primary,
        found.values,
        found.parent,
        found.branches,
    )
    return found


@dataclass(frozen=True)
class JetLund:
    """Representation of jets as the trees of their declusterings, those of the whole Cambridge/Aachen tree.

    Args:
        inputs: set of features: ``kinematic`` for the five of :data:`FEATURES`, ``lund-3`` for the first three of them;
            ``charge``, ``kinds`` and ``full`` as of packed jets stand behind the five, first those of the harder, then
            those of the softer branch: means over its constituents, weighted by pt.

    Raises:
        UnknownNameError: there is no such set of features.
    """

    inputs: str = "kinematic"

    def __post_init__(self) -> None:
        if self.inputs not in (THREE, *INPUTS):
            raise unknown("set of inputs", self.inputs, (THREE, *INPUTS))

    @property
    def width(self) -> int:
        """Number of features of a declustering."""
        return 3 if self.inputs == THREE else len(FEATURES) + 2 * (len(INPUTS[self.inputs]) - KINEMATIC)

    def __call__(self, events: Events) -> LundTrees:
        """Decluster the jets of a sample; a jet of one constituent has no declustering.

        Raises:
            BadJetError: a jet has no constituent or one that is not usable.
            InputError: the constituents lack a field that the inputs need.
        """
        history = cluster(constituents(events), "cambridge-aachen")
        found = decluster(history)
        delta, kt, z, mass = np.log(np.maximum(found.values[:, [0, 1, 2, 4]], SMALLEST)).T
        columns = [-delta, kt, z] if self.inputs == THREE else [-delta, kt, z, mass, found.values[:, 3]]
        known = particle_inputs(events, self.inputs) if self.inputs in INPUTS else []
        if known:
            means = branch_means(history, np.stack(known, axis=1, dtype=np.float64))
            columns += [*means[found.branches[:, 0]].T, *means[found.branches[:, 1]].T]
        features = np.stack(columns, axis=1, dtype=np.float32, casting="same_kind")
        return LundTrees(*map(torch.from_numpy, (features, found.parent, found.offsets)))


def lund_density(history: History, angles: int = 6, momenta: int = 8, radius: float = 0.8) -> Floats:
    r"""Number of emissions in each cell of the primary Lund plane, (jets, angles * momenta).

    The cells divide :math:`\ln R / \Delta` from 0 to 6 and :math:`\ln k_t / \mathrm{GeV}` from -2 to 6 evenly, the
    momenta of one angle side by side. What lies outside counts in the nearest cell, so that the cells of a jet add up
    to its number of primary emissions.

    Args:
        history: of Cambridge/Aachen clustering.
        angles: number of cells in the angle.
        momenta: number of cells in the transverse momentum.
        radius: jet radius R.
    """
    found = decluster(history)
    out = np.zeros((len(found), angles * momenta))
    _fill(found.offsets, found.primary, found.values, np.array([*ANGLES, *MOMENTA, radius]), momenta, out)
    return out


@compiled
def _decluster(
    nodes: Integers,
    p4: Floats,
    cylinder: Floats,
    children: Integers,
    offsets: Integers,
    primary: Integers,
    values: Floats,
    parent: Integers,
    branches: Integers,
) -> None:
    """Walk down every tree, harder branch first."""
    for jet in range(len(nodes) - 1):
        first, at, left = nodes[jet], offsets[jet], 1
        waiting = offsets[jet + 1] - at + 1  # at most one branch for each constituent
        stack, above = np.empty(waiting, np.int64), np.empty(waiting, np.int64)
        stack[0], above[0] = nodes[jet + 1] - 1, -1
        on_primary = True
        while left > 0:
            left -= 1
            node, origin = stack[left], above[left]
            if children[node, 0] < 0:
                on_primary = False
                continue
            hard, soft = first + children[node, 0], first + children[node, 1]
            if cylinder[hard, 0] < cylinder[soft, 0]:
                hard, soft = soft, hard
            turn = cylinder[soft, 2] - cylinder[hard, 2]
            turn -= 2 * np.pi * np.rint(turn / (2 * np.pi))
            rise = cylinder[soft, 1] - cylinder[hard, 1]
            e, x, y, z = p4[node, 0], p4[node, 1], p4[node, 2], p4[node, 3]
            values[at, 0] = np.sqrt(turn * turn + rise * rise)
            values[at, 1] = cylinder[soft, 0] * values[at, 0]
            values[at, 2] = cylinder[soft, 0] / (cylinder[hard, 0] + cylinder[soft, 0])
            values[at, 3] = np.arctan2(rise, turn)
            values[at, 4] = np.sqrt(max((e - z) * (e + z) - x * x - y * y, 0.0))
            parent[at] = origin
            branches[at, 0], branches[at, 1] = hard, soft
            number = at - offsets[jet]
            stack[left], above[left] = soft, number
            stack[left + 1], above[left + 1] = hard, number
            left += 2
            at += 1
            primary[jet] += on_primary


@compiled
def _fill(offsets: Integers, primary: Integers, values: Floats, frame: Floats, momenta: int, out: Floats) -> None:
    """Count the primary emissions of each cell."""
    angles = out.shape[1] // momenta
    for jet in range(len(out)):
        for i in range(offsets[jet], offsets[jet] + primary[jet]):
            across = (np.log(frame[4] / values[i, 0]) - frame[0]) / (frame[1] - frame[0]) * angles
            up = (np.log(values[i, 1]) - frame[2]) / (frame[3] - frame[2]) * momenta
            column = int(min(max(across, 0.0), angles - 1.0))
            row = int(min(max(up, 0.0), momenta - 1.0))
            out[jet, column * momenta + row] += 1
