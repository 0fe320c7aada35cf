r"""Values, slopes, mixtures and periods on the faces of a box, exactly: what breaks them is taken off every feature.

Along an axis a condition is a rule :math:`L u = g`: a sum of values and slopes on faces. With polynomials
:math:`\psi_i` of that coordinate for which :math:`L_j \psi_i = \delta_{ij}`, the projection :math:`P u = u - \sum_i
\psi_i L_i u` fulfils all rules of the axis with 0. Projections along different axes commute, so that their product
fulfils all rules, edges and corners included (transfinite blending, doi:10.1007/BF01932949).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from partonic.core.errors import InputError
from partonic.equations.carriers import RANK, Guess, derivative, jets_of, moved, powers, stacked
from partonic.equations.conditions import Condition, Face
from partonic.equations.features import Features
from partonic.equations.points import on
from partonic.equations.problem import Problem
from partonic.equations.system import Jets, condition_function, linearise, rows_of

AGREE = 1e-9  # what rules of different axes may leave over where they meet, as part of the size of their values
Function = Callable[[Tensor], Tensor]
Wanted = Callable[["Rule", Tensor], Tensor]
Step = tuple[float | None, int, Tensor]  # where an axis is held (free if None), order of the slope, (3, points)


@dataclass(frozen=True)
class Rule:
    """A sum of values and slopes of one field on faces across an axis.

    Args:
        faces: one or two.
        values: factor of the value on each face.
        slopes: factor of the slope along the axis on each face.
        wanted: the sum, a function of points (dimensions, points) on the first face that gives (points,).
    """

    faces: tuple[Face, ...]
    values: tuple[float, ...]
    slopes: tuple[float, ...]
    wanted: Function

    def of(self, function: Function, x: Tensor) -> Tensor:
        """The sum for a function of points, (points,)."""
        found = torch.zeros_like(x[0])
        for face, value, slope in zip(self.faces, self.values, self.slopes, strict=True):
            there = moved(x, face)
            if value:
                found = found + value * function(there)
            if slope:
                with torch.enable_grad():
                    there = there if there.requires_grad else there.detach().requires_grad_()
                    found = found + slope * derivative(function(there).sum(), there)[face.axis]
        return found


@dataclass(frozen=True)
class Axis:
    """All rules of one field along an axis.

    Args:
        number: of the axis.
        lower: end of the box.
        upper: end.
        rules: at least one.
        shares: coefficients of powers of the coordinate scaled to [-1, 1], (powers, rules): each polynomial fulfils
            its own rule with 1 and the others with 0.
    """

    number: int
    lower: float
    upper: float
    rules: tuple[Rule, ...]
    shares: Tensor

    def scaled(self, x: Tensor) -> Tensor:
        """The coordinate scaled to [-1, 1]."""
        return (2 * x - self.lower - self.upper) / (self.upper - self.lower)

    def polynomials(self, x: Tensor) -> Tensor:
        """The polynomials at coordinates (points,), (rules, points)."""
        s = self.scaled(x)
        return self.shares.T @ torch.stack([s**power for power in range(len(self.shares))])

    def steps(self, x: Tensor) -> list[Step]:
        """The projection as a sum: where it takes a function's value or slope, and its factor with two derivatives."""
        scale = 2 / (self.upper - self.lower)
        shares = [self.shares.T @ one * scale**k for k, one in enumerate(powers(self.scaled(x), len(self.shares)))]
        factors: dict[tuple[float, int], Tensor] = {}
        for rule, share in zip(self.rules, torch.stack(shares, 1), strict=True):
            for face, *parts in zip(rule.faces, rule.values, rule.slopes, strict=True):
                for order, part in enumerate(parts):
                    if part:
                        key = (face.at, order)
                        factors[key] = factors.get(key, torch.zeros_like(share)) - part * share
        whole = torch.zeros(3, len(x), dtype=x.dtype)
        whole[0] = 1
        return [(None, 0, whole), *((at, order, factor) for (at, order), factor in factors.items())]

    def alike(self, other: Axis) -> bool:
        """Whether the rules are the same but for what they want."""
        return self.number == other.number and [(r.faces, r.values, r.slopes) for r in self.rules] == [
            (r.faces, r.values, r.slopes) for r in other.rules
        ]


