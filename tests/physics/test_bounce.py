"""Bounces against known actions, closed forms, shooting and each other; how they fail."""

import math

import numpy as np
import pytest
import torch

from partonic.core.errors import InputError, UnknownNameError
from partonic.transitions.bounce import bounce
from partonic.transitions.growth import grow
from partonic.transitions.known_bounces import KNOWN, benchmark_point, bowls, known_bounce, quartic, random_potential
from partonic.transitions.network import network_bounce
from partonic.transitions.polygonal import polygonal_bounce
from partonic.transitions.potential import Potential
from partonic.transitions.scaled import scaled
from partonic.transitions.shooting import shoot, thin_wall
from partonic.transitions.tunnelling import TunnellingProblem

HOT = Potential(lambda p, T: (0.1 * (T**2 - 1) * p**2 - 0.2 * T * p**3 + 0.05 * p**4)[..., 0], 1, True)


@pytest.mark.parametrize("name", KNOWN)
def test_known_actions(name):
    case = known_bounce(name)
    potential = case.make()
    found = bounce(potential, [0.0] * potential.fields, case.true, d=case.dimensions)
    assert found.status == "solved"
    assert found.negative_modes == 1
    assert found.action.value == pytest.approx(case.action, rel=2e-7 if case.thin else 5e-8)
    assert 0 < found.action.error < 1e-7 * found.action.value
    assert abs(found.derrick) < 1e-7


def test_names_of_known_bounces():
    with pytest.raises(UnknownNameError, match="did you mean 'bp3'"):
        known_bounce("bp33")
    with pytest.raises(InputError, match="1 to 8 fields, not 9"):
        benchmark_point(9)


@pytest.mark.parametrize(("fields", "d"), [(1, 3), (1, 4), (3, 3)])
def test_the_profile_solves_the_radial_equation(fields, d):
    potential = benchmark_point(fields)
    found = bounce(potential, [0.0] * fields, [5.0] if fields == 1 else [1.0] * fields, d=d)
    h = found.radius[-1] / 4000
    r = np.linspace(0.05, 0.6, 12) * found.radius[-1]
    low, here, high = (found.profile(r + step) for step in (-h, 0.0, h))
    bend = (high - 2 * here + low) / h**2 + (d - 1) / r[:, None] * (high - low) / (2 * h)
    force = potential.gradient(here).numpy()
    assert np.abs(bend - force).max() < 1e-4 * np.abs(force).max()
    assert np.allclose(found.profile(found.radius), found.phi, atol=1e-12 * np.abs(found.phi).max())
    assert np.abs(found.profile(3 * found.radius[-1])).max() < 1e-6


@pytest.mark.parametrize(("c", "d"), [(0.3, 3), (0.05, 4)])
def test_shooting_finds_the_same_action(c, d):
    found = bounce(quartic(c), [0.0], [1.0], d=d)
    shot = shoot(quartic(c), 0.0, 1.0, d=d)
    assert shot.action == pytest.approx(found.action.value, rel=1e-9)
    middle = np.abs(shot.phi[:, 0] - 0.3).argmin()
    assert found.profile(shot.radius[middle]) == pytest.approx(shot.phi[middle], rel=1e-6)


@pytest.mark.parametrize("d", [3, 4])
def test_thin_walls_approach_the_formula(d):
    off = []
    for c in (0.49, 0.499, 0.4999):
        potential, delta = quartic(c), (0.5 - c) / 6
        closed = math.pi ** (d / 2) / math.gamma(1 + d / 2) * (2**0.5 / 12) ** d * ((d - 1) / delta) ** (d - 1)
        assert thin_wall(potential, 0.0, 1.0, d=d) == pytest.approx(closed, rel=20 * d * (0.5 - c))
        off.append(bounce(potential, [0.0], [1.0], d=d).action.value / closed - 1)
    assert abs(off[2]) < 2e-4
    assert abs(off[2]) < abs(off[1]) < abs(off[0])


def test_polygons_converge_to_the_bounce():
    exact = bounce(quartic(0.4), [0.0], [1.0]).action.value
    off = [abs(polygonal_bounce(quartic(0.4), 0.0, 1.0, pieces=n).action / exact - 1) for n in (20, 40, 80)]
    assert off[0] > 2 * off[1] > 4 * off[2]
    assert off[2] < 5e-3


