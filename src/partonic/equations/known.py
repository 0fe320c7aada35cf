"""Problems whose solutions are known: what solvers are measured on."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from scipy.optimize import brentq
from torch import Tensor

from partonic.core.errors import unknown
from partonic.equations.conditions import (
    Condition,
    Curve,
    Face,
    Value,
    data,
    dirichlet,
    initial,
    integral,
    neumann,
    periodic,
    robin,
)
from partonic.equations.integrals import KernelIntegral
from partonic.equations.problem import Problem
from partonic.equations.variational import Constraint, variational

exp, sin, cos = torch.exp, torch.sin, torch.cos
PI = math.pi


def first_order() -> Problem:
    """First order, linear (arXiv:1902.05563, first example)."""

    def a(x: Tensor) -> Tensor:
        return (1 + 3 * x**2) / (1 + x + x**3)

    return Problem(
        lambda x, u, du, d2u: du[0, 0] + (x[0] + a(x[0])) * u[0] - x[0] ** 3 - 2 * x[0] - x[0] ** 2 * a(x[0]),
        (0.0,),
        (2.0,),
        (initial(0.0, [1.0]),),
        exact=lambda x: exp(-(x**2) / 2) / (1 + x + x**3) + x**2,
        name="first order",
    )


def oscillator() -> Problem:
    """Damped and driven oscillator (arXiv:1902.05563, second example)."""
    return Problem(
        lambda x, u, du, d2u: d2u[0, 0, 0] + du[0, 0] / 5 + u[0] + exp(-x[0] / 5) * cos(x[0]) / 5,
        (0.0,),
        (2.0,),
        (initial(0.0, [0.0], [1.0]),),
        exact=lambda x: exp(-x / 5) * sin(x),
        name="oscillator",
    )


def poisson() -> Problem:
    """Poisson equation on the unit square (arXiv:1902.05563, third example)."""

    def exact(x: Tensor) -> Tensor:
        return exp(-x[0]) * (x[0] + x[1] ** 3)

    return Problem(
        lambda x, u, du, d2u: d2u[0, 0, 0] + d2u[0, 1, 1] - exp(-x[0]) * (x[0] - 2 + x[1] ** 3 + 6 * x[1]),
        (0.0, 0.0),
        (1.0, 1.0),
        _sides(2, exact),
        exact=lambda x: exact(x)[None],
        name="Poisson",
    )


def coupled() -> Problem:
    """Two coupled non-linear equations, unstable forward."""

    def equations(x: Tensor, u: Tensor, du: Tensor, d2u: Tensor) -> tuple[Tensor, Tensor]:
        s = x[0]
        first = du[0, 0] - cos(s) - u[0] ** 2 - u[1] + 1 + s**2 + sin(s) ** 2
        return first, du[1, 0] - 2 * s + (1 + s**2) * sin(s) - u[0] * u[1]

    return Problem(
        equations,
        (0.0,),
        (3.0,),
        (initial(0.0, [0.0, 1.0]),),
        fields=2,
        exact=lambda x: torch.stack([sin(x[0]), 1 + x[0] ** 2]),
        name="coupled",
    )


def boundary_layer() -> Problem:
    """Boundary layer of width 0.01."""
    eps = 0.01
    root = math.sqrt(1 - 4 * eps)
    slow, fast = (-1 + root) / (2 * eps), (-1 - root) / (2 * eps)
    scale = math.exp(slow) - math.exp(fast)
    return Problem(
        lambda x, u, du, d2u: eps * d2u[0, 0, 0] + du[0, 0] + u[0],
        (0.0,),
        (1.0,),
        (dirichlet(Face(0, 0.0), 0.0), dirichlet(Face(0, 1.0), 1.0)),
        exact=lambda x: (exp(slow * x) - exp(fast * x)) / scale,
        name="boundary layer",
    )


def stiff() -> Problem:
    """Stiff relaxation: a transient of length 0.005 before a slow change."""
    rate = 200.0
    return Problem(
        lambda x, u, du, d2u: du[0, 0] + rate * (u[0] - cos(x[0])) + sin(x[0]),
        (0.0,),
        (2.0,),
        (initial(0.0, [2.0]),),
        exact=lambda x: cos(x) + exp(-rate * x),
        name="stiff",
    )


def logistic() -> Problem:
    """Logistic growth, non-linear."""
    return Problem(
        lambda x, u, du, d2u: du[0, 0] - 3 * u[0] * (1 - u[0]),
        (0.0,),
        (4.0,),
        (initial(0.0, [0.1]),),
        exact=lambda x: 1 / (1 + 9 * exp(-3 * x)),
        name="logistic",
    )


def cubic() -> Problem:
    """Non-linear boundary-value problem u'' = 2 u^3."""
    return Problem(
        lambda x, u, du, d2u: d2u[0, 0, 0] - 2 * u[0] ** 3,
        (0.0,),
        (1.0,),
        (dirichlet(Face(0, 0.0), 1.0), dirichlet(Face(0, 1.0), 0.5)),
        exact=lambda x: 1 / (1 + x),
        name="cubic",
    )


def bratu() -> Problem:
    """Bratu's equation u'' + exp(u) = 0, the lower of its two solutions."""
    theta = float(brentq(lambda t: t - math.sqrt(2) * math.cosh(t / 4), 0.5, 3.0, xtol=1e-15))
    return Problem(
        lambda x, u, du, d2u: d2u[0, 0, 0] + exp(u[0]),
        (0.0,),
        (1.0,),
        (dirichlet(Face(0, 0.0), 0.0), dirichlet(Face(0, 1.0), 0.0)),
        exact=lambda x: -2 * torch.log(torch.cosh((x - 0.5) * theta / 2) / math.cosh(theta / 4)),
        name="Bratu",
    )


