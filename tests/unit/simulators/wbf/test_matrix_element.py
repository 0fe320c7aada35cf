"""The matrix element: against Feynman rules with spinors, invariance, morphing, the score by automatic derivatives."""

import numpy as np
import pytest
import slow_wbf
import torch

from partonic.core.rng import generator
from partonic.events.kinematics import boost
from partonic.simulators.pdf import Densities
from partonic.simulators.wbf import Constants, Cuts, basis, gradient, joint_score
from partonic.simulators.wbf.matrix_element import MatrixElement, invariants, products
from partonic.simulators.wbf.phase_space import points

DEFAULT = Constants()
POWERS = ((0.7, 3.6, 3.1), (0.7, 4.4, 1.9), (-0.3, 8.0, 0.4), (-0.3, 8.5, 0.5), (-0.3, 9.0, 0.1))


def toy(row, x):
    """Sum of x f(x) of a row of flavours."""
    a, b, norm = POWERS[row]
    return norm * x**a * (1 - x) ** b


def element(constants=DEFAULT):
    log_x = np.linspace(np.log(1e-5), 0.0, 4000)
    return MatrixElement(constants, Densities(log_x, np.stack([toy(row, np.exp(log_x)) for row in range(5)])))


def sample(n, constants=DEFAULT, seed=0):
    rng = generator(seed)
    u = torch.from_numpy(rng.random((16 * n, 6)))
    drawn = points(u, torch.from_numpy(rng.uniform(-np.pi, np.pi, 16 * n)), constants, 20.0)
    known = invariants(drawn.p3, drawn.p4, drawn.higgs, constants.energy)
    inside = (known.x1 < 0.9) & (known.x2 < 0.9) & Cuts().passed(drawn.p3, drawn.p4)
    rows = torch.nonzero(inside).squeeze(1)[:n]
    assert len(rows) == n
    return drawn[rows], known[rows]


def partons(drawn, known, energy):
    ends = []
    for x, sign in ((known.x1, 1), (known.x2, -1)):
        e = 0.5 * energy * x.numpy()
        ends.append(np.stack([e, 0 * e, 0 * e, sign * e], -1))
    return [*ends, drawn.p3.T.numpy(), drawn.p4.T.numpy()]


@pytest.mark.parametrize("constants", [Constants(), Constants(photons=False, z_mass=95.0, energy=8000.0)])
@pytest.mark.parametrize("theta", [(0.0, 0.0), (0.7, 0.0), (0.0, -0.8), (-0.4, 0.9)])
def test_agrees_with_spinors_and_full_propagators(constants, theta):
    drawn, known = sample(40, constants)
    ours = np.einsum("ckn,k->cn", element(constants).components(known).numpy(), basis(theta))
    rows = {2: 0, 4: 0, 1: 1, 3: 1, -2: 2, -4: 2, -1: 3, -3: 3, 5: 4, -5: 4}

    def density(flavour, x):
        shared = 1 if abs(flavour) == 5 else 2  # a row adds up two generations
        return toy(rows[flavour], x) / x / shared

    fractions = known.x1.numpy(), known.x2.numpy()
    theirs = slow_wbf.sigma(constants, density, fractions, partons(drawn, known, constants.energy), theta)
    np.testing.assert_allclose(ours, theirs, rtol=1e-7)


def test_the_standard_model_alone_is_the_first_component():
    _, known = sample(500)
    torch.testing.assert_close(element().standard(known), element().components(known)[:, 0], rtol=1e-11, atol=0)


def test_invariants_and_products_do_not_depend_on_the_frame():
    drawn, known = sample(200)
    p = partons(drawn, known, Constants().energy)
    direction = generator(5).normal(size=(200, 3))
    beta = 0.6 * direction / np.linalg.norm(direction, axis=1, keepdims=True)
    p1, p2, p3, p4 = (boost(each, beta) for each in p)
    dots = [slow_wbf.times(a, b) for a, b in ((p1, p2), (p3, p4), (p1, p4), (p2, p3))]
    transfers = [slow_wbf.times(q, q) for q in (p1 - p3, p2 - p4)]
    moved = type(known)(known.x1, known.x2, *(torch.from_numpy(each) for each in (*dots, *transfers)))
    for name in ("a", "b", "c", "d", "t1", "t2"):
        torch.testing.assert_close(getattr(moved, name), getattr(known, name), rtol=1e-6, atol=1e-3)
    ours, theirs = products(known), products(moved)
    scale = ours.even.abs().amax(1, keepdim=True)
    for part in ("even", "odd"):
        assert float(((getattr(ours, part) - getattr(theirs, part)) / scale).abs().max()) < 1e-9


def test_six_points_give_fifty_others():
    _, known = sample(300)
    components = element().components(known).sum(0).T.numpy()
    corners = np.array([[0, 0], [0.7, 0], [0, 0.7], [-0.6, 0.3], [0.4, -0.8], [0.9, 0.9]])
    others = generator(6).uniform(-1, 1, (50, 2))
    morphed = (components @ basis(corners).T) @ np.linalg.solve(basis(corners).T, basis(others).T)
    np.testing.assert_allclose(morphed, components @ basis(others).T, rtol=1e-10)
    assert np.all(morphed > 0)


def test_the_score_is_the_derivative_of_the_logarithm():
    _, known = sample(100)
    components = element().components(known).sum(0).T
    theta = torch.tensor([0.3, -0.2], dtype=torch.float64)

    def log_density(t):
        a, b = t
        return torch.log(components @ torch.stack([torch.ones_like(a), a, b, a * a, a * b, b * b]))

    derivative = torch.autograd.functional.jacobian(log_density, theta)
    np.testing.assert_allclose(joint_score(components.numpy(), theta.numpy()), derivative, rtol=1e-10, atol=1e-12)
    assert gradient(theta.numpy()).shape == (2, 6)
