"""Marching: an initial-value problem solved in windows, each of which starts where the one before ended."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from partonic.equations.conditions import Condition, Curve, Face, Value, at, initial
from partonic.equations.exact import hold
from partonic.equations.features import Shape, draw
from partonic.equations.newton import gauss_newton
from partonic.equations.points import interior
from partonic.equations.problem import Problem
from partonic.equations.solution import Fields
from partonic.equations.system import Jets, terms


@dataclass(frozen=True)
class March:
    """Networks one after the other along an axis.

    Args:
        axis: that is marched along.
        edges: (windows + 1,) rising.
        networks: one a window.
        fields: number of fields.
    """

    axis: int
    edges: Tensor
    networks: tuple[Fields, ...]
    fields: int

    @property
    def unknowns(self) -> Tensor:
        """None: a march has no unknown numbers."""
        return torch.zeros(0, dtype=torch.float64)

    @property
    def finite(self) -> bool:
        """Whether all networks are."""
        return all(network.finite for network in self.networks)

    def jets(self, x: Tensor) -> Jets:
        """Fields, first and second derivatives at points (dimensions, points)."""
        d, n, m = len(x), x.shape[1], self.fields
        u, du, d2u = (torch.empty(*shape, n, dtype=x.dtype) for shape in ((m,), (m, d), (m, d, d)))
        window = torch.bucketize(x[self.axis].contiguous(), self.edges[1:-1])
        for number in set(window.tolist()):
            here = window == number
            u[..., here], du[..., here], d2u[..., here] = self.networks[number].jets(x[:, here])
        return u, du, d2u


def time_axis(problem: Problem) -> int | None:
    """The axis that a problem can be marched along; None if it is no initial-value problem."""
    starts = [one for one in problem.conditions if one.kind == "initial"]
    axes = {place.axis for one in starts for place in one.places if not isinstance(place, Curve)}
    if len(starts) != 1 or len(axes) != 1 or problem.unknowns or problem.integrals or problem.inside is not None:
        return None
    (axis,) = axes
    if problem.dimensions > 1 and any(one.held for one in problem.conditions):
        return None
    others = [one for one in problem.conditions if one.kind != "initial"]
    if starts[0].places[0] != Face(axis, problem.lower[axis]):
        return None
    for one in others:
        if one.kind in ("integral", "data") or any(isinstance(p, Curve) or p.axis == axis for p in one.places):
            return None
    return axis


def start_values(problem: Problem, x: Tensor) -> Tensor:
    """The initial values carried along to all points x (dimensions, points), (fields, points)."""
    one = next(one for one in problem.conditions if one.kind == "initial")
    place = one.places[0]
    assert not isinstance(place, Curve)
    first = x.clone()
    first[place.axis] = place.at
    return torch.stack([at(value, first) for value in one.start[: problem.fields]])


def march(problem: Problem, shape: Shape, windows: int, seed: int) -> March:
    """Solve an initial-value problem window by window.

    Args:
        problem: one for which :func:`time_axis` is not None.
        shape: of the network of each window.
        windows: number of windows, of the same length.
        seed: of the features.
    """
    axis = time_axis(problem)
    assert axis is not None
    edges = torch.linspace(problem.lower[axis], problem.upper[axis], windows + 1, dtype=torch.float64)
    networks: list[Fields] = []
    for number in range(windows):
        part = _window(problem, axis, float(edges[number]), float(edges[number + 1]), networks)
        features = draw(shape, part.lower, part.upper, seed + number)
        held = hold(part)
        first, unknowns = held.start(features, part.guess, interior(part, shape.nodes)[0])
        found = held.fields(gauss_newton(terms(held.free, shape.nodes), features, first, unknowns).network)
        networks.append(found)
        if not found.finite:
            networks += [found] * (windows - number - 1)
            break
    return March(axis, edges, tuple(networks), problem.fields)


def _window(problem: Problem, axis: int, low: float, high: float, before: list[Fields]) -> Problem:
    """The problem between two edges; its initial values are the last network's."""
    lower, upper = list(problem.lower), list(problem.upper)
    lower[axis], upper[axis] = low, high
    conditions = problem.conditions
    guess = problem.guess
    if guess is None and not any(one.held for one in conditions):
        guess = lambda x: start_values(problem, x)  # noqa: E731
    if before:
        last = before[-1]
        conditions = tuple(_taken_over(one, last, axis, low, problem.fields) for one in conditions)

        def guess(x: Tensor) -> Tensor:
            """Straight on from the last window's end."""
            edge = x.clone()
            edge[axis] = low
            u, du, _ = last.jets(edge)
            return u + du[:, axis] * (x[axis] - low)

    return replace(problem, lower=tuple(lower), upper=tuple(upper), conditions=conditions, guess=guess)


def _taken_over(one: Condition, last: Fields, axis: int, low: float, fields: int) -> Condition:
    if one.kind != "initial":
        return one

    def value(field: int) -> Value:
        return lambda x: last.jets(x)[0][field]

    def slope(field: int) -> Value:
        return lambda x: last.jets(x)[1][field, axis]

    slopes = [slope(field) for field in range(len(one.start) - fields)]
    return replace(initial(low, [value(field) for field in range(fields)], slopes, axis=axis), held=one.held)
