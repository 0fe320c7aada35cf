r"""Conditions that hold exactly, because fields are written so that they cannot break them (physics/9705023).

A field is :math:`u = G + D N`. G fulfils the conditions, D vanishes where they are stated, N is free. What is solved is
the problem for N, without these conditions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from partonic.equations.blended import Blended, blended
from partonic.equations.carriers import Carrier, Guess, ends, sides
from partonic.equations.conditions import Condition, Face
from partonic.equations.features import Features
from partonic.equations.integrals import KernelIntegral
from partonic.equations.newton import start
from partonic.equations.problem import Equations, Problem
from partonic.equations.solution import Fields
from partonic.equations.system import Jets

Rows = Tensor | Sequence[Tensor]


@dataclass(frozen=True)
class HeldFields:
    """Fields G + D N.

    Args:
        carrier: G and D.
        network: N; behind the problem's unknown numbers it has those that G leaves open.
    """

    carrier: Carrier
    network: Fields

    @property
    def unknowns(self) -> Tensor:
        """Unknown numbers of the problem, (unknowns,)."""
        numbers = self.network.unknowns
        return numbers[: len(numbers) - self.carrier.free]

    @property
    def finite(self) -> bool:
        """Whether all numbers are."""
        return self.network.finite

    def jets(self, x: Tensor) -> Jets:
        """Fields, first and second derivatives at points (dimensions, points)."""
        numbers = self.network.unknowns
        q = numbers[len(numbers) - self.carrier.free :, None].expand(-1, x.shape[1])
        return compose(self.carrier.offset(x, q), self.carrier.factor(x), self.network.jets(x))


@dataclass(frozen=True)
class Held:
    """A problem and the one for its free part N.

    Args:
        problem: with all conditions.
        free: for N, without those that hold exactly; the problem itself where none do.
        carrier: G and D; None where no condition holds exactly.
    """

    problem: Problem
    free: Problem
    carrier: Carrier | None

    def fields(self, network: Fields) -> Fields:
        """The fields of a solution N."""
        return network if self.carrier is None else HeldFields(self.carrier, network)

    def features(self, drawn: Features) -> Features:
        """The features of N from drawn ones."""
        return self.carrier.features(drawn) if isinstance(self.carrier, Blended) else drawn

    def start(self, features: Features, guess: Guess | None, x: Tensor) -> tuple[Tensor, Tensor]:
        """Output layer (features, fields) and unknown numbers (unknowns,) of a first guess on points x."""
        numbers = torch.tensor(list(self.problem.unknowns.values()), dtype=torch.float64)
        if self.carrier is None:
            return start(features, self.problem.fields, guess, x), numbers
        if guess is None:
            nothing = torch.zeros(self.carrier.free, dtype=torch.float64)
            return start(features, self.problem.fields, None, x), torch.cat([numbers, nothing])
        numbers = torch.cat([numbers, self.carrier.first(guess)])
        factor, values = self.carrier.factor(x)[0], features.jets(x)[0]
        values = values.expand(len(factor), *values.shape[-2:])
        output = [
            torch.linalg.lstsq(weight[:, None] * mine, one[:, None], driver="gelsd", rcond=1e-12).solution
            for weight, mine, one in zip(factor, values, self.carrier.rest(guess, x), strict=True)
        ]
        return torch.cat(output, 1), numbers


def hold(problem: Problem) -> Held:
    """Split what holds exactly from what has to be solved.

    Raises:
        InputError: a condition cannot hold exactly.
    """
    held = [one for one in problem.conditions if one.held]
    if not held:
        return Held(problem, problem, None)
    carrier: Carrier
    if problem.dimensions == 1:
        carrier = ends(problem, held)
    else:
        carrier = blended(problem, held) if bent(problem) else sides(problem, held)
    numbers = dict(problem.unknowns) | {f"free number {k}": 0.0 for k in range(carrier.free)}
    free = replace(
        problem,
        equations=_equations(problem, carrier),
        conditions=tuple(_condition(one, problem, carrier) for one in problem.conditions if not one.held),
        unknowns=numbers,
        integrals=tuple(_integral(one, problem, carrier) for one in problem.integrals),
        guess=None,
        exact=None,
    )
    return Held(problem, free, carrier)


def bent(problem: Problem) -> bool:
    """Whether more than values and initial conditions are to hold exactly on a box."""
    kinds = {one.kind for one in problem.conditions if one.held}
    return problem.dimensions > 1 and not kinds <= {"value", "initial"}


def compose(offset: Jets, factor: Jets, network: Jets) -> Jets:
    """Jets of G + D N from those of G, D and N."""
    (g, dg, d2g), (w, dw, d2w), (n, dn, d2n) = offset, factor, network
    cross = dw[:, :, None] * dn[:, None]
    second = d2g + d2w * n[:, None, None] + cross + cross.transpose(1, 2) + w[:, None, None] * d2n
    return g + w * n, dg + dw * n[:, None] + w[:, None] * dn, second


class _Last:
    """G and D on the points that were asked for last: solvers come back to the same ones.

    Args:
        carrier: of G and D.
    """

    def __init__(self, carrier: Carrier) -> None:
        self.carrier = carrier
        self.known: tuple[Tensor, Jets, Jets] | None = None

    def parts(self, x: Tensor, q: Tensor) -> tuple[Jets, Jets]:
        """G and D at points (dimensions, points) for numbers q (free, points)."""
        if self.carrier.free:
            return self.carrier.offset(x, q), self.carrier.factor(x)
        if self.known is None or self.known[0] is not x:
            self.known = (x, self.carrier.offset(x, q), self.carrier.factor(x))
        return self.known[1:]


def _equations(problem: Problem, carrier: Carrier) -> Equations:
    count, given_before = len(problem.unknowns), _Last(carrier)

    def equations(x: Tensor, n: Tensor, dn: Tensor, d2n: Tensor, *given: Tensor) -> Rows:
        p = given[0] if count + carrier.free else torch.zeros(0, x.shape[1], dtype=torch.float64)
        jets = compose(*given_before.parts(x, p[count:]), (n, dn, d2n))
        integrals = given[-1:] if problem.integrals else ()
        return problem.values(x, *jets, torch.cat([p[:count], *integrals]))

    return equations


def _integral(one: KernelIntegral, problem: Problem, carrier: Carrier) -> KernelIntegral:
    """An integral of the fields as one of N."""
    count = len(problem.unknowns)

    def kernel(x: Tensor, y: Tensor, n: Tensor, dn: Tensor, p: Tensor) -> Tensor:
        (g, dg, _), (w, dw, _) = carrier.offset(y, p[count:]), carrier.factor(y)
        return one.kernel(x, y, g + w * n, dg + dw * n[:, None] + w[:, None] * dn, p[:count])

    return replace(one, kernel=kernel)


def _condition(one: Condition, problem: Problem, carrier: Carrier) -> Condition:
    """A condition on the fields as one on N."""
    count, m = len(problem.unknowns), problem.fields

    def rows(x: Tensor, n: Tensor, dn: Tensor, p: Tensor) -> Rows:
        sets = [x]
        for place in one.places[1:]:  # periodic: the same points on another face
            assert isinstance(place, Face)
            other = x.clone()
            other[place.axis] = place.at
            sets.append(other)
        fields, slopes = [], []
        for number, points in enumerate(sets):
            part = slice(number * m, (number + 1) * m)
            (g, dg, _), (w, dw, _) = carrier.offset(points, p[count:]), carrier.factor(points)
            fields.append(g + w * n[part])
            slopes.append(dg + dw * n[part][:, None] + w[:, None] * dn[part])
        return one.rows(x, torch.cat(fields), torch.cat(slopes), p[:count])

    return replace(one, rows=rows)
