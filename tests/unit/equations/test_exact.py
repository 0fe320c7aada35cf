"""Conditions that hold exactly: to rounding wherever they are stated, whatever the network is."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from held_conditions import breach, random_fields
from slopes import assert_derivatives

from partonic.core.errors import InputError
from partonic.equations import solve as solver
from partonic.equations.adam import AdamOptions
from partonic.equations.checks import check
from partonic.equations.conditions import (
    Curve,
    Face,
    condition,
    data,
    dirichlet,
    exactly,
    initial,
    integral,
    neumann,
    periodic,
    robin,
)
from partonic.equations.exact import hold
from partonic.equations.features import Shape
from partonic.equations.known import known
from partonic.equations.problem import Problem
from partonic.equations.windows import time_axis


def held(problem):
    return replace(
        problem, conditions=tuple(one if one.kind == "integral" else exactly(one) for one in problem.conditions)
    )


def beam(*conditions):
    return Problem(lambda x, u, du, d2u: d2u[0, 0, 0] + u[0], (0.0,), (2.0,), tuple(map(exactly, conditions)))


LEFT, RIGHT = Face(0, 0.0), Face(0, 2.0)
HELD = {
    "values": lambda: beam(dirichlet(LEFT, 1.0), dirichlet(RIGHT, -2.0)),
    "slopes": lambda: beam(dirichlet(LEFT, 1.0), neumann(RIGHT, 3.0)),
    "mixtures": lambda: beam(robin(LEFT, 2.0, 0.5, 1.5, lower=True), robin(RIGHT, 1.0, -1.0, 0.3)),
    "a period": lambda: beam(periodic(0, 0.0, 2.0)),
    "within": lambda: beam(dirichlet(LEFT, 1.0), dirichlet(Face(0, 0.7), 0.2)),
    "coupled": lambda: held(known("coupled")),
    "square": lambda: held(known("poisson")),
    "heat": lambda: held(known("heat")),
    "wave": lambda: held(known("wave")),
    "cube": lambda: held(known("cube")),
    "two fields": lambda: held(known("two-fields")),
}


@pytest.mark.parametrize("name", HELD)
def test_no_network_can_break_them(name):
    problem = HELD[name]()
    check(problem)
    assert breach(problem, random_fields(problem)) < 1e-12


@pytest.mark.parametrize("name", ["slopes", "a period", "wave", "two fields"])
def test_their_derivatives_are_those_of_finite_differences(name):
    problem = HELD[name]()
    fields = random_fields(problem)
    x = torch.tensor([[0.3, 0.61], [0.2, 0.7]], dtype=torch.float64)[: problem.dimensions]
    assert_derivatives(fields, x)


@pytest.mark.parametrize("name", ["oscillator", "mixed", "circle", "inverse", "eigenvalue", "soap-film"])
def test_they_are_solved_as_well_as_those_of_least_squares(name):
    problem = known(name)
    firm = replace(
        problem,
        conditions=tuple(exactly(one) if one.kind not in ("integral", "data") else one for one in problem.conditions),
    )
    solution = solver.solve(firm, "newton")
    assert solution.status == "solved"
    assert solution.true_error() < 1e-11
    assert breach(firm, solution.fields) < 1e-13
    assert list(solution.unknowns) == list(problem.unknowns)


def test_marches_levenberg_and_adam_keep_them_too(monkeypatch):
    monkeypatch.setattr(solver, "COUNTS", {1: (3,)})
    monkeypatch.setattr(solver, "MOVED", {1: Shape(12, 2.0, 24)})
    firm = held(known("oscillator"))
    assert time_axis(firm) == 0
    for method, bar in (("windows", 1e-10), ("levenberg", 1e-5), ("adam", 1.0)):
        solution = solver.solve(firm, method, options=AdamOptions((8,), 50, 12))
        assert solution.true_error() < bar
        assert breach(firm, solution.fields) < 1e-13


def test_a_ring_that_begins_exactly_and_closes_in_the_sense_of_least_squares(monkeypatch):
    """u_t = u_xx on a circle from sin x: exp(-t) sin x."""
    monkeypatch.setattr(solver, "SHAPES", {2: (Shape(100, 0.8, 14),)})
    two_pi = float(2 * np.pi)
    problem = Problem(
        lambda x, u, du, d2u: du[0, 1] - d2u[0, 0, 0],
        (0.0, 0.0), (two_pi, 0.5),
        (periodic(0, 0.0, two_pi), exactly(initial(0.0, [lambda x: torch.sin(x[0])], axis=1))),
        exact=lambda x: (torch.exp(-x[1]) * torch.sin(x[0]))[None],
    )  # fmt: skip
    assert time_axis(problem) is None
    solution = solver.solve(problem, "newton", tolerance=1e-4)
    assert solution.true_error() < 1e-4
    assert breach(problem, solution.fields) < 1e-15


@pytest.mark.parametrize(
    ("does", "said"),
    [
        (lambda: exactly(integral(lambda x, u, du, p: u[0], 1.0)), "not the kind 'integral'"),
        (lambda: exactly(data(torch.zeros(1, 3), torch.zeros(3))), "not the kind 'data'"),
        (lambda: exactly(condition(LEFT, lambda x, u, du, p: u[0] ** 2 - 1)), "not the kind 'own'"),
        (lambda: exactly(dirichlet(Curve(lambda t: t), 0.0)), "not a condition on a curve"),
        (lambda: hold(beam(dirichlet(LEFT, 1.0), dirichlet(LEFT, 2.0))), "contradict each other"),
    ],
)
def test_what_cannot_hold_exactly_is_told(does, said):
    with pytest.raises(InputError) as caught:
        does()
    assert said in str(caught.value)