def mixed() -> Problem:
    """A slope at one end, a mixture of value and slope at the other."""
    return Problem(
        lambda x, u, du, d2u: d2u[0, 0, 0] - u[0],
        (0.0,),
        (1.0,),
        (neumann(Face(0, 0.0), 0.0, lower=True), robin(Face(0, 1.0), 1.0, 1.0, math.exp(1.0))),
        exact=torch.cosh,
        name="mixed conditions",
    )


def circle() -> Problem:
    """Periodic conditions."""
    return Problem(
        lambda x, u, du, d2u: d2u[0, 0, 0] - u[0] + 5 * sin(2 * x[0]),
        (0.0,),
        (2 * PI,),
        (periodic(0, 0.0, 2 * PI),),
        exact=lambda x: sin(2 * x),
        name="periodic",
    )


def fast_wave() -> Problem:
    """Helmholtz equation of 5 wavelengths."""
    k = 10 * PI + 1
    return Problem(
        lambda x, u, du, d2u: d2u[0, 0, 0] + k**2 * u[0],
        (0.0,),
        (1.0,),
        (dirichlet(Face(0, 0.0), 0.0), dirichlet(Face(0, 1.0), math.sin(k))),
        exact=lambda x: sin(k * x),
        name="Helmholtz, 1D",
    )


def heat() -> Problem:
    """Heat equation; the second coordinate is time."""
    return Problem(
        lambda x, u, du, d2u: du[0, 1] - d2u[0, 0, 0],
        (0.0, 0.0),
        (1.0, 0.3),
        (
            dirichlet(Face(0, 0.0), 0.0),
            dirichlet(Face(0, 1.0), 0.0),
            initial(0.0, [lambda x: sin(PI * x[0])], axis=1),
        ),
        exact=lambda x: (exp(-(PI**2) * x[1]) * sin(PI * x[0]))[None],
        name="heat",
    )


def wave() -> Problem:
    """Wave equation; the second coordinate is time."""
    return Problem(
        lambda x, u, du, d2u: d2u[0, 1, 1] - d2u[0, 0, 0],
        (0.0, 0.0),
        (1.0, 1.0),
        (
            dirichlet(Face(0, 0.0), 0.0),
            dirichlet(Face(0, 1.0), 0.0),
            initial(0.0, [lambda x: sin(PI * x[0])], [0.0], axis=1),
        ),
        exact=lambda x: (cos(PI * x[1]) * sin(PI * x[0]))[None],
        name="wave",
    )


