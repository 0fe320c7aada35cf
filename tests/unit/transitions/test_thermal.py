"""Thermal functions against their integrals."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from partonic.transitions.thermal import LOWEST, thermal_boson, thermal_fermion

FUNCTIONS = {1: thermal_boson, -1: thermal_fermion}
POINTS = [-90.0, -41.0, -20.0, -9.5, -3.7, -0.3, 0.0, 1e-4, 0.2, 1.0, 5.0, 19.99, 20.01, 40.0, 300.0]


def integral(y, sign):
    """The definition, split where the logarithm is singular; real part."""

    def integrand(x):
        energy = math.sqrt(abs(x * x + y))
        if x * x + y > 0:
            return sign * x * x * math.log1p(-sign * math.exp(-energy))
        wave = math.sin(energy / 2) if sign > 0 else math.cos(energy / 2)
        return sign * x * x * math.log(2 * abs(wave))

    edge = math.sqrt(max(-y, 0.0))
    poles = [(2 * n if sign > 0 else 2 * n + 1) * math.pi for n in range(5)]
    edges = sorted({0.0, edge, *(math.sqrt(edge**2 - w * w) for w in poles if w < edge)})
    edges += [edge + 5, edge + 20, edge + 60]
    parts = itertools.pairwise(edges)
    return sum(quad(integrand, a, b, epsabs=1e-12, epsrel=1e-11, limit=300)[0] for a, b in parts if b > a)


def at(function, y):
    return float(function(torch.tensor(y, dtype=torch.float64)))


@pytest.mark.parametrize("sign", FUNCTIONS)
@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
def test_values_are_those_of_the_integral(sign):
    for y in POINTS:
        exact = integral(y, sign)
        assert abs(at(FUNCTIONS[sign], y) - exact) < 1e-9 * max(1, abs(exact)), y


def test_massless_values():
    assert math.isclose(at(thermal_boson, 0.0), -(math.pi**4) / 45, rel_tol=1e-12)
    assert math.isclose(at(thermal_fermion, 0.0), -7 * math.pi**4 / 360, rel_tol=1e-12)


@pytest.mark.parametrize("function", FUNCTIONS.values())
def test_relative_precision_stays_where_the_functions_are_small(function):
    y = 900.0
    boltzmann = -y * math.sqrt(math.pi / 60) * math.exp(-30) * (1 + 15 / 240 + 105 / (2 * 240**2))
    assert math.isclose(at(function, y), boltzmann, rel_tol=2e-5)


@pytest.mark.parametrize("function", FUNCTIONS.values())
def test_derivatives(function):
    y = torch.tensor([-60.0, -15.0, -2.0, 0.5, 3.0, 19.9, 20.1, 80.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(function, y.clone().requires_grad_(), atol=1e-6)
    assert torch.autograd.gradgradcheck(function, y.clone().requires_grad_(), atol=1e-6)


def test_slope_without_mass_is_the_known_one_and_all_is_finite():
    zero = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    for function, slope in ((thermal_boson, math.pi**2 / 12), (thermal_fermion, math.pi**2 / 24)):
        (found,) = torch.autograd.grad(function(zero).sum(), zero)
        assert math.isclose(float(found), slope, rel_tol=1e-12)
        edges = torch.tensor([-math.inf, -1e9, LOWEST, 1e9, math.inf], dtype=torch.float64)
        assert torch.isfinite(function(edges)).all()


def test_continuous_where_the_two_forms_meet():
    y = torch.tensor([20 - 1e-9, 20 + 1e-9], dtype=torch.float64)
    for function in FUNCTIONS.values():
        assert abs(float(torch.diff(function(y)))) < 1e-10


def test_shapes_are_kept():
    y = torch.from_numpy(np.linspace(-5, 40, 12).reshape(2, 3, 2))
    assert thermal_boson(y).shape == (2, 3, 2)
    assert math.isclose(float(thermal_boson(y)[1, 1, 0]), at(thermal_boson, float(y[1, 1, 0])), rel_tol=1e-12)
