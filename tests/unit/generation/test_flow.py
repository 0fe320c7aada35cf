from dataclasses import replace

import numpy as np
import pytest
import torch

from partonic.core.errors import FileError, InputError, TrainingError, UnknownNameError
from partonic.core.rng import generator
from partonic.generation.coordinates import Columns
from partonic.generation.flow import KINDS, NETWORKS, FlowGenerator, FlowOptions, train_flow
from partonic.generation.lines import Circular, Logarithm, Straight
from partonic.generation.table import Table, table
from partonic.models import plain

TINY = FlowOptions(hidden=(16,), bins=6, size=256, epochs=3, learning_rate=1e-2, averaging=0.9)
PLANE = Columns(("x", "y"), (Straight(), Straight()))


def ring(n, seed=0):
    """A radius of 2 +- 0.2 in a plane, and the angle that goes with it."""
    rng = generator(seed)
    angle, radius = rng.uniform(-np.pi, np.pi, n), rng.normal(2.0, 0.2, n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


@pytest.fixture(scope="module", params=KINDS)
def trained(request):
    options = FlowOptions(request.param, (24, 24), 8, 1 if request.param == "coupling" else 2, epochs=6, size=256)
    return train_flow(table(("x", "y"), ring(4_000)), PLANE, options)


def test_a_ring_is_learned(trained):
    radius = np.hypot(*trained.sample(4_000, generator(1)).T)
    assert np.mean(radius < 1.2) < 0.06  # independent coordinates would put a third there
    assert abs(np.median(radius) - 2.0) < 0.06


def test_the_density_integrates_to_one(trained):
    edges = np.linspace(-4, 4, 161)
    middles = 0.5 * (edges[1:] + edges[:-1])
    grid = np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2)
    assert np.exp(trained.log_density(grid)).sum() * 0.05**2 == pytest.approx(1.0, abs=0.01)


def test_events_are_a_function_of_the_seed_and_survive_a_file(trained, tmp_path):
    trained.save(tmp_path / "flow.pt")
    again = FlowGenerator.load(tmp_path / "flow.pt")
    first, second = (one.sample(500, generator(3)) for one in (trained, again))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(trained.log_density(first), again.log_density(first))
    assert again.names == ("x", "y")
    assert again.parameters == sum(weight.numel() for weight in trained.network.parameters())
    assert trained.sample(0, generator(3)).shape == (0, 2)
    with pytest.raises(FileError, match="is no matching generator"):
        plain.read(tmp_path / "flow.pt", "matching generator")


def test_weights_count_events():
    rng = generator(4)
    values = rng.normal(size=(4_000, 1))
    tilted = table(("x",), values, np.exp(values[:, 0]))  # a Gaussian around 1
    made = train_flow(tilted, Columns(("x",), (Straight(),)), TINY)
    assert made.sample(4_000, generator(5)).mean() == pytest.approx(1.0, abs=0.1)


def test_context_moves_the_density():
    rng = generator(6)
    given = rng.uniform(10, 20, 4_000)
    values = rng.normal(given, 1.0)[:, None]
    made = train_flow(table(("x",), values, context=given), Columns(("x",), (Straight(),)), TINY)
    low, high = (made.sample(2_000, generator(7), np.full(2_000, at)).mean() for at in (12.0, 18.0))
    assert low == pytest.approx(12.0, abs=0.6)
    assert high == pytest.approx(18.0, abs=0.6)
    with pytest.raises(InputError, match="trained with 1 given values"):
        made.sample(5, generator(7))
    with pytest.raises(InputError, match=r"of the shape \(5, 1\)"):
        made.sample(5, generator(7), np.zeros((5, 2)))


def test_a_density_on_a_circle_goes_on_over_the_cut():
    rng = generator(8)
    angle = rng.vonmises(3.0, 4.0, 4_000)  # most events are beside the cut at pi
    values = np.stack([rng.exponential(1.0, 4_000) * np.exp(np.cos(angle)), angle], axis=1)
    coordinates = Columns(("pt", "phi"), (Logarithm(), Circular()))
    made = train_flow(table(("pt", "phi"), values), coordinates, replace(TINY, epochs=8))
    beside = np.array([[1.0, np.pi - 1e-6], [1.0, -np.pi + 1e-6]])
    one, other = made.log_density(beside)
    assert one == pytest.approx(other, abs=1e-3)
    assert np.cos(made.sample(4_000, generator(9))[:, 1] - 3.0).mean() == pytest.approx(0.86, abs=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_a_flow_begins_as_the_identity(kind):
    network = NETWORKS[kind](circular=[False] * 3, context=2, bins=6, hidden=[8], rounds=2)
    u, context = torch.randn(50, 3), torch.randn(50, 2)
    gauss = -0.5 * u.square().sum(dim=1) - 1.5 * np.log(2 * np.pi)
    torch.testing.assert_close(network(u, context), gauss, atol=1e-3, rtol=1e-3)


def test_what_no_flow_can_learn_is_refused():
    sample = table(("x", "y"), ring(100))
    with pytest.raises(InputError, match="take x, y, and the sample has x, z"):
        train_flow(Table(("x", "z"), sample.values, sample.weight, sample.context), PLANE, TINY)
    negative = table(("x", "y"), ring(100), np.where(np.arange(100) < 3, -1.0, 1.0), signed=True)
    with pytest.raises(InputError, match="3 of 100 event weights are negative"):
        train_flow(negative, PLANE, TINY)
    with pytest.raises(UnknownNameError, match="did you mean 'coupling'"):
        FlowOptions("couplings")
    with pytest.raises(InputError, match="3 knots"):
        FlowOptions(knots=1)
    with pytest.raises(InputError, match="draw 0 of the weights takes a generator trained with bayesian=True"):
        train_flow(sample, PLANE, FlowOptions(hidden=(4,), epochs=1)).sample(2, generator(0), draw=0)


@pytest.mark.parametrize("bayesian", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_training_that_diverges_says_so(kind, bayesian):
    for rate in (30.0, 1e30):
        options = replace(TINY, kind=kind, learning_rate=rate, bayesian=bayesian)
        with pytest.raises(TrainingError, match="lower the learning rate"):
            train_flow(table(("x", "y"), ring(600)), PLANE, options)
