"""Problems that are wrong in themselves: one clear sentence each, before anything is solved."""

import numpy as np
import pytest
import torch

from partonic.core.errors import InputError, PartonicError
from partonic.equations.checks import check
from partonic.equations.conditions import Curve, Face, condition, dirichlet, initial, integral, neumann
from partonic.equations.known import KNOWN, cubic, known, poisson
from partonic.equations.problem import Problem
from partonic.equations.solve import solve


def of(equations, conditions, **options):
    return Problem(equations, (0.0,), (1.0,), tuple(conditions), **options)


def second(x, u, du, d2u):
    return d2u[0, 0, 0] + u[0]


LEFT, RIGHT = dirichlet(Face(0, 0.0), 0.0), dirichlet(Face(0, 1.0), 1.0)
SQUARE = ((0.0, 0.0), (1.0, 1.0))


def laplace(x, u, du, d2u):
    return d2u[0, 0, 0] + d2u[0, 1, 1]


WRONG = [
    (lambda: of(second, [LEFT]), r"needs 2 conditions \(2 for the orders .*\), not 1"),
    (lambda: of(second, [LEFT, RIGHT, dirichlet(Face(0, 0.5), 0.0)]), "needs 2 conditions .* not 3"),
    (lambda: of(second, []), "needs 2 conditions .* not 0"),
    (lambda: of(second, [LEFT, dirichlet(Face(0, 0.0), 1.0)]), "contradict each other: .* better than to 0.7"),
    (lambda: of(lambda x, u, du, d2u: x[0] - 1, [LEFT]), "do not depend on field 0"),
    (lambda: of(lambda x, u, du, d2u: du[0, 0] + u[0], [LEFT], fields=2), "1 equation for 2 fields"),
    (lambda: of(lambda x, u, du, d2u: (du[0, 0], du[0, 0]), [LEFT, RIGHT], fields=2), "do not depend on field 1"),
    (lambda: of(lambda x, u, du, d2u: du[0, 0] + torch.sqrt(0.5 - x[0]), [LEFT]), r"not finite at \(0\.5.*whatever"),
    (lambda: of(lambda x, u, du, d2u: du[0, 3] + u[0], [LEFT]), "cannot be evaluated: IndexError"),
    (lambda: of(lambda x, u, du, d2u: torch.zeros(3), [LEFT]), "one number for each of the 41 points"),
    (lambda: of(second, [LEFT, dirichlet(Face(0, 1.0), float("nan"))]), r"a condition .* is not finite at \(1\)"),
    (lambda: of(second, [LEFT, condition(Face(0, 1.0), lambda x, u, du, p: x[0] - 3)]), "depends on no field"),
    (lambda: of(second, [initial(0.0, [0.0, 1.0, 2.0])]), "for each of 1 field, not 3 numbers"),
    (lambda: of(lambda x, u, du, d2u, p: second(x, u, du, d2u), [LEFT, RIGHT], unknowns={"k": 1.0}),
     "do not depend on the unknown number 'k'"),
    (lambda: of(lambda x, u, du, d2u, p: d2u[0, 0, 0] + p[0] * u[0], [LEFT, RIGHT], unknowns={"k": 1.0}),
     r"needs 3 conditions \(2 for the orders of its equations, 1 for unknown numbers\), not 2"),
    (lambda: Problem(laplace, *SQUARE, ()), "it has none"),
    (lambda: Problem(laplace, *SQUARE, (dirichlet(Face(0, 0.0), 0.0),)), "of order 2 along axis 0 and needs 2 cond"),
    (lambda: Problem(laplace, *SQUARE, tuple(dirichlet(Face(a, e), float(a)) for a in (0, 1) for e in (0.0, 1.0))),
     "contradict each other at"),
    (lambda: Problem(laplace, *SQUARE, (neumann(Curve(lambda t: torch.cat([t, t])), 0.0),)), "needs the curve's norm"),
    (lambda: Problem(laplace, *SQUARE, poisson().conditions, inside=lambda x: x[0] > 2), "no point of the box"),
    (lambda: Problem(second, (0.0,), (0.0,), ()), "empty along axis 0"),
    (lambda: Problem(second, (0.0,) * 4, (1.0,) * 4, ()), "one to three coordinates"),
    (lambda: Problem(second, (0.0,), (1.0,), (), fields=0), "one field or more"),
    (lambda: Problem(second, (0.0,), (1.0,), LEFT), "with its comma"),
    (lambda: of(second, [lambda x: x]), "are a tuple of those"),
    (lambda: of(second, [dirichlet(Face(0, 2.0), 0.0)]), "a condition at 2.0 on axis 0, which goes from 0.0 to 1.0"),
    (lambda: of(second, [dirichlet(Face(1, 0.0), 0.0)]), "a condition on axis 1"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "said"), WRONG)
def test_what_is_wrong_is_told_in_one_sentence(make, said):
    with pytest.raises(InputError, match=said) as raised:
        check(make())
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_right_passes_and_its_exact_solution_fulfils_it(name):
    problem = known(name)
    found = check(problem)
    assert found.equations == problem.fields
    assert found.order.max() <= 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "newtn"}, "did you mean 'newton'"),
        ({"tolerance": 0.0}, "tolerance must be above 0"),
        ({"method": "windows"}, "'cubic' cannot be marched"),
    ],
)
def test_wrong_options_of_the_solver(options, said):
    with pytest.raises(PartonicError, match=said):
        solve(cubic(), **options)


def test_an_unknown_equation_is_named():
    with pytest.raises(PartonicError, match="did you mean 'poisson'"):
        known("poison")


def test_points_of_another_shape_are_refused():
    solution = solve(cubic())
    assert solution(np.linspace(0, 1, 5)).shape == (5, 1)
    with pytest.raises(InputError, match=r"must have the shape \(points, 1\)"):
        solution(np.zeros((5, 2)))
    assert integral(lambda x, u, du, p: u[0], 1.0).count == 1
