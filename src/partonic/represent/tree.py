"""Clustering trees of jets for recursive networks, and their nodes level by level (arXiv:1702.00748)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from partonic.core.compiled import compiled
from partonic.core.errors import unknown
from partonic.represent.batch import Trees
from partonic.represent.clustering import POWERS, Algorithm, cluster
from partonic.represent.constituents import constituents
from partonic.represent.packed import INPUTS, KINEMATIC, particle_inputs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partonic.events.events import Events
    from partonic.represent.clustering import History

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

FEATURES = {
    "log_pt": "(ln pt / GeV - 1.7) 0.7",
    "log_energy": "(ln E / GeV - 2.0) 0.7",
    "log_pt_share": "(ln pt / pt_jet + 4.7) 0.7",
    "log_energy_share": "(ln E / E_jet + 4.7) 0.7",
    "delta_r": "(distance to the jet's axis - 0.2) 4",
    "delta_y": "rapidity less the jet's, times the sign of the jet's, times 5",
    "delta_phi": "azimuth less the jet's, wrapped into [-pi, pi], times 5",
}
"""What is known of a node: that of its own four-momentum."""


@dataclass(frozen=True)
class JetTrees:
    """Representation of jets as binary clustering trees.

    Args:
        algorithm: ``kt`` or ``cambridge-aachen``.
        inputs: set of features, as of packed jets: :data:`FEATURES`, then charge, kinds and track of a constituent.
            Those of a merged node are the means over its constituents, weighted by pt.

    Raises:
        UnknownNameError: there is no such algorithm or set of features.
    """

    algorithm: Algorithm = "kt"
    inputs: str = "kinematic"

    def __post_init__(self) -> None:
        if self.algorithm not in POWERS:
            raise unknown("clustering algorithm", self.algorithm, POWERS)
        if self.inputs not in INPUTS:
            raise unknown("set of inputs", self.inputs, INPUTS)

    @property
    def width(self) -> int:
        """Number of features of a node."""
        return len(INPUTS[self.inputs])

    def __call__(self, events: Events) -> Trees:
        """Cluster the jets of a sample.

        Raises:
            BadJetError: a jet has no constituent or one that is not usable.
            InputError: the constituents lack a field that the inputs need.
        """
        history = cluster(constituents(events), self.algorithm)
        features = np.empty((len(history.p4), self.width), np.float32)
        _features(history.offsets, history.p4, history.cylinder, features)
        known = particle_inputs(events, self.inputs)
        if known:
            features[:, KINEMATIC:] = branch_means(history, np.stack(known, axis=1, dtype=np.float64))
        children, depth = np.empty_like(history.children), np.empty(len(features), np.int64)
        _order(history.offsets, history.cylinder, history.children, children, depth)
        return Trees(*map(torch.from_numpy, (features, children, depth, history.offsets)))


def branch_means(history: History, values: Floats) -> Floats:
    """Means over the constituents below each node, weighted by their pt: (particles, C) give (nodes, C)."""
    out = np.empty((len(history.p4), values.shape[1]))
    _means(history.offsets, history.cylinder, history.children, values, out)
    return out


@dataclass(frozen=True)
class Level:
    """The nodes of one depth of all trees: those with children first.

    Args:
        size: their number.
        children: (nodes with children, 2) where the harder and the softer child stand in the level below.
    """

    size: int
    children: Tensor

    @property
    def merged(self) -> int:
        """Number of nodes with children."""
        return len(self.children)


@dataclass(frozen=True)
class Levels:
    """The nodes of a batch of trees in the order of their depth.

    Args:
        nodes: (nodes,) node of the batch at each place of the order.
        levels: roots first.
        roots: (jets,) place of the root of each jet in the first level.
    """

    nodes: Tensor
    levels: tuple[Level, ...]
    roots: Tensor

    def split(self, values: Tensor) -> tuple[Tensor, ...]:
        """Values of all nodes in this order (nodes, ...), those of each level on their own."""
        return torch.split(values, [level.size for level in self.levels])


def levels(trees: Trees) -> Levels:
    """Order the nodes of a batch by depth, so that the same step of all its trees is one operation."""
    depth, children, offsets = (values.cpu().numpy() for values in (trees.depth, trees.children, trees.offsets))
    deepest = int(depth.max(initial=-1)) + 1
    counts = np.zeros((deepest, 2), np.int64)
    nodes, below = np.empty(len(depth), np.int64), np.empty(((len(depth) - len(trees)) // 2, 2), np.int64)
    place = np.empty(len(depth), np.int64)
    _by_depth(offsets, depth, children, counts, place, nodes, below)
    device = trees.features.device
    parts = torch.split(torch.from_numpy(below).to(device), counts[:, 0].tolist())
    found = tuple(Level(int(size), pairs) for size, pairs in zip(counts.sum(axis=1), parts, strict=True))
    roots = torch.from_numpy(place[offsets[1:] - 1]).to(device)
    return Levels(torch.from_numpy(nodes).to(device), found, roots)


@compiled
def _features(offsets: Integers, p4: Floats, cylinder: Floats, out: NDArray[np.float32]) -> None:
    """Fill the seven features, each clipped to [-5, 5]."""
    for jet in range(len(offsets) - 1):
        root = offsets[jet + 1] - 1
        log_pt, log_energy, y, phi = (
            np.log(cylinder[root, 0]),
            np.log(p4[root, 0]),
            cylinder[root, 1],
            cylinder[root, 2],
        )
        sign = -1.0 if y < 0 else 1.0
        for i in range(offsets[jet], offsets[jet + 1]):
            own_log, own_log_energy = np.log(cylinder[i, 0]), np.log(p4[i, 0])
            delta_y = (cylinder[i, 1] - y) * sign
            turn = cylinder[i, 2] - phi
            turn -= 2 * np.pi * np.rint(turn / (2 * np.pi))
            out[i, 0] = (own_log - 1.7) * 0.7
            out[i, 1] = (own_log_energy - 2.0) * 0.7
            out[i, 2] = (own_log - log_pt + 4.7) * 0.7
            out[i, 3] = (own_log_energy - log_energy + 4.7) * 0.7
            out[i, 4] = (np.hypot(delta_y, turn) - 0.2) * 4
            out[i, 5] = delta_y * 5
            out[i, 6] = turn * 5
            for k in range(7):
                out[i, k] = min(max(out[i, k], -5.0), 5.0)


@compiled
def _means(offsets: Integers, cylinder: Floats, children: Integers, values: Floats, out: Floats) -> None:
    """From the constituents up; the weight of a node is the sum of the pt of its constituents."""
    particle = 0
    for jet in range(len(offsets) - 1):
        first, last = offsets[jet], offsets[jet + 1]
        weight = np.empty(last - first)
        for i in range(first, last):
            a, b = children[i]
            if a < 0:
                weight[i - first] = cylinder[i, 0]
                out[i] = values[particle]
                particle += 1
            else:
                weight[i - first] = weight[a] + weight[b]
                share = weight[a] / weight[i - first]
                out[i] = share * out[first + a] + (1 - share) * out[first + b]


@compiled
def _order(offsets: Integers, cylinder: Floats, children: Integers, out: Integers, depth: Integers) -> None:
    """Children with the harder one first, and the depth of each node, from the root down."""
    for jet in range(len(offsets) - 1):
        first, last = offsets[jet], offsets[jet + 1]
        depth[last - 1] = 0
        for i in range(last - 1, first - 1, -1):
            a, b = children[i]
            if a >= 0:
                if cylinder[first + a, 0] < cylinder[first + b, 0]:
                    a, b = b, a
                depth[first + a] = depth[first + b] = depth[i] + 1
            out[i, 0], out[i, 1] = a, b


@compiled
def _by_depth(
    offsets: Integers,
    depth: Integers,
    children: Integers,
    counts: Integers,
    place: Integers,
    nodes: Integers,
    below: Integers,
) -> None:
    """Count merged nodes and constituents of each depth; give each node its place, and merged ones their children's."""
    for i in range(len(depth)):
        counts[depth[i], 1 if children[i, 0] < 0 else 0] += 1
    following = np.zeros_like(counts)  # the next free place of each kind in its level
    start, pair = np.zeros(len(counts), np.int64), np.zeros(len(counts), np.int64)
    for level in range(len(counts)):
        following[level, 1] = counts[level, 0]
        if level > 0:
            start[level] = start[level - 1] + counts[level - 1, 0] + counts[level - 1, 1]
            pair[level] = pair[level - 1] + counts[level - 1, 0]
    for i in range(len(depth)):
        kind = 1 if children[i, 0] < 0 else 0
        place[i] = following[depth[i], kind]
        following[depth[i], kind] += 1
        nodes[start[depth[i]] + place[i]] = i
    for jet in range(len(offsets) - 1):
        for i in range(offsets[jet], offsets[jet + 1]):
            if children[i, 0] >= 0:
                for k in range(2):
                    below[pair[depth[i]] + place[i], k] = place[offsets[jet] + children[i, k]]
