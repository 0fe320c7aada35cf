"""What fulfils conditions by itself: functions with given values and slopes, and factors that vanish with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from partonic.core.errors import InputError
from partonic.equations.conditions import Condition, Face, Value, at
from partonic.equations.problem import Problem
from partonic.equations.system import Jets, condition_function, linearise

RANK = 1e-12  # singular values of conditions below this part of the largest say nothing new
Guess = Callable[[Tensor], Tensor]


class Carrier(Protocol):
    """G and D of fields G + D N that fulfil conditions whatever N is."""

    @property
    def free(self) -> int:
        """Number of numbers q that G leaves open."""
        ...

    def offset(self, x: Tensor, q: Tensor) -> Jets:
        """G with derivatives at points x (dimensions, points) for numbers q (free, points)."""
        ...

    def factor(self, x: Tensor) -> Jets:
        """D with derivatives at points."""
        ...

    def first(self, guess: Guess) -> Tensor:
        """The numbers of a first guess of the fields, (free,)."""
        ...

    def rest(self, guess: Guess, x: Tensor) -> Tensor:
        """What of a guess vanishes like D, (fields, points): without its own values and slopes where D is zero."""
        ...


@dataclass(frozen=True)
class Ends:
    """On an interval: polynomials with values and slopes at some places, which conditions bind; the rest are q.

    Args:
        lower: end of the interval.
        upper: end.
        places: (k,).
        bound: values and slopes, (fields, k, 2) flattened, that fulfil the conditions.
        loose: orthonormal directions in which they may move, (fields k 2, free).
        fields: number of fields.
    """

    lower: float
    upper: float
    places: Tensor
    bound: Tensor
    loose: Tensor
    fields: int

    @property
    def free(self) -> int:
        """Number of values and slopes that the conditions leave open."""
        return self.loose.shape[1]

    @property
    def _half(self) -> float:
        return 0.5 * (self.upper - self.lower)

    def _scaled(self, x: Tensor) -> Tensor:
        return (x - 0.5 * (self.lower + self.upper)) / self._half

    def offset(self, x: Tensor, q: Tensor) -> Jets:
        """See :class:`Carrier`."""
        return self._through(self.bound[:, None] + self.loose @ q, x)

    def _through(self, given: Tensor, x: Tensor) -> Jets:
        """Polynomials through values and slopes (fields k 2, 1 or points) at points."""
        count = 2 * len(self.places)
        given = given.reshape(self.fields, count, -1)
        given = given * torch.tensor([1.0, self._half] * len(self.places), dtype=torch.float64)[:, None]
        basis = torch.linalg.inv(torch.stack(self._rows(), 1).flatten(0, 1))
        coefficients = torch.einsum("rc,mcn->mrn", basis, given)
        values = [(coefficients * one).sum(1) for one in powers(self._scaled(x[0]), count)]
        return _in_one_dimension(values, self._half)

    def _rows(self) -> tuple[Tensor, Tensor]:
        """Powers and their slopes at the places, (k, powers) each."""
        values, slopes, _ = powers(self._scaled(self.places), 2 * len(self.places))
        return values.T, slopes.T

    def factor(self, x: Tensor) -> Jets:
        """See :class:`Carrier`."""
        s = self._scaled(x[0])
        value, slope, bend = torch.ones_like(s), torch.zeros_like(s), torch.zeros_like(s)
        for place in self._scaled(self.places):
            root = s - place
            bend = bend * root**2 + 4 * slope * root + 2 * value
            slope = slope * root**2 + 2 * value * root
            value = value * root**2
        return _in_one_dimension([one.expand(self.fields, -1) for one in (value, slope, bend)], self._half)

    def first(self, guess: Guess) -> Tensor:
        """See :class:`Carrier`."""
        return self.loose.T @ (self._given(guess) - self.bound)

    def rest(self, guess: Guess, x: Tensor) -> Tensor:
        """See :class:`Carrier`."""
        return guess(x).to(torch.float64) - self._through(self._given(guess)[:, None], x)[0]

    def _given(self, guess: Guess) -> Tensor:
        """Values and slopes of a guess at the places, (fields k 2,)."""
        x = self.places[None].clone().requires_grad_()
        with torch.enable_grad():
            values = guess(x).to(torch.float64)
            slopes = [derivative(value.sum(), x)[0] for value in values]
        return torch.stack([values.detach(), torch.stack(slopes).detach()], 2).flatten()


def ends(problem: Problem, held: list[Condition]) -> Ends:
    """The carrier of conditions on an interval.

    Raises:
        InputError: the conditions contradict each other.
    """
    faces = [place for one in held for place in one.places if isinstance(place, Face)]
    at_places = sorted({face.at for face in faces})
    k, m = len(at_places), problem.fields
    rows, wanted = [], []
    nothing = torch.zeros(len(problem.unknowns), 1, dtype=torch.float64)
    for one in held:
        places = [at_places.index(place.at) for place in one.places if isinstance(place, Face)]
        n = len(places) * m
        zero = (torch.zeros(n, 1), torch.zeros(n, 1, 1), torch.zeros(n, 1, 1, 1))
        jets = tuple(part.to(torch.float64) for part in zero)
        x = torch.tensor([[at_places[places[0]]]], dtype=torch.float64)
        left, by = linearise(condition_function(one), x, (jets[0], jets[1], jets[2]), nothing)
        found = torch.zeros(len(left), m, k, 2, dtype=torch.float64)
        for number, place in enumerate(places):
            part = slice(number * m, (number + 1) * m)
            found[:, :, place, 0] += by.u[:, part, 0]
            found[:, :, place, 1] += by.du[:, part, 0, 0]
        rows.append(found.flatten(1))
        wanted.append(-left[:, 0])
    matrix, right = torch.cat(rows), torch.cat(wanted)
    left_vectors, sizes, right_vectors = torch.linalg.svd(matrix)
    rank = int((sizes > RANK * sizes[0]).sum())
    bound = right_vectors[:rank].T @ ((left_vectors.T @ right)[:rank] / sizes[:rank])
    if not float((matrix @ bound - right).abs().max()) <= 1e-9 * (1 + float(right.abs().max())):
        raise InputError(f"the conditions of '{problem.name}' contradict each other")
    all_places = torch.tensor(at_places, dtype=torch.float64)
    return Ends(problem.lower[0], problem.upper[0], all_places, bound, right_vectors[rank:].T, m)


@dataclass(frozen=True)
class Side:
    """A field's value on a face, and its slope across it where that is given, too."""

    face: Face
    value: Value
    slope: Value | None = None


