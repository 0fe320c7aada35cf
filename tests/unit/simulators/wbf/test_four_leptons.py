"""The decay to four leptons: against Feynman rules with spinors, the known width, invariance, morphing, the score."""

import itertools
import math

import numpy as np
import pytest
import slow_wbf
import torch
from scipy.integrate import quad

from partonic.core.errors import InputError
from partonic.core.rng import generator
from partonic.events.kinematics import boost
from partonic.simulators.wbf import Constants, basis, gradient, joint_score, powers
from partonic.simulators.wbf.four_leptons import FourLeptons
from partonic.simulators.wbf.theory import multiplication, product

CONSTANTS = Constants()


def decays(identical=False, n=60, smallest=12.0, constants=CONSTANTS):
    leptons, measure = FourLeptons(constants, identical, smallest).points(20 * n, generator(1))
    return leptons[:, :, measure > 0][:, :, :n], measure[measure > 0][:n]


def slow(k, p, theta, identical):
    """Sum over helicities of the squared amplitude; p are l- l+ l- l+, each (n, 4)."""
    couplings = np.array([1.0, *theta])

    def width(mass2, mass):
        return 1.0 if not mass else (mass2 - mass**2) / (mass2 - mass**2 + 1j * mass * k.z_width)

    def amplitude(place, helicities):
        a, b, c, d = (p[i] for i in place)
        currents = [slow_wbf.current(y, x, h) for (x, y), h in zip(((a, b), (c, d)), helicities, strict=True)]
        q = [-(a + b), -(c + d)]
        mass2 = [slow_wbf.times(one, one) for one in q]
        total = 0
        for kinds in ("ZZ", "ZA", "AZ", "AA") if k.photons else ("ZZ",):
            legs, strength = [], 1.0
            for kind, h, current, momentum, square in zip(kinds, helicities, currents, q, mass2, strict=True):
                mass = k.z_mass if kind == "Z" else 0.0
                shape = slow_wbf.METRIC @ slow_wbf.propagator(momentum, mass) @ slow_wbf.METRIC
                legs.append(np.einsum("nm,nmo->no", current, shape) * np.atleast_1d(width(square, mass))[:, None])
                z = k.weak / k.cos * ((-0.5 if h < 0 else 0.0) + k.sin2)
                strength *= z if kind == "Z" else -k.electric
            parts = [np.einsum("nm,nmk,nk->n", legs[0], v, legs[1]) for v in slow_wbf.vertices(k, *q)[kinds]]
            total = total + strength * (couplings @ np.stack(parts))
        return total

    result = 0
    for state in itertools.product((-1, 1), repeat=4):  # chirality of each lepton; a line joins equal ones
        sum_ = np.zeros(len(p[0]), dtype=complex)
        for place, sign in (((0, 1, 2, 3), 1), ((2, 1, 0, 3), -1))[: 2 if identical else 1]:
            if state[place[0]] == state[place[1]] and state[place[2]] == state[place[3]]:
                sum_ += sign * amplitude(place, (state[place[0]], state[place[2]]))
        result = result + abs(sum_) ** 2
    return result / 4 if identical else result


@pytest.mark.parametrize("identical", [False, True])
@pytest.mark.parametrize("constants", [CONSTANTS, Constants(photons=False, z_mass=88.0, z_width=5.0)])
@pytest.mark.parametrize("theta", [(0.0, 0.0), (0.7, 0.0), (0.0, -0.8), (-0.4, 0.9)])
def test_agrees_with_spinors_and_full_propagators(identical, constants, theta):
    leptons, _ = decays(identical, constants=constants)
    ours = basis(theta) @ FourLeptons(constants, identical).components(leptons).numpy()
    theirs = slow(constants, list(leptons.permute(0, 2, 1).numpy()), theta, identical)
    np.testing.assert_allclose(ours, theirs, rtol=1e-7)


@pytest.mark.parametrize("identical", [False, True])
def test_components_do_not_depend_on_the_frame(identical):
    leptons, _ = decays(identical)
    rng = generator(2)
    direction = rng.normal(size=(60, 3))
    beta = 0.7 * direction / np.linalg.norm(direction, axis=1, keepdims=True)
    moved = np.stack([boost(one.T.numpy(), beta).T for one in leptons])
    decay = FourLeptons(CONSTANTS, identical)
    ours, theirs = decay.components(leptons), decay.components(torch.from_numpy(moved))
    scale = ours.abs().amax(0)
    assert float(((ours - theirs).abs() / scale).max()) < 1e-9


def test_points_are_decays_at_rest():
    for identical in (False, True):
        leptons, _ = decays(identical)
        total = leptons.sum(0)
        np.testing.assert_allclose(total[0], 125.0, rtol=1e-12)
        np.testing.assert_allclose(total[1:], 0.0, atol=1e-10)
        np.testing.assert_allclose(leptons[:, 0] ** 2 - (leptons[:, 1:] ** 2).sum(1), 0.0, atol=1e-8)
        for i, j in ((0, 1), (2, 3), *(((0, 3), (2, 1)) if identical else ())):
            pair = leptons[i] + leptons[j]
            assert float((pair[0] ** 2 - (pair[1:] ** 2).sum(0)).min()) >= 144 * (1 - 1e-9)


