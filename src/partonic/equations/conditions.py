"""What a solution has to fulfil beside its equations: values, slopes, periods, integrals, data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from partonic.core.errors import InputError

Value = float | Callable[[Tensor], Tensor]
Rows = Callable[..., "Tensor | Sequence[Tensor]"]
Kind = Literal["value", "slope", "mixed", "periodic", "initial", "integral", "data", "own"]


@dataclass(frozen=True)
class Face:
    """Where one coordinate is held: an end of an interval, a side of a box.

    Args:
        axis: number of the coordinate, from 0.
        at: its value there.
    """

    axis: int
    at: float


@dataclass(frozen=True)
class Curve:
    """A boundary of any shape.

    Args:
        points: function of parameters (dimensions - 1, points) in [0, 1] that gives points (dimensions, points); a
            fixed tensor of points (dimensions, points) will do, too.
        normals: the same for the outward unit normals; only slopes need them.
    """

    points: Callable[[Tensor], Tensor] | Tensor
    normals: Callable[[Tensor], Tensor] | None = None


Place = Face | Curve


@dataclass(frozen=True)
class Condition:
    """Rows that vanish for the solution.

    Args:
        kind: of the condition; a window of a march takes over ``initial`` ones from the window before it.
        rows: function ``(x, u, du, unknowns)`` of points (dimensions, points), fields (fields, points), derivatives
            (fields, dimensions, points) and unknown numbers (unknowns, points), which gives rows (rows, points). On
            two places the fields of the second follow those of the first. Of an integral it gives the integrand.
        places: one place, two for a periodic condition, none for an integral over the domain.
        count: number of rows.
        field: which field it is about; None where it is about several.
        value: of a field (or an integral), for checks.
        start: of an initial condition the values and then the slopes that it fixes.
        held: it holds exactly, see :func:`exactly`; otherwise in the sense of least squares.
    """

    kind: Kind
    rows: Rows
    places: tuple[Place, ...]
    count: int = 1
    field: int | None = None
    value: Value = 0.0
    start: tuple[Value, ...] = ()
    held: bool = False


def at(value: Value, x: Tensor) -> Tensor:
    """The value at points x (dimensions, points), (points,)."""
    return value(x) if callable(value) else torch.full_like(x[0], float(value))


def _outward(place: Place, x: Tensor, du: Tensor, lower: bool) -> Tensor:
    """Derivative along the outward normal, (points,), of one field's derivatives (dimensions, points)."""
    if isinstance(place, Face):
        return -du[place.axis] if lower else du[place.axis]
    assert place.normals is not None
    return (place.normals(x) * du).sum(0)


def dirichlet(place: Place, value: Value, field: int = 0) -> Condition:
    """The field has a value: u = value.

    Args:
        place: where.
        value: a number, or a function of points (dimensions, points) that gives (points,).
        field: which one.
    """
    return Condition("value", lambda x, u, du, p: u[field] - at(value, x), (place,), 1, field, value)


def neumann(place: Place, slope: Value, field: int = 0, *, lower: bool = False) -> Condition:
    """The derivative along the outward normal has a value: du/dn = slope.

    Args:
        place: where; on a curve its ``normals`` are asked for, as functions of points (dimensions, points).
        slope: a number, or a function of points.
        field: which one.
        lower: the face is the lower end of its coordinate, where the outward normal points to smaller values.
    """
    return robin(place, 0.0, 1.0, slope, field, lower=lower)


def robin(place: Place, a: float, b: float, value: Value, field: int = 0, *, lower: bool = False) -> Condition:
    """A mixture of value and outward derivative has a value: a u + b du/dn = value; see :func:`neumann`."""

    def rows(x: Tensor, u: Tensor, du: Tensor, p: Tensor) -> Tensor:
        return a * u[field] + b * _outward(place, x, du[field], lower) - at(value, x)

    return Condition("mixed" if a else "slope", rows, (place,), 1, field, value)


def initial(start: float, values: Sequence[Value], slopes: Sequence[Value] = (), *, axis: int = 0) -> Condition:
    """All fields (and, of equations of second order, their slopes) at the start.

    Args:
        start: the coordinate's value there, its lower end.
        values: one a field.
        slopes: derivatives along the axis, one a field; none for equations of first order.
        axis: the coordinate that is marched along, as time.
    """

    def rows(x: Tensor, u: Tensor, du: Tensor, p: Tensor) -> list[Tensor]:
        fixed = [u[i] - at(value, x) for i, value in enumerate(values)]
        return fixed + [du[i, axis] - at(slope, x) for i, slope in enumerate(slopes)]

    count = len(values) + len(slopes)
    only = values[0] if len(values) == 1 else 0.0
    field = 0 if len(values) == 1 else None
    return Condition("initial", rows, (Face(axis, start),), count, field, only, (*values, *slopes))


def periodic(axis: int, lower: float, upper: float, *, fields: int = 1, slopes: bool = True) -> Condition:
    """The fields (and their slopes along the axis) are the same on both ends of a coordinate.

    Args:
        axis: number of the coordinate.
        lower: its lower end.
        upper: its upper end.
        fields: number of fields, all of which are periodic.
        slopes: the slopes too, as equations of second order need it.
    """

    def rows(x: Tensor, u: Tensor, du: Tensor, p: Tensor) -> list[Tensor]:
        same = [u[i] - u[fields + i] for i in range(fields)]
        return same + [du[i, axis] - du[fields + i, axis] for i in range(fields if slopes else 0)]

    places = (Face(axis, lower), Face(axis, upper))
    return Condition("periodic", rows, places, fields * (1 + slopes), 0 if fields == 1 else None)


def integral(integrand: Rows, value: float) -> Condition:
    """An integral over the domain has a value, as a norm.

    Args:
        integrand: function ``(x, u, du, unknowns)`` that gives (points,).
        value: of its integral.
    """
    return Condition("integral", integrand, (), 1, None, value)


def data(points: Tensor, values: Tensor, field: int = 0) -> Condition:
    """The field goes through measured values, in the sense of least squares.

    Args:
        points: (dimensions, points).
        values: (points,).
        field: which one.
    """
    return Condition("data", lambda x, u, du, p: u[field] - values, (Curve(points),), 1, field)


def condition(place: Place, rows: Rows, count: int = 1) -> Condition:
    """A condition of one's own, linear or not; arguments as of :class:`Condition`."""
    return Condition("own", rows, (place,), count)


def exactly(one: Condition) -> Condition:
    """The same condition, which then holds exactly instead of in the sense of least squares.

    Fields are written so that they cannot break it, see :mod:`partonic.equations.exact`: values, slopes, mixtures,
    periods and initial conditions. Slopes, mixtures and periods on a box need the method ``newton``, and where two
    faces meet their conditions have to agree, slopes included.

    Args:
        one: on faces.

    Raises:
        InputError: it is stated on a curve, or is an integral, data or a condition of one's own.
    """
    if one.kind in ("integral", "data", "own") or not all(isinstance(place, Face) for place in one.places):
        what = "a condition on a curve" if one.kind not in ("integral", "data", "own") else f"the kind '{one.kind}'"
        raise InputError(f"only conditions on values and slopes on faces can hold exactly, not {what}")
    return replace(one, held=True)
