"""Ratio objectives at a single x: their minimum is the ratio of the densities, whatever the latents."""

import numpy as np
import pytest
import torch
from torch import nn

from partonic.objectives import ratio as objectives
from partonic.objectives.ratio import RatioBatch

WAYS = ["carl", "rolr", "alice", "cascal", "rascal", "alices"]


class Constant(nn.Module):
    """ln r = a + b theta, whatever x."""

    def __init__(self, a, b):
        super().__init__()
        self.a, self.b = (nn.Parameter(torch.tensor(v, dtype=torch.float64)) for v in (a, b))

    def forward(self, x, theta):
        return (self.a + self.b * theta[..., 0]).expand(theta.shape[0], len(x))


def batch(n=200_000, theta=0.7, seed=0):
    """Events z ~ Bernoulli with p(z|theta) ~ 1, theta^2 and the reference 1/2 each, drawn from the even mixture."""
    rng = np.random.default_rng(seed)
    above, below = np.array([1.0, theta**2]) / (1 + theta**2), np.array([0.5, 0.5])
    mixture = 0.5 * (above + below)
    z = rng.choice(2, n, p=mixture)
    w0, w1 = (above / mixture)[z], (below / mixture)[z]
    score = np.array([0.0, 2 / theta])[z] - 2 * theta / (1 + theta**2)
    tensors = [torch.from_numpy(v)[None] for v in (w0, w1, (rng.random(n) < w0 / (w0 + w1)) * 1.0, np.log(w0 / w1))]
    return RatioBatch(
        torch.zeros(n, 1),
        torch.full((1, n, 1), theta, dtype=torch.float64),
        None,
        *tensors,
        torch.from_numpy(score)[None, :, None],
        torch.tensor([2.0], dtype=torch.float64),
    )


@pytest.mark.parametrize("way", WAYS)
def test_the_minimum_is_the_ratio_of_the_observable(way):
    """Nothing is seen of z, so that the ratio is 1 and the score 0 at any theta."""
    model, events = Constant(0.4, -0.3), batch()
    optimiser = torch.optim.LBFGS(model.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        value = getattr(objectives, way)(model, events)
        value.backward()
        return value

    optimiser.step(loss)
    total = model.a + 0.7 * model.b
    assert abs(total.item()) < 0.02
    if way in ("cascal", "rascal", "alices"):
        assert abs(model.b.item()) < 0.02


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ("carl", lambda s, y, w0, w1, r: 0.5 * (w0 + w1) * -(y * np.log(s) + (1 - y) * np.log(1 - s))),
        ("alice", lambda s, y, w0, w1, r: -0.5 * (w0 * np.log(s) + w1 * np.log(1 - s))),
        (
            "rolr",
            lambda s, y, w0, w1, r: 0.5 * (w0 * ((1 - s) / s - 1 / r) ** 2 + w1 * (s / (1 - s) - r) ** 2),
        ),
    ],
)
def test_formulas(way, expected):
    events, model = batch(50), Constant(0.2, 0.5)
    s = 1 / (1 + np.exp(-(0.2 + 0.5 * 0.7)))
    w0, w1, y, log_r = (v.numpy() for v in (events.numerator, events.denominator, events.label, events.log_ratio))
    value = getattr(objectives, way)(model, events).item()
    np.testing.assert_allclose(value, expected(s, y, w0, w1, np.exp(log_r)).mean(), rtol=1e-12)


@pytest.mark.parametrize("way", ["cascal", "rascal", "alices"])
def test_the_error_of_the_score_is_added_in_units_of_the_parameter(way):
    events, model = batch(50), Constant(0.2, 0.5)
    plain = {"cascal": "carl", "rascal": "rolr", "alices": "alice"}[way]
    error = events.numerator * (2 * (0.5 - events.score[..., 0])) ** 2
    added = getattr(objectives, way)(model, events, strength=0.1) - getattr(objectives, plain)(model, events)
    np.testing.assert_allclose(added.item(), 0.1 * error.mean().item(), rtol=1e-10)
    with torch.no_grad():
        again = getattr(objectives, way)(model, events, strength=0.1)
    np.testing.assert_allclose(again.item(), getattr(objectives, way)(model, events, strength=0.1).item())


def test_two_free_points_are_antisymmetric():
    events, model = batch(50), Constant(0.2, 0.5)
    other = torch.full_like(events.theta, -0.3)
    pair = RatioBatch(**{**events.__dict__, "other": other})
    swapped = RatioBatch(**{**events.__dict__, "theta": other, "other": events.theta})
    np.testing.assert_allclose(objectives.estimate(model, pair).detach(), 0.5 * (0.7 + 0.3), rtol=1e-12)
    torch.testing.assert_close(objectives.estimate(model, pair), -objectives.estimate(model, swapped))


def test_batches_move():
    moved = batch(50).to("meta")
    assert (len(moved), moved.x.device.type, moved.other) == (50, "meta", None)
