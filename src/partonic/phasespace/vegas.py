"""The VEGAS grid: a separable density on the unit cube that learns where an integrand is large (Lepage 1978)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from partonic.core.errors import InputError


@dataclass(frozen=True)
class Drawn:
    """Points of a grid.

    Args:
        points: in the unit cube, (n, dimensions).
        jacobian: volume of the cell over that of a uniform one, (n,): the inverse of the density.
        cells: number of the cell in each dimension, (n, dimensions).
    """

    points: Tensor
    jacobian: Tensor
    cells: Tensor


@dataclass(frozen=True)
class Grid:
    """Edges of the cells of each dimension.

    Args:
        edges: rising from 0 to 1, (dimensions, cells + 1), float64.
    """

    edges: Tensor

    @classmethod
    def uniform(cls, dimensions: int, cells: int = 64) -> Grid:
        """The grid before it has seen an integrand."""
        if dimensions < 1 or cells < 2:
            raise InputError(f"a grid needs a dimension and 2 cells or more, not {dimensions} and {cells}")
        return cls(torch.linspace(0, 1, cells + 1, dtype=torch.float64).repeat(dimensions, 1))

    @property
    def cells(self) -> int:
        """Number of cells in each dimension."""
        return self.edges.shape[1] - 1

    def draw(self, u: Tensor) -> Drawn:
        """The points that uniform numbers give.

        Args:
            u: in the unit cube, (n, dimensions).
        """
        place = u * self.cells
        cells = place.long().clamp_(max=self.cells - 1)
        rows = cells + torch.arange(len(self.edges)) * (self.cells + 1)
        flat = self.edges.reshape(-1)
        low = flat[rows]
        width = flat[rows + 1] - low
        return Drawn(low + (place - cells) * width, (width * self.cells).prod(1), cells)

    def inverse(self, points: Tensor) -> Tensor:
        """The uniform numbers that give the points, (n, dimensions)."""
        return self.located(points)[0]

    def located(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """The uniform numbers that give the points, (n, dimensions), and the density there, (n,)."""
        columns = points.T.contiguous()
        cells = (torch.searchsorted(self.edges.contiguous(), columns, right=True) - 1).clamp_(0, self.cells - 1)
        low, high = self.edges.gather(1, cells), self.edges.gather(1, cells + 1)
        width = high - low
        return ((cells + (columns - low) / width) / self.cells).T, 1 / (width * self.cells).prod(0)

    def refined(self, cells: Tensor, squares: Tensor, damping: float = 0.7) -> Grid:
        """The grid with narrower cells where the integrand is large.

        Args:
            cells: of the points seen, (n, dimensions).
            squares: squared weight of each point (integrand times Jacobian), (n,).
            damping: 0 keeps the grid, 1 follows the points at once.

        Raises:
            InputError: the squares are not finite, or all 0.
        """
        total = float(squares.sum())
        if not (0 < total < float("inf")):
            raise InputError("a grid can learn only from finite weights that are not all 0")
        count = self.cells
        edges = []
        for dimension, row in enumerate(self.edges):
            seen = torch.zeros(count, dtype=torch.float64).index_add_(0, cells[:, dimension], squares) / total
            edges.append(_moved(row, _importance(seen, damping)))
        return Grid(torch.stack(edges))


def _importance(share: Tensor, damping: float) -> Tensor:
    """Weight of each cell: its share of the squares, smoothed with its neighbours and damped, (cells,)."""
    around = torch.cat([share[:1], share, share[-1:]])
    smooth = (around[:-2] + 6 * share + around[2:]) / 8 + 1e-12
    smooth = (smooth / smooth.sum()).clamp(max=1 - 1e-12)
    return ((1 - smooth) / -torch.log(smooth)) ** damping


def _moved(edges: Tensor, weight: Tensor) -> Tensor:
    """Edges between which every cell holds the same weight, (cells + 1,)."""
    running = torch.cat([torch.zeros(1, dtype=torch.float64), torch.cumsum(weight, 0)])
    wanted = torch.linspace(0, 1, len(edges), dtype=torch.float64)[1:-1] * running[-1]
    upper = torch.searchsorted(running, wanted).clamp_(1, len(weight))
    part = (wanted - running[upper - 1]) / weight[upper - 1]
    inner = edges[upper - 1] + part * (edges[upper] - edges[upper - 1])
    return torch.cat([edges[:1], inner, edges[-1:]])
