"""The path through the solenoid against closed forms and brute force; efficiency and resolution against the card."""

import numpy as np
import pytest

from partonic.simulators.cards import ATLAS, CMS
from partonic.simulators.tracker import (
    bins,
    curvature,
    find_tracks,
    impact_error,
    impact_parameters,
    log_normal,
    propagate,
)

CARDS = pytest.mark.parametrize("card", [ATLAS, CMS], ids=lambda card: card.name)


def flight(pt, eta, phi, charge, vertex=(0.0, 0.0, 0.0)):
    """Fields of particles from broadcast numbers."""
    pt, eta, phi, charge = np.broadcast_arrays(np.atleast_1d(pt).astype(float), eta, phi, charge)
    fields = {"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta), "charge": charge.astype(np.int8)}
    fields |= {name: np.broadcast_to(place, pt.shape) for name, place in zip(("vx", "vy", "vz"), vertex, strict=True)}
    return fields, pt.copy()


def steps(fields, item, field, length, n=40_001):
    """Points of a helix by the obvious formula x' = cos(phi), y' = sin(phi), phi' = -kappa, integrated step by step."""
    px, py, pz = (fields[name][item] for name in ("px", "py", "pz"))
    pt = np.hypot(px, py)
    path = np.linspace(0, length, n)
    angle = np.arctan2(py, px) - 0.299792458e-3 * field * fields["charge"][item] / pt * path
    middle = 0.5 * (angle[1:] + angle[:-1])
    step = path[1]
    x = fields["vx"][item] + np.concatenate([[0], np.cumsum(np.cos(middle) * step)])
    y = fields["vy"][item] + np.concatenate([[0], np.cumsum(np.sin(middle) * step)])
    return x, y, fields["vz"][item] + pz / pt * path


@CARDS
@pytest.mark.parametrize("charge", [-1, 1])
def test_bending_angle_of_a_central_particle(card, charge):
    fields, pt = flight(np.array([1.0, 5.0, 50.0, 500.0]), 0.3, 1.0, charge)
    arrivals = propagate(fields, pt, card.solenoid)
    turned = np.arcsin(0.299792458 * card.solenoid.field * card.solenoid.radius / (2 * pt))
    np.testing.assert_allclose(arrivals.phi, 1.0 - charge * turned, atol=1e-12)
    longer = turned / np.sin(turned)  # arc over chord
    np.testing.assert_allclose(arrivals.eta, np.arcsinh(np.sinh(0.3) * longer), atol=1e-12)
    assert np.all(arrivals.reached)


@CARDS
def test_neutral_particles_fly_straight(card):
    fields, pt = flight(10.0, np.array([-3.0, -1.0, 0.0, 1.0, 4.0]), 2.0, 0)
    arrivals = propagate(fields, pt, card.solenoid)
    np.testing.assert_allclose(arrivals.eta, [-3.0, -1.0, 0.0, 1.0, 4.0], atol=1e-12)
    np.testing.assert_allclose(arrivals.phi, 2.0, atol=1e-12)


@CARDS
def test_displaced_particles_agree_with_brute_force(card):
    rng = np.random.default_rng(5)
    n = 30
    vertex = (rng.normal(0, 60, n), rng.normal(0, 60, n), rng.normal(0, 100, n))
    charge = rng.integers(-1, 2, n)
    fields, pt = flight(
        rng.uniform(0.9, 20, n), rng.uniform(-3.5, 3.5, n), rng.uniform(-np.pi, np.pi, n), charge, vertex
    )
    arrivals = propagate(fields, pt, card.solenoid)
    radius, half_length = 1000 * card.solenoid.radius, 1000 * card.solenoid.half_length
    ends = set()
    for item in range(n):
        x, y, z = steps(fields, item, card.solenoid.field, 4000.0)
        out = np.argmax((np.hypot(x, y) >= radius) | (np.abs(z) >= half_length))
        ends.add("barrel" if np.abs(z[out]) < half_length else "cap")
        assert out > 0
        assert arrivals.reached[item]
        assert arrivals.eta[item] == pytest.approx(np.arcsinh(z[out] / np.hypot(x[out], y[out])), abs=2e-4)
        difference = arrivals.phi[item] - np.arctan2(y[out], x[out])
        assert abs((difference + np.pi) % (2 * np.pi) - np.pi) < 2e-4
    assert ends == {"barrel", "cap"}


def test_loopers_and_what_starts_outside_are_lost():
    limit = 0.299792458 * 2.0 * 1.15 / 2  # pt whose circle just touches the ATLAS barrel
    fields, pt = flight(np.array([0.98 * limit, 1.02 * limit, 0.2]), np.array([0.1, 0.1, 4.0]), 0.0, 1)
    np.testing.assert_array_equal(propagate(fields, pt, ATLAS.solenoid).reached, [False, True, True])
    for place in ((1200.0, 0.0, 0.0), (0.0, 0.0, -3600.0)):
        fields, pt = flight(10.0, 0.5, 0.0, np.array([0, 1]), place)
        assert not np.any(propagate(fields, pt, ATLAS.solenoid).reached)


def test_impact_parameters_are_those_of_the_nearest_point():
    rng = np.random.default_rng(6)
    n = 30
    vertex = (rng.normal(0, 20, n), rng.normal(0, 20, n), rng.normal(0, 50, n))
    charge = rng.choice([-1, 1], n)
    fields, _ = flight(rng.uniform(0.4, 10, n), rng.uniform(-2, 2, n), rng.uniform(-np.pi, np.pi, n), charge, vertex)
    d0, dz = impact_parameters(fields, np.arange(n), 2.0)
    for item in range(n):
        back = {name: values.copy() for name, values in fields.items()}
        for name in ("px", "py", "pz"):
            back[name] = -back[name]
        back["charge"] = -back["charge"]  # the same circle the other way round
        paths = [steps(which, item, 2.0, 200.0) for which in (fields, back)]
        x, y, z = (np.concatenate(parts) for parts in zip(*paths, strict=True))
        nearest = np.argmin(np.hypot(x, y))
        assert abs(d0[item]) == pytest.approx(np.hypot(x[nearest], y[nearest]), abs=1e-3)
        assert dz[item] == pytest.approx(z[nearest], abs=2e-2)


def test_sign_of_the_impact_parameter():
    fields, _ = flight(10.0, 0.0, 0.0, np.array([1, -1]), (0.0, -2.0, 3.0))  # flies along x, below the beam line
    d0, dz = impact_parameters(fields, np.arange(2), 0.0)
    np.testing.assert_allclose(d0, 2.0)
    np.testing.assert_allclose(dz, 3.0)
    np.testing.assert_allclose(np.sign(impact_parameters(fields, np.arange(2), 2.0)[0]), 1.0)


def test_impact_error_formula():
    momentum, eta = 3.0, 1.7
    sine = 1 / np.cosh(eta)
    error = impact_error(np.array([momentum * sine]), np.array([np.sinh(eta)]), ATLAS.tracker)
    assert error[0] == pytest.approx(np.sqrt(0.010**2 + (0.080 / (momentum * sine**1.5)) ** 2))


def test_curvature_of_one_gev_in_one_tesla():
    assert 1 / curvature(np.array([1]), np.array([1.0]), 1.0)[0] == pytest.approx(3335.6, rel=1e-4)  # mm


def test_bins_include_their_upper_edge():
    np.testing.assert_array_equal(bins(np.array([0.1, 1.5, 1.6, 2.5, 2.6]), (1.5, 2.5)), [0, 0, 1, 1, 2])


EXPECTED = [
    (211, 0.5, 1.0, 0.70),
    (211, 5.0, 1.0, 0.95),
    (211, 0.5, 2.0, 0.60),
    (-211, 50.0, 2.0, 0.85),
    (11, 5.0, 1.0, 0.95),
    (-11, 150.0, 1.0, 0.99),
    (11, 5.0, 2.0, 0.83),
    (13, 5.0, 1.0, 0.99),
    (13, 0.5, 2.0, 0.70),
    (211, 0.09, 1.0, 0.0),
    (211, 5.0, 2.6, 0.0),
]


@CARDS
@pytest.mark.parametrize(("pid", "pt", "eta", "efficiency"), EXPECTED)
def test_tracking_efficiency(card, pid, pt, eta, efficiency):
    n = 20_000
    particles = {name: np.full(n, value) for name, value in {"px": pt, "py": 0.0, "pz": pt * np.sinh(eta)}.items()}
    particles["pid"] = np.full(n, pid)
    tracks = find_tracks(
        particles, np.full(n, pt), np.full(n, eta), np.arange(n), card.tracker, np.random.default_rng(1)
    )
    assert abs(len(tracks.index) / n - efficiency) < 5 * np.sqrt(efficiency * (1 - efficiency) / n) + 1e-12


RESOLUTIONS = [
    (ATLAS, 211, 20.0, 0.2, np.hypot(0.06, 20 * 1.3e-3)),
    (ATLAS, 211, 20.0, 2.0, np.hypot(0.25, 20 * 3.1e-3)),
    (ATLAS, 11, 20.0, 1.0, np.hypot(0.05, 20 * 1.7e-3)),
    (ATLAS, 13, 200.0, 1.0, np.hypot(0.015, 200 * 1.5e-4)),
    (CMS, 211, 20.0, 0.2, np.hypot(0.01, 20 * 1.5e-4)),
    (CMS, 211, 50.0, 2.0, np.hypot(0.025, 50 * 5.5e-4)),
    (CMS, 13, 50.0, 0.2, np.hypot(0.01, 50 * 1e-4)),
]


@pytest.mark.parametrize(("card", "pid", "pt", "eta", "width"), RESOLUTIONS)
def test_momentum_resolution(card, pid, pt, eta, width):
    n = 20_000
    particles = {name: np.full(n, value) for name, value in {"px": pt, "py": 0.0, "pz": pt * np.sinh(eta)}.items()}
    particles["pid"] = np.full(n, pid)
    tracks = find_tracks(
        particles, np.full(n, pt), np.full(n, eta), np.arange(n), card.tracker, np.random.default_rng(2)
    )
    found = len(tracks.index)
    assert tracks.scale.mean() == pytest.approx(1.0, abs=5 * width / np.sqrt(found))
    assert tracks.scale.std() == pytest.approx(width, rel=0.03)
    np.testing.assert_allclose(tracks.sigma / tracks.energy, width)


def test_resolution_is_never_above_one():
    particles = {"px": np.full(50, 9000.0), "py": np.zeros(50), "pz": np.zeros(50), "pid": np.full(50, 211)}
    tracks = find_tracks(
        particles, particles["px"], np.zeros(50), np.arange(50), ATLAS.tracker, np.random.default_rng(3)
    )
    np.testing.assert_allclose(tracks.sigma / tracks.energy, 1.0)


def test_log_normal_keeps_mean_and_width():
    factors = log_normal(np.full(200_000, 0.4), np.random.default_rng(4))
    assert factors.mean() == pytest.approx(1.0, abs=0.005)
    assert factors.std() == pytest.approx(0.4, rel=0.02)
    assert factors.min() > 0
