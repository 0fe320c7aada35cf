"""All rows that have to vanish, at points, with their derivatives: what every solver works on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from partonic.core.errors import InputError
from partonic.equations.conditions import Condition
from partonic.equations.integrals import Sum, sums
from partonic.equations.points import interior, on
from partonic.equations.problem import Problem

Function = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], "Tensor | Sequence[Tensor]"]
LEAST, SHARE = 20, 8  # integrals have at least so many nodes, or one for so many points of the equations
Jets = tuple[Tensor, Tensor, Tensor]  # (fields, points), (fields, dims, points), (fields, dims, dims, points)


@dataclass(frozen=True)
class Slopes:
    """Derivatives of rows by what they depend on at the same point; the first index is the row, the last the point."""

    u: Tensor
    du: Tensor
    d2u: Tensor
    p: Tensor


@dataclass(frozen=True)
class Term:
    """Rows of one kind.

    Args:
        points: one set of points (dimensions, points), two where the rows connect two places.
        weights: (points,); squares are summed with them, of an integral its rows are.
        function: ``(x, u, du, d2u, unknowns)`` -> rows (rows, points); x are the first set of points.
        factor: of the rows in the sum of squares.
        total: rows are an integrand; their sum with the weights must be this.
        sums: integrals at the points, whose values the function takes behind the unknown numbers.
    """

    points: tuple[Tensor, ...]
    weights: Tensor
    function: Function
    factor: float = 1.0
    total: float | None = None
    sums: tuple[Sum, ...] = ()

    def reduced(self, rows: Tensor) -> Tensor:
        """Rows (..., points) as they stand in the least squares: weighted, or summed where they are an integrand."""
        if self.total is not None:
            return self.factor * (rows * self.weights).sum(-1, keepdim=True)
        return self.factor * rows * self.weights.sqrt()

    def residual(self, rows: Tensor) -> Tensor:
        """The same of the rows' values, flat."""
        reduced = self.reduced(rows)
        return (reduced if self.total is None else reduced - self.factor * self.total).flatten()


def terms(problem: Problem, nodes: int, factor: float = 10.0, *, only_conditions: bool = False) -> list[Term]:
    """The rows of a problem: its equations on interior nodes, each of its conditions on nodes of its place.

    Args:
        problem: to be solved.
        nodes: an axis.
        factor: weight of the conditions against the equations.
        only_conditions: without the equations.
    """
    x, w = interior(problem, nodes)
    found = []
    if not only_conditions:
        ends = (problem.lower[0], problem.upper[0])
        integrals = sums(problem.integrals, x, ends, max(LEAST, nodes // SHARE))
        found.append(Term((x,), w / w.sum(), problem.values, sums=integrals))
    for one in problem.conditions:
        if one.kind == "integral":
            found.append(Term((x,), w, condition_function(one), factor, float(one.value)))  # type: ignore[arg-type]
            continue
        places = [on(problem, place, nodes) for place in one.places]
        found.append(Term(tuple(x for x, _ in places), places[0][1], condition_function(one), factor))
    return found


def condition_function(one: Condition) -> Function:
    """A condition's rows as a function of everything."""
    return lambda x, u, du, d2u, p: one.rows(x, u, du, p)


def rows_of(function: Function, x: Tensor, jets: Jets, p: Tensor) -> Tensor:
    """Rows (rows, points) of a function at points.

    Raises:
        InputError: it gives something of another shape.
    """
    u, du, d2u = jets
    given = function(x, u, du, d2u, p)
    parts = [given] if isinstance(given, Tensor) else list(given)
    try:
        rows = torch.cat([part.expand(x.shape[1])[None] if part.dim() < 2 else part for part in parts])
    except (RuntimeError, AttributeError) as error:
        shapes = ", ".join(str(tuple(part.shape)) if isinstance(part, Tensor) else repr(part) for part in parts)
        raise InputError(
            f"an equation must give one number for each of the {x.shape[1]} points, not {shapes}"
        ) from error
    if rows.shape[1] != x.shape[1]:
        raise InputError(f"an equation gives shape {tuple(rows.shape)}; expected (equations, {x.shape[1]})")
    return rows


def linearise(function: Function, x: Tensor, jets: Jets, p: Tensor) -> tuple[Tensor, Slopes]:
    """Rows (rows, points) at points and their derivatives by fields, derivatives of fields and unknown numbers.

    Args:
        function: elementwise in the points.
        x: (dimensions, points).
        jets: fields and their derivatives there.
        p: unknown numbers (and integrals), (unknowns, points).
    """
    with torch.enable_grad():
        inputs = [part.detach().clone().requires_grad_() for part in (*jets, p)]
        rows = rows_of(function, x, (inputs[0], inputs[1], inputs[2]), inputs[3])
        by: list[list[Tensor]] = [[], [], [], []]
        for row in rows:
            slopes: Sequence[Tensor | None] = [None] * 4
            if row.requires_grad:
                slopes = torch.autograd.grad(row.sum(), inputs, retain_graph=True, allow_unused=True)
            for found, slope, given in zip(by, slopes, inputs, strict=True):
                found.append(torch.zeros_like(given) if slope is None else slope.detach())
    return rows.detach(), Slopes(*(torch.stack(found) for found in by))
