"""Phase transitions of a potential whose critical temperature and bubbles are known."""

import math

import numpy as np
import pytest
import torch

from partonic.core.errors import InputError
from partonic.transitions.bounce import bounce
from partonic.transitions.exponent import exponents
from partonic.transitions.phases import critical, phases
from partonic.transitions.potential import Potential
from partonic.transitions.transition import transition

D, E, QUARTIC, ZERO = 0.15, 0.05, 0.1, 75.0
STARTS = [[0.1], [200.0]]
GRID = np.linspace(60, 110, 26)


def high_temperature(cubic=E):
    """D (T^2 - T0^2) phi^2 - E T phi^3 + lambda phi^4 / 4 (Dine and others, hep-ph/9203203)."""

    def function(phi, T):
        p = phi[..., 0]
        return D * (T**2 - ZERO**2) * p**2 - cubic * T * p**3 + QUARTIC / 4 * p**4

    return Potential(function, 1, temperature_dependent=True)


@pytest.fixture(scope="module")
def found():
    return transition(high_temperature(), GRID, STARTS)


def test_phases_begin_and_end_where_they_must():
    hot, cold = phases(high_temperature(), GRID, STARTS)
    assert math.isclose(hot.temperatures[0], ZERO, rel_tol=1e-3)
    assert math.isclose(cold.temperatures[-1], ZERO / math.sqrt(1 - 9 * E**2 / (8 * QUARTIC * D)), rel_tol=1e-3)
    T = 70.0
    exact = (3 * E * T + math.sqrt((3 * E * T) ** 2 - 8 * QUARTIC * D * (T**2 - ZERO**2))) / (2 * QUARTIC)
    assert math.isclose(float(cold.at(T)[0]), exact, rel_tol=1e-9)


def test_critical_temperature():
    hot, cold = phases(high_temperature(), GRID, STARTS)
    assert math.isclose(critical(hot, cold), ZERO / math.sqrt(1 - E**2 / (QUARTIC * D)), rel_tol=1e-7)


def test_torch_has_its_threads_again():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        phases(high_temperature(), GRID, STARTS)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_nucleation_meets_its_criterion(found):
    assert found.status == "nucleates"
    T = found.temperature
    solved = bounce(high_temperature(), found.false.at(T), found.true.at(T), T)
    assert math.isclose(solved.action.value / T, 140 - 4 * math.log(T / 100), rel_tol=1e-6)


def test_exponent_is_that_of_the_published_fit(found):
    """hep-ph/9203203, equation 26: good to two per cent."""
    for one in found.escapes:
        T = one.temperature
        m2 = 2 * D * (T**2 - ZERO**2)
        a = QUARTIC * m2 / (2 * E**2 * T**2)
        fit = 4.85 * m2**1.5 / (E**2 * T**3) * (1 + a / 4 * (1 + 2.4 / (1 - a) + 0.26 / (1 - a) ** 2))
        assert math.isclose(one.exponent.value, fit, rel_tol=0.02)


def test_rate_is_the_slope_of_the_exponent(found):
    """Richardson differences of cold solves against the envelope theorem."""
    T = found.temperature

    def exponent(t):
        return bounce(high_temperature(), found.false.at(t), found.true.at(t), t).action.value / t

    def slope(h):
        return (exponent(T + h) - exponent(T - h)) / (2 * h)

    exact = T * (4 * slope(0.005) - slope(0.01)) / 3
    assert math.isclose(found.beta_over_hubble, exact, rel_tol=1e-5)


def test_strength_in_closed_form(found):
    T, v = found.temperature, float(found.true.at(found.temperature)[0])
    depth = -(D * (T**2 - ZERO**2) * v**2 - E * T * v**3 + QUARTIC / 4 * v**4)
    slope = -(2 * D * T * v**2 - E * v**3)
    exact = (depth - T / 4 * slope) / (math.pi**2 / 30 * 106.75 * T**4)
    assert math.isclose(found.alpha, exact, rel_tol=1e-9)


def test_order_of_the_temperatures(found):
    order = [found.percolation.value, found.nucleation.value, found.critical]
    assert order == sorted(order)
    assert found.percolation.value < found.nucleation_integral.value < found.critical
    assert math.isclose(found.nucleation_integral.value, found.nucleation.value, rel_tol=2e-3)


