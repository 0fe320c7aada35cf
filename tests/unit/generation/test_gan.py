"""Generators against critics: what they learn, what they are told of peaks, and what they refuse."""

import math

import numpy as np
import pytest
import torch

from partonic.core.errors import FileError, InputError, TrainingError
from partonic.generation.coordinates import Columns
from partonic.generation.frame import given_of
from partonic.generation.gan import (
    GanGenerator,
    GanOptions,
    InvariantMasses,
    Peaks,
    pair_mass,
    train_gan,
)
from partonic.generation.lines import Circular, Logarithm, Straight
from partonic.generation.rows import as_coordinates, check_spread, seen_coordinates, seen_sample
from partonic.generation.table import table
from partonic.models.gan import NoiseGenerator
from partonic.objectives.generative import DensityBatch

SMALL = {"hidden": (16,), "critic": (16,), "latent": 4, "size": 64, "epochs": 2}
NAMES = ("x", "phi", "y")
MAPS = Columns(NAMES, (Straight(2.0, 3.0), Circular(1.0), Straight()))


def sample(n=400, seed=1, **changes):
    rng = np.random.default_rng(seed)
    values = np.stack([rng.normal(5, 2, n), rng.vonmises(3.0, 2.0, n), rng.normal(-1, 1, n)], axis=1)
    return table(NAMES, values, **changes)


def fourvector_masses(momenta, masses, groups):
    energy = np.sqrt((momenta**2).sum(axis=2) + np.square(masses))
    four = np.concatenate([energy[..., None], momenta], axis=2)
    totals = [four[:, list(group)].sum(axis=1) for group in groups]
    return np.stack([np.sqrt(t[:, 0] ** 2 - (t[:, 1:] ** 2).sum(axis=1)) for t in totals], axis=1)


def test_invariant_masses_are_those_of_four_momenta():
    momenta = np.random.default_rng(2).normal(0, 100, (50, 4, 3))
    masses, groups = (4.8, 0.0, 80.0, 0.0), ((0, 1), (1, 2, 3), (2,))
    found = InvariantMasses(groups, masses)(torch.from_numpy(momenta.reshape(50, 12)))
    assert found.numpy() == pytest.approx(fourvector_masses(momenta, masses, groups), rel=1e-9)


def test_pair_mass_is_that_of_four_momenta():
    rng = np.random.default_rng(3)
    pt, eta, dphi = rng.uniform(10, 60, (2, 40)), rng.normal(0, 1, (2, 40)), rng.uniform(-3, 3, 40)
    phi = np.stack([dphi, np.zeros(40)])
    momenta = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=2).transpose(1, 0, 2)
    values = torch.from_numpy(np.stack([pt[0], eta[0], pt[1], eta[1], dphi], axis=1))
    assert pair_mass(values).numpy() == pytest.approx(fourvector_masses(momenta, (0, 0), ((0, 1),)), rel=1e-5)


def test_rows_go_to_the_networks_and_back():
    events = sample()
    fitted = seen_coordinates(events, MAPS, 0)
    batch = seen_sample(events, fitted, given_of(events))
    assert batch.values.shape == (400, 4)
    assert batch.values[:, :2].mean(0).numpy() == pytest.approx([0, 0], abs=1e-5)
    assert batch.values[:, :2].square().mean(0).numpy() == pytest.approx([1, 1], abs=1e-4)
    back = fitted.inverse(as_coordinates(batch.values.double(), fitted.circular).numpy())
    assert back == pytest.approx(events.values, abs=1e-5)


def test_peaks_are_seen_in_physical_units():
    """The term must compute its masses of the values that the coordinates stand for, not of the coordinates."""
    events, seen = sample(), []

    def watching(values):
        seen.append(values.detach())
        return values[:, :1]

    train_gan(events, MAPS, GanOptions(**{**SMALL, "epochs": 1}), peaks=Peaks(watching, (1.0,)))
    truth = seen[1].numpy()  # generated and truth in turns
    distance = np.abs(truth[:, None, [0, 2]] - events.values[None, :, [0, 2]]).sum(axis=2).min(axis=1)
    assert distance.max() < 1e-4
    turn = np.abs(truth[:, None, 1] - events.values[None, :, 1])
    assert np.abs(np.remainder(turn + np.pi, 2 * np.pi) - np.pi).min(axis=1).max() < 1e-4


