"""A differential equation to solve: its function, its domain, its conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from partonic.core.errors import InputError
from partonic.equations.conditions import Condition, Face
from partonic.equations.integrals import KernelIntegral

Equations = Callable[..., "Tensor | Sequence[Tensor]"]


@dataclass(frozen=True)
class Problem:
    r"""Equations :math:`F(x, u, \partial u, \partial^2 u) = 0` on a box, with conditions.

    Args:
        equations: torch function ``(x, u, du, d2u)`` of all points at once, elementwise in the last index: x
            (dimensions, points), u (fields, points), du (fields, dimensions, points), d2u (fields, dimensions,
            dimensions, points). It gives one row (points,) or several, each of which vanishes for the solution. With
            unknown numbers it has one more argument (unknowns, points), with integral operators one more (integrals,
            points) behind that. Equations of higher order are written as
            systems. A parameter of a whole family of problems is one more coordinate without derivatives.
        lower: lower ends of the coordinates, one to three.
        upper: their upper ends.
        conditions: see :mod:`partonic.equations.conditions`; they hold in the sense of least squares, or exactly where
            :func:`partonic.equations.conditions.exactly` says so.
        fields: number of unknown functions.
        unknowns: unknown numbers (an eigenvalue, a coefficient to be found from data) and a first guess of each.
        integrals: integral operators, on an interval; their values at x appear in the equations, see
            :class:`partonic.equations.integrals.KernelIntegral`. Only the method ``newton`` solves with them.
        inside: which points (dimensions, points) belong to a domain cut out of the box, (points,) of bool; all if None.
        guess: first guess of the fields for equations that are not linear: points (dimensions, points) -> (fields,
            points); zero if None.
        exact: the known solution, points (dimensions, points) -> (fields, points), to compare with; used by no solver.
        name: for messages and figures.

    Raises:
        InputError: the box is empty, of more than three dimensions, or a condition lies outside of it or is none; or
            integral operators are stated on something else than an interval.
    """

    equations: Equations
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    conditions: tuple[Condition, ...]
    fields: int = 1
    unknowns: Mapping[str, float] = field(default_factory=dict)
    integrals: tuple[KernelIntegral, ...] = ()
    inside: Callable[[Tensor], Tensor] | None = None
    guess: Callable[[Tensor], Tensor] | None = None
    exact: Callable[[Tensor], Tensor] | None = None
    name: str = "equation"

    def __post_init__(self) -> None:
        if len(self.lower) != len(self.upper) or not 1 <= len(self.lower) <= 3:
            raise InputError(
                f"a domain has one to three coordinates with a lower and an upper end each, not {len(self.lower)} "
                f"lower and {len(self.upper)} upper ends"
            )
        for axis, (low, high) in enumerate(zip(self.lower, self.upper, strict=True)):
            if not (np.isfinite([low, high]).all() and low < high):
                raise InputError(f"the domain is empty along axis {axis}: from {low} to {high}")
        if not isinstance(self.conditions, tuple | list) or not all(
            isinstance(one, Condition) for one in self.conditions
        ):
            raise InputError(
                f"the conditions of '{self.name}' are a tuple of those in partonic.equations.conditions, as "
                "(initial(0.0, [1.0]),) with its comma"
            )
        if self.fields < 1:
            raise InputError(f"a problem has one field or more, not {self.fields}")
        _check_integrals(self)
        for place in self.faces:
            if not 0 <= place.axis < self.dimensions:
                raise InputError(f"a condition on axis {place.axis}, but axes go from 0 to {self.dimensions - 1}")
            low, high = self.lower[place.axis], self.upper[place.axis]
            if not low <= place.at <= high:
                raise InputError(f"a condition at {place.at} on axis {place.axis}, which goes from {low} to {high}")

    @property
    def dimensions(self) -> int:
        """Number of coordinates."""
        return len(self.lower)

    @property
    def faces(self) -> list[Face]:
        """All faces that conditions are stated on."""
        return [place for one in self.conditions for place in one.places if isinstance(place, Face)]

    def values(self, x: Tensor, u: Tensor, du: Tensor, d2u: Tensor, p: Tensor) -> Tensor | Sequence[Tensor]:
        """The equations as the user's function gives them; p are unknown numbers, then integrals, (numbers, points)."""
        count = len(self.unknowns)
        given = [p[:count]] if self.unknowns else []
        given += [p[count:]] if self.integrals else []
        return self.equations(x, u, du, d2u, *given)


def _check_integrals(problem: Problem) -> None:
    integrals = problem.integrals
    if not isinstance(integrals, tuple | list) or not all(isinstance(one, KernelIntegral) for one in integrals):
        raise InputError(
            f"the integrals of '{problem.name}' are a tuple of partonic.equations.integrals.KernelIntegral, as "
            "(KernelIntegral(kernel),) with its comma"
        )
    if integrals and (problem.dimensions > 1 or problem.inside is not None):
        raise InputError(f"integral operators, as of '{problem.name}', need a problem on one whole interval")
