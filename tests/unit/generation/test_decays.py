import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.core.rng import generator
from partonic.generation.decays import Decay, Decays
from partonic.generation.lines import Logarithm, Resonant

W = Resonant(80.4, 2.1, 60.0, 100.0)
TOP = Resonant(172.5, 1.4, 130.0, 220.0)


def top(name):
    return Decay(
        name, TOP, (Decay(f"{name}-b", 4.7), Decay(f"{name}-w", W, (Decay(f"{name}-q", 0.0), Decay(f"{name}-p", 0.0))))
    )


def chain(balanced):
    return Decays(Decay("pair", Logarithm(), (top("t"), top("s")), above=True), balanced)


def drawn(coordinates, n, seed=1):
    u = generator(seed).normal(size=(n, len(coordinates.circular)))
    u[:, 0] += 4.0  # some 50 GeV above threshold
    return u


def four(values, masses):
    p = values.reshape(len(values), -1, 3)
    return np.concatenate([np.sqrt(np.array(masses) ** 2 + (p**2).sum(-1))[..., None], p], axis=-1)


def mass(p):
    return np.sqrt(p[..., 0] ** 2 - (p[..., 1:] ** 2).sum(-1))


def test_six_quarks_balance_and_have_the_masses_of_their_resonances():
    coordinates = chain(balanced=True)
    assert len(coordinates.circular) == 16
    u = drawn(coordinates, 500)
    p = four(coordinates.inverse(u), [4.7, 0.0, 0.0] * 2)
    total = p.sum(axis=1)
    assert np.abs(total[:, 1:3]).max() < 1e-9 * total[:, 0].max()
    for start, (of_top, of_w) in ((0, (1, 2)), (3, (3, 4))):
        np.testing.assert_allclose(mass(p[:, start : start + 3].sum(1)), TOP.inverse(u[:, of_top]), rtol=1e-9)
        np.testing.assert_allclose(mass(p[:, start + 1 : start + 3].sum(1)), W.inverse(u[:, of_w]), rtol=1e-9)
    rapidity = 0.5 * np.log((total[:, 0] + total[:, 3]) / (total[:, 0] - total[:, 3]))
    np.testing.assert_allclose(rapidity, u[:, 5], atol=1e-9)


@pytest.mark.parametrize("balanced", [True, False])
def test_momenta_come_back(balanced):
    coordinates = chain(balanced)
    values = coordinates.inverse(drawn(coordinates, 300))
    np.testing.assert_allclose(coordinates.inverse(coordinates.forward(values)), values, atol=1e-5)


def test_the_jacobian_is_that_of_finite_differences():
    resonance = Decay("w", W, (Decay("q", 0.0), Decay("p", 1.0)))
    coordinates = Decays(Decay("all", Logarithm(), (Decay("b", 4.7), resonance), above=True), balanced=False)
    values = coordinates.inverse(drawn(coordinates, 20))
    h = 1e-4
    steps = h * np.eye(9)
    numeric = np.stack(
        [(coordinates.forward(values + s) - coordinates.forward(values - s)) / (2 * h) for s in steps], 2
    )
    np.testing.assert_allclose(coordinates.log_jacobian(values), np.linalg.slogdet(numeric)[1], atol=1e-3)


def test_a_direction_is_isotropic_where_its_coordinates_are():
    coordinates = Decays(Decay("z", Resonant(91.2, 2.5), (Decay("a", 0.0), Decay("b", 0.0))))
    u = np.zeros((1, 4))
    u[0, 1] = 0.7
    one = four(coordinates.inverse(u), [0.0, 0.0])[0]
    np.testing.assert_allclose(one[0, 1:3], -one[1, 1:3], atol=1e-12)
    np.testing.assert_allclose(one[0, 1], mass(one.sum(0)) / 2, rtol=1e-12)  # at a right angle to the beam, azimuth 0


def test_what_is_no_chain_is_refused():
    with pytest.raises(InputError, match="two products, or is final; not to 1"):
        Decay("t", TOP, (Decay("b", 0.0),))
    with pytest.raises(InputError, match="needs a map of its mass if it decays"):
        Decay("t", 172.5, (Decay("b", 0.0), Decay("w", 80.4)))
    with pytest.raises(InputError, match="different names, not b, b"):
        Decays(Decay("t", TOP, (Decay("b", 0.0), Decay("b", 80.4))))
    with pytest.raises(InputError, match="system 'b' needs products"):
        Decays(Decay("b", 0.0))
    values = chain(balanced=False).inverse(drawn(chain(balanced=False), 3))
    with pytest.raises(InputError, match=r"3 events do not add up to 0 .* use balanced=False"):
        chain(balanced=True).forward(values)
