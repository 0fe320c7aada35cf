"""What is wrong with a problem, told before any solver starts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from partonic.core.errors import InputError
from partonic.equations.conditions import Condition, Curve, Face, at
from partonic.equations.exact import hold
from partonic.equations.features import Shape, draw
from partonic.equations.integrals import sums
from partonic.equations.newton import gauss_newton, start
from partonic.equations.points import grid, interior, on
from partonic.equations.problem import Problem
from partonic.equations.system import Jets, Slopes, condition_function, linearise, terms

CONTRADICTION = 1e-6  # what conditions may leave over, as part of the size of their values
TRIALS = (0.0, 1.0, -1.0, 0.5, 2.0)  # sizes of random fields that equations are tried on


@dataclass(frozen=True)
class Orders:
    """What the equations depend on.

    Args:
        equations: their number.
        order: highest derivative of each field along each axis, (fields, dimensions).
    """

    equations: int
    order: Tensor


def check(problem: Problem) -> Orders:
    """Try the equations and the conditions on random fields.

    Raises:
        InputError: the equations cannot be evaluated, are not finite, ignore a field or an unknown number; there are
            too few or too many conditions or equations, or conditions contradict each other.
    """
    x = interior(problem, {1: 41, 2: 13, 3: 7}[problem.dimensions])[0]
    found = _orders(problem, x)
    for one in problem.conditions:
        _try_condition(problem, one)
    _count_conditions(problem, found)
    _contradictions(problem)
    hold(problem)
    return found


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def random_jets(problem: Problem, x: Tensor, size: float, seed: int = 0) -> Jets:
    """Random fields and derivatives at points, normally distributed around ``size`` (around zero for size 0)."""
    g = torch.Generator().manual_seed(seed)
    m, (d, n) = problem.fields, x.shape
    shapes = ((m, n), (m, d, n), (m, d, d, n))
    u, du, d2u = (size + 0.3 * torch.randn(shape, generator=g, dtype=torch.float64) for shape in shapes)
    return u, du, 0.5 * (d2u + d2u.transpose(1, 2))


def _orders(problem: Problem, x: Tensor) -> Orders:
    """Raises where the equations are of no use; see :func:`check`."""
    fine = torch.zeros(x.shape[1], dtype=torch.bool)
    first = list(problem.unknowns.values())
    p = torch.tensor(first, dtype=torch.float64)[:, None].expand(-1, x.shape[1])
    count = 0
    uses = torch.zeros(problem.fields, problem.dimensions, dtype=torch.int64)
    touched = torch.zeros(problem.fields, dtype=torch.bool)
    touched_p = torch.zeros(len(first) + len(problem.integrals), dtype=torch.bool)
    if problem.integrals:
        in_integrals, touched_p[: len(first)] = _try_integrals(problem, x)
        touched |= in_integrals
    for number, size in enumerate(TRIALS):
        integrals = torch.full((len(problem.integrals), x.shape[1]), size + 0.1, dtype=torch.float64)
        try:
            rows, slopes = linearise(
                problem.values, x, random_jets(problem, x, size, number), torch.cat([p, integrals])
            )
        except InputError:
            raise
        except Exception as error:
            raise InputError(
                f"the equations of '{problem.name}' cannot be evaluated: {type(error).__name__}: {error}"
            ) from error
        count = len(rows)
        fine |= torch.isfinite(rows).all(0)
        uses = torch.maximum(uses, _highest(slopes))
        touched |= (slopes.u != 0).any((0, 2)) | (slopes.du != 0).any(3).any(2).any(0) | _highest(slopes).any(1)
        touched_p |= (slopes.p != 0).any(2).any(0)
    if not bool(fine.all()):
        where = ", ".join(f"{value:.6g}" for value in x[:, ~fine][:, 0].tolist())
        raise InputError(f"the equations of '{problem.name}' are not finite at ({where}), whatever the fields are")
    if count < problem.fields:
        raise InputError(
            f"'{problem.name}' has {_count(count, 'equation')} for {_count(problem.fields, 'field')}; give one for "
            "each field"
        )
    if not bool(touched.all()):
        field = int((~touched).nonzero()[0])
        raise InputError(
            f"the equations of '{problem.name}' do not depend on field {field}; each field must appear in them"
        )
    if not bool((touched_p | _in_conditions(problem)).all()):
        number = int((~touched_p).nonzero()[0])
        if number >= len(first):
            raise InputError(f"the equations of '{problem.name}' do not depend on its integral {number - len(first)}")
        name = list(problem.unknowns)[number]
        raise InputError(f"the equations of '{problem.name}' do not depend on the unknown number '{name}'")
    return Orders(count, uses)


def _in_conditions(problem: Problem) -> Tensor:
    """Unknown numbers may stand in conditions of one's own and in integrals alone."""
    own = any(one.kind in ("own", "integral") for one in problem.conditions)
    return torch.tensor([own] * len(problem.unknowns) + [False] * len(problem.integrals), dtype=torch.bool)


