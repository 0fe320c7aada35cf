from dataclasses import replace

import numpy as np
import pytest
import torch

from partonic.core.errors import FileError, InputError, TrainingError, UnknownNameError
from partonic.core.rng import generator
from partonic.generation.coordinates import Columns
from partonic.generation.lines import Circular, Straight
from partonic.generation.matching import (
    FOLLOW,
    SAMPLERS,
    MatchingGenerator,
    MatchingOptions,
    train_diffusion,
    train_matching,
)
from partonic.generation.table import table
from partonic.objectives.generative import DensityBatch
from partonic.objectives.matching import diffusion, flow_matching

TINY = MatchingOptions(hidden=32, layers=2, steps=8, size=256, epochs=30, learning_rate=1e-2, averaging=0.9)
TRAIN = {"flow": train_matching, "diffusion": train_diffusion}
CENTRE, WIDTH = 1.5, 0.3


def exact_flow(point, time, width=WIDTH):
    """The mean of u - noise at a point, for u a Gaussian of CENTRE +- width."""
    variance = (1 - time) ** 2 + (time * width) ** 2
    away = point - time * CENTRE
    return CENTRE + away * (time * width**2 - (1 - time)) / variance


def exact_diffusion(point, time, width=WIDTH):
    alpha, sigma = np.cos(np.pi * time / 2), np.sin(np.pi * time / 2)
    away = point - alpha * CENTRE
    variance = sigma**2 + (alpha * width) ** 2
    clean, noise = CENTRE + alpha * width**2 * away / variance, sigma * away / variance
    return alpha * noise - sigma * clean


EXACT = {name: exact_diffusion if name in SAMPLERS["diffusion"] else exact_flow for name in FOLLOW}


@pytest.mark.parametrize("name", FOLLOW)
def test_samplers_follow_the_exact_velocity_to_a_gaussian(name):
    random = torch.Generator().manual_seed(1)
    start = torch.randn((40_000, 1), generator=random, dtype=torch.float64)
    found = FOLLOW[name](EXACT[name], start, 200, random)
    assert float(found.mean()) == pytest.approx(CENTRE, abs=0.01)
    assert float(found.std()) == pytest.approx(WIDTH, abs=0.01)


@pytest.mark.parametrize("name", FOLLOW)
def test_few_steps_do_not_narrow_a_gaussian_of_unit_width(name):
    random = torch.Generator().manual_seed(2)
    start = torch.randn((40_000, 1), generator=random, dtype=torch.float64)
    found = FOLLOW[name](lambda point, time: EXACT[name](point, time, 1.0), start, 20, random)
    assert float(found.mean()) == pytest.approx(CENTRE, abs=0.02)
    assert float(found.std()) == pytest.approx(1, abs=0.015)  # steps that are exact for a point make it 0.94


def test_refined_steps_form_narrow_densities_with_fewer_of_them():
    start = torch.linspace(-3, 3, 61, dtype=torch.float64)[:, None]

    def spread(name, steps):
        return float(FOLLOW[name](lambda point, time: exact_flow(point, time, 0.05), start, steps).std() / start.std())

    assert spread("refined", 6) == pytest.approx(0.05, rel=0.15)
    assert abs(spread("midpoint", 6) - 0.05) > 2 * abs(spread("refined", 6) - 0.05)


@pytest.mark.parametrize(("objective", "exact"), [(flow_matching, exact_flow), (diffusion, exact_diffusion)])
def test_the_exact_velocity_minimises_the_objective(objective, exact):
    def loss(shift):
        torch.manual_seed(2)
        u = CENTRE + WIDTH * torch.randn(20_000, 1)
        batch = DensityBatch(u, torch.zeros(20_000, 0), torch.ones(20_000))

        def model(point, time, context):
            return exact_tensor(point, time) + shift

        return float(objective(model, batch))

    def exact_tensor(point, time):
        columns = (point.double().numpy(), time.double().numpy())
        return torch.from_numpy(exact(*columns)).float()

    best = loss(0.0)
    for shift in (-0.1, 0.1):
        assert loss(shift) - best == pytest.approx(0.01, abs=0.004)  # the square of the shift


@pytest.fixture(scope="module", params=TRAIN)
def trained(request):
    rng = generator(1)
    angle = rng.uniform(-np.pi, np.pi, 4_000)
    values = np.stack([np.cos(angle) + rng.normal(0, 0.2, 4_000), angle], axis=1)
    sample = table(("x", "phi"), values)
    return TRAIN[request.param](sample, Columns(("x", "phi"), (Straight(), Circular())), TINY)


def test_a_correlation_is_learned(trained):
    drawn = trained.sample(3_000, generator(2))
    assert np.corrcoef(drawn[:, 0], np.cos(drawn[:, 1]))[0, 1] > 0.6  # independent columns would give 0
    assert abs(drawn[:, 1]).max() <= np.pi
    assert trained.names == ("x", "phi")


def test_a_generator_survives_a_file(trained, tmp_path):
    trained.save(tmp_path / "made.pt")
    again = MatchingGenerator.load(tmp_path / "made.pt")
    np.testing.assert_array_equal(again.sample(50, generator(3)), trained.sample(50, generator(3)))
    assert again.parameters == trained.parameters > 1_000
    assert trained.sample(0, generator(3)).shape == (0, 2)
    content = (tmp_path / "made.pt").read_bytes()
    (tmp_path / "made.pt").write_bytes(content[: len(content) // 2])
    with pytest.raises(FileError, match="is no matching generator of partonic, or is damaged"):
        MatchingGenerator.load(tmp_path / "made.pt")


@pytest.mark.parametrize("train", TRAIN.values())
def test_weights_and_context_count(train):
    rng = generator(4)
    given = rng.uniform(-1, 1, 3_000)
    values = (5 * given + rng.normal(size=3_000))[:, None]
    weight = np.exp(values[:, 0] - 5 * given)  # moves each Gaussian by 1
    made = train(table(("x",), values, weight, given), Columns(("x",), (Straight(),)), TINY)
    drawn = made.sample(3_000, generator(5), np.full(3_000, 0.5))
    assert drawn.mean() == pytest.approx(3.5, abs=0.5)


@pytest.mark.parametrize("train", TRAIN.values())
def test_a_training_that_diverges_says_so(train):
    sample, coordinates = table(("x",), generator(6).normal(size=(600, 1))), Columns(("x",), (Straight(),))
    with pytest.raises(TrainingError, match="lower the learning rate"):
        train(sample, coordinates, replace(TINY, learning_rate=1e30))


def test_options_are_checked():
    with pytest.raises(UnknownNameError, match="did you mean 'midpoint'"):
        MatchingOptions(sampler="midpoints")
    with pytest.raises(InputError, match="1 step"):
        MatchingOptions(steps=0)
    sample, coordinates = table(("x",), np.arange(50.0)), Columns(("x",), (Straight(),))
    with pytest.raises(InputError, match="takes the sampler midpoint, heun or refined, not stochastic"):
        train_matching(sample, coordinates, MatchingOptions(sampler="stochastic"))
