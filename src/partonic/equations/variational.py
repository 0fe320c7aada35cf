"""Problems that come from a Lagrangian: its Euler-Lagrange equations, with constraints as multipliers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from partonic.equations.conditions import Condition, integral
from partonic.equations.problem import Problem

Density = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Constraint:
    """An integral that is held.

    Args:
        density: function ``(x, u, du)`` that gives (points,).
        value: of its integral over the domain.
        multiplier: first guess of its Lagrange multiplier.
    """

    density: Density
    value: float
    multiplier: float = 0.0


def variational(
    lagrangian: Density,
    lower: tuple[float, ...],
    upper: tuple[float, ...],
    conditions: tuple[Condition, ...],
    *,
    fields: int = 1,
    constraints: Mapping[str, Constraint] | None = None,
    guess: Callable[[Tensor], Tensor] | None = None,
    exact: Callable[[Tensor], Tensor] | None = None,
    name: str = "variational problem",
) -> Problem:
    r"""The problem whose solution makes :math:`\int L(x, u, \partial u)` stationary.

    Its equations are :math:`\sum_a d/dx_a\, \partial L/\partial u_{i,a} - \partial L/\partial u_i = 0` of
    :math:`L + \sum_c \lambda_c g_c`, where the multipliers are unknown numbers with the names of the constraints.

    Args:
        lagrangian: function ``(x, u, du)`` of points (dimensions, points), fields (fields, points) and derivatives
            (fields, dimensions, points) that gives (points,).
        lower: lower ends of the coordinates.
        upper: upper ends.
        conditions: on the boundary.
        fields: number of unknown functions.
        constraints: integrals that are held, by name.
        guess: first guess of the fields.
        exact: the known solution, to compare with.
        name: for messages and figures.
    """
    held = dict(constraints or {})

    def density(x: Tensor, u: Tensor, du: Tensor, p: Tensor | None) -> Tensor:
        total = lagrangian(x, u, du)
        for number, one in enumerate(held.values()):
            assert p is not None
            total = total + p[number] * one.density(x, u, du)
        return total

    def equations(x: Tensor, u: Tensor, du: Tensor, d2u: Tensor, p: Tensor | None = None) -> list[Tensor]:
        return euler_lagrange(lambda x, u, du: density(x, u, du, p), x, u, du, d2u)

    def held_integral(one: Constraint) -> Condition:
        return integral(lambda x, u, du, p: one.density(x, u, du), one.value)

    return Problem(
        equations,
        lower,
        upper,
        (*conditions, *map(held_integral, held.values())),
        fields=fields,
        unknowns={key: one.multiplier for key, one in held.items()},
        guess=guess,
        exact=exact,
        name=name,
    )


def euler_lagrange(density: Density, x: Tensor, u: Tensor, du: Tensor, d2u: Tensor) -> list[Tensor]:
    """Left sides of the Euler-Lagrange equations at points, one (points,) a field, differentiable by the fields."""
    with torch.enable_grad():
        x, u, du = (part if part.requires_grad else part.detach().requires_grad_() for part in (x, u, du))
        value = density(x, u, du).sum()
        by_u, by_du = torch.autograd.grad(value, (u, du), create_graph=True, materialize_grads=True)
        found = []
        for field in range(len(u)):
            total = -by_u[field]
            for axis in range(len(x)):
                total = total + _along(by_du[field, axis], axis, x, u, du, d2u)
            found.append(total)
        return found


def _along(value: Tensor, axis: int, x: Tensor, u: Tensor, du: Tensor, d2u: Tensor) -> Tensor:
    """Total derivative along an axis of a function of x, u and du, (points,)."""
    if not value.requires_grad:
        return torch.zeros_like(value)
    by = torch.autograd.grad(value.sum(), (x, u, du), create_graph=True, materialize_grads=True)
    return by[0][axis] + (by[1] * du[:, axis]).sum(0) + (by[2] * d2u[:, :, axis]).sum((0, 1))
