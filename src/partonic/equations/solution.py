"""What solving gives: fields with derivatives, what is left of the equations, and how wrong the fields may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.equations.kernels import numbers
from partonic.equations.points import grid
from partonic.equations.problem import Problem
from partonic.equations.system import Jets, rows_of

Floats = NDArray[np.float64]
Status = Literal["solved", "inexact", "failed"]


class Fields(Protocol):
    """Functions of the coordinates with their derivatives."""

    @property
    def unknowns(self) -> Tensor:
        """Unknown numbers found along with the fields, (unknowns,)."""
        ...

    @property
    def finite(self) -> bool:
        """Whether all numbers are."""
        ...

    def jets(self, x: Tensor) -> Jets:
        """Fields, first and second derivatives at points (dimensions, points)."""
        ...


@dataclass(frozen=True)
class Trial:
    """A way that was tried.

    Args:
        method: its name, as ``"newton, 120 features"``.
        error: how far apart two solves of it are, at most, as part of the size of the fields.
        residual: root mean square of what is left of the equations, as part of the size of their terms.
    """

    method: str
    error: float
    residual: float


@dataclass(frozen=True)
class Solution:
    """Fields that fulfil the equations, as far as ``status`` says.

    Points are given as (points, dimensions), or (points,) in one dimension.

    Args:
        problem: what was solved.
        fields: the solution.
        second: the same from a richer network with other random features; its distance is the estimate of the error.
        error: estimated largest error of each field, (fields,).
        unknowns: unknown numbers with the same kind of estimate.
        status: ``solved`` to the tolerance, ``inexact`` (use it with ``error`` in mind) or ``failed``.
        message: why, in one sentence.
        method: that won.
        trials: all that were tried.
        seconds: processor time.
    """

    problem: Problem
    fields: Fields
    second: Fields
    error: Floats
    unknowns: Mapping[str, Estimate]
    status: Status
    message: str
    method: str
    trials: tuple[Trial, ...]
    seconds: float

    def __call__(self, points: ArrayLike) -> Floats:
        """The fields at points, (points, fields)."""
        return _numpy(self.fields.jets(self._points(points))[0].T)

    def derivatives(self, points: ArrayLike) -> tuple[Floats, Floats]:
        """First (points, fields, dimensions) and second derivatives (points, fields, dimensions, dimensions)."""
        _, du, d2u = self.fields.jets(self._points(points))
        return _numpy(du.permute(2, 0, 1)), _numpy(d2u.permute(3, 0, 1, 2))

    def residual(self, points: ArrayLike) -> Floats:
        """What the equations leave over at points, (points, equations)."""
        return _numpy(residual(self.problem, self.fields, self._points(points)).T)

    def residual_map(self, n: int = 101) -> tuple[Floats, Floats]:
        """The same on a grid of n points an axis: points (points, dimensions) and residuals (points, equations)."""
        x = grid(self.problem, n)
        return _numpy(x.T), _numpy(residual(self.problem, self.fields, x).T)

    def error_at(self, points: ArrayLike) -> Floats:
        """Estimated error at points, (points, fields): the distance of the two solves there."""
        x = self._points(points)
        return _numpy((self.fields.jets(x)[0] - self.second.jets(x)[0]).abs().T)

    def true_error(self, n: int = 101) -> float:
        """Largest distance from the exact solution on a grid of n points an axis.

        Raises:
            InputError: the problem states none.
        """
        if self.problem.exact is None:
            raise InputError(f"'{self.problem.name}' has no exact solution to compare with")
        x = grid(self.problem, n)
        return float((self.fields.jets(x)[0] - self.problem.exact(x)).abs().max())

    def _points(self, points: ArrayLike) -> Tensor:
        array = np.asarray(points, dtype=np.float64)
        array = array[:, None] if array.ndim == 1 and self.problem.dimensions == 1 else array
        if array.ndim != 2 or array.shape[1] != self.problem.dimensions:
            raise InputError(f"points must have the shape (points, {self.problem.dimensions}), not {array.shape}")
        return torch.from_numpy(np.ascontiguousarray(array.T))


def residual(problem: Problem, fields: Fields, x: Tensor) -> Tensor:
    """What the equations leave over at points (dimensions, points), (equations, points)."""
    p = numbers(problem, fields.jets, fields.unknowns, x)
    return rows_of(problem.values, x, fields.jets(x), p).detach()


def _numpy(values: Tensor) -> Floats:
    return values.detach().contiguous().numpy()
