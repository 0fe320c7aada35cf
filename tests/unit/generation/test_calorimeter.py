"""Showers as rows and back without loss, exact sums and zeros, features by hand, and what a trained generator gives."""

import numpy as np
import pytest

from partonic.core.errors import FileError, InputError, UnknownNameError
from partonic.core.rng import generator
from partonic.generation.calorimeter import ShowerGenerator, stages, train_showers
from partonic.generation.flow import FlowOptions
from partonic.generation.matching import MatchingOptions
from partonic.generation.shower_features import feature_names, features
from partonic.generation.shower_rows import LayerRows, Showers, showers
from partonic.generation.shower_splits import Split
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
        method: train_showers(sample, method, layers=FLOW, splits=options, seed=3)
        for method, options in (("flow", FLOW), ("matching", MATCHING))
    }


def voxels_of(sample):
    return sample.voxels.reshape(len(sample), 4, 6)


def test_layers_come_back_from_their_rows(sample):
    rows = LayerRows.of(sample)
    assert rows.threshold == pytest.approx(0.005, rel=0.05)
    assert np.any(sample.layers == 0)
    made = rows.table_of(sample, generator(2))
    np.testing.assert_allclose(rows.energies(made.values, sample.energy), sample.layers, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(rows.energies(made.values, sample.energy) == 0, sample.layers == 0)


def test_showers_that_read_nothing_have_rows_too():
    some = Showers(np.zeros((3, 4, 2, 3)), np.array([2.0, 30.0, 50.0]))
    some.voxels[1, 2, 0, 1] = 1.0
    rows = LayerRows(4, 0.01)
    made = rows.table_of(some, generator(1))
    np.testing.assert_allclose(rows.energies(made.values, some.energy), some.layers, atol=1e-12)


def test_any_numbers_give_layers_that_add_up():
    """Rows far from those of any shower still are energies: 0 or above the threshold, their sum is the total."""
    rows, rng = LayerRows(5, 0.01), generator(3)
    wild = np.column_stack([rng.normal(-1, 2, 2000), rng.uniform(-0.6, 1.6, (2000, 4))])
    energy = rng.uniform(1, 50, 2000)
    found = rows.energies(wild, energy)
    total = np.maximum(energy + wild[:, 0] * np.sqrt(energy), 0)
    total[total < 0.01] = 0
    np.testing.assert_allclose(found.sum(axis=1), total, rtol=1e-12)
    assert np.all((found == 0) | (found > 0.01 * (1 - 1e-9)))


def test_parts_come_back_from_their_rows(sample):
    parts = voxels_of(sample)[sample.layers > 0]
    split = Split(6, LayerRows.of(sample).threshold)
    rows = split.rows(parts, generator(4))
    back = split.energies(rows, parts.sum(axis=1))
    np.testing.assert_allclose(back, parts, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(back == 0, parts == 0)
    spread = np.log(6 * parts / parts.sum(axis=1, keepdims=True), where=parts > 0, out=np.zeros_like(parts))
    assert np.abs(rows - spread)[parts > 0].max() < 0.1201


def test_any_numbers_give_parts_that_add_up():
    split, rng = Split(5, 0.01), generator(5)
    whole = np.exp(rng.uniform(np.log(0.0101), 3, 3000))
    found = split.energies(rng.normal(-1, 3, (3000, 5)), whole)
    np.testing.assert_allclose(found.sum(axis=1), whole, rtol=1e-12)
    assert np.all((found == 0) | (found >= 0.01 * (1 - 1e-6)))
    np.testing.assert_allclose(split.energies(np.full((1, 5), -99.0), np.ones(1)).sum(), 1.0)


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
    assert len(trained.steps) == (2 if method == "flow" else 1)
    assert trained.parameters == trained.layers.parameters + sum(step.parameters for step in trained.steps)
    energy = np.linspace(*trained.energies, 200)
    drawn = trained.sample(energy, generator(6))
    assert drawn.voxels.shape == (200, 4, 2, 3)
    assert np.all((drawn.voxels == 0) | (drawn.voxels >= trained.threshold * (1 - 1e-6)))
    assert np.any(drawn.voxels == 0)
    first = LayerRows(4, trained.threshold)
    rng = generator(6)
    layers = first.energies(trained.layers.sample(200, rng, first.context(energy)), energy)
    np.testing.assert_allclose(drawn.layers, layers, rtol=1e-9, atol=1e-12)
    trained.save(tmp_path)
    again = ShowerGenerator.load(tmp_path)
    np.testing.assert_array_equal(again.sample(energy, generator(6)).voxels, drawn.voxels)
    assert again.facts["showers"] == 400
    (tmp_path / "showers.pt").write_bytes(b"no")
    with pytest.raises(FileError, match="is no shower generator of partonic"):
        ShowerGenerator.load(tmp_path)


def test_a_little_training_finds_the_response():
    """A calorimeter of one voxel a layer: what it reads of 10 GeV, beside showers of the simulator."""
    simulator = CalorimeterShowers("electron", (5.0, 20.0), Cylinder(2, 14.0, (8.0,), 1))
    events = simulator.simulate(0.0, 2000, generator(7))
    options = FlowOptions(hidden=(16,), bins=6, size=256, epochs=6, learning_rate=1e-2)
    trained = train_showers(showers(events.column("voxels"), events.column("energy")), layers=options)
    assert trained.steps == ()
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
        (lambda: stages((2, 2, 2), 0.1, "flw"), "unknown method 'flw'; did you mean 'flow'"),
        (lambda: Split(0, 1.0), "a split needs a part or more"),
        (lambda: LayerRows(2, 0.0), "a threshold above 0"),
        (lambda: train_showers(showers(np.ones((2, 1, 1, 2)), np.ones(2)), splits=MATCHING), "takes FlowOptions"),
        (lambda: train_showers(showers(np.ones((1, 2, 1, 2)), np.ones(1))), "cannot learn from one event"),
    ],
)
def test_unfit_showers_are_refused(make, message):
    with pytest.raises((InputError, UnknownNameError), match=message):
        make()


def test_energies_outside_of_the_training_are_refused(trained):
    for energy in ([1.0], [50.0, np.nan], [[10.0]], [1e3]):
        with pytest.raises(InputError, match="each shower needs an energy between"):
            trained["flow"].sample(energy, generator(1))
