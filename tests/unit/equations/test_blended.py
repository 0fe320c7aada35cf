"""Slopes, mixtures and periods on faces of a box that no network can break, corners included."""

import math

import pytest
import torch
from held_conditions import breach, random_fields
from slopes import assert_derivatives

from partonic.core.errors import InputError
from partonic.equations import solve as solver
from partonic.equations.conditions import Face, dirichlet, exactly, initial, neumann, periodic, robin
from partonic.equations.exact import hold
from partonic.equations.features import Features, Shape, bends, draw
from partonic.equations.newton import gauss_newton, prepare, residual, system
from partonic.equations.points import interior
from partonic.equations.problem import Problem
from partonic.equations.solve import solve
from partonic.equations.system import terms

STEP = 1e-5
TWO_PI = 2 * math.pi
LEFT, RIGHT, BOTTOM, TOP = Face(0, 0.0), Face(0, 1.0), Face(1, 0.0), Face(1, 1.0)


def smooth(x, axis=None):
    """exp(x - y) sin(1 + x y), and its derivative along an axis."""
    e, s, c = torch.exp(x[0] - x[1]), torch.sin(1 + x[0] * x[1]), torch.cos(1 + x[0] * x[1])
    return e * s if axis is None else e * ((s, -s)[axis] + (x[1], x[0])[axis] * c)


def flat(x, u, du, d2u):
    return d2u[0, 0, 0] + d2u[0, 1, 1]


def poisson(hold=exactly):
    """A value, a slope and a mixture on sides, and a mixture with the other sign, of one smooth function."""
    return Problem(
        lambda x, u, du, d2u: flat(x, u, du, d2u) - source(x),
        (0.0, 0.0), (1.0, 1.0),
        (
            hold(dirichlet(LEFT, smooth)),
            hold(robin(RIGHT, 2.0, 0.5, lambda x: 2 * smooth(x) + 0.5 * smooth(x, 0))),
            hold(neumann(BOTTOM, lambda x: -smooth(x, 1), lower=True)),
            hold(robin(TOP, -1.0, 3.0, lambda x: 3 * smooth(x, 1) - smooth(x))),
        ),
        exact=lambda x: smooth(x)[None],
    )  # fmt: skip


def source(x):
    """Laplacian of the smooth function."""
    e, s, c = torch.exp(x[0] - x[1]), torch.sin(1 + x[0] * x[1]), torch.cos(1 + x[0] * x[1])
    return e * (2 * s + 2 * x[1] * c - 2 * x[0] * c - (x[0] ** 2 + x[1] ** 2) * s)


def ring(hold=exactly):
    """u_t = u_xx on a circle from sin x: exp(-t) sin x."""
    return Problem(
        lambda x, u, du, d2u: du[0, 1] - d2u[0, 0, 0],
        (0.0, 0.0), (TWO_PI, 0.5),
        (hold(periodic(0, 0.0, TWO_PI)), hold(initial(0.0, [lambda x: torch.sin(x[0])], axis=1))),
        exact=lambda x: (torch.exp(-x[1]) * torch.sin(x[0]))[None],
    )  # fmt: skip


def two_fields():
    """Fields with other conditions each; the second has none along the second axis."""
    return Problem(
        lambda x, u, du, d2u: (d2u[0, 0, 0] + d2u[0, 1, 1] + u[1], d2u[1, 0, 0] - u[0]),
        (0.0, 0.0), (1.0, 1.0),
        (
            exactly(neumann(LEFT, lambda x: -smooth(x, 0), lower=True)),
            exactly(dirichlet(TOP, smooth)),
            exactly(robin(LEFT, 1.0, 2.0, lambda x: torch.sin(x[1]), 1, lower=True)),
            exactly(dirichlet(RIGHT, 0.5, 1)),
            dirichlet(RIGHT, smooth), dirichlet(BOTTOM, smooth),
        ),
        fields=2,
    )  # fmt: skip


def cube():
    """A slope, a mixture and a period, which meet in edges and corners."""
    return Problem(
        lambda x, u, du, d2u: du[0, 2] - d2u[0, 0, 0] - d2u[0, 1, 1],
        (0.0, 0.0, 0.0), (1.0, TWO_PI, 0.4),
        (
            exactly(neumann(LEFT, 0.0, lower=True)), exactly(robin(RIGHT, 1.0, 1.0, lambda x: torch.sin(x[1]))),
            exactly(periodic(1, 0.0, TWO_PI)),
            exactly(initial(0.0, [lambda x: torch.sin(x[1]) * (1 + x[0] ** 2 * (1 - x[0]) ** 2)], axis=2)),
        ),
    )  # fmt: skip


