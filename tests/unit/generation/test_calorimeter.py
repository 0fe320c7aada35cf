"""Showers as rows and back without loss, exact sums and zeros, features by hand, and what a trained generator gives."""

from dataclasses import replace

import numpy as np
import pytest

from partonic.core.errors import FileError, InputError, TrainingError, UnknownNameError
from partonic.core.rng import generator
from partonic.generation.bayesian import band_of
from partonic.generation.calorimeter import ShowerGenerator, stages, train_showers
from partonic.generation.flow import FlowOptions
from partonic.generation.matching import MatchingOptions
from partonic.generation.shower_features import feature_names, features
from partonic.generation.shower_rows import Showers, ShowerTotals, numbers_of_parts, parts_of_numbers, showers
from partonic.generation.shower_sticks import Sticks
from partonic.simulators.showers.geometry import Cylinder
from partonic.simulators.showers.simulator import CalorimeterShowers

TINY = Cylinder(4, 140.0, (5.0, 40.0), 3)
FLOW = FlowOptions(hidden=(8,), bins=4, size=128, epochs=1)
MATCHING = MatchingOptions(hidden=16, layers=2, size=128, epochs=1, steps=2)


@pytest.fixture(scope="module")
def sample():
    events = CalorimeterShowers("pion", cylinder=TINY).simulate(0.0, 400, generator(1))
    return showers(events.column("voxels"), events.column("energy"))


@pytest.fixture(scope="module")
def trained(sample):
    return {
        method: train_showers(sample, method, layers=options, splits=options, seed=3)
        for method, options in (("flow", FLOW), ("matching", MATCHING))
    }


def voxels_of(sample):
    return sample.voxels.reshape(len(sample), 4, 6)


def test_totals_come_back_from_their_rows(sample):
    rows = ShowerTotals.of(sample)
    assert rows.threshold == pytest.approx(0.005, rel=0.05)
    made = rows.table_of(sample, generator(2))
    np.testing.assert_allclose(rows.energies(made.values, sample.energy), sample.layers.sum(axis=1), rtol=1e-9)


def test_showers_that_read_nothing_have_rows_too():
    some = Showers(np.zeros((3, 4, 2, 3)), np.array([2.0, 30.0, 50.0]))
    some.voxels[1, 2, 0, 1] = 1.0
    rows = ShowerTotals(0.01)
    made = rows.table_of(some, generator(1))
    np.testing.assert_allclose(rows.energies(made.values, some.energy), [0, 1, 0], atol=1e-12)


def test_shares_of_a_rest_come_back_from_their_numbers():
    rest = np.array([5.0, 5.0, 5.0, 5.0, 0.015, 0.015, 0.0, 0.02])
    part = np.array([0.0, 5.0, 0.01, 4.99, 0.0, 0.015, 0.0, 0.01])
    numbers = numbers_of_parts(part, rest, 0.01, generator(2))
    np.testing.assert_allclose(numbers[2:4], [-1, 1], rtol=1e-9)
    assert numbers[0] < -1.1
    assert numbers[1] > 1.1
    np.testing.assert_allclose(parts_of_numbers(numbers, rest, 0.01), part, atol=1e-12)


def test_any_numbers_give_shares_that_keep_the_threshold():
    rng = generator(3)
    rest = np.where(rng.random(3000) < 0.1, 0.0, np.exp(rng.uniform(np.log(0.01), 3, 3000)))
    part = parts_of_numbers(rng.normal(0, 2, 3000), rest, 0.01)
    for one in (part, rest - part):
        assert np.all((one == 0) | (one > 0.01 * (1 - 1e-9)))


class Known:
    """Draws numbers that it was given, of parts in their order."""

    def __init__(self, numbers, order):
        self.numbers, self.order = numbers, order

    def sample(self, n, rng, context):
        assert context.shape[0] == n
        which = np.flatnonzero(self.order == context[:, -3:].argmax(axis=1)[0])
        assert len(which) == n
        return self.numbers[which]


