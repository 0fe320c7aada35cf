"""Trainings that stay finite and yet end worse than they began."""

import pytest
import torch
from torch import nn

from partonic.core.errors import TrainingError
from partonic.fit.checked import fit_checked, mean_loss
from partonic.fit.options import FitOptions


class Bounded(nn.Module):
    """One number between -10 and 10."""

    def __init__(self):
        super().__init__()
        self.raw = nn.Parameter(torch.tensor(0.01))

    def forward(self):
        return 10 * torch.tanh(self.raw)


def distance(model, goal):
    return (model() - goal.mean()).square()


GOALS = [torch.full((4,), 0.5), torch.full((4,), 1.0)]


def test_a_useless_network_is_refused_and_a_good_one_is_not():
    options = FitOptions(epochs=20, learning_rate=1e-2, warmup=0.0, schedule="constant")
    model = Bounded()
    done = fit_checked(model, distance, GOALS, GOALS, options)
    assert done.best_loss == pytest.approx(0.0625, abs=0.01)
    assert mean_loss(model, distance, GOALS) == pytest.approx(done.best_loss, abs=1e-6)
    wild = FitOptions(epochs=1, learning_rate=1e6, warmup=0.0, schedule="constant")
    with pytest.raises(TrainingError, match=r"best loss is \d+\.?\d*, and was 0.\d+ before .* \(now 1e\+06\)"):
        fit_checked(Bounded(), distance, GOALS, GOALS, wild)


@pytest.mark.parametrize("seed", range(10))
def test_noise_of_the_objective_is_no_divergence(seed):
    """The loss of few events scatters far more than a training moves it: both are taken with the same noise."""

    def noisy(model, goal):
        return distance(model, goal) + 100 * torch.rand(()) ** 8

    torch.manual_seed(seed)
    options = FitOptions(epochs=1, learning_rate=1e-3, seed=seed)
    fit_checked(Bounded(), noisy, GOALS, GOALS, options)


def test_the_loss_before_leaves_random_numbers_and_mode_alone():
    model = Bounded().train()
    torch.manual_seed(1)
    wanted = torch.rand(3)
    torch.manual_seed(1)
    mean_loss(model, lambda _, goal: torch.rand_like(goal).mean(), GOALS)
    assert torch.equal(torch.rand(3), wanted)
    assert model.training
