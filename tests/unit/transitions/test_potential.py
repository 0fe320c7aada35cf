"""Potentials: derivatives against closed forms, minima, and what is no minimum."""

import numpy as np
import pytest
import torch

from partonic.core.errors import InputError
from partonic.transitions.potential import Potential

HOT = Potential(lambda p, T: (p[..., 0] ** 2 - 1) ** 2 + p[..., 0] * p[..., 1] ** 2 + T**2 * p[..., 1] ** 4, 2, True)


def test_derivatives_are_those_of_the_closed_form():
    phi = torch.tensor([[[0.3, 0.7], [1.2, -0.4]]] * 3, dtype=torch.float64)
    T = torch.tensor([0.5, 2.0], dtype=torch.float64)
    x, y = phi[..., 0], phi[..., 1]
    gradient = torch.stack([4 * x * (x**2 - 1) + y**2, 2 * x * y + 4 * T**2 * y**3], -1)
    hessian = torch.stack(
        [torch.stack([12 * x**2 - 4, 2 * y], -1), torch.stack([2 * y, 2 * x + 12 * T**2 * y**2], -1)], -1
    )
    assert torch.allclose(HOT.gradient(phi, T), gradient, rtol=1e-14)
    assert torch.allclose(HOT.hessian(phi, T), hessian, rtol=1e-14)
    assert torch.allclose(HOT.dT(phi, T), 2 * T * y**4, rtol=1e-14)
    assert torch.allclose(HOT.dT(phi, 0.5), y**4, rtol=1e-14)
    closed = Potential(lambda p: (p**4).sum(-1), 2, gradient_function=lambda p: 4 * p**3)
    assert torch.allclose(closed.hessian(phi), torch.diag_embed(12 * phi**2), rtol=1e-14)
    assert closed.dT(phi).abs().max() == 0


@pytest.mark.parametrize("start", [[0.7, 0.1], [1.8, -0.5], [0.0, 0.001], [1e-9, 0.0]])
def test_minima_are_reached_to_the_last_digits(start):
    found = HOT.minimise(start, T=1.0)
    assert HOT.gradient(found, 1.0).norm() < 1e-12
    assert torch.linalg.eigvalsh(HOT.hessian(found, 1.0)).min() > 0


def test_minima_that_are_known_but_for_their_last_digits():
    exact = torch.stack([HOT.minimise([0.7, 0.1], T=1.0), HOT.minimise([0.7, -0.1], T=1.0)])
    found = HOT.settled(exact + 1e-9, T=1.0)
    assert found is not None
    assert torch.allclose(found, exact, rtol=0, atol=1e-14)
    assert HOT.settled(exact + 1e-3, T=1.0) is None
    assert HOT.settled(torch.zeros(1, 2, dtype=torch.float64), T=1.0) is None


def test_scales_of_the_fields_change_nothing():
    big = Potential(lambda p: ((p / 246.0) ** 2 - 1).sum(-1) ** 2 * 1e9, 1)
    assert big.minimise([100.0]).numpy() == pytest.approx([246.0], rel=1e-12)


@pytest.mark.parametrize(
    ("does", "said"),
    [
        (lambda: Potential(lambda p: -(p[..., 0] ** 4), 1).minimise([0.1]), "unbounded below"),
        (lambda: HOT.minimise([1.0]), "has 2 fields"),
        (lambda: HOT.minimise([1.0, 0.0], T=-1.0), "a temperature is 0 or above"),
        (lambda: HOT.require_minimum([0.0, 0.0], 0.0, "the false vacuum"), "the false vacuum (0, 0) is a"),
        (lambda: HOT.require_minimum([1.2, 0.0]), "is no minimum"),
        (lambda: HOT.point([np.nan, 0.0]), "not finite"),
        (lambda: Potential(lambda p: p.sum(), 2), "of shape (2,)"),
        (lambda: Potential(lambda p: p[..., 0] + torch.zeros(1).double(), 1), "of shapes (2,) and (1,)"),
        (lambda: Potential(lambda p: p[..., 3], 2), "cannot be evaluated"),
        (lambda: Potential(lambda p: p[..., 0], 0), "one field or more"),
    ],
)
def test_bad_input_ends_in_one_sentence(does, said):
    with pytest.raises(InputError) as caught:
        does()
    assert said in str(caught.value)
