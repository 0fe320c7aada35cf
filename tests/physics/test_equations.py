"""Solvers of differential equations against exact solutions."""

import math

import numpy as np
import pytest
import torch

from partonic.equations.adam import AdamOptions
from partonic.equations.conditions import Face, dirichlet, initial
from partonic.equations.known import known
from partonic.equations.problem import Problem
from partonic.equations.solve import solve

BARS = {"first-order": 1e-9, "oscillator": 1e-12, "poisson": 1e-8, "coupled": 1e-9}
QUICK = [
    "cubic", "bratu", "mixed", "circle", "fast-wave", "boundary-layer", "logistic", "eigenvalue", "fredholm",
    "exponential-kernel", "inverse", "soap-film", "membrane",
]  # fmt: skip
FLOOR = 1e-12


def honest(solution):
    """The estimate is within a factor 10 of the true error, or both are at the floor of the arithmetic."""
    true, estimate = solution.true_error(), float(solution.error.max())
    return max(true, estimate) < FLOOR or true / 10 < estimate < 10 * true


@pytest.mark.parametrize("name", BARS)
def test_the_equations_of_the_literature(name):
    solution = solve(known(name), seed=1)
    assert solution.status == "solved"
    assert solution.true_error() < BARS[name]
    assert honest(solution)


@pytest.mark.parametrize("name", QUICK)
def test_other_problems_are_solved_and_the_error_is_known(name):
    solution = solve(known(name), seed=1)
    assert solution.status == "solved"
    assert solution.true_error() < 1e-8
    assert honest(solution)


def test_unknown_numbers_are_found_with_their_error():
    for name, key, exact in (("eigenvalue", "eigenvalue", math.pi**2), ("inverse", "stiffness", 4.0)):
        found = solve(known(name)).unknowns[key]
        assert abs(found.value - exact) < 1e-8
        assert abs(found.value - exact) < 10 * found.error + 1e-11


def test_a_single_window_that_fails_is_reported():
    solution = solve(known("coupled"), "newton", seconds=0.1)
    assert solution.true_error() > 0.1
    assert solution.status == "failed"
    assert "not fulfilled" in solution.message or "apart" in solution.message


def test_an_unstable_problem_is_reported_although_little_is_left_over():
    """u' = 60 (u - cos x) - sin x forward: any rounding grows by exp(60 x)."""
    problem = Problem(
        lambda x, u, du, d2u: du[0, 0] - 60 * (u[0] - torch.cos(x[0])) + torch.sin(x[0]),
        (0.0,), (2.0,), (initial(0.0, [1.0]),), exact=torch.cos,
    )  # fmt: skip
    solution = solve(problem, "newton", seconds=0.1)
    assert solution.true_error() < 10 * float(solution.error.max()) + 1e-12


def test_no_solution_is_a_status_and_no_exception():
    """Bratu's equation with a source beyond the critical one, 3.51, has no solution."""
    problem = Problem(
        lambda x, u, du, d2u: d2u[0, 0, 0] + 5 * torch.exp(u[0]),
        (0.0,), (1.0,), (dirichlet(Face(0, 0.0), 0.0), dirichlet(Face(0, 1.0), 0.0)),
    )  # fmt: skip
    solution = solve(problem, "newton", seconds=0.1)
    assert solution.status == "failed"
    assert solution.message
    assert solution.trials


def test_levenberg_and_adam_solve_too():
    assert solve(known("oscillator"), "levenberg").true_error() < 1e-7
    rough = solve(known("oscillator"), "adam", options=AdamOptions((8,), 100, 12))
    assert 1e-9 < rough.true_error() < 1
    assert rough.status != "solved"


def test_derivatives_and_residuals_of_a_solution():
    solution = solve(known("oscillator"))
    x = np.linspace(0, 2, 9)
    slope, bend = solution.derivatives(x)
    exact = np.exp(-x / 5) * (np.cos(x) - np.sin(x) / 5)
    assert np.allclose(slope[:, 0, 0], exact, atol=1e-11)
    assert np.allclose(bend[:, 0, 0, 0], np.exp(-x / 5) * (-2 / 5 * np.cos(x) + (1 / 25 - 1) * np.sin(x)), atol=1e-9)
    points, left = solution.residual_map(21)
    assert points.shape == (21, 1)
    assert np.abs(left).max() < 1e-9
    assert np.array_equal(left, solution.residual(points))
    assert solution.error_at(x).max() <= solution.error.max() * (1 + 1e-9) + 1e-15