@pytest.mark.parametrize("d", [3, 4])
def test_units_change_what_they_must(d):
    """phi -> a phi and V -> b V scale the action by a^d b^(1 - d/2)."""
    a, b = 246.0, 3e5
    inner = benchmark_point(2)
    big = Potential(lambda p: b * inner.value(p / a), 2)
    small = bounce(inner, [0.0, 0.0], [1.0, 1.0], d=d)
    large = bounce(big, [0.0, 0.0], [a, a], d=d)
    assert large.action.value == pytest.approx(small.action.value * a**d * b ** (1 - d / 2), rel=1e-9)


def test_where_the_vacua_lie_changes_nothing():
    """A rotated and shifted potential of three fields with one that does nothing but sit in its minimum."""
    turn, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    shift = np.array([0.7, -2.0, 1.0])
    inner, rotation = benchmark_point(2), torch.tensor(turn)

    def value(p):
        q = (p - torch.tensor(shift)) @ rotation
        return inner.value(q[..., :2]) + q[..., 2] ** 2

    found = bounce(Potential(value, 3), shift, shift + turn @ [1.0, 1.0, 0.0])
    assert found.action.value == pytest.approx(KNOWN["bp2"].action, rel=1e-7)


def test_random_potentials_are_solved_and_the_bound_holds():
    rng = np.random.default_rng(2)
    for fields in (1, 2, 1, 2, 4):
        potential, true, d = random_potential(fields, rng)
        found = bounce(potential, [0.0] * fields, true, d=d)
        assert found.solved
        assert found.action.error < 1e-6 * found.action.value


@pytest.mark.parametrize("name", ["quartic-0.2", "quartic-0.499", "two-fields-thick"])
def test_a_network_finds_the_same_bounce(name):
    case = known_bounce(name)
    potential = case.make()
    found = bounce(potential, [0.0] * potential.fields, case.true, d=case.dimensions)
    network = network_bounce(found)
    assert network.action.value == pytest.approx(found.action.value, rel=1e-10)
    assert network.action.error < 1e-6 * network.action.value
    assert network.residual < 1e-8
    assert np.allclose(network.phi, found.profile(network.radius), atol=1e-8)


def test_twenty_fields():
    potential = bowls(np.random.default_rng(1).uniform(0.1, 0.9, 20), 0.3)
    found = bounce(potential, [0.0] * 20, [1.0] * 20)
    assert found.solved
    assert abs(found.derrick) < 1e-9


def test_the_tunnelling_potential_is_an_upper_bound_with_the_right_gradient():
    potential = benchmark_point(3)
    true = potential.minimise([1.0] * 3).numpy()
    problem = TunnellingProblem(scaled(potential, np.zeros(3), true, true, 0.0), 3)
    start = problem.start(0.8)
    at = start + 0.02 * np.random.default_rng(0).normal(size=len(start))
    _, slope = problem.objective(at)
    for i in range(len(at)):
        step = 1e-6 * np.eye(len(at))[i]
        numeric = (problem.objective(at + step)[0] - problem.objective(at - step)[0]) / 2e-6
        assert slope[i] == pytest.approx(numeric, abs=1e-6 * np.abs(slope).max())
    unit = problem.potential.action_unit(3)
    coarse, fine = (problem.solve(start, steps).action * unit for steps in (3, 150))
    assert coarse > fine > KNOWN["bp3"].action
    assert fine == pytest.approx(KNOWN["bp3"].action, rel=1e-3)


def test_the_slope_in_temperature_and_warm_starts():
    true = HOT.minimise([2.0], 0.0).numpy()
    warm = bounce(HOT, [0.0], true, T=1.2)
    h = 1e-3
    actions = {}
    for k in (-2, -1, 1, 2):
        again = bounce(HOT, [0.0], warm.true, T=1.2 + k * h, start=warm)
        cold = bounce(HOT, [0.0], warm.true, T=1.2 + k * h)
        assert again.action.value == pytest.approx(cold.action.value, rel=1e-9)
        actions[k] = again.action.value
    richardson = (8 * (actions[1] - actions[-1]) - (actions[2] - actions[-2])) / (12 * h)
    assert warm.temperature_slope() == pytest.approx(richardson, rel=1e-6)


