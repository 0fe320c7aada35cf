"""Values of a box on the real line, and conditional densities that start as a regression."""

import numpy as np
import pytest
import torch

from partonic.core.errors import InputError
from partonic.models.flows.density import ConditionalDensity, Line

ENDS = torch.tensor([[-1.0, 3.0], [-torch.inf, torch.inf], [0.0, 0.5]], dtype=torch.float64)


def test_a_box_goes_to_the_line_and_back():
    line = Line.within(ENDS)
    free = torch.randn(50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    values, log_out = line.bound(free)
    again, log_back = line.free(values)
    torch.testing.assert_close(again, free)
    torch.testing.assert_close(log_back, -log_out)
    free.requires_grad_()
    (slope,) = torch.autograd.grad(line.bound(free)[0].sum(), free)
    torch.testing.assert_close(log_out, slope.log().sum(dim=-1))
    outside = torch.tensor([[3.1, 0.0, 0.1], [0.0, 1e9, 0.1], [0.0, 0.0, -0.1]], dtype=torch.float64)
    assert line.inside(outside).tolist() == [False, True, False]
    assert line.inside(values).all()


@pytest.mark.parametrize("smooth", [False, True])
def test_a_gaussian_needs_no_training(smooth):
    rng = np.random.default_rng(2)
    context = torch.from_numpy(rng.normal(size=(4000, 1)).astype(np.float32))
    values = 2 * context + torch.from_numpy(rng.normal(0, 0.5, (4000, 1)).astype(np.float32))
    density = ConditionalDensity(1, 1, transforms=1, hidden=(8,), smooth=smooth)
    density.learn(values, context)
    found = density(torch.tensor([[1.0], [2.0]]), torch.tensor([[0.5], [0.5]])).exp()
    exact = torch.distributions.Normal(1.0, 0.5).log_prob(torch.tensor([1.0, 2.0])).exp()
    assert found.tolist() == pytest.approx(exact.tolist(), abs=0.02)
    kinds = [layer for layer in density.modules() if isinstance(layer, torch.nn.SiLU)]
    assert bool(kinds) is smooth


def test_values_that_are_one_and_the_same_are_refused():
    one = torch.linspace(0, 1, 50)[:, None]
    with pytest.raises(InputError, match="vary independently"):
        ConditionalDensity(2, 1).learn(torch.cat([one, one], 1), one)