def test_sharing_out_one_after_the_other_undoes_its_rows(sample):
    """Four of the six voxels of each layer: the numbers of the table give the same readings again."""
    parts = voxels_of(sample)[..., 1:5]
    sticks = Sticks(4, ShowerTotals.of(sample).threshold, (4,))
    table = sticks.table_of(parts, sample.layers, sample.energy, generator(4))
    order = table.context[:, -3:].argmax(axis=1)
    wholes = parts.sum(axis=-1)
    back = sticks.share_out(Known(table.values, order).sample, wholes, sample.layers, sample.energy, generator(5))
    np.testing.assert_allclose(back, parts, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(back == 0, parts == 0)


def test_large_samples_are_thinned(monkeypatch, sample):
    monkeypatch.setattr("partonic.generation.shower_sticks.MOST", 100)
    sticks = Sticks(6, ShowerTotals.of(sample).threshold, (4,))
    assert len(sticks.table_of(voxels_of(sample), sample.layers, sample.energy, generator(4))) == 100


def test_features_of_a_shower_by_hand():
    cylinder = Cylinder(2, 4.0, (1.0, 3.0), 4)
    one = np.zeros((1, 2, 2, 4))
    one[0, 0, 0, 0], one[0, 0, 1, 0], one[0, 1, 1, 2] = 2.0, 6.0, 8.0
    found = dict(zip(feature_names(cylinder), features(showers(one, [20.0]), cylinder)[0], strict=True))
    assert found["response"] == 0.8
    assert found["depth"] == 2.0
    assert found["spread of depth"] == 1.0
    assert found["sparsity"] == 3 / 16
    assert found["energy 1"] == found["energy 2"] == 0.4
    radius = np.array([0.5, 2.0]) * np.cos(np.pi / 4)
    assert found["centre x 1"] == pytest.approx(radius @ [0.25, 0.75])
    assert found["width y 1"] == pytest.approx(np.sqrt(radius**2 @ [0.25, 0.75] - (radius @ [0.25, 0.75]) ** 2))
    assert found["centre x 2"] == pytest.approx(-2.0 * np.cos(np.pi / 4))
    assert found["width x 2"] == pytest.approx(0.0, abs=1e-7)
    assert found["sparsity 1"] == 0.25


@pytest.mark.parametrize("method", ["flow", "matching"])
def test_a_generator_gives_showers_and_comes_back_from_its_files(trained, method, tmp_path):
    trained = trained[method]
    assert len(trained.steps) == 3
    assert trained.parameters == trained.total.parameters + sum(step.parameters for step in trained.steps)
    energy = np.linspace(*trained.energies, 200)
    drawn = trained.sample(energy, generator(6))
    assert drawn.voxels.shape == (200, 4, 2, 3)
    assert np.all((drawn.voxels == 0) | (drawn.voxels >= trained.threshold * (1 - 1e-6)))
    assert np.any(drawn.voxels == 0)
    first = ShowerTotals(trained.threshold)
    rng = generator(6)
    total = first.energies(trained.total.sample(200, rng, first.context(energy)), energy)
    np.testing.assert_allclose(drawn.layers.sum(axis=1), total, rtol=1e-9, atol=1e-12)
    trained.save(tmp_path / "showers.pt")
    again = ShowerGenerator.load(tmp_path / "showers.pt")
    np.testing.assert_array_equal(again.sample(energy, generator(6)).voxels, drawn.voxels)
    assert again.facts["showers"] == 400
    (tmp_path / "showers.pt").write_bytes(b"no")
    with pytest.raises(FileError, match="is no shower generator of partonic"):
        ShowerGenerator.load(tmp_path / "showers.pt")


@pytest.mark.parametrize(("method", "options"), [("flow", FLOW), ("matching", MATCHING)])
def test_bayesian_showers_have_a_band(sample, method, options, tmp_path):
    bayesian = replace(options, bayesian=True, epochs=8, learning_rate=2e-2, averaging=0.9)
    made = train_showers(sample, method, layers=bayesian, splits=bayesian)
    energy, edges = np.linspace(*made.energies, 1000), (-0.1, 0.7, 0.8, 0.9, 3.0)

    def response(draw):
        return made.sample(energy, generator(1), draw).layers.sum(axis=1) / energy

    found = band_of(response, edges, draws=4)
    assert found.share.sum() == pytest.approx(1)
    assert found.spread.max() > 0.01
    made.save(tmp_path / "showers.pt")
    again = ShowerGenerator.load(tmp_path / "showers.pt").sample(energy, generator(1), 2)
    np.testing.assert_array_equal(again.voxels, made.sample(energy, generator(1), 2).voxels)
    assert (again.voxels != made.sample(energy, generator(1), 3).voxels).any()
    for draw, one in ((-1, made), (0, train_showers(sample, method, layers=options, splits=options))):
        with pytest.raises(InputError, match="bayesian=True"):
            one.sample(energy, generator(1), draw)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("flow", FlowOptions(hidden=(16,), bins=6, size=256, epochs=6, learning_rate=1e-2)),
        ("matching", MatchingOptions(hidden=16, layers=2, sampler="refined", steps=6, size=128, epochs=20)),
    ],
)
def test_a_little_training_finds_the_response(method, options):
    """A calorimeter of one voxel a layer: what it reads of 10 GeV, beside showers of the simulator."""
    simulator = CalorimeterShowers("electron", (5.0, 20.0), Cylinder(2, 14.0, (8.0,), 1))
    events = simulator.simulate(0.0, 2000, generator(7))
    trained = train_showers(showers(events.column("voxels"), events.column("energy")), method, layers=options)
    assert len(trained.steps) == 1
    drawn = trained.sample(np.full(3000, 10.0), generator(8)).layers
    truth = CalorimeterShowers("electron", (10.0, 10.0), simulator.cylinder).simulate(0.0, 3000, generator(9))
    true = np.asarray(truth.column("x"))
    np.testing.assert_allclose(drawn.sum(axis=1).mean(), true.sum(axis=1).mean(), rtol=0.01)
    np.testing.assert_allclose(drawn.sum(axis=1).std(), true.sum(axis=1).std(), rtol=0.15)
    np.testing.assert_allclose(drawn.mean(axis=0), true.mean(axis=0), rtol=0.05)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: showers(np.ones((2, 3)), np.ones(2)), "voxels .showers, layers, rings, sectors. with one energy each"),
        (lambda: showers(np.full((2, 1, 1, 1), np.nan), np.ones(2)), "2 showers have numbers that are not finite"),
        (lambda: showers(np.full((2, 1, 1, 2), -1.0), np.ones(2)), "negative readings, the first is shower 0"),
        (lambda: showers(np.ones((2, 1, 1, 2)), np.array([1.0, 0.0])), "above 0 GeV, that of shower 1 is 0"),
        (lambda: showers(np.zeros((2, 1, 1, 2)), np.ones(2)), "all voxels of 2 showers are zero"),
        (lambda: train_showers(showers(np.ones((2, 1, 1, 2)), np.ones(2)), "flw"), "did you mean 'flow'"),
        (lambda: stages((2, 2, 2), 0.0), "a threshold above 0"),
        (lambda: ShowerTotals(0.0), "a threshold above 0"),
        (lambda: Sticks(1, 0.1, ()), "two parts or more"),
        (lambda: train_showers(showers(np.ones((2, 1, 1, 2)), np.ones(2)), splits=MATCHING), "takes FlowOptions"),
        (lambda: train_showers(showers(np.ones((2, 1, 1, 2)), np.ones(2)), "matching", layers=FLOW), "MatchingOptions"),
        (lambda: train_showers(showers(np.ones((1, 2, 1, 2)), np.ones(1))), "cannot learn from one event"),
    ],
)
def test_unfit_showers_are_refused(make, message):
    with pytest.raises((InputError, UnknownNameError), match=message):
        make()


