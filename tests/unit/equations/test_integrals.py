"""Integral operators: known equations with kernels that do not separate, derivatives, and what is refused."""

import math

import pytest
import torch

from partonic.core.errors import InputError
from partonic.equations import kernels
from partonic.equations import solve as solver
from partonic.equations.checks import check
from partonic.equations.conditions import Face, dirichlet, exactly, initial, integral
from partonic.equations.features import Shape, draw
from partonic.equations.integrals import KernelIntegral, sums
from partonic.equations.known import known
from partonic.equations.newton import prepare, residual, system
from partonic.equations.problem import Problem
from partonic.equations.solve import solve
from partonic.equations.system import terms

STEP = 1e-5
SMALL = {1: (Shape(40, 1.5, 80),)}


def to_x(x):
    return x[0]


def memory(*conditions):
    """u' = -integral of u from 0 to x: a cosine."""
    return Problem(
        lambda x, u, du, d2u, past: du[0, 0] + past[0],
        (0.0,), (2.0,), conditions or (initial(0.0, [1.0]),),
        integrals=(KernelIntegral(lambda x, y, u, du, p: u[0], upper=to_x),), exact=torch.cos,
    )  # fmt: skip


def string():
    """u = k times the integral of min(x, y) u(y), whose kink lies where two integrals meet: sin(pi x / 2)."""
    return Problem(
        lambda x, u, du, d2u, p, i: u[0] - p[0] * (i[0] + i[1]),
        (0.0,), (1.0,), (integral(lambda x, u, du, p: u[0] ** 2, 0.5),),
        unknowns={"k": 2.0},
        integrals=(
            KernelIntegral(lambda x, y, u, du, p: y[0] * u[0], upper=to_x),
            KernelIntegral(lambda x, y, u, du, p: x[0] * u[0], lower=to_x),
        ),
        guess=lambda x: 1.5 * x * (2 - x) / 1.4,
        exact=lambda x: torch.sin(math.pi * x / 2),
    )  # fmt: skip


@pytest.mark.parametrize(
    "make",
    [
        lambda: known("exponential-kernel"),
        lambda: known("volterra"),
        memory,
        lambda: memory(exactly(initial(0.0, [1.0]))),
        string,
    ],
    ids=["fredholm", "volterra", "memory", "exact start", "string"],
)
def test_known_equations_are_solved_and_the_error_is_known(make, monkeypatch):
    monkeypatch.setattr(solver, "SHAPES", SMALL)
    solution = solve(make())
    assert solution.status == "solved"
    true = solution.true_error()
    assert true < 1e-10
    assert true < 10 * float(solution.error.max()) + 1e-12
    assert abs(solution.residual_map(7)[1]).max() < 1e-9
    if any(one.held for one in solution.problem.conditions):
        assert solution([0.0])[0, 0] == pytest.approx(1.0, abs=1e-15)
    if solution.unknowns:
        assert solution.unknowns["k"].value == pytest.approx(math.pi**2 / 4, abs=1e-9)


@pytest.mark.parametrize("kept", [kernels.KEPT, 0])
def test_rows_follow_output_layer_and_unknown_numbers(kept, monkeypatch):
    monkeypatch.setattr(kernels, "KEPT", kept)
    monkeypatch.setattr(kernels, "AT_ONCE", 3_000)
    problem = Problem(
        lambda x, u, du, d2u, p, i: (u[0] * i[0] + p[0], u[1] + i[1] ** 2),
        (0.0,), (1.5,), (), fields=2, unknowns={"k": 0.7},
        integrals=(
            KernelIntegral(lambda x, y, u, du, p: torch.sin(x[0] * y[0]) * u[0] ** 2 * p[0] + du[1, 0] * u[1]),
            KernelIntegral(lambda x, y, u, du, p: torch.exp(-x[0] * y[0] * u[1]), lower=0.2, upper=to_x),
        ),
    )  # fmt: skip
    g = torch.Generator().manual_seed(1)
    features = draw(Shape(7, 1.3, 9), problem.lower, problem.upper, 2)
    output = torch.randn(features.count, 2, generator=g, dtype=torch.float64)
    unknowns = torch.tensor([0.7], dtype=torch.float64)
    prepared = prepare(terms(problem, 9), features)
    assert all((one.kept is None) == (kept == 0) for one in prepared[0].operators)
    rows, slopes = system(prepared, output, unknowns)
    assert torch.allclose(rows, residual(prepared, output, unknowns), rtol=1e-14, atol=1e-14)
    move = torch.randn(slopes.shape[1], generator=g, dtype=torch.float64)

    def after(step):
        by_output, by_unknown = step * move[:-1].reshape(output.shape), step * move[-1:]
        return residual(prepared, output + by_output, unknowns + by_unknown)

    assert torch.allclose(slopes @ move, (after(STEP) - after(-STEP)) / (2 * STEP), rtol=1e-6, atol=1e-8)


def test_sums_are_integrals():
    x = torch.tensor([[0.3, 1.1]], dtype=torch.float64)
    whole, past, window = sums(
        [
            KernelIntegral(None),
            KernelIntegral(None, upper=to_x),
            KernelIntegral(None, lower=lambda x: x[0] / 2, upper=1.5),
        ],
        x, (0.0, 2.0), 20,
    )  # fmt: skip
    assert whole.shared
    assert not past.shared
    for one, low, high in ((whole, 0, [2, 2]), (past, 0, [0.3, 1.1]), (window, [0.15, 0.55], [1.5, 1.5])):
        low, high = (torch.tensor(limit, dtype=torch.float64) for limit in (low, high))
        expected = torch.exp(high) - torch.exp(low)
        assert torch.allclose((torch.exp(one.y) * one.weights).sum(1), expected, rtol=1e-13)


def of(kernel, equations=None, **options):
    equations = equations or (lambda x, u, du, d2u, i: u[0] - 1 - i[0])
    return Problem(equations, (0.0,), (1.0,), (), integrals=(KernelIntegral(kernel, **options),))


def fine(x, y, u, du, p):
    return u[0]


WRONG = [
    (lambda: solve(of(fine), "levenberg"), "integral operators, which only the method newton solves, not levenberg"),
    (lambda: solve(of(fine), "adam"), "which only the method newton solves, not adam"),
    (lambda: solve(memory(), "windows"), "no integral operators"),
    (lambda: check(of(lambda x, y, u, du, p: y[0])), "kernel of integral 0 of 'equation' depends on no field"),
    (lambda: check(of(lambda x, y, u, du, p: u[0] / (0 * y[0]))), "is not finite at x = "),
    (lambda: check(of(lambda x, y, u, du, p: u[3])), "cannot be evaluated"),
    (lambda: check(of(lambda x, y, u, du, p: (u[0], u[0]))), "one number for each of the points, not 2"),
    (lambda: check(of(fine, upper=2.0)), "an integral reaches 2, outside of the domain from 0 to 1"),
    (lambda: check(of(fine, lambda x, u, du, d2u, i: u[0] - 1)), "do not depend on its integral 0"),
    (lambda: Problem(lambda *_: None, (0.0,), (1.0,), (), integrals=KernelIntegral(fine)), "with its comma"),
    (lambda: Problem(lambda *_: None, (0.0, 0.0), (1.0, 1.0), (dirichlet(Face(0, 0.0), 0.0),),
                     integrals=(KernelIntegral(fine),)), "need a problem on one whole interval"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_what_cannot_be_solved_is_told(number):
    does, said = WRONG[number]
    with pytest.raises(InputError) as caught:
        does()
    assert said in str(caught.value)
