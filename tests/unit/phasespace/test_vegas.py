"""The grid: its density integrates to one, its inverse, and it learns a separable peak."""

import math

import pytest
import torch

from partonic.core.errors import InputError
from partonic.phasespace.vegas import Grid


def peak(x):
    """Product of two narrow exponentials; the integral over the cube is 1."""
    a = 25.0
    return (a / (1 - math.exp(-a))) ** 2 * torch.exp(-a * x.sum(1))


def learned(rounds=6):
    grid = Grid.uniform(2, 32)
    random = torch.Generator().manual_seed(1)
    for _ in range(rounds):
        drawn = grid.draw(torch.rand(20_000, 2, generator=random, dtype=torch.float64))
        grid = grid.refined(drawn.cells, (peak(drawn.points) * drawn.jacobian) ** 2)
    return grid


def test_a_learned_grid_integrates_with_less_spread():
    grid = learned()
    u = torch.rand(50_000, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    drawn = grid.draw(u)
    weight, flat = peak(drawn.points) * drawn.jacobian, peak(u)
    assert float(weight.mean()) == pytest.approx(1.0, abs=4 * float(weight.std()) / 50_000**0.5)
    assert float(weight.std()) < 0.05 * float(flat.std())


def test_inverse_and_jacobian():
    grid = learned()
    u = torch.rand(5000, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    drawn = grid.draw(u)
    torch.testing.assert_close(grid.inverse(drawn.points), u, rtol=0, atol=1e-10)
    assert float(drawn.jacobian.mean()) == pytest.approx(1.0, abs=4 * float(drawn.jacobian.std()) / 5000**0.5)
    nudged = grid.draw(u.clamp(max=0.9999) + 1e-7)
    same = (nudged.cells == drawn.cells).all(1) & (u < 0.9999).all(1)
    slope = ((nudged.points - drawn.points) / 1e-7).prod(1)[same]
    torch.testing.assert_close(slope, drawn.jacobian[same], rtol=1e-5, atol=1e-8)


def test_no_damping_keeps_a_flat_grid():
    grid = Grid.uniform(1, 8)
    kept = grid.refined(torch.arange(8)[:, None], torch.arange(1.0, 9.0, dtype=torch.float64), damping=0.0)
    torch.testing.assert_close(kept.edges, grid.edges)


@pytest.mark.parametrize("squares", [torch.zeros(3), torch.tensor([1.0, math.nan, 1.0])])
def test_nothing_to_learn_is_said(squares):
    with pytest.raises(InputError, match="finite weights"):
        Grid.uniform(1, 4).refined(torch.zeros(3, 1, dtype=torch.long), squares.double())
