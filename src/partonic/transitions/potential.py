"""Effective potentials: a torch function of fields and temperature, with its derivatives and minima."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from partonic.core.errors import InputError

STEPS = 200  # of the search for a minimum
RESTING = 1e-7  # Newton steps shorter than this part of the size of the fields no longer look at the value of V
FAR = 1e6  # a search that leaves its start by so many times the size of the fields has no minimum to find


@dataclass(frozen=True)
class Potential:
    r"""A potential :math:`V(\phi, T)` of one field or several.

    Args:
        function: torch function ``V(phi)``, or ``V(phi, T)`` where it depends on temperature: phi (..., fields), T
            a number or (...) -> (...), each row for itself, in float64. Any unit of energy E: fields and T in E, V
            in E^4.
        fields: their number.
        temperature_dependent: whether the function takes T.
        gradient_function: closed form of the gradient, same arguments -> (..., fields); by torch if None.
        hessian_function: closed form of the second derivatives -> (..., fields, fields); by torch if None.
        name: for messages and figures.

    Raises:
        InputError: no fields, or the function cannot be evaluated or gives another shape.

    Example:
        >>> quartic = Potential(lambda phi: (phi**4 / 4 - 0.4 * phi**3 + 0.1 * phi**2)[..., 0], fields=1)
    """

    function: Callable[..., Tensor]
    fields: int
    temperature_dependent: bool = False
    gradient_function: Callable[..., Tensor] | None = None
    hessian_function: Callable[..., Tensor] | None = None
    name: str = "potential"

    def __post_init__(self) -> None:
        if self.fields < 1:
            raise InputError(f"a potential has one field or more, not {self.fields}")
        trial = torch.full((2, self.fields), 0.5, dtype=torch.float64)
        try:
            found, one = self.value(trial, 1.0), self.value(trial[0], 1.0)
        except Exception as error:
            raise InputError(f"'{self.name}' cannot be evaluated: {type(error).__name__}: {error}") from error
        if found.shape != (2,) or one.shape != () or found.dtype != torch.float64:
            raise InputError(
                f"'{self.name}' must give float64 of shape (2,) for fields (2, {self.fields}) and () for "
                f"({self.fields},), not {found.dtype} of shapes {tuple(found.shape)} and {tuple(one.shape)}"
            )

    def value(self, phi: Any, T: Any = 0.0) -> Tensor:
        """V, phi (..., fields) -> (...)."""
        return self.function(*self._arguments(phi, T))

    def gradient(self, phi: Any, T: Any = 0.0) -> Tensor:
        """First derivatives by the fields, (..., fields)."""
        point, *rest = self._arguments(phi, T)
        if self.gradient_function is not None:
            return self.gradient_function(point, *rest)
        point = point.detach().requires_grad_()
        with torch.enable_grad():
            return _slope(self.function(point, *rest).sum(), point)

    def hessian(self, phi: Any, T: Any = 0.0) -> Tensor:
        """Second derivatives by the fields, (..., fields, fields)."""
        point, *rest = self._arguments(phi, T)
        if self.hessian_function is not None:
            return self.hessian_function(point, *rest)
        # one copy of all points for each row of the matrix: two sweeps, however many fields there are
        copies = point.detach().expand(self.fields, *point.shape).clone().requires_grad_()
        with torch.enable_grad():
            if self.gradient_function is not None:
                first = self.gradient_function(copies, *rest)
            else:
                (first,) = torch.autograd.grad(self.function(copies, *rest).sum(), copies, create_graph=True)
            second = _slope(first.diagonal(dim1=0, dim2=-1).sum(), copies)
        return second.movedim(0, -2)

    def dT(self, phi: Any, T: Any = 0.0) -> Tensor:
        """Derivative by the temperature, (...)."""
        point, *rest = self._arguments(phi, T)
        if not rest:
            return torch.zeros(point.shape[:-1], dtype=torch.float64)
        heat = rest[0].detach()
        heat = (heat.expand(point.shape[:-1]) if heat.ndim else heat).clone().requires_grad_()
        with torch.enable_grad():
            values = self.function(point.detach(), heat)
            if heat.ndim:
                return _slope(values.sum(), heat)
            # one temperature for all points: the sum of all rows is linear in their weights, by which it is sorted
            weights = torch.ones_like(values, requires_grad=True)
            if not values.requires_grad:
                return torch.zeros_like(values)
            (total,) = torch.autograd.grad((values * weights).sum(), heat, create_graph=True)
            return _slope(total, weights)

    def minimise(self, start: Any, T: float = 0.0) -> Tensor:
        """The minimum that is reached from a point by going downhill, (fields,).

        Newton steps with the absolute eigenvalues of the second derivatives; a start on a saddle or a maximum is
        left along the steepest way down.

        Args:
            start: (fields,).
            T: temperature.

        Raises:
            InputError: the start has another number of fields, V is not finite on the way, or has no minimum there.
        """
        point = self.point(start, T)
        value, origin = float(self.value(point, T)), point
        size = float(point.norm()) + 1e-3
        for _ in range(STEPS):
            slope, bend = self.gradient(point, T), self.hessian(point, T)
            if not (torch.isfinite(slope).all() and torch.isfinite(bend).all()):
                raise InputError(f"'{self.name}' has derivatives that are not finite at {_point(point)}")
            curvature, directions = torch.linalg.eigh(bend)
            largest = float(curvature.abs().max())
            along = directions.T @ slope
            down = -along / curvature.abs().clamp(min=1e-10 * largest + 1e-300)
            saddle = curvature < -1e-10 * largest
            if not bool(saddle.any()) and float(down.norm()) < RESTING * size:
                break
            at_rest = down.abs() < 1e-4 * size
            down = torch.where(saddle & at_rest, torch.where(along > 0, -1e-2 * size, 1e-2 * size), down)
            move = directions @ down
            move = move * min(1.0, float((point.norm() + size) / (move.norm() + 1e-300)))
            found = self._downhill(point, move, value, T)
            if found is None or float(move.norm()) < 1e-15 * size:
                break
            point, value = found
            if float((point - origin).norm()) > FAR * size:
                raise InputError(
                    f"'{self.name}' is unbounded below: from {_point(origin)} it falls to {value:.3g} and on; give a "
                    "point next to a minimum"
                )
        point, slope, bend = self._at_rest(point, T)
        self._judge(point, slope, bend, "the point")
        return point

    def settled(self, points: Tensor, T: float = 0.0) -> Tensor | None:
        """Minima next to points that are minima already but for their last digits, (points, fields); None where not.

        Args:
            points: (points, fields).
            T: temperature.
        """
        slope, bend = self.gradient(points, T), self.hessian(points, T)
        if not (torch.isfinite(slope).all() and torch.isfinite(bend).all()):
            return None
        curvature = torch.linalg.eigvalsh(bend)
        if not bool((curvature[:, 0] > 1e-8 * curvature.abs().amax(1)).all()):
            return None
        move = -torch.linalg.solve(bend, slope)
        near = move.norm(dim=1) < RESTING * (points.norm(dim=1) + 1e-3)
        return points + move if bool(near.all()) else None

    def require_minimum(self, phi: Any, T: float = 0.0, what: str = "the point") -> None:
        """Check that a point is a minimum (flat directions may be there).

        Args:
            phi: (fields,).
            T: temperature.
            what: what it is, for the message.

        Raises:
            InputError: V falls from it.
        """
        point = self.point(phi, T)
        self._judge(point, self.gradient(point, T), self.hessian(point, T), what)

    def _judge(self, point: Tensor, slope: Tensor, bend: Tensor, what: str) -> None:
        """Raise if slope and second derivatives are not those of a minimum."""
        curvature = torch.linalg.eigvalsh(bend)
        largest = float(curvature.abs().max())
        if bool((curvature < -1e-6 * largest).any()):
            kind = "maximum" if bool((curvature < 0).all()) else "saddle"
            raise InputError(
                f"{what} {_point(point)} is a {kind} of '{self.name}', not a minimum: its lowest second derivative is "
                f"{float(curvature[0]):.3g}"
            )
        if float(slope.norm()) > 1e-4 * largest * (float(point.norm()) + 1e-3):
            raise InputError(
                f"{what} {_point(point)} is no minimum of '{self.name}': its slope is {float(slope.norm()):.3g}"
            )

    def point(self, phi: Any, T: float = 0.0) -> Tensor:
        """A point in field space as a tensor (fields,).

        Raises:
            InputError: another number of fields, T below zero, or V is not finite there.
        """
        point = torch.as_tensor(np.asarray(phi, dtype=np.float64)).reshape(-1)
        if len(point) != self.fields:
            raise InputError(f"'{self.name}' has {self.fields} fields; {_point(point)} has {len(point)}")
        if not T >= 0:
            raise InputError(f"a temperature is 0 or above, not {T}")
        if not bool(torch.isfinite(self.value(point, T))):
            raise InputError(f"'{self.name}' is not finite at {_point(point)}, T = {T:g}")
        return point

    def _arguments(self, phi: Any, T: Any) -> tuple[Tensor, ...]:
        point = phi if isinstance(phi, Tensor) else torch.as_tensor(np.asarray(phi, dtype=np.float64))
        return (point, torch.as_tensor(T, dtype=torch.float64)) if self.temperature_dependent else (point,)

    def _at_rest(self, point: Tensor, T: float) -> tuple[Tensor, Tensor, Tensor]:
        """Newton steps on the slope, which says where a minimum is to more digits than the value does.

        Returns:
            The point, the slope there and the second derivatives next to it.
        """
        slope, bend = self.gradient(point, T), self.hessian(point, T)
        inverse = torch.linalg.pinv(bend, rtol=1e-10, hermitian=True)
        for _ in range(6):
            there = point - inverse @ slope
            found = self.gradient(there, T)
            if not float(found.norm()) < 0.5 * float(slope.norm()):
                break
            point, slope = there, found
        return point, slope, bend

    def _downhill(self, point: Tensor, move: Tensor, value: float, T: float) -> tuple[Tensor, float] | None:
        """The longest of the moves 1, 1/2, 1/4, ... that lowers V; None if none does."""
        for length in 0.5 ** np.arange(40):
            there = point + float(length) * move
            found = float(self.value(there, T))
            if found < value:
                return there, found
        return None


def _slope(total: Tensor, by: Tensor) -> Tensor:
    """Derivative of a sum; zero where it does not depend."""
    if not total.requires_grad:
        return torch.zeros_like(by)
    (found,) = torch.autograd.grad(total, by, allow_unused=True, materialize_grads=True)
    return found


def _point(phi: Tensor) -> str:
    return f"({', '.join(f'{value:.6g}' for value in phi.tolist())})"
