"""Generic potentials: the family of bounces beside each one's own, and planes of transitions."""

import math

import pytest

from partonic.core.errors import InputError, UnknownNameError
from partonic.transitions.bounce import bounce
from partonic.transitions.generic import family, generic_transition, shape
from partonic.transitions.known_bounces import quartic
from partonic.transitions.models import model
from partonic.transitions.scan import Scanner, parameters


@pytest.mark.parametrize("c", [0.05, 0.31, 0.47])
def test_family_between_its_nodes(c):
    action, square = family().at(c)
    found = bounce(quartic(c), [0.0], [1.0])
    assert action == pytest.approx(found.action.value, rel=3e-5)
    assert square == pytest.approx(found.integrate(lambda x: (x**2).sum(-1)), rel=1e-4)


def test_potential_has_the_depth_the_barrier_and_the_separation():
    one = generic_transition(200.0, 0.7, 2.0)
    T, potential = one.temperature, one.potential
    assert float(potential.value([one.true], T)) == pytest.approx(-(200.0**4), rel=1e-10)
    assert float(potential.value([one.c * one.true], T)) == pytest.approx(0.7**4 * 200.0**4, rel=1e-10)
    assert abs(float(potential.gradient([one.true], T)[0])) < 1e-6 * 200.0**3
    assert one.true == 400.0
    assert one.action / T == pytest.approx(140 - 4 * math.log(T / 100), rel=1e-9)


def test_rate_and_strength_are_those_of_its_own_bounce():
    one = generic_transition(1000.0, 0.8, slope=0.5)
    found = bounce(one.potential, [0.0], [one.true], one.temperature)
    assert one.action == pytest.approx(found.action.value, rel=3e-5)
    rate = found.temperature_slope() - found.action.value / one.temperature
    assert one.beta_over_hubble == pytest.approx(rate, rel=1e-4)
    T, radiation = one.temperature, math.pi**2 / 30 * 106.75 * one.temperature**4
    slope = float(one.potential.dT([one.true], T)) - float(one.potential.dT([0.0], T))
    assert one.alpha == pytest.approx((1000.0**4 + T / 4 * slope) / radiation, rel=1e-9)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"depth": -1.0, "barrier": 0.5}, "depth must be above 0"),
        ({"depth": 1.0, "barrier": 0.01}, "must be between"),
        ({"depth": 1.0, "barrier": 9.0}, "must be between"),
        ({"depth": 1.0, "barrier": 0.5, "slope": 0.0}, "slope must be above 0"),
    ],
)
def test_bad_numbers(numbers, said):
    with pytest.raises(InputError, match=said):
        generic_transition(**numbers)
    assert said in Scanner("generic")(numbers).status


def test_barriers_round_the_circle():
    c = shape(0.65)
    assert c**3 * (2 - c) / (1 - 2 * c) == pytest.approx(0.65**4, rel=1e-10)
    with pytest.raises(InputError, match="between"):
        family().at(0.4999)


def test_points_of_a_plane():
    scan = Scanner("generic", wall_velocity=0.95)
    found = scan({"depth": 1000.0, "barrier": 0.7})
    assert found.status == "nucleates"
    assert found.lisa > 1e3 * found.ligo
    weak = scan({"depth": 1000.0, "barrier": 1.0})
    assert weak.alpha < found.alpha
    assert weak.lisa < found.lisa
    never = scan({"depth": 100.0, "barrier": 0.3})
    assert never.status == "bubbles stay too rare"
    assert never.rate < 0
    assert math.isnan(never.lisa)


def test_names_of_models_and_their_numbers():
    assert parameters("generic") == ("depth", "barrier", "separation", "slope")
    assert "zero" in parameters("high-temperature")
    with pytest.raises(UnknownNameError, match="generic"):
        parameters("generik")
    with pytest.raises(UnknownNameError, match="zero"):
        model("high-temperature", zeroo=80.0)
    assert Scanner("high-temperature")({"e": 0.5}).status.startswith("D, E, lambda")
