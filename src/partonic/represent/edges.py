"""All ordered pairs of particles of the same jet, as edges of a full graph, and sums over them.

Edges stand jet by jet and row by row, so that an edge needs no index to find its particles. On a processor sums and
their gradients are single passes over the edges by a compiled kernel; elsewhere they are made of torch's own steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from partonic.core.compiled import compiled
from partonic.represent.segments import summable

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Edges:
    """The edges of a packed batch.

    Args:
        offsets: (jets + 1,) where the particles of each jet begin.
        first: (edges,) particle i of each edge.
        second: (edges,) particle j.
        loops: whether each particle has an edge to itself.
    """

    offsets: Tensor
    first: Tensor
    second: Tensor
    loops: bool

    def __len__(self) -> int:
        return len(self.first)


def edges(offsets: Tensor, *, loops: bool) -> Edges:
    """The edges of a packed batch.

    Args:
        offsets: (jets + 1,) int64, where the particles of each jet begin.
        loops: whether each particle has an edge to itself.
    """
    starts: NDArray[np.int64] = offsets.cpu().numpy()
    lengths = np.diff(starts)
    total = int(np.sum(lengths * (lengths if loops else lengths - 1)))
    first, second = np.empty(total, np.int64), np.empty(total, np.int64)
    _list(starts, loops, first, second)
    device = offsets.device
    return Edges(offsets, torch.from_numpy(first).to(device), torch.from_numpy(second).to(device), loops)


def gather(values: Tensor, graph: Edges) -> tuple[Tensor, Tensor, Tensor]:
    """Sums over the edges (edges, C) of each particle as first and as second, and its edge to itself.

    Each of the three is (particles, C); the last is zero where there are no such edges.
    """
    return cast("tuple[Tensor, Tensor, Tensor]", _Gather.apply(values, graph))  # type: ignore[no-untyped-call]


def spread(first: Tensor, second: Tensor, graph: Edges, loops: Tensor | None = None) -> Tensor:
    """The values of both its particles (particles, C), added on each edge, (edges, C).

    Args:
        first: values of particle i.
        second: values of particle j.
        graph: the edges.
        loops: added on the edges of particles to themselves.
    """
    return cast("Tensor", _Spread.apply(first, second, loops, graph))  # type: ignore[no-untyped-call]


def add_transposed(both: Tensor, graph: Edges) -> Tensor:
    """Of (edges, 2 C) the first half on its edge plus the second half on the edge (j, i), (edges, C)."""
    return cast("Tensor", _Transposed.apply(both, graph))  # type: ignore[no-untyped-call]


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, graph: Edges) -> tuple[Tensor, Tensor, Tensor]:
        """Sums over edges."""
        ctx.graph = graph
        return _sums(values, graph)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Each edge has the gradients of its particles."""
        first, second, loops = gradients
        return _added(first, second, loops if ctx.graph.loops else None, ctx.graph), None


class _Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, first: Tensor, second: Tensor, loops: Tensor | None, graph: Edges) -> Tensor:
        """Values of both particles."""
        ctx.graph, ctx.loops = graph, loops is not None
        return _added(first, second, loops, graph)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor | None, None]:
        """Each particle has the gradients of its edges."""
        first, second, loops = _sums(gradients[0], ctx.graph)
        return first, second, loops if ctx.loops else None, None


class _Transposed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, both: Tensor, graph: Edges) -> Tensor:
        """Own half and the other's."""
        ctx.graph = graph
        own, other = both.detach().chunk(2, dim=1)
        return _turned(other, graph).add_(own)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """The gradient, and its transpose beside it."""
        return torch.cat([gradients[0], _turned(gradients[0], ctx.graph)], dim=1), None


def _turned(values: Tensor, graph: Edges) -> Tensor:
    """On each edge (i, j) the values of the edge (j, i)."""
    if not _compiled(values):
        return values[_transposition(graph)]
    out = torch.empty(values.shape, dtype=values.dtype)
    _turn(graph.offsets.numpy(), graph.loops, values.detach().numpy(), out.numpy())
    return out