@dataclass(frozen=True)
class Projected(Features):
    """Features that fulfil all rules with 0.

    Args:
        axes: of each field.
    """

    axes: tuple[tuple[Axis, ...], ...]

    def jets(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As of :class:`Features`; with a first index of the field where fields have different rules."""
        first = self.axes[0]
        if all(len(one) == len(first) and all(map(Axis.alike, one, first)) for one in self.axes):
            return self._projected(first, x)
        return stacked([self._projected(one, x) for one in self.axes])

    def fields(self, x: Tensor, output: Tensor) -> Jets:
        """As of :class:`Features`; the sum over features comes first, so that cancelling numbers harm no rule."""
        parts = [self._projected(one, x, output[:, k, None]) for k, one in enumerate(self.axes)]
        return stacked([(u[:, 0], du[..., 0], d2u[..., 0]) for u, du, d2u in parts])

    def _projected(
        self, axes: tuple[Axis, ...], x: Tensor, output: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Features, or what an output layer (features, columns) makes of them, as the last index."""
        d, n = x.shape
        columns = self.count if output is None else output.shape[1]
        values, first = torch.zeros(n, columns, dtype=x.dtype), torch.zeros(d, n, columns, dtype=x.dtype)
        second = torch.zeros(d, d, n, columns, dtype=x.dtype)
        for steps in itertools.product(*(one.steps(x[one.number]) for one in axes)):
            there = x.clone()
            for axis, (place, _, _) in zip(axes, steps, strict=True):
                if place is not None:
                    there[axis.number] = place
            part = partial(self._part, axes, steps, self.layer(there), output)
            values += part(())
            for a in range(d):
                first[a] += part((a,))
                for b in range(a, d):
                    added = part((a, b))
                    second[a, b] += added
                    if a != b:
                        second[b, a] += added
        return values, first, second

    def _part(
        self,
        axes: tuple[Axis, ...],
        steps: tuple[Step, ...],
        layer: tuple[Tensor, Tensor],
        output: Tensor | None,
        by: tuple[int, ...],
    ) -> Tensor:
        """One product of steps, derived by the coordinates ``by``, (points, features or columns)."""
        orders = [by.count(axis) for axis in range(layer[0].shape[1])]
        factor = torch.ones(len(layer[0]), dtype=layer[0].dtype)
        for axis, (place, order, factors) in zip(axes, steps, strict=True):
            if place is not None:
                factor = factor * factors[orders[axis.number]]
                orders[axis.number] = order
        derived = self.derivative(layer, orders)
        return factor[:, None] * (derived if output is None else derived @ output)


@dataclass(frozen=True)
class Blended:
    """Fields G + N: G blends what the rules want, N is a network of features that fulfil them with 0.

    Args:
        axes: of each field.
    """

    axes: tuple[tuple[Axis, ...], ...]

    @property
    def free(self) -> int:
        """None: G has no numbers of its own."""
        return 0

    def features(self, drawn: Features) -> Projected:
        """The features of N."""
        return Projected(drawn.weights, drawn.biases, drawn.lower, drawn.upper, self.axes)

    def offset(self, x: Tensor, q: Tensor) -> Jets:  # noqa: ARG002
        """See :class:`partonic.equations.carriers.Carrier`."""
        return stacked([jets_of(partial(_blend, axes, _asked), x) for axes in self.axes])

    def factor(self, x: Tensor) -> Jets:
        """See :class:`partonic.equations.carriers.Carrier`."""
        m, (d, n) = len(self.axes), x.shape
        ones = torch.ones(m, n, dtype=x.dtype)
        return ones, torch.zeros(m, d, n, dtype=x.dtype), torch.zeros(m, d, d, n, dtype=x.dtype)

    def first(self, guess: Guess) -> Tensor:  # noqa: ARG002
        """See :class:`partonic.equations.carriers.Carrier`."""
        return torch.zeros(0, dtype=torch.float64)

    def rest(self, guess: Guess, x: Tensor) -> Tensor:
        """See :class:`partonic.equations.carriers.Carrier`."""

        def own(field: int) -> Tensor:
            return _blend(self.axes[field], lambda rule, y: rule.of(lambda z: guess(z)[field], y), x).detach()

        return guess(x).to(torch.float64) - torch.stack([own(field) for field in range(len(self.axes))])


def blended(problem: Problem, held: list[Condition]) -> Blended:
    """The carrier of any conditions on faces of a box.

    Raises:
        InputError: conditions of one axis say the same twice, or conditions of two axes contradict each other where
            they meet.
    """
    of: list[dict[int, list[Rule]]] = [{} for _ in range(problem.fields)]
    for one in held:
        for field, rule in _rules(problem, one):
            of[field].setdefault(rule.faces[0].axis, []).append(rule)
    found = Blended(tuple(tuple(_axis(problem, k, rules) for k, rules in axes.items()) for axes in of))
    for axes in found.axes:
        for rule in (rule for axis in axes for rule in axis.rules):
            x = on(problem, rule.faces[0], 7)[0]
            wanted = _asked(rule, x)
            left = float((rule.of(partial(_blend, axes, _asked), x) - wanted).detach().abs().max())
            if not left <= AGREE * (1 + float(wanted.detach().abs().max())):
                raise InputError(
                    f"conditions of '{problem.name}' that are to hold exactly contradict each other by {left:.2g} "
                    f"where the face at {rule.faces[0].at:.6g} on axis {rule.faces[0].axis} meets another; "
                    "leave exactly() away on one of them"
                )
    return found


def _asked(rule: Rule, x: Tensor) -> Tensor:
    return rule.wanted(moved(x, rule.faces[0]))


def _rules(problem: Problem, one: Condition) -> list[tuple[int, Rule]]:
    """The rows of a condition with the field that each is about."""
    faces = tuple(place for place in one.places if isinstance(place, Face))
    m, axis, function = problem.fields, faces[0].axis, condition_function(one)

    def nothing(x: Tensor) -> tuple[Jets, Tensor]:
        (d, n), count = x.shape, m * len(faces)
        shapes = ((count, n), (count, d, n), (count, d, d, n))
        u, du, d2u = (torch.zeros(shape, dtype=torch.float64) for shape in shapes)
        return (u, du, d2u), torch.zeros(len(problem.unknowns), n, dtype=torch.float64)

    x = on(problem, faces[0], 1)[0]
    rows, by = linearise(function, x, *nothing(x))
    found = []
    for row in range(len(rows)):
        value, slope = by.u[row, :, 0].reshape(-1, m), by.du[row, :, axis, 0].reshape(-1, m)
        field = int((value.abs() + slope.abs()).sum(0).argmax())

        def wanted(x: Tensor, row: int = row) -> Tensor:
            return -rows_of(function, x, *nothing(x))[row]

        rule = Rule(faces, tuple(value[:, field].tolist()), tuple(slope[:, field].tolist()), wanted)
        found.append((field, rule))
    return found


def _axis(problem: Problem, number: int, rules: list[Rule]) -> Axis:
    """Raises where rules say the same twice."""
    low, high = problem.lower[number], problem.upper[number]
    axis = Axis(number, low, high, tuple(rules), torch.zeros(len(rules) + 2, len(rules), dtype=torch.float64))
    matrix = torch.zeros(len(rules), len(rules) + 2, dtype=torch.float64)
    for row, rule in zip(matrix, rules, strict=True):
        for face, value, slope in zip(rule.faces, rule.values, rule.slopes, strict=True):
            power, first, _ = powers(axis.scaled(torch.tensor([face.at], dtype=torch.float64)), matrix.shape[1])
            row += value * power[:, 0] + slope * first[:, 0] * 2 / (high - low)
    sizes = torch.linalg.svdvals(matrix / matrix.norm(dim=1, keepdim=True))
    if not float(sizes[-1]) > RANK * float(sizes[0]):
        raise InputError(f"conditions of '{problem.name}' that are to hold exactly say the same twice on axis {number}")
    return Axis(number, low, high, tuple(rules), torch.linalg.pinv(matrix))


def _blend(axes: Sequence[Axis], wanted: Wanted, x: Tensor) -> Tensor:
    """A function that gives what is wanted of all rules, (points,), axis by axis."""
    if not axes:
        return torch.zeros_like(x[0])
    before, last = partial(_blend, axes[:-1], wanted), axes[-1]
    found = before(x)
    for rule, share in zip(last.rules, last.polynomials(x[last.number]), strict=True):
        found = found + share * (wanted(rule, x) - rule.of(before, x))
    return found
