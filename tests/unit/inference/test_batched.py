"""Batches of fits: known minima, bounds, curvature of the wrong sign, and fits that do not converge."""

import pytest
import torch

from partonic.core.errors import FitError, InputError
from partonic.inference.batched import minimise

INFINITE = torch.full((2,), torch.inf, dtype=torch.float64)


def by_autograd(function):
    def objective(rows, x):
        x = x.detach().requires_grad_()
        value = function(rows, x.T)
        (slope,) = torch.autograd.grad(value.sum(), x, create_graph=True)
        curve = [
            torch.autograd.grad(one.sum(), x, retain_graph=True)[0] if one.requires_grad else 0 * x for one in slope.T
        ]
        return value.detach(), slope.detach(), torch.stack(curve, 2)

    return objective


def rosenbrock(row, x):
    return (1 + row - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def test_curved_valleys_end_at_their_own_minima():
    start = torch.full((3, 2), -1.0, dtype=torch.float64)
    found = minimise(by_autograd(rosenbrock), start, -INFINITE, INFINITE)
    expected = torch.tensor([[1.0, 1.0], [2.0, 4.0], [3.0, 9.0]], dtype=torch.float64)
    assert bool(found.converged.all())
    torch.testing.assert_close(found.x, expected, rtol=0, atol=1e-4)
    hessian = torch.autograd.functional.hessian(lambda y: rosenbrock(0, y), expected[0])
    torch.testing.assert_close(found.covariance[0], torch.linalg.inv(hessian), rtol=1e-3, atol=1e-4)


def test_bounds_hold_and_what_stands_at_one_has_no_covariance():
    def bowl(row, x):
        return (x[0] + 1) ** 2 + (x[1] - 2) ** 2 + x[0] * x[1]

    lower, upper = torch.tensor([0.0, 0.0]).double(), torch.tensor([5.0, 1.5]).double()
    found = minimise(by_autograd(bowl), torch.tensor([[3.0, 0.5]]).double(), lower, upper)
    assert bool(found.converged.all())
    torch.testing.assert_close(found.x, torch.tensor([[0.0, 1.5]]).double())
    assert found.free.tolist() == [[False, False]]
    assert float(found.covariance.abs().max()) == 0


def test_a_fixed_parameter_stays():
    fixed = torch.tensor([False, True])
    found = minimise(by_autograd(rosenbrock), torch.tensor([[0.3, 4.0]]).double(), -INFINITE, INFINITE, fixed)
    assert float(found.x[0, 1]) == 4.0
    slope = torch.autograd.functional.jacobian(lambda y: rosenbrock(0, y), found.x[0])
    assert abs(float(slope[0])) < 1e-3


def test_a_fit_without_a_minimum_says_so():
    def slide(row, x):
        return torch.where(row > 0, x[0], (x[0] - 3) ** 2)

    start = torch.zeros(2, 1, dtype=torch.float64)
    found = minimise(by_autograd(slide), start, -INFINITE[:1], INFINITE[:1], steps=30)
    assert found.converged.tolist() == [True, False]
    assert bool(torch.isnan(found.value[1]))
    assert bool(torch.isnan(found.covariance[1]).all())
    with pytest.raises(FitError, match="1 of 2 fits of toys did not converge; the first ended after 30 steps at"):
        found.need("toys")


@pytest.mark.parametrize(
    ("start", "lower", "said"),
    [(0.0, 2.0, "above its upper bound"), (-1.0, -5.0, "the function of fit 0 is nan at its start")],
)
def test_impossible_starts_are_errors(start, lower, said):
    def root(row, x):
        return torch.log(x[0])

    place, bounds = torch.tensor([[start]]).double(), (torch.tensor([lower]).double(), torch.tensor([1.0]).double())
    with pytest.raises(InputError, match=said):
        minimise(by_autograd(root), place, *bounds)