def burgers() -> Problem:
    """Burgers' equation, a travelling front; the second coordinate is time."""
    nu = 0.1

    def exact(x: Tensor) -> Tensor:
        return 0.5 - 0.5 * torch.tanh((x[0] - 0.5 * x[1]) / (4 * nu))

    return Problem(
        lambda x, u, du, d2u: du[0, 1] + u[0] * du[0, 0] - nu * d2u[0, 0, 0],
        (-1.0, 0.0),
        (1.0, 1.0),
        (dirichlet(Face(0, -1.0), exact), dirichlet(Face(0, 1.0), exact), initial(0.0, [exact], axis=1)),
        exact=lambda x: exact(x)[None],
        name="Burgers",
    )


def helmholtz() -> Problem:
    """Helmholtz equation on a square."""

    def exact(x: Tensor) -> Tensor:
        return sin(2 * x[0]) * cos(3 * x[1])

    return Problem(
        lambda x, u, du, d2u: d2u[0, 0, 0] + d2u[0, 1, 1] + 13 * u[0],
        (0.0, 0.0),
        (1.0, 1.0),
        _sides(2, exact),
        exact=lambda x: exact(x)[None],
        name="Helmholtz, 2D",
    )


def cube() -> Problem:
    """Poisson equation in three dimensions."""

    def exact(x: Tensor) -> Tensor:
        return sin(x[0]) * sin(x[1]) * exp(x[2] / 2)

    return Problem(
        lambda x, u, du, d2u: d2u[0, 0, 0] + d2u[0, 1, 1] + d2u[0, 2, 2] + 1.75 * exact(x),
        (0.0, 0.0, 0.0),
        (1.0, 1.0, 1.0),
        _sides(3, exact),
        exact=lambda x: exact(x)[None],
        name="Poisson, 3D",
    )


def disc() -> Problem:
    """Laplace equation on the unit disc, cut out of a square."""

    def ring(t: Tensor) -> Tensor:
        return torch.stack([cos(2 * PI * t[0]), sin(2 * PI * t[0])])

    def exact(x: Tensor) -> Tensor:
        return exp(x[0]) * sin(x[1])

    return Problem(
        lambda x, u, du, d2u: d2u[0, 0, 0] + d2u[0, 1, 1],
        (-1.0, -1.0),
        (1.0, 1.0),
        (dirichlet(Curve(ring, lambda x: x), exact),),
        inside=lambda x: x.square().sum(0) <= 1,
        exact=lambda x: exact(x)[None],
        name="disc",
    )


def two_fields() -> Problem:
    """Two coupled partial differential equations."""

    def u_exact(x: Tensor) -> Tensor:
        return sin(x[0]) * cos(x[1])

    def v_exact(x: Tensor) -> Tensor:
        return exp(-x[0]) * x[1]

    def equations(x: Tensor, u: Tensor, du: Tensor, d2u: Tensor) -> tuple[Tensor, Tensor]:
        first = d2u[0, 0, 0] + d2u[0, 1, 1] + u[1] + 2 * u_exact(x) - v_exact(x)
        return first, d2u[1, 0, 0] + d2u[1, 1, 1] - u[0] - v_exact(x) + u_exact(x)

    return Problem(
        equations,
        (0.0, 0.0),
        (1.0, 1.0),
        _sides(2, u_exact) + _sides(2, v_exact, field=1),
        fields=2,
        exact=lambda x: torch.stack([u_exact(x), v_exact(x)]),
        name="two fields",
    )


def eigenvalue() -> Problem:
    """Lowest eigenvalue of -u'' on an interval: pi^2."""
    return Problem(
        lambda x, u, du, d2u, p: d2u[0, 0, 0] + p[0] * u[0],
        (0.0,),
        (1.0,),
        (
            dirichlet(Face(0, 0.0), 0.0),
            dirichlet(Face(0, 1.0), 0.0),
            integral(lambda x, u, du, p: u[0] ** 2, 0.5),
        ),
        unknowns={"eigenvalue": 9.0},
        guess=lambda x: 3 * x * (1 - x),
        exact=lambda x: sin(PI * x),
        name="eigenvalue",
    )


def fredholm() -> Problem:
    """Integral equation u(x) = f(x) + x times the integral of y u(y); its integral is the unknown number."""
    return Problem(
        lambda x, u, du, d2u, p: u[0] - exp(x[0]) + x[0] - p[0] * x[0],
        (0.0,),
        (1.0,),
        (integral(lambda x, u, du, p: x[0] * u[0] - p[0], 0.0),),
        unknowns={"integral": 0.0},
        exact=exp,
        name="integral equation",
    )