HELD = {"poisson": poisson, "ring": ring, "two fields": two_fields, "cube": cube}


@pytest.mark.parametrize("name", HELD)
def test_no_network_can_break_them(name):
    problem = HELD[name]()
    fields = random_fields(problem)
    assert breach(problem, fields) < 1e-12
    x = interior(problem, 2)[0]
    assert float(fields.jets(x)[0].std()) > 1e-3  # the network is still there


@pytest.mark.parametrize("name", ["poisson", "two fields"])
def test_their_derivatives_are_those_of_finite_differences(name):
    problem = HELD[name]()
    fields = random_fields(problem)
    x = interior(problem, 2)[0][:, :3]
    assert_derivatives(fields, x)


@pytest.mark.parametrize(("make", "bar"), [(poisson, 1e-6), (ring, 1e-3)])
def test_they_are_solved_no_worse_than_in_the_sense_of_least_squares(make, bar, monkeypatch):
    monkeypatch.setattr(solver, "SHAPES", {2: (Shape(70, 0.8, 11),)})
    monkeypatch.setattr(solver, "GRID", {2: 13})
    firm, soft = (solve(make(how), "newton", tolerance=bar) for how in (exactly, lambda one: one))
    assert firm.status == "solved"
    assert breach(firm.problem, firm.fields) < 1e-12
    assert firm.true_error(13) < min(bar, soft.true_error(13))
    assert firm.true_error(13) < 10 * float(firm.error.max())


def test_fields_of_different_conditions_follow_the_output_layer():
    problem = two_fields()
    fields = random_fields(problem)
    parts = prepare(terms(hold(problem).free, 4), fields.network.features)
    output, unknowns = fields.network.output, fields.network.unknowns
    _, slopes = system(parts, output, unknowns)
    move = torch.randn(output.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    up, down = (residual(parts, output + step * move, unknowns) for step in (STEP, -STEP))
    assert torch.allclose(slopes @ move.flatten(), (up - down) / (2 * STEP), rtol=1e-6, atol=1e-7)


def test_a_guess_is_met_by_the_first_fields():
    """A function that fulfils the conditions and is a line beside them comes back."""
    problem = ring()
    split = hold(problem)
    features = split.features(draw(Shape(80, 1.3, 6), problem.lower, problem.upper, 1))
    x = interior(problem, 12)[0]
    output, unknowns = split.start(features, problem.exact, x)
    fields = split.fields(gauss_newton(terms(split.free, 12), features, output, unknowns, steps=0).network)
    assert torch.allclose(fields.jets(x)[0], problem.exact(x), atol=1e-3)


def test_mixed_derivatives_of_features_of_any_order():
    features = draw(Shape(5, 1.3, 6), (0.0, -1.0), (2.0, 1.0), 3)
    assert isinstance(features, Features)
    x = torch.tensor([[0.3, 1.2], [0.1, -0.4]], dtype=torch.float64)
    layer = features.layer(x)
    values, first, second = features.jets(x)
    for orders, expected in (((0, 0), values), ((1, 0), first[0]), ((1, 1), second[0, 1]), ((0, 2), second[1, 1])):
        assert torch.allclose(features.derivative(layer, orders), expected, rtol=1e-13, atol=1e-14)
    move = torch.tensor([[STEP], [0.0]], dtype=torch.float64)
    up, down = (features.derivative(features.layer(x + step * move), (1, 2)) for step in (1, -1))
    assert torch.allclose(features.derivative(layer, (2, 2)), (up - down) / (2 * STEP), rtol=1e-6, atol=1e-7)
    assert bends(3) == (-2, 0, 8, 0, -6)


def box(*conditions):
    return Problem(flat, (0.0, 0.0), (1.0, 1.0), tuple(map(exactly, conditions)))


@pytest.mark.parametrize(
    ("does", "said"),
    [
        (lambda: hold(box(dirichlet(LEFT, 0.0), neumann(TOP, 1.0))), "leave exactly() away on one of them"),
        (lambda: hold(box(neumann(LEFT, 0.0), neumann(LEFT, 1.0))), "say the same twice on axis 0"),
        (lambda: solve(poisson(), "levenberg"), "periods on a box that hold exactly, which only the method newton"),
        (lambda: solve(poisson(), "adam"), "not adam"),
        (lambda: solve(ring(), "windows"), "on a box, no conditions that hold exactly"),
    ],
)
def test_what_cannot_hold_exactly_is_told(does, said):
    with pytest.raises(InputError) as caught:
        does()
    assert said in str(caught.value)
