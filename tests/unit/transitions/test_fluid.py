"""Flow of the plasma around bubbles: conservation of energy, published fits, limits."""

import math

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from partonic.core.errors import InputError
from partonic.transitions.fluid import SOUND, chapman_jouguet, efficiency, fluid_profile

CASES = [(alpha, wall) for alpha in (0.01, 0.1, 0.3) for wall in (0.1, 0.4, 0.57, 0.59, 0.65, 0.8, 0.95, 0.999)]


def heat(profile):
    """Thermal energy over the freed one: 3/4 of the enthalpy's growth, the resting inside included."""
    xi, grown = profile.xi, (profile.enthalpy - 1) * profile.xi**2
    total = (profile.enthalpy[0] - 1) * xi[0] ** 3 / 3
    for part in np.split(np.arange(len(xi)), np.flatnonzero(np.diff(xi) == 0) + 1):
        places, keep = np.unique(xi[part], return_index=True)
        if len(places) > 1:
            total += PchipInterpolator(places, grown[part][keep]).integrate(places[0], places[-1])
    return 3 * total


@pytest.mark.parametrize(("alpha", "wall"), CASES)
def test_energy_is_conserved(alpha, wall):
    profile = fluid_profile(alpha, wall)
    assert abs(profile.efficiency + heat(profile) / (alpha * wall**3) - 1) < 2e-4


@pytest.mark.parametrize(("alpha", "wall"), CASES)
def test_kinds_and_shapes(alpha, wall):
    profile = fluid_profile(alpha, wall)
    kind = "detonation" if wall > chapman_jouguet(alpha) else "hybrid" if wall > SOUND else "deflagration"
    assert profile.kind == kind
    assert profile.xi.shape == profile.velocity.shape == profile.enthalpy.shape
    assert (np.diff(profile.xi) >= 0).all()
    assert (profile.velocity >= 0).all()
    assert profile.velocity.max() < profile.xi.max()
    assert 0 < profile.efficiency < 1


def test_published_fits():
    """arXiv:1004.4187, equations 95 to 98: accurate to some per cent."""
    for alpha in (0.05, 0.2, 0.9):
        fast = alpha / (0.73 + 0.083 * math.sqrt(alpha) + alpha)
        at_sound = alpha**0.4 / (0.017 + (0.997 + alpha) ** 0.4)
        at_jouguet = math.sqrt(alpha) / (0.135 + math.sqrt(0.98 + alpha))
        assert math.isclose(efficiency(alpha, 0.9999), fast, rel_tol=0.05)
        assert math.isclose(efficiency(alpha, SOUND), at_sound, rel_tol=0.05)
        assert math.isclose(efficiency(alpha, chapman_jouguet(alpha) + 1e-4), at_jouguet, rel_tol=0.05)


def test_another_code():
    """PTtools 0.10 gives 0.2751 here, at the precision of its table."""
    assert math.isclose(efficiency(0.2, 0.9), 0.2751, rel_tol=0.01)


@pytest.mark.parametrize("alpha", [0.05, 0.3])
def test_continuous_where_the_kind_changes(alpha):
    for wall in (SOUND, chapman_jouguet(alpha)):
        assert math.isclose(efficiency(alpha, wall - 1e-5), efficiency(alpha, wall + 1e-5), rel_tol=0.02)


@pytest.mark.parametrize(
    ("alpha", "wall", "said"),
    [
        (0.0, 0.5, "alpha must be above 0"),
        (math.nan, 0.5, "alpha must be above 0"),
        (0.1, 1.0, "between 0 and 1"),
        (0.1, -0.1, "between 0 and 1"),
        (5.0, 0.1, "no wall moves steadily"),
    ],
)
def test_bad_input(alpha, wall, said):
    with pytest.raises(InputError, match=said):
        efficiency(alpha, wall)