def exponential_kernel() -> Problem:
    """Fredholm equation of the second kind with a kernel exp(x y) that does not separate."""

    def source(x: Tensor) -> Tensor:
        return exp(x) - torch.expm1(x + 1) / (2 * (x + 1))

    return Problem(
        lambda x, u, du, d2u, integrals: u[0] - source(x[0]) - 0.5 * integrals[0],
        (0.0,),
        (1.0,),
        (),
        integrals=(KernelIntegral(lambda x, y, u, du, p: exp(x[0] * y[0]) * u[0]),),
        exact=exp,
        name="Fredholm equation",
    )


def volterra() -> Problem:
    """Volterra equation, not linear, with a kernel exp(x y) u^2 that does not separate."""

    def source(x: Tensor) -> Tensor:
        return exp(x / 2) - torch.expm1(x * (x + 1)) / (2 * (x + 1))

    return Problem(
        lambda x, u, du, d2u, integrals: u[0] - source(x[0]) - 0.5 * integrals[0],
        (0.0,),
        (1.0,),
        (),
        integrals=(KernelIntegral(lambda x, y, u, du, p: exp(x[0] * y[0]) * u[0] ** 2, upper=lambda x: x[0]),),
        exact=lambda x: exp(x / 2),
        name="Volterra equation",
    )


def inverse() -> Problem:
    """Inverse problem: the stiffness 4 of a spring from positions."""
    x = torch.linspace(0.1, 1.9, 10, dtype=torch.float64)[None]
    return Problem(
        lambda x, u, du, d2u, p: d2u[0, 0, 0] + p[0] * u[0],
        (0.0,),
        (2.0,),
        (dirichlet(Face(0, 0.0), 0.0), data(x, sin(2 * x[0]))),
        unknowns={"stiffness": 3.0},
        guess=lambda x: sin(1.8 * x),
        exact=lambda x: sin(2 * x),
        name="inverse",
    )


def family() -> Problem:
    """A family of decays; the second coordinate is their rate."""
    return Problem(
        lambda x, u, du, d2u: du[0, 0] + x[1] * u[0],
        (0.0, 0.5),
        (2.0, 2.0),
        (initial(0.0, [1.0]),),
        exact=lambda x: exp(-x[0] * x[1])[None],
        name="family",
    )


def soap_film() -> Problem:
    """Surface of least area between two rings: a catenary, from its Lagrangian."""
    return variational(
        lambda x, u, du: u[0] * torch.sqrt(1 + du[0, 0] ** 2),
        (-0.5,),
        (0.5,),
        (dirichlet(Face(0, -0.5), math.cosh(0.5)), dirichlet(Face(0, 0.5), math.cosh(0.5))),
        guess=lambda x: torch.full_like(x, 1.1),
        exact=torch.cosh,
        name="soap film",
    )


def membrane() -> Problem:
    """Smallest bending energy of a string of unit area under it: a parabola, from a Lagrangian with a constraint."""
    return variational(
        lambda x, u, du: 0.5 * du[0, 0] ** 2,
        (0.0,),
        (1.0,),
        (dirichlet(Face(0, 0.0), 0.0), dirichlet(Face(0, 1.0), 0.0)),
        constraints={"pressure": Constraint(lambda x, u, du: u[0], 1.0)},
        exact=lambda x: 6 * x * (1 - x),
        name="constraint",
    )


def _sides(dimensions: int, value: Value, field: int = 0) -> tuple[Condition, ...]:
    """A field's value on all faces of the unit cube."""
    return tuple(dirichlet(Face(axis, end), value, field) for axis in range(dimensions) for end in (0.0, 1.0))


KNOWN: dict[str, Callable[[], Problem]] = {
    make.__name__.replace("_", "-"): make
    for make in (
        first_order, oscillator, poisson, coupled, boundary_layer, stiff, logistic, cubic, bratu, mixed, circle,
        fast_wave, heat, wave, burgers, helmholtz, cube, disc, two_fields, eigenvalue, fredholm, exponential_kernel,
        volterra, inverse, family, soap_film, membrane,
    )
}  # fmt: skip


def known(name: str) -> Problem:
    """A problem with a known solution.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in KNOWN:
        raise unknown("equation", name, KNOWN)
    return KNOWN[name]()