def _try_integrals(problem: Problem, x: Tensor) -> tuple[Tensor, Tensor]:
    """Which fields (fields,) and unknown numbers (unknowns,) the kernels depend on.

    Raises:
        InputError: a kernel cannot be evaluated, is not finite, or depends on no field; a limit is outside.
    """
    fields, unknowns = torch.zeros(problem.fields, dtype=torch.bool), torch.zeros(len(problem.unknowns)).bool()
    first = torch.tensor(list(problem.unknowns.values()), dtype=torch.float64)
    for number, one in enumerate(sums(problem.integrals, x, (problem.lower[0], problem.upper[0]), 7)):
        y = one.y.expand(x.shape[1], -1).reshape(1, -1)
        at_x = one.x.repeat_interleave(one.y.shape[1], 1)
        jets, p = random_jets(problem, y, 1.0), first[:, None].expand(-1, y.shape[1])
        what = f"the kernel of integral {number} of '{problem.name}'"
        try:
            rows, by = linearise(lambda y, u, du, d2u, p: one.kernel(at_x, y, u, du, p), y, jets, p)  # noqa: B023
        except Exception as error:
            raise InputError(f"{what} cannot be evaluated: {error}") from error
        if len(rows) != 1:
            raise InputError(f"{what} must give one number for each of the points, not {len(rows)}")
        if not bool(torch.isfinite(rows).all()):
            where = int((~torch.isfinite(rows[0])).nonzero()[0])
            raise InputError(f"{what} is not finite at x = {float(at_x[0, where]):.6g}, y = {float(y[0, where]):.6g}")
        here = (by.u[0] != 0).any(1) | (by.du[0] != 0).any(2).any(1)
        if not bool(here.any()):
            raise InputError(f"{what} depends on no field")
        fields |= here
        unknowns |= (by.p[0] != 0).any(1)
    return fields, unknowns


def _highest(slopes: Slopes) -> Tensor:
    """Highest order of each field along each axis, (fields, dimensions)."""
    first = (slopes.du != 0).any(3).any(0)
    second = (slopes.d2u != 0).any(4).any(0)
    pure = torch.diagonal(second, dim1=1, dim2=2)
    mixed = (second & ~torch.diag_embed(pure)).any(2)
    return torch.where(pure, 2, torch.where(first | mixed, 1, 0))


def _count_conditions(problem: Problem, found: Orders) -> None:
    """One condition for each order and unknown number in one dimension; along each axis for one field on a box."""
    if problem.dimensions == 1:
        given = sum(one.count for one in problem.conditions if one.kind != "data")
        needed = int(found.order.sum())
        free = len(problem.unknowns)
        measured = any(one.kind == "data" for one in problem.conditions)
        most = needed + free
        least = needed if measured else most
        if measured and given <= most:
            return
        if not least <= given <= most:
            raise InputError(
                f"'{problem.name}' needs {_count(most, 'condition')} ({needed} for the orders of its equations, {free} "
                f"for unknown numbers), not {given}"
            )
        return
    if not problem.conditions:
        raise InputError(f"'{problem.name}' needs conditions on its boundary; it has none")
    boxed = problem.inside is None and all(
        one.kind not in ("integral", "data") and all(isinstance(place, Face) for place in one.places)
        for one in problem.conditions
    )
    if not boxed or problem.fields > 1 or problem.unknowns:
        return
    for axis in range(problem.dimensions):
        given = sum(one.count for one in problem.conditions if _axis(one) == axis)
        needed = int(found.order[0, axis])
        if given != needed:
            raise InputError(
                f"'{problem.name}' is of order {needed} along axis {axis} and needs {_count(needed, 'condition')} on "
                f"its faces, not {given}"
            )