@dataclass(frozen=True)
class Sides:
    """On a box: values on faces blended over it (a transfinite interpolation), and distances from these faces.

    Args:
        lower: ends of the box.
        upper: ends.
        axes: of each field the sides of each axis that has some.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    axes: tuple[tuple[tuple[Side, ...], ...], ...]

    @property
    def free(self) -> int:
        """None: values and slopes are all that is held."""
        return 0

    def offset(self, x: Tensor, q: Tensor) -> Jets:  # noqa: ARG002
        """See :class:`Carrier`."""
        return stacked([jets_of(partial(_blend, sides), x) for sides in self.axes])

    def factor(self, x: Tensor) -> Jets:
        """See :class:`Carrier`."""
        return stacked([jets_of(partial(self._distance, sides), x) for sides in self.axes])

    def _distance(self, sides: tuple[tuple[Side, ...], ...], x: Tensor) -> Tensor:
        found = torch.ones_like(x[0])
        for side in [one for axis in sides for one in axis]:
            axis = side.face.axis
            distance = (x[axis] - side.face.at) / (self.upper[axis] - self.lower[axis])
            found = found * distance ** (1 if side.slope is None else 2)
        return found

    def first(self, guess: Guess) -> Tensor:  # noqa: ARG002
        """See :class:`Carrier`."""
        return torch.zeros(0, dtype=torch.float64)

    def rest(self, guess: Guess, x: Tensor) -> Tensor:
        """See :class:`Carrier`."""
        own = [
            tuple(tuple(_of_guess(side, guess, field) for side in axis) for axis in axes)
            for field, axes in enumerate(self.axes)
        ]
        return guess(x).to(torch.float64) - torch.stack([_blend(axes, x).detach() for axes in own])


def sides(problem: Problem, held: list[Condition]) -> Sides:
    """The carrier of values and initial slopes on faces of a box.

    Raises:
        InputError: one axis has more than two of them.
    """
    of: list[dict[int, list[Side]]] = [{} for _ in range(problem.fields)]
    for one in held:
        (face,) = (place for place in one.places[:1] if isinstance(place, Face))
        if one.kind == "value" and one.field is not None:
            of[one.field].setdefault(face.axis, []).append(Side(face, one.value))
            continue
        slopes = one.start[problem.fields :]
        for field in range(problem.fields):
            slope = slopes[field] if slopes else None
            of[field].setdefault(face.axis, []).append(Side(face, one.start[field], slope))
    for field, axes in enumerate(of):
        for axis, found in axes.items():
            if len(found) > 2 or (len(found) == 2 and any(one.slope is not None for one in found)):
                raise InputError(f"too many conditions are to hold exactly for field {field} along axis {axis}")
    return Sides(problem.lower, problem.upper, tuple(tuple(map(tuple, axes.values())) for axes in of))


def _blend(axes: tuple[tuple[Side, ...], ...], x: Tensor) -> Tensor:
    """A function with the values and slopes of all sides, (points,), axis by axis."""
    if not axes:
        return torch.zeros_like(x[0])
    before, last = axes[:-1], axes[-1]
    found, along = _blend(before, x), x[last[0].face.axis]
    missing = [at(side.value, moved(x, side.face)) - _blend(before, moved(x, side.face)) for side in last]
    if len(last) == 2:
        share = (along - last[0].face.at) / (last[1].face.at - last[0].face.at)
        return found + (1 - share) * missing[0] + share * missing[1]
    (side,) = last
    if side.slope is not None:
        there = moved(x, side.face)
        with torch.enable_grad():
            there = there if there.requires_grad else there.detach().requires_grad_()
            slope = derivative(_blend(before, there).sum(), there)[side.face.axis]
        missing[0] = missing[0] + (along - side.face.at) * (at(side.slope, there) - slope)
    return found + missing[0]


def _of_guess(side: Side, guess: Guess, field: int) -> Side:
    """The same side with the values and slopes of a guess."""

    def slope(x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x if x.requires_grad else x.detach().requires_grad_()
            return derivative(guess(x)[field].sum(), x)[side.face.axis]

    return Side(side.face, lambda x: guess(x)[field], None if side.slope is None else slope)


def moved(x: Tensor, face: Face) -> Tensor:
    """Points moved onto a face."""
    rows = list(x)
    rows[face.axis] = torch.full_like(x[0], face.at)
    return torch.stack(rows)


def jets_of(function: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A function with first (dims, points) and second derivatives (dims, dims, points) at points, by torch."""
    with torch.enable_grad():
        y = x.detach().clone().requires_grad_()
        value = function(y)
        first = derivative(value.sum(), y)
        second = torch.stack([derivative(one.sum(), y) for one in first])
    return value.detach(), first.detach(), second.detach()


def derivative(value: Tensor, x: Tensor) -> Tensor:
    """Derivative of a number by points, of their shape; it can be derived again."""
    if not value.requires_grad:
        return torch.zeros_like(x)
    (found,) = torch.autograd.grad(value, x, create_graph=True, allow_unused=True, materialize_grads=True)
    return found


def stacked(parts: list[tuple[Tensor, Tensor, Tensor]]) -> Jets:
    """Jets of several fields, one after the other in a new first index."""
    value, first, second = (torch.stack(same) for same in zip(*parts, strict=True))
    return value, first, second


def powers(s: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Powers 0, 1, ... of s with their first and second derivatives, (count, points) each."""
    n = torch.arange(count, dtype=torch.float64)[:, None]
    value = s**n
    zero = torch.zeros_like(s)[None]
    slope = n * torch.cat([zero, value[:-1]])
    bend = n * torch.cat([zero, slope[:-1]])
    return value, slope, bend


def _in_one_dimension(parts: list[Tensor], half: float) -> Jets:
    """Jets of values (fields, points) and derivatives by the scaled coordinate."""
    value, slope, bend = parts
    return value, slope[:, None] / half, bend[:, None, None] / half**2
