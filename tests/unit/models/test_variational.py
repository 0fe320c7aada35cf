"""Variational layers: their divergence, the noise of their outputs, and a posterior that is known."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from partonic.core.errors import InputError
from partonic.models.variational import GAIN, START, VariationalLinear, fix_weights, make_variational
from partonic.objectives.variational import EvidenceBound


def layer(inputs=3, outputs=2, seed=0):
    torch.manual_seed(seed)
    made = VariationalLinear(nn.Linear(inputs, outputs), prior=1.5)
    with torch.no_grad():
        made.moved.normal_(0.2, 0.05)
    return made


def spread(made):
    return ((START + GAIN * made.moved.detach()) / 2).exp() * made.width


def test_the_divergence_is_that_of_gaussians():
    made = layer()
    assert made.width == pytest.approx(1.5 / math.sqrt(3))
    exact = kl_divergence(Normal(made.weight.detach(), spread(made)), Normal(0.0, made.width)).sum()
    assert float(made.divergence().detach()) == pytest.approx(float(exact), rel=1e-5)


def test_outputs_scatter_as_the_weights_do():
    made = layer()
    x = torch.tensor([[1.0, -2.0, 0.5]])
    many = made.train()(x.expand(40_000, 3)).detach()
    exact = (x.square() @ spread(made).square().T).sqrt()[0]
    torch.testing.assert_close(many.std(dim=0), exact, rtol=0.03, atol=0.0)
    drawn = []
    for number in range(1_000):
        fix_weights(made, torch.Generator().manual_seed(number))
        drawn.append(made(x)[0].detach())
    torch.testing.assert_close(torch.stack(drawn).std(dim=0), exact, rtol=0.1, atol=0.0)
    fix_weights(made, None)
    torch.testing.assert_close(made.eval()(x), nn.functional.linear(x, made.weight, made.bias))


def test_the_posterior_of_a_slope_is_found():
    """One weight, Gaussian noise of width 0.5: the posterior is a Gaussian in closed form."""
    torch.manual_seed(1)
    x = torch.randn(50, 1)
    y = 0.7 * x + 0.5 * torch.randn(50, 1)
    precision = 1.0 + float(x.square().sum()) / 0.25
    centre, width = float((x * y).sum()) / 0.25 / precision, precision**-0.5
    model = nn.Sequential(nn.Linear(1, 1))
    nn.init.zeros_(model[0].bias)
    assert make_variational(model) == 1
    model[0].bias.requires_grad_(False)

    def loss(net, batch):
        return 2.0 * (net(x.repeat(8, 1)) - y.repeat(8, 1)).square().mean()

    bound = EvidenceBound(loss, events=50)
    optimiser = torch.optim.Adam([{"params": [model[0].weight], "lr": 0.02}, {"params": [model[0].moved], "lr": 2e-3}])
    for _ in range(250):
        optimiser.zero_grad()
        bound(model, None).backward()
        optimiser.step()
    assert float(model[0].weight.detach()) == pytest.approx(centre, abs=0.4 * width)
    assert float(spread(model[0])) == pytest.approx(width, rel=0.15)


def test_numbers_are_checked():
    with pytest.raises(InputError, match="prior must be above 0"):
        VariationalLinear(nn.Linear(1, 1), prior=0.0)
    with pytest.raises(InputError, match="above 0, not 0"):
        EvidenceBound(lambda model, batch: torch.zeros(()), events=0)
