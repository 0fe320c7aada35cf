"""Prefactors of nucleation rates: how they scale, the negative mode by itself, and another program's profile."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import eigh_tridiagonal

from partonic.core.errors import InputError, MissingPackageError
from partonic.transitions.bounce import bounce
from partonic.transitions.known_bounces import benchmark_point, quartic
from partonic.transitions.loops import Species
from partonic.transitions.potential import Potential
from partonic.transitions.prefactor import nucleation_rate

HEAVY = Species("x", "scalar", 3, lambda phi: (2 + 0 * phi[..., 0])[..., None])


@pytest.fixture(scope="module")
def thick():
    return bounce(quartic(0.2), [0.0], [1.0], T=1.0)


@pytest.fixture(scope="module")
def rate(thick):
    pytest.importorskip("BubbleDet")
    return nucleation_rate(thick)


def test_rate_is_made_of_action_and_prefactor(thick, rate):
    assert rate.action.value == pytest.approx(thick.action.value)
    assert rate.log_rate.value == pytest.approx(rate.log_prefactor.value - thick.action.value)
    assert rate.simple == 0
    assert 0 < rate.log_prefactor.error < 1e-3


@pytest.mark.parametrize("d", [3, 4])
def test_units_change_the_prefactor_as_they_must(d):
    """phi -> a phi, V -> b V, T -> t T: zero modes give S^(d/2), four powers of the mass the rest."""
    pytest.importorskip("BubbleDet")
    a, b, t = 246.0, 3e5, 100.0
    small = bounce(quartic(0.2), [0.0], [1.0], T=1.0, d=d)
    inner = quartic(0.2)
    large = bounce(Potential(lambda p: b * inner.value(p / a), 1), [0.0], [a], T=t, d=d)
    one, other = nucleation_rate(small), nucleation_rate(large)
    zero_modes = d / 2 * math.log(other.action.value / one.action.value)
    expected = zero_modes + 4 * math.log(math.sqrt(b) / a)
    found = other.log_prefactor.value - one.log_prefactor.value
    assert found == pytest.approx(expected, abs=2 * (one.log_prefactor.error + other.log_prefactor.error))


def test_a_field_of_constant_mass_does_nothing(thick, rate):
    assert nucleation_rate(thick, [HEAVY]).log_prefactor.value == pytest.approx(rate.log_prefactor.value, abs=1e-6)


def test_another_profile_and_the_negative_mode_by_differences(thick, rate):
    """CosmoTransitions' profile, which ends early; the growth of the bubble from the lowest eigenvalue on a line."""
    determinants, peer = pytest.importorskip("BubbleDet"), pytest.importorskip("cosmoTransitions.tunneling1D")
    r = np.linspace(0, thick.radius[-1], 4001)[1:]
    potential = quartic(0.2)
    wall = potential.hessian(thick.profile(r)).numpy()[:, 0, 0]
    h = r[0]
    lowest = eigh_tridiagonal(2 / h**2 + wall, np.full(len(r) - 1, -1 / h**2), select="i", select_range=(0, 0))[0][0]
    assert lowest < 0
    c = 0.2
    instanton = peer.SingleFieldInstanton(
        1.0, 0.0, lambda x: x**4 / 4 - (c + 1) * x**3 / 3 + c * x**2 / 2, lambda x: x**3 - (c + 1) * x**2 + c * x
    )
    bubble = determinants.BubbleConfig.fromCosmoTransitions(instanton, instanton.findProfile())
    field = determinants.ParticleConfig(instanton.d2V)
    statistical, error = determinants.BubbleDeterminant(bubble, field).findDeterminant()
    expected = -statistical + math.log(math.sqrt(-lowest) / (2 * math.pi))
    assert rate.log_prefactor.value == pytest.approx(expected, abs=3 * error + 0.02)


@pytest.mark.parametrize(
    ("found", "scalars", "said"),
    [
        (lambda: bounce(quartic(0.6), [0.0], [1.0], T=1.0), [], "only a solved bounce"),
        (lambda: bounce(benchmark_point(2), [0.0, 0.0], [1.0, 1.0], T=1.0), [], "one field, not of 2"),
        (lambda: bounce(quartic(0.2), [0.0], [1.0]), [], "needs a temperature above 0"),
        (
            lambda: bounce(quartic(0.2), [0.0], [1.0], T=1.0),
            [Species("W", "vector", 6, lambda phi: phi**2)],
            "'W' is a vector",
        ),
    ],
)
def test_bad_input_ends_in_one_sentence(found, scalars, said):
    with pytest.raises(InputError) as caught:
        nucleation_rate(found(), scalars)
    assert said in str(caught.value)


def test_a_massless_false_vacuum_is_told(thick):
    flat = replace(thick.units, potential=Potential(lambda p: (p**4)[..., 0], 1))
    with pytest.raises(InputError, match="massless in the false vacuum"):
        nucleation_rate(replace(thick, units=flat))


def test_the_missing_package_is_named(thick, monkeypatch):
    monkeypatch.setitem(sys.modules, "BubbleDet", None)
    with pytest.raises(MissingPackageError, match=r"partonic\[prefactor\]"):
        nucleation_rate(thick)
