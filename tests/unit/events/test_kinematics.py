"""Kinematics against the package vector: m^2 to 1e-6 E^2 (float32) and 1e-14 E^2 (float64), the rest to 1e-6, 1e-12."""

import numpy as np
import pytest
import vector
from hypothesis import given
from hypothesis import strategies as st

from partonic.core.errors import InputError
from partonic.events import kinematics as k

TOLERANCE = {np.float32: 1e-6, np.float64: 1e-12}
MASS2 = {np.float32: 1e-6, np.float64: 1e-14}
kinds = pytest.mark.parametrize("kind", [np.float32, np.float64])


def momenta(kind, n=20_000, seed=1):
    """Momenta from MeV to 10 TeV, to |eta| = 6, massless and massive, in one type."""
    rng = np.random.default_rng(seed)
    pt = 10 ** rng.uniform(-3, 4, n)
    eta, phi = rng.uniform(-6, 6, n), rng.uniform(-np.pi, np.pi, n)
    mass = np.where(rng.random(n) < 0.3, 0, 10 ** rng.uniform(-3, 3, n))
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    e = np.sqrt(pt**2 + pz**2 + mass**2)
    return tuple(component.astype(kind) for component in (px, py, pz, e))


def theirs(px, py, pz, e):
    """The same numbers as vector's objects, in float64."""
    fields = zip(("px", "py", "pz", "E"), (px, py, pz, e), strict=True)
    return vector.array({name: component.astype(np.float64) for name, component in fields})


@kinds
def test_mass_squared(kind):
    p = momenta(kind)
    ours = k.mass2(*p)
    assert ours.dtype == kind
    assert np.max(np.abs(ours - theirs(*p).tau2) / p[3].astype(float) ** 2) <= MASS2[kind]


@kinds
def test_mass_is_the_signed_root(kind):
    p = momenta(kind)
    mass, square = k.mass(*p), k.mass2(*(component.astype(float) for component in p))
    np.testing.assert_allclose(np.sign(mass) * mass.astype(float) ** 2, square, rtol=10 * TOLERANCE[kind], atol=1e-30)
    assert k.mass(*np.array([[0.0], [0.0], [5.0], [3.0]])) == [-4.0]


@kinds
def test_pt_eta_phi_rapidity(kind):
    p = momenta(kind)
    vectors = theirs(*p)
    for ours, reference in (
        (k.pt(*p[:2]), vectors.pt),
        (k.phi(*p[:2]), vectors.phi),
        (k.eta(*p[:3]), vectors.eta),
    ):
        assert ours.dtype == kind
        np.testing.assert_allclose(ours, reference, rtol=TOLERANCE[kind], atol=TOLERANCE[kind])
    massive = vectors.tau2 > 1e-6 * vectors.E**2  # elsewhere E - |pz| is all rounding
    y = k.rapidity(p[2][massive], p[3][massive])
    np.testing.assert_allclose(y, vectors.rapidity[massive], rtol=TOLERANCE[kind], atol=TOLERANCE[kind])


@kinds
def test_from_pt_eta_phi_mass(kind):
    rng = np.random.default_rng(3)
    polar = [x.astype(kind) for x in (rng.exponential(50, 999), rng.normal(0, 2, 999), rng.uniform(-4, 4, 999))]
    mass = rng.exponential(5, 999).astype(kind)
    reference = vector.array(
        {
            "pt": polar[0].astype(float),
            "eta": polar[1].astype(float),
            "phi": polar[2].astype(float),
            "mass": mass.astype(float),
        }
    )
    ours = k.from_pt_eta_phi_mass(*polar, mass)
    for component, name in zip(ours, ("px", "py", "pz", "E"), strict=True):
        assert component.dtype == kind
        np.testing.assert_allclose(component, getattr(reference, name), rtol=TOLERANCE[kind], atol=TOLERANCE[kind])