def _axis(one: Condition) -> int | None:
    place = one.places[0]
    return place.axis if isinstance(place, Face) else None


def _try_condition(problem: Problem, one: Condition) -> None:
    """Raises where a condition cannot be evaluated, is not finite, or ignores the fields."""
    sets = [on(problem, place, 7)[0] for place in one.places] or [interior(problem, 7)[0]]
    x = sets[0]
    if one.kind == "slope" or one.kind == "mixed":
        place = one.places[0]
        if isinstance(place, Curve) and place.normals is None:
            raise InputError(f"a slope on a curve of '{problem.name}' needs the curve's normals")
    if one.kind == "initial" and len(one.start) not in (problem.fields, 2 * problem.fields):
        raise InputError(
            f"initial conditions give a value (and a slope) for each of {_count(problem.fields, 'field')}, not "
            f"{_count(len(one.start), 'number')}"
        )
    jets = random_jets(problem, x, 1.0)
    jets = jets if len(sets) < 2 else tuple(torch.cat([part, 0.5 * part]) for part in jets)  # type: ignore[assignment]
    first = torch.tensor(list(problem.unknowns.values()), dtype=torch.float64)
    try:
        rows, slopes = linearise(condition_function(one), x, jets, first[:, None].expand(-1, x.shape[1]))
    except Exception as error:
        raise InputError(f"a condition of '{problem.name}' cannot be evaluated: {error}") from error
    if not bool(torch.isfinite(rows).all()):
        point = x[:, ~torch.isfinite(rows).all(0)][:, 0].tolist()
        raise InputError(f"a condition of '{problem.name}' is not finite at ({', '.join(f'{v:.6g}' for v in point)})")
    if not any(bool((part != 0).any()) for part in (slopes.u, slopes.du, slopes.p)):
        raise InputError(f"a condition of '{problem.name}' depends on no field and can never be fulfilled")


def _contradictions(problem: Problem) -> None:
    """Raises where no smooth fields can fulfil all conditions: tried in one dimension, at corners in more."""
    if problem.dimensions > 1:
        _corners(problem)
        return
    points = [one for one in problem.conditions if one.kind not in ("data", "integral")]
    if not points:
        return
    features = draw(Shape(40, 2.0, 10), problem.lower, problem.upper, 0)
    rows = [term for term in terms(problem, 10, 1.0, only_conditions=True) if term.total is None]
    rows = [
        term
        for term, one in zip(rows, [c for c in problem.conditions if c.kind != "integral"], strict=True)
        if one.kind != "data"
    ]
    guess = start(features, problem.fields, problem.guess, grid(problem, 41))
    unknowns = torch.tensor(list(problem.unknowns.values()), dtype=torch.float64)
    left = gauss_newton(rows, features, guess, unknowns).cost ** 0.5
    x = torch.tensor([[problem.lower[0]]], dtype=torch.float64)
    size = 1.0 + max(float(at(value, x).abs().max()) for one in points for value in (one.value, *one.start))
    if left > CONTRADICTION * size:
        raise InputError(
            f"the conditions of '{problem.name}' contradict each other: together they cannot be fulfilled better than "
            f"to {left:.2g}"
        )


def _corners(problem: Problem) -> None:
    """Values that two faces give to the same field must agree where the faces meet."""
    given = [
        (place, one.field, value)
        for one in problem.conditions
        for place, value in zip(one.places, (one.start or (one.value,))[:1], strict=False)
        if one.kind in ("value", "initial") and isinstance(place, Face) and one.field is not None
    ]
    for number, (face, field, value) in enumerate(given):
        for other, same, second in given[:number]:
            if field != same:
                continue
            x = on(problem, face, 9)[0]
            if other.axis != face.axis:
                x[other.axis] = other.at
            elif other.at != face.at:
                continue
            a, b = at(value, x), at(second, x)
            apart = (a - b).abs()
            if float(apart.max()) > CONTRADICTION * (1 + float(a.abs().max())):
                where = int(apart.argmax())
                point = ", ".join(f"{v:.6g}" for v in x[:, where].tolist())
                raise InputError(
                    f"conditions of '{problem.name}' contradict each other at ({point}): {float(a[where]):.6g} and "
                    f"{float(b[where]):.6g}"
                )