def known_width(k, smallest):
    """Gamma(h -> Z* Z*) with two Breit-Wigners (A. Djouadi, Phys. Rept. 457 (2008) 1, section 2.2.2), to 2e 2mu."""
    mass, m, w = k.higgs_mass, k.z_mass, k.z_width
    to_leptons = sum((k.weak / k.cos * c) ** 2 for c in (-0.5 + k.sin2, k.sin2)) * m / (24 * math.pi) / w
    coupling = (k.weak * m / k.cos) ** 2 * mass**3 / (64 * math.pi * m**4)

    def peak(s):
        return m * w / ((s - m * m) ** 2 + (m * w) ** 2) / math.pi

    def free(one, two):
        square = max((1 - one / mass**2 - two / mass**2) ** 2 - 4 * one * two / mass**4, 0.0)
        return math.sqrt(square) * (square + 12 * one * two / mass**4)

    def inner(one):
        high = (mass - math.sqrt(one)) ** 2
        split = [m * m] if high > m * m else None
        return peak(one) * quad(lambda two: peak(two) * free(one, two), smallest**2, high, points=split, limit=200)[0]

    low, high = smallest**2, (mass - smallest) ** 2
    return 2 * coupling * to_leptons**2 * quad(inner, low, high, points=[m * m], limit=200, epsrel=1e-5)[0] / 2


def test_the_width_of_the_standard_model_is_the_known_one():
    for smallest in (1.0, 12.0):
        width = FourLeptons(CONSTANTS, smallest_mass=smallest).width
        error = math.sqrt(width.covariance[0, 0])
        assert error < 0.01 * width.components[0]
        assert width.components[0] == pytest.approx(known_width(CONSTANTS, smallest), abs=4 * error)
    # Handbook of LHC Higgs cross sections 4 (arXiv:1610.07922): 4.07 MeV times 5.93e-5, with electroweak corrections
    assert known_width(CONSTANTS, 1.0) == pytest.approx(4.07e-3 * 5.93e-5, rel=0.03)


def test_interference_of_identical_leptons_is_there():
    """Without it the widths to 4e and 2e2mu would be 1 to 2 where the cuts are the same on all pairs."""
    leptons, measure = FourLeptons(CONSTANTS, True).points(150_000, generator(3))
    same = (FourLeptons(CONSTANTS, True).components(leptons)[0] * measure).numpy()
    turned = leptons[[2, 1, 0, 3]]
    distinct = FourLeptons(CONSTANTS)
    other = ((distinct.components(leptons)[0] + distinct.components(turned)[0]) * measure / 4).numpy()
    ratio = same.mean() / other.mean()
    error = (same - ratio * other).std() / other.mean() / 150_000**0.5
    assert abs(ratio - 1) > 5 * error
    assert 0.8 < ratio < 1.2


def test_morphing_from_fifteen_points_to_fifty_others():
    leptons, _ = decays()
    decay = FourLeptons(CONSTANTS).components(leptons).T.numpy()
    production = np.abs(generator(4).normal(size=(60, 6))) * [9.0, 1.0, 1.0, 2.0, 0.1, 2.0]
    both = product(production, decay)
    rng = generator(5)
    known, others = rng.uniform(-1, 1, (15, 2)), rng.uniform(-1, 1, (50, 2))

    def at(theta):
        return (production @ basis(theta).T) * (decay @ basis(theta).T)

    np.testing.assert_allclose(both @ basis(others, 4).T, at(others), rtol=1e-10)
    solved = np.linalg.solve(basis(known, 4), at(known).T).T
    np.testing.assert_allclose(solved @ basis(others, 4).T, at(others), rtol=1e-10, atol=1e-10 * at(others).max())


def test_the_score_is_the_derivative():
    leptons, _ = decays()
    both = product(
        np.tile([9.0, 1.0, 1.0, 2.0, 0.1, 2.0], (60, 1)), FourLeptons(CONSTANTS).components(leptons).T.numpy()
    )
    theta = torch.tensor([0.3, -0.6], dtype=torch.float64, requires_grad=True)
    monomials = torch.stack([theta[0] ** i * theta[1] ** j for i, j in powers(4)])
    logs = torch.log(torch.from_numpy(both) @ monomials)
    slopes = np.stack([torch.autograd.grad(one, theta, retain_graph=True)[0].numpy() for one in logs])
    np.testing.assert_allclose(joint_score(both, (0.3, -0.6)), slopes, atol=1e-10)
    assert gradient((0.3, -0.6), 4).shape == (2, 15)
    assert multiplication().sum() == 36


def test_drawn_decays_follow_theta():
    """Masses of pairs in drawn decays against weighted ones, at two points drawn together."""
    decay, n = FourLeptons(CONSTANTS), 6000
    points = np.array([(0.0, 0.0), (0.9, -0.9)])
    drawn, overweight = decay.draw(np.repeat(points, n // 2, axis=0), 1e-3, generator(6))
    assert overweight <= 1e-3
    leptons, measure = decay.points(200_000, generator(7))
    components = (decay.components(leptons) * measure).numpy()

    def lower(p):
        pairs = [p[0] + p[1], p[2] + p[3]]
        return torch.stack([torch.sqrt(q[0] ** 2 - (q[1:] ** 2).sum(0)) for q in pairs]).amin(0).numpy()

    for i, point in enumerate(points):
        w, x = basis(point) @ components, lower(leptons)
        seen = lower(drawn[:, :, i * n // 2 : (i + 1) * n // 2])
        mean = (w * x).sum() / w.sum()
        error = math.hypot((w * (x - mean)).std() / w.mean() / 200_000**0.5, seen.std() / (n // 2) ** 0.5)
        assert seen.mean() == pytest.approx(mean, abs=4.5 * error)
    assert lower(drawn[:, :, : n // 2]).mean() > lower(drawn[:, :, n // 2 :]).mean() + 1


@pytest.mark.parametrize("smallest", [0.0, 63.0])
def test_a_smallest_mass_that_leaves_nothing_is_refused(smallest):
    with pytest.raises(InputError, match="smallest mass"):
        FourLeptons(CONSTANTS, smallest_mass=smallest)