def test_a_bubble_of_four_dimensions_runs_away_as_its_symmetry_says():
    found = bounce(quartic(0.2), [0.0], [1.0], d=4)
    bubble = grow(found, 20.0, points=800, snapshots=6)
    for t, phi in zip(bubble.times, bubble.phi, strict=True):
        outside = bubble.radius > t
        exact = found.profile(np.sqrt(np.maximum(bubble.radius**2 - t**2, 0)))
        assert np.abs(phi - exact)[outside].max() < 0.02
    assert bubble.energy_error < 3e-4
    assert np.allclose(bubble.wall, np.sqrt(bubble.wall[0] ** 2 + bubble.times**2), rtol=2e-3)


def test_a_bubble_of_three_dimensions_has_to_be_let_go():
    found = bounce(quartic(0.2), [0.0], [1.0])
    bubble = grow(found, 40.0, points=600, snapshots=9)
    assert bubble.speed[0] == pytest.approx(0.0, abs=0.05)
    assert 0.8 < bubble.speed[-1] < 1.0
    assert bubble.energy_error < 1e-3


def test_statuses_without_a_bounce():
    shallow = bounce(quartic(0.6), [0.0], [1.0])
    assert shallow.status == "no deeper vacuum"
    assert "lies above" in shallow.message
    assert math.isinf(shallow.action.value)
    equal = bounce(quartic(0.5), [0.0], [1.0])
    assert equal.status == "no deeper vacuum"
    assert "as deep as" in equal.message
    slide = bounce(Potential(lambda p: (p**6 - p**4)[..., 0], 1), [0.0], [0.8])
    assert (slide.status, slide.action.value) == ("no barrier", 0.0)
    with pytest.raises(InputError, match="no profile"):
        slide.profile(1.0)
    with pytest.raises(InputError, match="only a solved bounce can grow"):
        grow(slide, 1.0)


def test_what_is_not_solved_says_so():
    """A hundred-thousandth from equal vacua the radius has more digits than the radial equation can hold."""
    found = bounce(quartic(0.499999), [0.0], [1.0])
    closed = 16 * math.pi * (2**0.5 / 12) ** 3 / (3 * (1e-6 / 6) ** 2)
    assert found.action.value == pytest.approx(closed, rel=1e-5)
    assert found.solved or ("at most" in found.message and found.action.high == found.action.value)


@pytest.mark.parametrize(
    ("does", "said"),
    [
        (lambda: bounce(quartic(0.2), [0.0], [1.0], T=-1.0), "a temperature is 0 or above"),
        (lambda: bounce(quartic(0.2), [0.0], [1.0], d=2), "3 dimensions (thermal) or 4"),
        (lambda: bounce(quartic(0.2), [1.0], [1.0]), "are the same point"),
        (lambda: bounce(quartic(0.2), [0.0], [0.01]), "falls to the same minimum"),
        (lambda: bounce(quartic(0.2), [0.2], [1.0]), "is a maximum"),
        (lambda: bounce(quartic(0.2), [0.45], [1.0]), "no minimum next to the promised false vacuum"),
        (lambda: bounce(Potential(lambda p: (p**2 - p**4)[..., 0], 1), [0.0], [2.0]), "unbounded below"),
        (lambda: bounce(quartic(0.2), [0.0, 0.0], [1.0]), "has 1 fields"),
        (lambda: bounce(benchmark_point(2), [0.0, math.nan], [1.0, 1.0]), "not finite"),
        (lambda: shoot(benchmark_point(2), 0.0, 1.0), "are for one field"),
        (lambda: shoot(quartic(0.6), 0.0, 1.0), "not below the false one"),
        (lambda: polygonal_bounce(quartic(0.2), 0.0, 1.0, pieces=2), "4 pieces or more"),
        (lambda: polygonal_bounce(quartic(0.001), 0.0, 1.0, pieces=10), "too few to see the barrier"),
        (lambda: grow(bounce(quartic(0.2), [0.0], [1.0]), -1.0), "a duration above 0"),
        (lambda: network_bounce(bounce(quartic(0.6), [0.0], [1.0])), "can only check a solved bounce"),
        (lambda: network_bounce(bounce(quartic(0.2), [0.0], [1.0]), features=1), "two features an element"),
    ],
)
def test_bad_input_ends_in_one_sentence(does, said):
    with pytest.raises(InputError) as caught:
        does()
    assert said in str(caught.value)


def test_a_gap_on_the_way_is_told():
    def value(p):
        x = p[..., 0]
        return x**4 / 4 - 0.4 * x**3 + 0.1 * x**2 + 0 / (1 - ((x - 0.5).abs() < 0.01).double())

    with pytest.raises(InputError, match="not finite on the way"):
        bounce(Potential(value, 1), [0.0], [1.0])