def test_expected_bubbles_by_the_straight_line_of_the_exponent(found):
    """Near nucleation S3/T is a line: the integral is (2 zeta M / T)^4 exp(-S) / (beta/H), to a few per cent."""
    T = found.nucleation_integral.value
    near = min(found.escapes, key=lambda one: abs(one.temperature - T))
    hubble = math.sqrt(45 / (math.pi * 106.75)) / (2 * math.pi)
    expected = math.exp(4 * math.log(hubble * 1.2209e19 / T) - near.exponent.value) / (near.temperature * near.slope)
    assert abs(near.temperature - T) < 1e-6 * T
    assert math.isclose(expected, 1.0, rel_tol=0.1)


def test_the_curve_goes_through_the_bounces(found):
    hot, values = found.exponents()
    assert np.allclose(found.exponent(hot), values, rtol=1e-5)
    between = found.exponent(0.5 * (hot[1:] + hot[:-1]))
    assert ((between > values[:-1] - 1e-6) & (between < values[1:] + 1e-6)).all()
    with pytest.raises(InputError, match="bounces were solved from"):
        found.exponent([found.critical])


def test_radius_is_near_that_of_a_thin_wall(found):
    """2 sigma / depth, for a wall between minima that are equally deep."""
    T, critical_field = found.temperature, 2 * E * found.critical / QUARTIC
    sigma = math.sqrt(QUARTIC / 2) * critical_field**3 / 6
    v = float(found.true.at(T)[0])
    depth = -float(high_temperature().value([v], T))
    assert 0.3 < found.radius / (2 * sigma / depth) < 1.5


def test_a_few_bounces_and_their_slopes_give_the_exponent_between(found):
    curve = exponents(high_temperature(), found.false, found.true, 80.6, 81.6)
    assert curve.temperatures[[0, -1]].tolist() == [80.6, 81.6]
    for T, one in zip((80.75, 81.1, 81.5), curve.at([80.75, 81.1, 81.5]), strict=True):
        cold = bounce(high_temperature(), found.false.at(T), found.true.at(T), T).action.value / T
        assert abs(one.value - cold) < min(one.error, 1e-6 * cold)
    assert curve.error < 2e-5
    with pytest.raises(InputError, match=r"known from T = 80\.6 to 81\.6 GeV"):
        curve.at([82.0])


def test_no_curve_without_its_temperatures(found):
    for low, high, count, said in ((81.0, 80.0, 4, "lower to a higher"), (80.6, 81.0, 2, "3 bounces or more")):
        with pytest.raises(InputError, match=said):
            exponents(high_temperature(), found.false, found.true, low, high, count)
    with pytest.raises(InputError, match="is not solved"):
        exponents(high_temperature(), found.false, found.true, 82.0, 83.0, 3)


def test_no_cubic_term_no_barrier():
    smooth = transition(high_temperature(0.0), GRID, STARTS)
    assert smooth.status == "no barrier"
    assert "smooth" in smooth.message
    assert math.isnan(smooth.nucleation.value)


def test_a_barrier_that_stays_traps():
    """With a barrier at zero temperature and equal depths hardly apart bubbles never form."""

    def function(phi, T):
        x = phi[..., 0] / 100
        return 1e7 * (x**4 / 4 - 1.48 * x**3 / 3 + 0.24 * x**2 + 1e-7 * T**2 * x**2)

    stuck = transition(Potential(function, 1, temperature_dependent=True), np.linspace(20, 400, 20), [[0.0], [100.0]])
    assert stuck.status == "trapped"
    assert "too rare" in stuck.message


def test_bad_input():
    cold = Potential(lambda phi: phi[..., 0] ** 2, 1)
    with pytest.raises(InputError, match="does not depend on temperature"):
        transition(cold, GRID, STARTS)
    with pytest.raises(InputError, match="ascending"):
        transition(high_temperature(), [100.0, 50.0], STARTS)
    with pytest.raises(InputError, match="none below 0"):
        transition(high_temperature(), [-1.0, 50.0], STARTS)
    with pytest.raises(InputError, match="degrees of freedom"):
        transition(high_temperature(), GRID, STARTS, degrees=0)
    up = Potential(lambda phi, T: torch.exp(-phi[..., 0]) + 0 * T, 1, temperature_dependent=True)
    with pytest.raises(InputError, match="no point given"):
        transition(up, GRID, [[0.0]])
