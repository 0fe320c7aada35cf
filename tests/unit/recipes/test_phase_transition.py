"""Options of phase-transition."""

import math

import pytest

from partonic.core.errors import InputError, UnknownNameError
from partonic.recipes.phase_transition import PhaseTransition
from partonic.transitions.models import high_temperature, model


@pytest.mark.parametrize(
    ("options", "said"),
    [({"wall_velocity": 1.0}, "between 0 and 1"), ({"degrees": 0}, "degrees"), ({"years": -1}, "years")],
)
def test_bad_options(options, said):
    with pytest.raises(InputError, match=said):
        PhaseTransition(**options)


def test_unknown_models():
    with pytest.raises(UnknownNameError, match="did you mean 'singlet'"):
        PhaseTransition(model="singlets").check()
    with pytest.raises(UnknownNameError, match="did you mean 'singlet'"):
        model("singlets")


def test_minima_of_the_toy_are_equally_deep_at_its_critical_temperature():
    toy = high_temperature(e=0.08)
    field = 2 * 0.08 * toy.critical / 0.1
    assert math.isclose(float(toy.potential.value([field], toy.critical)), 0.0, abs_tol=1e-6)
    assert abs(float(toy.potential.gradient([field], toy.critical)[0])) < 1e-6


def test_a_toy_without_critical_temperature():
    with pytest.raises(InputError, match="below lambda D"):
        high_temperature(e=0.5)
