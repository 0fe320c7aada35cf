"""Pieces of the solver against finite differences and autograd: features, rows, hidden layers, Lagrangians, marches."""

import pytest
import torch

from partonic.equations.adam import AdamOptions, Perceptron, adam
from partonic.equations.conditions import Curve, Face, dirichlet, initial
from partonic.equations.features import Shape, draw
from partonic.equations.known import coupled, eigenvalue, heat, poisson
from partonic.equations.levenberg import _moved, _system
from partonic.equations.network import Network
from partonic.equations.newton import gauss_newton, prepare, residual, system
from partonic.equations.points import box, grid, interior, on
from partonic.equations.problem import Problem
from partonic.equations.system import terms
from partonic.equations.variational import euler_lagrange
from partonic.equations.windows import march, time_axis

STEP = 1e-5


def network(problem, seed=3, width=9):
    g = torch.Generator().manual_seed(seed)
    features = draw(Shape(width, 1.3, 6), problem.lower, problem.upper, seed)
    output = torch.randn(features.count, problem.fields, generator=g, dtype=torch.float64)
    return Network(features, output, torch.tensor(list(problem.unknowns.values()), dtype=torch.float64))


def numeric(function, x, axis):
    move = torch.zeros_like(x)
    move[axis] = STEP
    return (function(x + move) - function(x - move)) / (2 * STEP)


@pytest.mark.parametrize("shape", [Shape(11, 1.5, 5), Shape(11, 30.0, 5, 0.5)])
@pytest.mark.parametrize("make", [lambda p, s: network(p), lambda p, s: Perceptron(p, (7, 5), 2)])
def test_derivatives_by_hand_are_those_of_finite_differences(make, shape):
    problem = heat()
    net = make(problem, shape)
    x = interior(problem, 5)[0]
    _, du, d2u = net.jets(x)
    for axis in range(2):
        assert torch.allclose(du[:, axis], numeric(lambda y: net.jets(y)[0], x, axis), rtol=1e-6, atol=1e-7)
        assert torch.allclose(d2u[:, axis], numeric(lambda y: net.jets(y)[1], x, axis), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("make", [poisson, coupled, eigenvalue])
def test_rows_follow_all_parameters_as_their_derivatives_say(make):
    problem = make()
    net = network(problem)
    parts = terms(problem, 6)
    rows, slopes = _system(parts, net)
    g = torch.Generator().manual_seed(0)
    direction = torch.randn(slopes.shape[1], generator=g, dtype=torch.float64)

    def after(step):
        moved = _moved(net, step * direction)
        return residual(prepare(parts, moved.features), moved.output, moved.unknowns)

    expected = (after(STEP) - after(-STEP)) / (2 * STEP)
    assert torch.allclose(slopes @ direction, expected, rtol=1e-6, atol=1e-6 * float(expected.abs().max()))
    assert torch.equal(rows, system(prepare(parts, net.features), net.output, net.unknowns)[0])


def test_one_step_solves_a_linear_equation():
    problem = poisson()
    features = draw(Shape(60, 0.8, 14), problem.lower, problem.upper, 0)
    zero = torch.zeros(features.count, 1, dtype=torch.float64)
    once = gauss_newton(terms(problem, 14), features, zero, torch.zeros(0, dtype=torch.float64), steps=1)
    often = gauss_newton(terms(problem, 14), features, zero, torch.zeros(0, dtype=torch.float64))
    assert once.cost < 1e-6
    assert once.cost == pytest.approx(often.cost, rel=1e-3)


def test_quadrature_integrates_polynomials():
    x, w = box((0.0, -1.0), (2.0, 1.0), 4)
    assert float((w * x[0] ** 3 * x[1] ** 2).sum()) == pytest.approx(4.0 * 2 / 3)


def test_nodes_lie_on_their_places():
    problem = heat()
    x, w = on(problem, Face(1, 0.3), 5)
    assert x.shape == (2, 5)
    assert torch.equal(x[1], torch.full((5,), 0.3, dtype=torch.float64))
    assert float(w.sum()) == pytest.approx(1)
    ring = Curve(lambda t: torch.stack([torch.cos(6 * t[0]), torch.sin(6 * t[0])]))
    assert torch.allclose(on(problem, ring, 5)[0].norm(dim=0), torch.ones(20, dtype=torch.float64))


def test_a_cut_domain_keeps_what_is_inside():
    problem = Problem(
        lambda x, u, du, d2u: d2u[0, 0, 0] + d2u[0, 1, 1],
        (0.0, 0.0),
        (1.0, 1.0),
        (dirichlet(Face(0, 0.0), 0.0),),
        inside=lambda x: x[0] > x[1],
    )
    for x in (interior(problem, 8)[0], grid(problem, 8)):
        assert bool((x[0] > x[1]).all())
        assert 20 < x.shape[1] < 36


def test_the_equation_of_a_lagrangian_is_that_of_a_pendulum():
    """L = u'^2 / 2 + cos u + x u' gives u'' + 1 + sin u = 0."""
    g = torch.Generator().manual_seed(0)
    x, u = torch.randn(2, 1, 7, generator=g, dtype=torch.float64)
    du = torch.randn(1, 1, 7, generator=g, dtype=torch.float64)
    d2u = torch.randn(1, 1, 1, 7, generator=g, dtype=torch.float64)
    (row,) = euler_lagrange(lambda x, u, du: du[0, 0] ** 2 / 2 + torch.cos(u[0]) + x[0] * du[0, 0], x, u, du, d2u)
    assert torch.allclose(row, d2u[0, 0, 0] + 1 + torch.sin(u[0]))


def test_windows_of_a_march_join():
    found = march(coupled(), Shape(40, 1.5, 80), 3, 0)
    edge = torch.tensor([[1.0 - 1e-9, 1.0 + 1e-9]], dtype=torch.float64)
    u, du, _ = found.jets(edge)
    assert torch.allclose(u[:, 0], u[:, 1], atol=1e-7)
    assert torch.allclose(du[..., 0], du[..., 1], atol=1e-6)


def test_only_initial_value_problems_can_be_marched():
    assert time_axis(coupled()) == 0
    assert time_axis(heat()) == 1
    assert time_axis(poisson()) is None
    assert time_axis(eigenvalue()) is None


def test_adam_lowers_the_cost():
    problem = Problem(
        lambda x, u, du, d2u: du[0, 0] + u[0], (0.0,), (1.0,), (initial(0.0, [1.0]),), exact=lambda x: torch.exp(-x)
    )
    net, history = adam(problem, AdamOptions(hidden=(8,), steps=200, nodes=12), 0)
    assert history[-1] < 0.1 * history[0]
    x = grid(problem, 11)
    assert float((net.jets(x)[0] - torch.exp(-x)).abs().max()) < 0.2
