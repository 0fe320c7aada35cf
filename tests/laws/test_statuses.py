"""Whatever problem or potential is given, solvers end in a status or in one sentence, and never in a traceback."""

import warnings

import numpy as np
import pytest
import torch

from partonic.core.errors import PartonicError
from partonic.equations import solve as solver
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
from partonic.equations.features import Shape
from partonic.equations.problem import Problem
from partonic.transitions.bounce import bounce
from partonic.transitions.potential import Potential
from partonic.transitions.transition import transition

SEED, COUNT, WELLS, HOT = 3, 14, 9, 2
TERMS = (
    lambda x, u, du, d2u: d2u[0, 0, 0],
    lambda x, u, du, d2u: du[0, 0],
    lambda x, u, du, d2u: u[0],
    lambda x, u, du, d2u: torch.exp(3 * u[0]),
    lambda x, u, du, d2u: torch.log(u[0]),
    lambda x, u, du, d2u: torch.sqrt(u[0] - 0.5),
    lambda x, u, du, d2u: 1 / u[0],
    lambda x, u, du, d2u: 1 / (x[0] - 0.3),
    lambda x, u, du, d2u: u[0] ** 5 * du[0, 0],
    lambda x, u, du, d2u: u[0].abs(),
    lambda x, u, du, d2u: torch.where(x[0] > 0.5, 1e8, -1e-8),
    lambda x, u, du, d2u: 1e30 * u[0] ** 3,
    lambda x, u, du, d2u: d2u[0, 0, 0] ** 2,
    lambda x, u, du, d2u: torch.full_like(u[0], float("nan")) * (u[0] > 1),
)
LEFT, RIGHT = Face(0, 0.0), Face(0, 1.0)
CONDITIONS = (
    lambda v: dirichlet(LEFT, v),
    lambda v: dirichlet(RIGHT, v),
    lambda v: neumann(RIGHT, v),
    lambda v: robin(LEFT, 1.0, v, 1.0, lower=True),
    lambda v: periodic(0, 0.0, 1.0, slopes=v > 0),
    lambda v: initial(0.0, [v]),
    lambda v: initial(0.0, [v, 1e20]),
    lambda v: integral(lambda x, u, du, p: u[0] ** 2, v),
    lambda v: data(torch.tensor([[0.2, 0.7]], dtype=torch.float64), torch.tensor([v, 1.0], dtype=torch.float64)),
    lambda v: condition(RIGHT, lambda x, u, du, p: torch.log(u[0]) + v),
    lambda v: dirichlet(Curve(torch.tensor([[0.5]], dtype=torch.float64)), v),
    lambda v: exactly(dirichlet(LEFT, v)),
    lambda v: exactly(neumann(RIGHT, v)),
)


def random_problem(rng):
    """Some terms on an interval, conditions that fit its order or any, sometimes an unknown number."""
    chosen = rng.choice(len(TERMS), rng.integers(1, 4), replace=False)
    size = 10.0 ** rng.uniform(-3, 3, len(chosen))
    numbers = {"k": float(rng.normal())} if rng.random() < 0.3 else {}

    def equations(x, u, du, d2u, p=None):
        total = sum(a * TERMS[i](x, u, du, d2u) for a, i in zip(size, chosen, strict=True))
        return total if p is None else total + p[0] * u[0]

    second = bool(set(chosen) & {0, 12})
    fitting = ((0, 1), (0, 2), (3, 1), (6,), (11, 12)) if second else ((0,), (1,), (5,), (11,))
    kinds = rng.choice(len(CONDITIONS), rng.integers(1, 4))
    kinds = fitting[rng.integers(len(fitting))] if rng.random() < 0.6 else kinds
    values = rng.choice([-1.0, 0.0, 1.0, 1e12, float("inf")], len(kinds), p=[0.3, 0.3, 0.3, 0.07, 0.03])
    conditions = tuple(CONDITIONS[k](float(v)) for k, v in zip(kinds, values, strict=True))
    return Problem(equations, (0.0,), (1.0,), conditions, unknowns=numbers)