def test_the_truth_is_found():
    options = GanOptions(hidden=(32,), critic=(32,), latent=4, size=128, epochs=12, learning_rate=1e-2, averaging=0.8)
    generator = train_gan(sample(1000), MAPS, options, seed=2)
    drawn = generator.sample(4000, np.random.default_rng(1))
    assert drawn.shape == (4000, 3)
    assert drawn[:, 0].mean() == pytest.approx(5, abs=0.5)
    assert drawn[:, 0].std() == pytest.approx(2, rel=0.3)
    assert np.angle(np.exp(1j * drawn[:, 1]).mean() * np.exp(-3j)) == pytest.approx(0, abs=0.25)
    assert np.abs(drawn[:, 1]).max() <= math.pi


def test_peaks_get_their_width():
    """Two numbers whose difference is nearly fixed, as decay products of a narrow resonance."""
    rng = np.random.default_rng(4)
    x = rng.normal(0, 1, 1000)
    events = table(("a", "b"), np.stack([x, x + rng.normal(0, 0.02, 1000)], axis=1))
    straight = Columns(("a", "b"), (Straight(), Straight()))
    peaks = Peaks(lambda values: values[:, :1] - values[:, 1:], (0.03, 0.1, 0.4), strength=10.0, events=128)
    options = GanOptions(hidden=(), critic=(16,), latent=2, size=128, epochs=8, learning_rate=3e-2, averaging=0.8)
    widths = []
    for term in (None, peaks):
        drawn = train_gan(events, straight, options, peaks=term).sample(3000, np.random.default_rng(5))
        widths.append(np.subtract(*np.quantile(drawn[:, 0] - drawn[:, 1], [0.75, 0.25])))
    true = np.subtract(*np.quantile(events.values[:, 0] - events.values[:, 1], [0.75, 0.25]))
    assert abs(np.log(widths[0] / true)) > np.log(2)
    assert widths[1] == pytest.approx(true, rel=0.4)


def test_same_seed_same_events_and_files_keep_them(tmp_path):
    one, other = (train_gan(sample(), MAPS, GanOptions(**SMALL), seed=4) for _ in range(2))
    drawn = one.sample(50, np.random.default_rng(6))
    assert np.array_equal(drawn, other.sample(50, np.random.default_rng(6)))
    assert one.names == NAMES
    assert one.parameters == 4 * 16 + 16 + 16 * 4 + 4
    one.save(tmp_path / "g.pt")
    read = GanGenerator.load(tmp_path / "g.pt")
    assert np.array_equal(drawn, read.sample(50, np.random.default_rng(6)))
    assert read.facts == one.facts
    assert one.sample(0, np.random.default_rng(6)).shape == (0, 3)


def test_damaged_files_are_told(tmp_path):
    (tmp_path / "g.pt").write_text("nothing")
    with pytest.raises(FileError, match="is no gan generator"):
        GanGenerator.load(tmp_path / "g.pt")


def test_context_decides():
    rng = np.random.default_rng(7)
    side = np.where(rng.random(800) < 0.5, -1.0, 1.0)
    events = table(("x",), 3 * side + rng.normal(0, 0.5, 800), context=side)
    options = GanOptions(hidden=(16,), critic=(32,), latent=2, size=64, epochs=5, learning_rate=1e-2, averaging=0.8)
    generator = train_gan(events, Columns(("x",), (Straight(),)), options)
    for given in (-1.0, 1.0):
        drawn = generator.sample(500, np.random.default_rng(8), context=np.full(500, given))
        assert drawn.mean() == pytest.approx(3 * given, abs=1.2)
    with pytest.raises(InputError, match="trained with 1 given values"):
        generator.sample(5, np.random.default_rng(8))


def test_weights_count():
    """Of two clusters with as many events, that of the larger weights is made more often."""
    rng = np.random.default_rng(20)
    side = rng.choice([-1.0, 1.0], 1000)
    values = 2 * side + rng.normal(0, 0.5, 1000)
    weight = 1 + 0.8 * side
    options = GanOptions(hidden=(16,), critic=(32,), latent=2, size=128, learning_rate=1e-2, averaging=0.95, pace=2.0)
    generator = train_gan(table(("x",), values, weight), Columns(("x",), (Straight(),)), options)
    drawn = generator.sample(4000, np.random.default_rng(1))
    assert abs(values.mean()) < 0.2
    assert drawn.mean() == pytest.approx(np.average(values, weights=weight), abs=0.3)  # 1.6


def test_one_event_is_not_enough():
    with pytest.raises(InputError, match="cannot learn from one event"):
        train_gan(table(NAMES, np.ones((10, 3))), MAPS)