@kinds
def test_distances(kind):
    rng = np.random.default_rng(4)
    eta_1, eta_2 = rng.uniform(-6, 6, (2, 20_000)).astype(kind)
    phi_1, phi_2 = rng.uniform(-np.pi, np.pi, (2, 20_000)).astype(kind)
    first, second = (
        vector.array(
            {"pt": np.ones(20_000), "eta": eta.astype(float), "phi": phi.astype(float), "mass": np.ones(20_000)}
        )
        for eta, phi in ((eta_1, phi_1), (eta_2, phi_2))
    )
    ours = k.delta_phi(phi_1, phi_2), k.delta_r(eta_1, phi_1, eta_2, phi_2)
    for value, reference in zip(ours, (first.deltaphi(second), first.deltaR(second)), strict=True):
        assert value.dtype == kind
        np.testing.assert_allclose(value, reference, rtol=TOLERANCE[kind], atol=TOLERANCE[kind])


@kinds
def test_boosts(kind):
    p = momenta(kind, n=2000)
    rng = np.random.default_rng(6)
    direction = rng.standard_normal((2000, 3))
    beta = direction / np.linalg.norm(direction, axis=1)[:, None] * rng.uniform(0, 0.99, 2000)[:, None]
    ours = k.boost(np.stack([p[3], *p[:3]], axis=1), beta.astype(kind))
    velocity = vector.array({name: beta.astype(kind)[:, i].astype(float) for i, name in enumerate(("x", "y", "z"))})
    boosted = theirs(*p).boost_beta3(velocity)
    assert ours.dtype == kind
    for i, name in enumerate(("E", "px", "py", "pz")):
        off = np.abs(ours[:, i] - getattr(boosted, name)) / np.maximum(boosted.E, p[3])
        assert np.max(off) <= TOLERANCE[kind]


def test_a_particle_at_rest_moves_with_the_velocity():
    np.testing.assert_allclose(k.boost(np.array([2.0, 0, 0, 0]), np.array([0.6, 0, 0])), [2.5, 1.5, 0, 0])


def test_boosting_back_gives_the_same():
    p = np.stack([*momenta(np.float64, 100)[3:], *momenta(np.float64, 100)[:3]], axis=1)
    beta = np.array([0.3, -0.5, 0.6])
    np.testing.assert_allclose(k.boost(k.boost(p, beta), -beta), p, rtol=1e-9, atol=1e-9 * p[:, :1].max())


@pytest.mark.parametrize("beta", [[1.0, 0, 0], [0.8, 0.8, 0], [np.nan, 0, 0]])
def test_a_velocity_of_light_is_an_error(beta):
    with pytest.raises(InputError, match="velocity below 1"):
        k.boost(np.ones(4), np.array(beta))


def test_along_the_beam_and_at_rest():
    zero = np.zeros(3)
    z = np.array([0.0, 2.0, -2.0])
    assert k.eta(zero, zero, z).tolist() == [0, np.inf, -np.inf]
    assert k.rapidity(z, np.abs(z)).tolist() == [0, np.inf, -np.inf]


def test_integers_give_float64_and_shapes_broadcast():
    assert k.pt(np.array([3]), np.array([4])).dtype == np.float64
    assert k.delta_r(np.zeros((4, 1)), np.zeros((4, 1)), np.zeros((1, 5)), np.ones((1, 5))).shape == (4, 5)


angles = st.floats(-1000, 1000)


@given(angles, angles)
def test_delta_phi_is_wrapped_and_an_angle(a, b):
    value = float(k.delta_phi(np.float64(a), np.float64(b)))
    assert abs(value) <= np.pi
    assert abs(np.sin((value - (a - b)) / 2)) < 1e-9


@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4), st.floats(-1e4, 1e4), st.floats(0, 1e3))
def test_mass_of_any_momentum(px, py, pz, mass):
    p = tuple(np.float64(x) for x in (px, py, pz, np.sqrt(px**2 + py**2 + pz**2 + mass**2)))
    assert abs(k.mass2(*p) - mass**2) <= 1e-14 * p[3] ** 2
