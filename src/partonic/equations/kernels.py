"""Values of integral operators, and how they follow the output layer of a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from partonic.equations.features import Features
from partonic.equations.integrals import Sum, sums
from partonic.equations.problem import Problem
from partonic.equations.system import Function, Jets, linearise, rows_of

KEPT = 20_000_000  # features on nodes, in numbers, that are kept from step to step
AT_ONCE = 2_000_000  # the same that are computed at once
NODES = 120  # of integrals at points that no solver asks for


@dataclass(frozen=True)
class Nodes:
    """The nodes of some of the points, with features on them.

    Args:
        part: of the sum.
        chosen: which points.
        values: of the features, (nodes, features); nodes of all points one after the other.
        slopes: their derivatives, likewise.
    """

    part: Sum
    chosen: slice
    values: Tensor
    slopes: Tensor

    def fields(self, output: Tensor) -> Jets:
        """Fields and slopes on the nodes of each point, (fields, nodes) and (fields, 1, nodes); the rest is zero."""
        u, du = (self.values @ output).T, (self.slopes @ output).T[:, None]
        return _spread(self.part, (u, du, torch.zeros_like(du)[:, None]))

    def summed(self, by: Tensor, features: Tensor) -> Tensor:
        """Derivative by the output layer, (features, fields, points), from that by fields (fields, points, nodes)."""
        features = features.reshape(*self.part.y.shape, -1)
        if self.part.shared:
            return torch.einsum("mnq,qj->jmn", by, features[0])
        return torch.einsum("mnq,nqj->jmn", by, features)


@dataclass(frozen=True)
class Operator:
    """An integral at points with features on its nodes.

    Args:
        total: the sum.
        features: the hidden layer.
        kept: the nodes; computed anew for each step where they are too many.
    """

    total: Sum
    features: Features
    kept: tuple[Nodes, ...] | None

    def nodes(self) -> Iterator[Nodes]:
        """All nodes, in parts."""
        return iter(self.kept) if self.kept is not None else _nodes(self.total, self.features)

    def at(self, output: Tensor, p: Tensor) -> Tensor:
        """The integral at the points, (points,), for an output layer and unknown numbers (unknowns, points)."""
        return torch.cat([_value(one.part, one.fields(output), p[:, one.chosen]) for one in self.nodes()])

    def follow(self, output: Tensor, p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same with derivatives by output layer (features, fields, points) and unknowns (unknowns, points)."""
        found = [_followed(one, output, p[:, one.chosen]) for one in self.nodes()]
        value, by_output, by_unknowns = (torch.cat(same, -1) for same in zip(*found, strict=True))
        return value, by_output, by_unknowns


def operator(total: Sum, features: Features) -> Operator:
    """An integral with features on its nodes."""
    few = total.y.numel() * features.count <= KEPT
    return Operator(total, features, tuple(_nodes(total, features)) if few else None)


def values(parts: Sequence[Sum], fields: Callable[[Tensor], Jets], p: Tensor) -> Tensor:
    """Integrals at points, (integrals, points).

    Args:
        parts: nodes of each integral at the same points.
        fields: fields and derivatives at points, as :meth:`partonic.equations.network.Network.jets`.
        p: unknown numbers, (unknowns, points).
    """
    found = [
        torch.cat(
            [
                _value(here, _spread(here, fields(here.y.reshape(1, -1))), p[:, chosen])
                for here, chosen in _chunks(one, 1_000)
            ]
        )
        for one in parts
    ]
    return torch.stack(found)


def numbers(problem: Problem, fields: Callable[[Tensor], Jets], unknowns: Tensor, x: Tensor) -> Tensor:
    """What equations need beside fields at points: unknown numbers, then integrals, (unknowns + integrals, points).

    Args:
        problem: whose equations are evaluated.
        fields: fields and derivatives at points.
        unknowns: (unknowns,).
        x: points (dimensions, points).
    """
    p = unknowns[:, None].expand(-1, x.shape[1])
    if not problem.integrals:
        return p
    parts = sums(problem.integrals, x, (problem.lower[0], problem.upper[0]), NODES)
    return torch.cat([p, values(parts, fields, p)])


def _nodes(total: Sum, features: Features) -> Iterator[Nodes]:
    for part, chosen in _chunks(total, features.count):
        phi, first, _ = features.jets(part.y.reshape(1, -1))
        yield Nodes(part, chosen, phi, first[0])


def _value(part: Sum, jets: Jets, p: Tensor) -> Tensor:
    function, y, given = _at_nodes(part, p)
    return _weighted(part, rows_of(function, y, jets, given)).sum(2)[0].detach()


def _followed(nodes: Nodes, output: Tensor, p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    part = nodes.part
    function, y, given = _at_nodes(part, p)
    kernel, by = linearise(function, y, nodes.fields(output), given)
    by_output = nodes.summed(_weighted(part, by.u[0]), nodes.values)
    if bool(by.du.any()):
        by_output = by_output + nodes.summed(_weighted(part, by.du[0, :, 0]), nodes.slopes)
    return _weighted(part, kernel).sum(2)[0], by_output, _weighted(part, by.p[0]).sum(2)


def _weighted(part: Sum, rows: Tensor) -> Tensor:
    """Rows (rows, all nodes) with their weights, (rows, points, nodes)."""
    return rows.reshape(len(rows), part.x.shape[1], part.y.shape[1]) * part.weights


def _chunks(one: Sum, features: int) -> Iterator[tuple[Sum, slice]]:
    """Parts of the points that fit into memory."""
    size = max(1, AT_ONCE // (one.y.shape[1] * features))
    for begin in range(0, one.x.shape[1], size):
        chosen = slice(begin, begin + size)
        yield one.part(chosen), chosen


def _spread(one: Sum, jets: Jets) -> Jets:
    """Jets on nodes for each point: repeated where all points have the same nodes."""
    if not one.shared:
        return jets
    u, du, d2u = (part.repeat(*[1] * (part.dim() - 1), one.x.shape[1]) for part in jets)
    return u, du, d2u


def _at_nodes(one: Sum, p: Tensor) -> tuple[Function, Tensor, Tensor]:
    """The kernel as a function of what is at the nodes, the nodes (1, all nodes), and unknown numbers on them."""
    n, count = one.x.shape[1], one.y.shape[1]
    x = one.x.repeat_interleave(count, 1)
    y = one.y.expand(n, -1).reshape(1, -1)
    return lambda y, u, du, d2u, p: one.kernel(x, y, u, du, p), y, p.repeat_interleave(count, 1)
