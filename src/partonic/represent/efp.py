r"""Energy flow polynomials: a linear basis of the soft- and collinear-safe observables (arXiv:1712.07124).

For a multigraph G of N vertices, with :math:`z_i = p_{Ti} / \sum p_T` and :math:`\theta_{ij}` the distance of two
constituents in rapidity and azimuth,

.. math:: \mathrm{EFP}_G = \sum_{i_1} \cdots \sum_{i_N} z_{i_1} \cdots z_{i_N}
          \prod_{(k, l) \in G} \theta_{i_k i_l}^\beta .

The sums are done one vertex at a time. A vertex with one neighbour leaves a weight on it, one with two neighbours a
matrix between them; every connected multigraph of up to five edges can be taken apart so, at the price of matrix
products. Sums that graphs share are done once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from partonic.core.errors import InputError
from partonic.represent.batch import Features
from partonic.represent.constituents import constituents
from partonic.represent.multigraphs import connected

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partonic.events.events import Events
    from partonic.represent.constituents import Constituents
    from partonic.represent.multigraphs import Multigraph

    Floats = NDArray[np.float64]

DEGREE_MAX = 5  # beyond it four vertices can hang together, each with three neighbours
FLOOR = 1e-12  # of what a logarithm is taken of; a jet of one constituent has 0 everywhere
ELEMENTS = 50_000  # of one matrix for all jets of a bucket: the fastest of 10,000 to 200,000


class Vector(NamedTuple):
    r"""Weight of a vertex, z times what vertices summed over left: each :math:`\sum_j M_{ij} v_j`."""

    sums: tuple[tuple[Matrix, Vector], ...] = ()


class Matrix(NamedTuple):
    r"""Link of two vertices: a power of theta times :math:`\sum_k A_{ik} v_k B_{kj}` for vertices summed over."""

    power: int = 0
    paths: tuple[tuple[Matrix, Vector, Matrix], ...] = ()

    def turned(self) -> Matrix:
        """The transposed matrix."""
        return Matrix(self.power, tuple(sorted((b.turned(), v, a.turned()) for a, v, b in self.paths)))


@lru_cache(maxsize=1024)
def order_of_sums(graph: Multigraph) -> Vector:
    """The last vertex of a connected multigraph when all others are summed over.

    Raises:
        InputError: every vertex has three neighbours or more.
    """
    weights = {vertex: Vector() for edge in graph for vertex in edge}
    links: dict[int, dict[int, Matrix]] = {vertex: {} for vertex in weights}
    for a, b in graph:
        links[a][b] = links[b][a] = Matrix(links[a].get(b, Matrix()).power + 1)
    while len(weights) > 1:
        vertex = min(weights, key=lambda v: (len(links[v]), weights[v]))
        weight, around = weights.pop(vertex), links.pop(vertex)
        for neighbour in around:
            del links[neighbour][vertex]
        if len(around) == 1:
            (a, link), *_ = around.items()
            weights[a] = Vector(tuple(sorted((*weights[a].sums, (link.turned(), weight)))))
        elif len(around) == 2:
            (a, to_a), (b, to_b) = around.items()
            before = links[a].get(b, Matrix())
            links[a][b] = Matrix(before.power, tuple(sorted((*before.paths, (to_a.turned(), weight, to_b)))))
            links[b][a] = links[a][b].turned()
        else:
            raise InputError(f"the multigraph {graph} has no vertex with fewer than three neighbours")
    return next(iter(weights.values()))


class _Bucket:
    """Sums over the constituents of some jets, each done once.

    Args:
        z: (jets, n) shares of momentum, 0 where a jet has fewer.
        theta: (jets, n, n) distances to the power beta.
    """

    def __init__(self, z: Floats, theta: Floats) -> None:
        self._z, self._powers = z, {1: theta}
        self._vectors: dict[Vector, Floats] = {}
        self._matrices: dict[Matrix, Floats] = {}

    def polynomial(self, graph: Multigraph) -> Floats:
        """The polynomial of a connected multigraph, (jets,)."""
        total: Floats = self._vector(order_of_sums(graph)).sum(axis=1)
        return total

    def _power(self, power: int) -> Floats:
        if power not in self._powers:
            self._powers[power] = self._power(power - 1) * self._powers[1]
        return self._powers[power]

    def _vector(self, name: Vector) -> Floats:
        """(jets, n)."""
        if name not in self._vectors:
            value = self._z
            for matrix, vector in name.sums:
                value = value * (self._matrix(matrix) @ self._vector(vector)[:, :, None])[:, :, 0]
            self._vectors[name] = value
        return self._vectors[name]

    def _matrix(self, name: Matrix) -> Floats:
        """(jets, n, n)."""
        if not name.paths:
            return self._power(name.power)
        turned = name.turned()
        if turned < name:
            return self._matrix(turned).swapaxes(1, 2)
        if name not in self._matrices:
            factors = [self._power(name.power)] if name.power else []
            for left, vector, right in name.paths:
                factors.append((self._matrix(left) * self._vector(vector)[:, None]) @ self._matrix(right))
            self._matrices[name] = reduce(np.multiply, factors)
        return self._matrices[name]


def flow_polynomials(jets: Constituents, graphs: tuple[Multigraph, ...], beta: float = 1.0) -> Floats:
    """Energy flow polynomials of jets, (jets, graphs).

    Jets of similar numbers of constituents are done together.

    Args:
        jets: their constituents.
        graphs: connected multigraphs that come apart, as all of up to five edges.
        beta: power of the distances.
    """
    momentum = np.hypot(jets.px, jets.py)
    mass2 = np.maximum((jets.e - jets.pz) * (jets.e + jets.pz) - momentum**2, 0.0)
    place = np.stack([momentum, np.arcsinh(jets.pz / np.hypot(momentum, np.sqrt(mass2))), np.arctan2(jets.py, jets.px)])
    counts = np.diff(jets.offsets)
    order = np.argsort(-counts, kind="stable")
    out = np.empty((len(jets), len(graphs)))
    start = 0
    while start < len(order):
        most = int(counts[order[start]])
        rows = order[start : start + max(1, ELEMENTS // most**2)]
        start += len(rows)
        slot = np.arange(most)
        there = slot < counts[rows, None]
        pt, y, phi = place[:, np.where(there, jets.offsets[rows, None] + slot, jets.offsets[rows, None])]
        z = np.where(there, pt, 0.0)
        turn = np.abs(phi[:, :, None] - phi[:, None])
        theta = (y[:, :, None] - y[:, None]) ** 2 + np.minimum(turn, 2 * np.pi - turn) ** 2
        theta = np.sqrt(theta) if beta == 1.0 else theta ** (0.5 * beta)
        bucket = _Bucket(z / z.sum(axis=1, keepdims=True), theta)
        for column, graph in enumerate(graphs):
            out[rows, column] = bucket.polynomial(graph)
    return out


@dataclass(frozen=True)
class JetFlowPolynomials:
    """Representation of jets as the logarithms of their energy flow polynomials.

    The multigraphs are the connected ones ("prime": the others are products of them) with up to ``degree`` edges, 53
    for five, in the order of :func:`~partonic.represent.multigraphs.connected`. The logarithm is natural and not below
    that of 1e-12.

    Args:
        degree: largest number of edges, 1 to 5.
        beta: power of the distances, 1 or 2 as a rule.

    Raises:
        InputError: the degree is outside its range or beta not above 0.
    """

    degree: int = 5
    beta: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.degree <= DEGREE_MAX:
            raise InputError(f"the degree of energy flow polynomials must be 1 to {DEGREE_MAX}, not {self.degree}")
        if not self.beta > 0:
            raise InputError(f"the power of the distances must be above 0, not {self.beta}")

    @property
    def graphs(self) -> tuple[Multigraph, ...]:
        """The multigraphs, one a column."""
        return tuple(graph for edges in range(1, self.degree + 1) for graph in connected(edges))

    @property
    def width(self) -> int:
        """Number of observables of a jet."""
        return len(self.graphs)

    @property
    def described(self) -> dict[str, str]:
        """Names of the observables and what they are."""
        return {
            f"efp_{number}": "ln of the polynomial with the edges " + " ".join(f"{i}-{j}" for i, j in graph)
            for number, graph in enumerate(self.graphs)
        }

    def __call__(self, events: Events) -> Features:
        """Compute the polynomials of the jets of a sample.

        Raises:
            BadJetError: a jet has no constituent or one that is not usable.
        """
        values = flow_polynomials(constituents(events), self.graphs, self.beta)
        return Features(torch.from_numpy(np.log(np.maximum(values, FLOOR)).astype(np.float32)))
