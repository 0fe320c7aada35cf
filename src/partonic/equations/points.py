"""Points in a domain: quadrature nodes to solve on, other ones to test on, grids to draw on."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from partonic.core.errors import InputError
from partonic.equations.conditions import Curve, Face, Place
from partonic.equations.problem import Problem

AROUND = 4  # a curve around the domain is about so many times as long as the domain is wide


def gauss(n: int, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Gauss-Legendre nodes and weights on an interval, both (n,)."""
    x, w = np.polynomial.legendre.leggauss(n)
    half = 0.5 * (high - low)
    return torch.from_numpy(low + half * (x + 1)), torch.from_numpy(half * w)


def box(lower: tuple[float, ...], upper: tuple[float, ...], n: int) -> tuple[Tensor, Tensor]:
    """Product of Gauss nodes: points (dimensions, points) and weights (points,)."""
    nodes = [gauss(n, low, high) for low, high in zip(lower, upper, strict=True)]
    x = torch.stack([grid.flatten() for grid in torch.meshgrid(*[x for x, _ in nodes], indexing="ij")])
    w = torch.stack([grid.flatten() for grid in torch.meshgrid(*[w for _, w in nodes], indexing="ij")])
    return x, w.prod(0)


def interior(problem: Problem, n: int) -> tuple[Tensor, Tensor]:
    """Gauss nodes inside the domain, n an axis: points (dimensions, points) and weights (points,).

    Raises:
        InputError: none of them is inside.
    """
    x, w = box(problem.lower, problem.upper, n)
    return _kept(problem, x, w)


def grid(problem: Problem, n: int) -> Tensor:
    """Equally spaced points inside the domain with its ends, n an axis: (dimensions, points)."""
    axes = [torch.linspace(a, b, n, dtype=torch.float64) for a, b in zip(problem.lower, problem.upper, strict=True)]
    x = torch.stack([one.flatten() for one in torch.meshgrid(*axes, indexing="ij")])
    return _kept(problem, x, torch.ones_like(x[0]))[0]


def on(problem: Problem, place: Place, n: int) -> tuple[Tensor, Tensor]:
    """Gauss nodes on a place, n an axis (4 n on a curve): points (dimensions, points) and weights (points,), sum 1."""
    if isinstance(place, Curve):
        if isinstance(place.points, Tensor):
            x = place.points.to(torch.float64)
            return x, torch.full_like(x[0], 1 / x.shape[1])
        others = problem.dimensions - 1
        t, w = box((0.0,) * others, (1.0,) * others, AROUND * n)
        return place.points(t), w / w.sum()
    return _on_face(problem, place, n)


def _on_face(problem: Problem, face: Face, n: int) -> tuple[Tensor, Tensor]:
    if problem.dimensions == 1:
        return torch.tensor([[face.at]], dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    rest = [axis for axis in range(problem.dimensions) if axis != face.axis]
    t, w = box(tuple(problem.lower[a] for a in rest), tuple(problem.upper[a] for a in rest), n)
    rows = list(t)
    rows.insert(face.axis, torch.full_like(t[0], face.at))
    return torch.stack(rows), w / w.sum()


def _kept(problem: Problem, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    if problem.inside is None:
        return x, w
    keep = problem.inside(x)
    if not bool(keep.any()):
        raise InputError(f"no point of the box is inside the domain of '{problem.name}'")
    return x[:, keep], w[keep]