def test_bad_input_is_refused():
    curved = Columns(("x", "phi", "y"), (Logarithm(-10.0), Circular(), Straight()))
    with pytest.raises(InputError, match="straight coordinates"):
        train_gan(sample(), curved, GanOptions(**SMALL), peaks=Peaks(pair_mass, (1.0,)))
    with pytest.raises(InputError, match="straight coordinates"):
        train_gan(sample(), MAPS, GanOptions(**SMALL, knots=5), peaks=Peaks(pair_mass, (1.0,)))
    with pytest.raises(InputError, match="the coordinates take a, and the sample has x, phi, y"):
        train_gan(sample(), Columns(("a",), (Straight(),)), GanOptions(**SMALL))
    constant = sample().values * [1, 1, 0]
    with pytest.raises(InputError, match="coordinate 2 of x, phi, y never changes"):
        train_gan(table(NAMES, constant), MAPS, GanOptions(**SMALL))
    with pytest.raises(InputError, match="names some of 0 to 1, not"):
        InvariantMasses(((0, 2),), (0.0, 0.0))


def test_noise_has_directions():
    """Of three numbers made directions a straight net gives points on an ellipsoid: here on a sphere."""
    network = NoiseGenerator(3, 0, 0, 5, (), spheres=1)
    with torch.no_grad():
        network.net[0].weight.copy_(torch.cat([torch.zeros(3, 2), torch.eye(3)], 1))
    made = network(torch.randn(100, 5), torch.zeros(100, 0))
    assert made.norm(dim=1).detach().numpy() == pytest.approx(3**0.5 * np.ones(100), rel=1e-5)
    assert made.std(0).min() > 0.7
    with pytest.raises(InputError, match="2 directions take 6 of the noise values, and there are 5"):
        GanOptions(latent=5, spheres=2)


def test_peaks_may_be_of_coordinates():
    """The term must see what the coordinates are before their mean is taken off."""
    events, seen = sample(), []

    def watching(values):
        seen.append(values.detach())
        return values[:, :1]

    peaks = Peaks(watching, (1.0,), of_coordinates=True)
    train_gan(events, MAPS, GanOptions(**{**SMALL, "epochs": 1}), peaks=peaks)
    u = MAPS.forward(events.values)[:, [0, 2]]
    assert np.abs(seen[1].numpy()[:, None, [0, 2]] - u[None]).sum(axis=2).min(axis=1).max() < 1e-4


def test_a_comparison_of_single_numbers_takes_no_negative_weights():
    events = sample(weight=np.where(np.arange(400) < 20, -1.0, 1.0), signed=True)
    with pytest.raises(InputError, match="takes no negative weights; use marginals=0"):
        train_gan(events, MAPS, GanOptions(**SMALL, marginals=1.0))


@pytest.mark.parametrize(
    "changes", [{"marginals": -1.0}, {"latent": 0}, {"size": 1}, {"penalty": -1.0}, {"knots": 2}, {"knots": -1}]
)
def test_bad_options_are_refused(changes):
    with pytest.raises(InputError, match="not"):
        GanOptions(**changes)


def test_a_diverged_training_is_told():
    def exploding(values):
        return values[:, :1] * math.inf

    with pytest.raises(TrainingError, match=r"loss became (nan|inf) in epoch 1.*learning rate"):
        train_gan(sample(), MAPS, GanOptions(**SMALL), peaks=Peaks(exploding, (1.0,)))


@pytest.mark.parametrize("rate", [30.0, 1e4])
def test_a_training_that_diverges_without_a_nan_is_told(rate):
    events = table(("x",), np.random.default_rng(6).normal(size=600))
    with pytest.raises(TrainingError, match=r"its best loss is .* before the first step; lower the learning rate"):
        train_gan(events, Columns(("x",), (Straight(),)), GanOptions(**SMALL, learning_rate=rate))


def test_a_collapsed_generator_is_told():
    torch.manual_seed(3)
    network = NoiseGenerator(2, 0, 0, 4, (8,))
    truth = DensityBatch(torch.randn(500, 2), torch.zeros(500, 0), torch.ones(500))
    check_spread(network, 4, truth, ("a", "b"))
    with torch.no_grad():
        network.net[-1].weight[1] *= 1e-3
    with pytest.raises(TrainingError, match="has collapsed: number 1 of what it makes of a, b spreads"):
        check_spread(network, 4, truth, ("a", "b"))
