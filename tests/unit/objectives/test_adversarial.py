"""The losses of a game on functions that can be computed by hand."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance
from torch import nn

from partonic.fit.adversarial import Opponents
from partonic.models.gan import Critic, NoiseGenerator, on_circles
from partonic.objectives.adversarial import (
    PAIRINGS,
    CriticLoss,
    Distance,
    GeneratorLoss,
    Resonances,
    marginal_distance,
    sliced_distance,
)
from partonic.objectives.generative import DensityBatch
from partonic.objectives.mmd import Kernel, discrepancy


class Fixed(nn.Module):
    """Generates the same rows each time."""

    latent = 1

    def __init__(self, rows):
        super().__init__()
        self.rows = nn.Parameter(torch.as_tensor(rows))

    def forward(self, noise, context):
        return self.rows * 1


class Line(nn.Module):
    """The logit a x_1 + b x_2."""

    def __init__(self, a, b):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor([a, b]))

    def forward(self, values, context):
        return values @ self.slope


def game(weight=(1.5, 0.5), context=0):
    truth = torch.tensor([[0.3, 1.0], [-0.4, 0.2]])
    batch = DensityBatch(truth, torch.zeros(2, context), torch.tensor(weight))
    return Opponents(Fixed([[1.0, 2.0], [0.5, -1.0]]), Line(0.7, -0.2)), batch


def test_losses_and_penalty_by_hand():
    opponents, batch = game()
    phi_t, phi_g = [0.21 - 0.2, -0.28 - 0.04], [0.7 - 0.4, 0.35 + 0.2]
    d_t, d_g = ([1 / (1 + math.exp(-phi)) for phi in each] for each in (phi_t, phi_g))
    plain = sum(w * -math.log(d) for w, d in zip((1.5, 0.5), d_t, strict=True)) / 2
    plain += sum(-math.log(1 - d) for d in d_g) / 2
    slope = 0.7**2 + 0.2**2
    penalty = slope * (1.5 * (1 - d_t[0]) ** 2 + 0.5 * (1 - d_t[1]) ** 2) / 2 + slope * sum(d * d for d in d_g) / 2
    assert CriticLoss()(opponents, batch).item() == pytest.approx(plain, rel=1e-5)
    assert CriticLoss(0.3)(opponents, batch).item() == pytest.approx(plain + 0.3 * penalty, rel=1e-5)
    expected = sum(-math.log(d) for d in d_g) / 2
    assert GeneratorLoss()(opponents, batch).item() == pytest.approx(expected, rel=1e-5)


def test_the_critic_does_not_move_the_generator_and_the_penalty_flattens_the_critic():
    opponents, batch = game()
    CriticLoss(1.0)(opponents, batch).backward()
    assert opponents.generator.rows.grad is None
    with_penalty = opponents.critic.slope.grad.clone()
    opponents.critic.slope.grad = None
    CriticLoss()(opponents, batch).backward()
    pull = with_penalty - opponents.critic.slope.grad
    assert (pull * opponents.critic.slope).sum() > 0


def test_with_context_the_generated_carry_the_weights():
    plain, batch = game()
    given, other = game(context=1)
    d = torch.sigmoid(plain.critic(plain.generator.rows, None))
    assert GeneratorLoss()(plain, batch).item() == pytest.approx(-d.log().mean().item(), rel=1e-5)
    expected = -(torch.tensor([1.5, 0.5]) * d.log()).mean().item()
    assert GeneratorLoss()(given, other).item() == pytest.approx(expected, rel=1e-5)


def test_the_resonance_term_is_the_sum_of_discrepancies():
    opponents, batch = game()
    kernel = Kernel((1.0,))
    term = Resonances(lambda rows: torch.stack([rows[:, 0] * 2, rows.sum(1)], 1), kernel, strength=3.0)
    x, y, w = opponents.generator.rows.detach(), batch.values, batch.weight
    expected = discrepancy(2 * x[:, 0], 2 * y[:, 0], kernel, None, w) + discrepancy(x.sum(1), y.sum(1), kernel, None, w)
    without, beside = GeneratorLoss()(opponents, batch), GeneratorLoss(term)(opponents, batch)
    assert (beside - without).item() == pytest.approx(3 * expected.item(), rel=1e-4)
    apart = Distance(term)(opponents, batch) - 3 * expected
    assert apart.item() > 0


def test_sliced_distance_is_scipys_along_a_line():
    rng = np.random.default_rng(5)
    x, y, v, w = rng.normal(size=50), rng.normal(1, 2, 70), rng.uniform(size=50), rng.uniform(size=70)
    found = sliced_distance(
        *(torch.from_numpy(one[:, None].astype(np.float32)) for one in (x, y)),
        *(torch.from_numpy(one.astype(np.float32)) for one in (v, w)),
    )
    assert found.item() == pytest.approx(wasserstein_distance(x, y, v, w), rel=1e-4)


def test_marginal_distance_of_equal_shapes_is_that_of_means_and_spreads():
    """W2^2 of x and a + b x is (a + (b - 1) m)^2 + (b - 1)^2 s^2; a direction of two such columns is another one."""
    rng = np.random.default_rng(6)
    x = torch.from_numpy(rng.normal(size=(4000, 1)))
    one = torch.ones(4000, dtype=torch.double)
    y = 0.5 + 2 * x
    expected = (0.5 + x.mean()) ** 2 + x.var(correction=0)
    assert marginal_distance(x, y, one, one).item() == pytest.approx(expected.item(), rel=1e-9)
    both = marginal_distance(torch.cat([x, x], 1), torch.cat([y, y], 1), one, one)
    assert both.item() == pytest.approx(
        (2 + 2 * PAIRINGS) * expected.item(), rel=1e-6
    )  # c^2 + s^2 = 1 of 2 (c + s)^2 and 2 (c - s)^2


def test_marginal_distance_counts_weights_as_repetitions():
    """Of 9 events and 39 repetitions: no middle of a share of one is where a share of the other ends."""
    rng = np.random.default_rng(7)
    x, y = (torch.from_numpy(rng.normal(size=(n, 1))) for n in (9, 20))
    w = 1 + torch.arange(20) % 3
    found = marginal_distance(x, y, torch.ones(9).double(), w.double())
    repeated = y.repeat_interleave(w, dim=0)[:, 0].sort().values
    at = ((torch.arange(9) + 0.5) / 9 * len(repeated)).ceil().long() - 1
    assert found.item() == pytest.approx((x[:, 0].sort().values - repeated[at]).square().mean().item(), rel=1e-9)
    assert marginal_distance(y, y.clone(), w.double(), w.double()).item() == 0


def test_networks_see_angles_as_points_on_a_circle():
    torch.manual_seed(0)
    net = NoiseGenerator(lines=2, circles=1, context=1, latent=4, hidden=(8,))
    rows = net(torch.randn(20, 4), torch.zeros(20, 1))
    assert rows.shape == (20, 4)
    assert torch.allclose(rows[:, 2:].norm(dim=1), torch.ones(20))
    assert torch.equal(on_circles(torch.tensor([[5.0, 0.0, 3.0]]), 1), torch.tensor([[5.0, 0.0, 1.0]]))


def test_a_spectral_critic_rises_no_faster_than_its_input():
    torch.manual_seed(1)
    critic = Critic(3, 0, 0, (16, 16), spectral=True)
    with torch.no_grad():
        critic.net[0].parametrizations.weight.original.mul_(50)
    x = torch.randn(500, 3)
    for _ in range(20):
        critic(x, torch.zeros(500, 0))  # its power iteration
    critic.eval()
    a, b = critic(x, torch.zeros(500, 0)), critic(x + 0.1, torch.zeros(500, 0))
    assert (a - b).abs().max().item() < 0.1 * math.sqrt(3) * 1.05