@pytest.fixture
def small(monkeypatch):
    """Networks that are small enough for many problems."""
    monkeypatch.setattr(solver, "SHAPES", {1: (Shape(20, 2.0, 40),)})
    monkeypatch.setattr(solver, "WINDOWS", {1: Shape(15, 1.5, 30)})
    monkeypatch.setattr(solver, "COUNTS", {1: (3,)})
    monkeypatch.setattr(solver, "MOVED", {1: Shape(8, 2.0, 20)})


def outcome(solve, *arguments, **options):
    """The status, or the error's sentence as ``told``; any other exception or warning ends the test."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = solve(*arguments, **options)
    except PartonicError as error:
        found = error
    message = str(found) if isinstance(found, PartonicError) else found.message
    assert message
    assert "\n" not in message
    return "told" if isinstance(found, PartonicError) else found.status


def test_problems_end_in_a_status(small):
    rng = np.random.default_rng(SEED)
    found = [outcome(solver.solve, random_problem(rng), ("auto", "newton")[i % 2], seconds=0.02) for i in range(COUNT)]
    assert set(found) <= {"solved", "inexact", "failed", "told"}
    assert COUNT / 8 < found.count("told") < 7 / 8 * COUNT


PIECES = (
    lambda p: (p**2).sum(-1),
    lambda p: -(p**2).sum(-1),
    lambda p: (p**4).sum(-1),
    lambda p: -(p**3).sum(-1),
    lambda p: -(p**6).sum(-1),
    lambda p: torch.cos(3 * p).sum(-1),
    lambda p: p.abs().sum(-1),
    lambda p: torch.sqrt(p).sum(-1),
    lambda p: torch.log(p**2).sum(-1),
    lambda p: torch.exp(20 * p).sum(-1),
    lambda p: (p[..., 0] * p[..., -1]) ** 2,
    lambda p: 1 / (p - 0.5).sum(-1),
    lambda p: 0 * p[..., 0],
    lambda p: torch.where(p[..., 0] > 0.5, -1.0, 0.0).to(torch.float64),
    lambda p: 1e-25 * p[..., 0] ** 4,
)


def random_well(rng, heat=False):
    """Two wells with some pieces of random weights, of one field or (without heat) two."""
    chosen = rng.choice(len(PIECES), rng.integers(0, 3), replace=False)
    size = 10.0 ** rng.uniform(-3, 1, len(chosen))
    fields, c = 1 if heat else int(rng.integers(1, 3)), rng.uniform(-0.1, 0.6)

    def function(p, T=0.0):
        cold = (p**4 / 4 - (c + 1) * p**3 / 3 + c * p**2 / 2).sum(-1)
        cold = cold + sum(a * PIECES[i](p) for a, i in zip(size, chosen, strict=True))
        return cold + (T / 100) ** 2 * (p**2).sum(-1) / 20 if heat else cold

    return Potential(function, fields, temperature_dependent=heat), fields


def test_potentials_end_in_a_status():
    rng = np.random.default_rng(SEED)
    found = []
    for i in range(WELLS):
        potential, fields = random_well(rng)
        found.append(outcome(bounce, potential, [0.0] * fields, rng.normal(1, 0.3, fields), d=3 + i % 2))
    assert set(found) <= {"solved", "upper bound only", "no barrier", "no deeper vacuum", "told"}
    assert 0 < found.count("told") < WELLS


def test_hot_potentials_end_in_a_status(monkeypatch):
    monkeypatch.setattr("partonic.transitions.transition.STEPS", 3)
    rng = np.random.default_rng(SEED)
    found = []
    for _ in range(HOT):
        potential, fields = random_well(rng, heat=True)
        starts = [[0.0] * fields, rng.normal(1, 0.3, fields)]
        found.append(outcome(transition, potential, np.linspace(0.0, 300.0, 7), starts))
    assert set(found) <= {"nucleates", "trapped", "no barrier", "no transition", "told"}
    assert found.count("told") < HOT
