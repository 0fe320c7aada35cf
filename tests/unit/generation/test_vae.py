"""Variational autoencoders: the bound by hand and by sampling, the warm-up, and what is learned."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from partonic.core.errors import InputError, TrainingError
from partonic.generation.coordinates import Columns
from partonic.generation.lines import Circular, Straight
from partonic.generation.table import table
from partonic.generation.vae import VaeGenerator, VaeOptions, train_vae
from partonic.models.vae import AutoEncoder
from partonic.objectives.autoencoder import BetaBound, divergence, reconstruction
from partonic.objectives.generative import DensityBatch

NAMES = ("x", "phi", "y")
MAPS = Columns(NAMES, (Straight(), Circular(), Straight()))
SMALL = {"hidden": (16,), "size": 64, "epochs": 2}


def sample(n=1500, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(5, 2, n)
    return table(NAMES, np.stack([x, rng.vonmises(0.5, 4.0, n), 0.8 * x + rng.normal(0, 1, n)], axis=1))


def test_terms_are_torchs_own():
    mean, log_variance, values = torch.randn(3, 7, 4, generator=torch.Generator().manual_seed(1))
    normal = Normal(mean, (0.5 * log_variance).exp())
    assert torch.allclose(divergence(mean, log_variance), kl_divergence(normal, Normal(0.0, 1.0)).sum(1), atol=1e-5)
    assert torch.allclose(reconstruction(mean, log_variance, values), -normal.log_prob(values).sum(1), atol=1e-5)


def batch(net, n=64):
    values = torch.randn(n, net.lines, generator=torch.Generator().manual_seed(2))
    return DensityBatch(values, torch.zeros(n, 0), torch.ones(n))


def test_it_bounds_the_density_of_a_linear_model():
    """With x = a z + noise the density is known; the bound is above it, and equal at the exact posterior."""
    net = AutoEncoder(1, 0, 0, 1, ())
    a, s = 0.8, 0.5
    with torch.no_grad():
        net.decoder[0].weight.fill_(a)
        net.log_variance.fill_(2 * math.log(s))
        variance = 1 / (1 + a * a / s**2)
        net.encoder[0].weight.copy_(torch.tensor([[variance * a / s**2], [0.0]]))
        net.encoder[0].bias.copy_(torch.tensor([0.0, math.log(variance)]))
    net.eval()
    rows = batch(net, 20_000)
    exact = -Normal(0.0, math.sqrt(a * a + s * s)).log_prob(rows.values).mean().item()
    torch.manual_seed(3)
    assert BetaBound()(net, rows).item() == pytest.approx(exact, abs=0.01)
    with torch.no_grad():
        net.encoder[0].weight[0] *= 0.5
    assert BetaBound()(net, rows).item() > exact + 0.05


def test_beta_rises_in_training_only():
    net = AutoEncoder(3, 0, 0, 2, (8,))
    with torch.no_grad():
        net.encoder[-1].bias.fill_(1.0)
    rows, objective = batch(net), BetaBound(2.0, warmup=4)
    mean, log_variance = net.encode(rows.values, rows.context)
    whole = 2.0 * divergence(mean, log_variance).mean().item()

    def value(bound):
        torch.manual_seed(5)
        return bound(net, rows).item()

    bare = value(BetaBound(0.0))
    shares = [(value(objective) - bare) / whole for _ in range(4)]
    assert shares == pytest.approx([0.5, 0.75, 1.0, 1.0], abs=1e-4)  # the bare one has counted, too
    net.eval()
    assert (value(objective) - bare) / whole == pytest.approx(1.0, abs=1e-4)
    assert int(net.seen) == 5


def test_the_truth_is_found_with_weights(tmp_path):
    events = sample()
    weight = np.where(events.values[:, 0] > 5, 3.0, 1.0)
    events = table(NAMES, events.values, weight)
    options = VaeOptions(hidden=(32,), size=128, epochs=12, learning_rate=2e-2, averaging=0.9, knots=0)
    generator = train_vae(events, MAPS, options, seed=1)
    drawn = generator.sample(4000, np.random.default_rng(1))
    truth = np.average(events.values, axis=0, weights=weight)
    assert drawn[:, [0, 2]].mean(axis=0) == pytest.approx(truth[[0, 2]], abs=0.4)
    assert np.corrcoef(drawn[:, 0], drawn[:, 2])[0, 1] > 0.4
    assert np.angle(np.exp(1j * drawn[:, 1]).mean()) == pytest.approx(0.5, abs=0.3)
    generator.save(tmp_path / "v.pt")
    again = VaeGenerator.load(tmp_path / "v.pt").sample(10, np.random.default_rng(2))
    assert np.array_equal(again, generator.sample(10, np.random.default_rng(2)))
    assert generator.parameters == again_parameters(4, 3, 32)


def test_a_context_moves_what_is_generated(tmp_path):
    """y is a Gaussian about twice what is given; the number of events does not matter to it."""
    rng = np.random.default_rng(4)
    given = rng.uniform(-1, 1, 3_000)
    values = np.stack([2 * given + rng.normal(0, 0.3, 3_000), rng.normal(size=3_000)], axis=1)
    options = VaeOptions(hidden=(32,), size=128, epochs=10, learning_rate=1e-2, averaging=0.9)
    made = train_vae(table(("y", "z"), values, context=given), Columns(("y", "z"), (Straight(), Straight())), options)
    for at in (-0.7, 0.7):
        drawn = made.sample(2_000, np.random.default_rng(5), np.full(2_000, at))
        assert drawn[:, 0].mean() == pytest.approx(2 * at, abs=0.25)
        assert drawn[:, 0].std() < 0.7  # without the context it would be 1.2
        assert drawn[:, 1].mean() == pytest.approx(0, abs=0.25)
    with pytest.raises(InputError, match=r"1 given values an event; give context"):
        made.sample(10, np.random.default_rng(5))
    made.save(tmp_path / "v.pt")
    again = VaeGenerator.load(tmp_path / "v.pt").sample(5, np.random.default_rng(6), np.ones(5))
    assert np.array_equal(again, made.sample(5, np.random.default_rng(6), np.ones(5)))


def again_parameters(columns, latent, width):
    """Weights of both networks and the spreads."""
    encoder = columns * width + width + width * 2 * latent + 2 * latent
    return encoder + latent * width + width + width * columns + columns + columns


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="cannot learn from one event"):
        train_vae(table(NAMES, np.ones((5, 3))), MAPS)
    signed = table(NAMES, sample().values, np.r_[-0.1, np.ones(1499)], signed=True)
    with pytest.raises(InputError, match="1 of 1,500 event weights are negative"):
        train_vae(signed, MAPS, VaeOptions(**SMALL))
    with pytest.raises(InputError, match="0 or above, not -1"):
        BetaBound(-1)


@pytest.mark.parametrize("changes", [{"latent": -1}, {"size": 0}, {"beta": -0.5}, {"knots": 1}])
def test_bad_options_are_refused(changes):
    with pytest.raises(InputError, match="not"):
        VaeOptions(**changes)


def test_a_diverged_training_is_told():
    options = VaeOptions(hidden=(16,), size=64, epochs=3, learning_rate=1e30)
    with pytest.raises(TrainingError, match="lower the learning rate"):
        train_vae(sample(), MAPS, options)