def _compiled(values: Tensor) -> bool:
    return values.device.type == "cpu" and values.dtype in (torch.float32, torch.float64)


def _sums(values: Tensor, graph: Edges) -> tuple[Tensor, Tensor, Tensor]:
    values = summable(values)
    out = values.new_zeros(3, int(graph.offsets[-1]), values.shape[1])
    first, second, loops = out.unbind(0)
    if _compiled(values):
        _reduce(graph.offsets.numpy(), graph.loops, values.detach().contiguous().numpy(), out.numpy())
        return first, second, loops
    first.index_add_(0, graph.first, values)
    second.index_add_(0, graph.second, values)
    if graph.loops:
        loops.copy_(values[graph.first == graph.second])
    return first, second, loops


def _added(first: Tensor, second: Tensor, loops: Tensor | None, graph: Edges) -> Tensor:
    if _compiled(first):
        out = first.new_empty(len(graph), first.shape[1])
        extra = first.new_zeros(0, first.shape[1]) if loops is None else loops
        one, two, three = (values.detach().contiguous().numpy() for values in (first, second, extra))
        _combine(graph.offsets.numpy(), graph.loops, one, two, three, out.numpy())
        return out
    out = first[graph.first] + second[graph.second]
    return out if loops is None else out.index_add(0, torch.nonzero(graph.first == graph.second)[:, 0], loops)


def _transposition(graph: Edges) -> Tensor:
    """The edge (j, i) of each edge (i, j)."""
    places = torch.arange(len(graph), device=graph.first.device)
    key = graph.first * (int(graph.offsets[-1]) + 1) + graph.second
    turned = graph.second * (int(graph.offsets[-1]) + 1) + graph.first
    return places[torch.searchsorted(key, turned)]


@compiled
def _list(offsets: NDArray[np.int64], loops: bool, first: NDArray[np.int64], second: NDArray[np.int64]) -> None:
    at = 0
    for jet in range(len(offsets) - 1):
        for i in range(offsets[jet], offsets[jet + 1]):
            for j in range(offsets[jet], offsets[jet + 1]):
                if loops or i != j:
                    first[at], second[at] = i, j
                    at += 1


@compiled
def _reduce(offsets: NDArray[np.int64], loops: bool, values: NDArray[Any], out: NDArray[Any]) -> None:
    edge = 0
    for jet in range(len(offsets) - 1):
        for i in range(offsets[jet], offsets[jet + 1]):
            for j in range(offsets[jet], offsets[jet + 1]):
                if i == j and not loops:
                    continue
                for c in range(values.shape[1]):
                    out[0, i, c] += values[edge, c]
                    out[1, j, c] += values[edge, c]
                if i == j:
                    out[2, i] = values[edge]
                edge += 1


@compiled
def _combine(
    offsets: NDArray[np.int64],
    loops: bool,
    first: NDArray[Any],
    second: NDArray[Any],
    extra: NDArray[Any],
    out: NDArray[Any],
) -> None:
    edge = 0
    for jet in range(len(offsets) - 1):
        for i in range(offsets[jet], offsets[jet + 1]):
            for j in range(offsets[jet], offsets[jet + 1]):
                if i == j and not loops:
                    continue
                for c in range(out.shape[1]):
                    out[edge, c] = first[i, c] + second[j, c]
                if i == j and len(extra) > 0:
                    out[edge] += extra[i]
                edge += 1


@compiled
def _turn(offsets: NDArray[np.int64], loops: bool, values: NDArray[Any], out: NDArray[Any]) -> None:
    start = 0
    for jet in range(len(offsets) - 1):
        n = offsets[jet + 1] - offsets[jet]
        row = n if loops else n - 1
        for i in range(n):
            for j in range(n):
                if loops or i != j:
                    here = start + i * row + j - (0 if loops or j < i else 1)
                    there = start + j * row + i - (0 if loops or i < j else 1)
                    for c in range(values.shape[1]):
                        out[here, c] = values[there, c]
        start += n * row