@pytest.mark.parametrize(("method", "options"), [("flow", FLOW), ("matching", MATCHING)])
@pytest.mark.parametrize("step", ["layers", "splits"])
def test_a_diverged_training_is_told(sample, method, options, step):
    each = dict.fromkeys(("layers", "splits"), options) | {step: replace(options, epochs=3, learning_rate=1e30)}
    with pytest.raises(TrainingError, match="lower the learning rate"):
        train_showers(sample, method, **each)


def test_a_calorimeter_of_one_layer():
    events = CalorimeterShowers("electron", (5.0, 20.0), Cylinder(1, 14.0, (2.0, 8.0), 2)).simulate(
        0.0, 300, generator(1)
    )
    sample = showers(events.column("voxels"), events.column("energy"))
    drawn = train_showers(sample, layers=FLOW, splits=FLOW).sample(sample.energy, generator(2))
    assert drawn.voxels.shape == (300, 1, 2, 2)
    assert np.all(drawn.voxels.sum(axis=(1, 2, 3)) > 1)


def test_energies_outside_of_the_training_are_refused(trained):
    for energy in ([1.0], [50.0, np.nan], [[10.0]], [1e3]):
        with pytest.raises(InputError, match="each shower needs an energy between"):
            trained["flow"].sample(energy, generator(1))
