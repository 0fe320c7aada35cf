from dataclasses import replace

import numpy as np
import pytest
import torch
from format_samples import jetnet
from toy_jets import from_cylinder, toy_jets

import partonic as pn
from partonic.core.errors import FileError, InputError, TrainingError, UnknownNameError
from partonic.events import concatenate
from partonic.generation.clouds import clouds
from partonic.generation.jets import JetGenerator, JetOptions, train_jets
from partonic.represent.constituents import constituents

SMALL = JetOptions(particles=8, width=16, layers=2, size=32, epochs=6, learning_rate=1e-2, averaging=0.9, steps=6)


def samples(n=300):
    jets = toy_jets(2 * n)
    return {"one prong": jets[jets.column("label") == 0], "three prongs": jets[jets.column("label") == 1]}


@pytest.fixture(scope="module")
def trained():
    return train_jets(samples(), SMALL, seed=1)


def rings(n=600, seed=1):
    """Jets of 8 particles on a circle of any size around the axis."""
    rng = np.random.default_rng(seed)
    size, angle = np.repeat(rng.uniform(0.02, 0.2, n), 8), rng.uniform(-np.pi, np.pi, 8 * n)
    pt = np.exp(rng.normal(2, 0.5, 8 * n))
    return from_cylinder(np.full(n, 8), pt, size * np.cos(angle), size * np.sin(angle))


def roundness(events):
    """Spread of the distances of particles to the axis in widths of their jet: small for a ring."""
    jets = clouds(events, 8)
    return float(np.std(np.hypot(*jets.values[:, :2].T) / np.repeat(jets.width, 8)))


def test_training_brings_shapes_to_those_of_the_jets():
    options = JetOptions(
        particles=8, width=16, layers=2, heads=0, size=50, epochs=12, learning_rate=1e-2, averaging=0.9, steps=6
    )
    start = replace(options, epochs=1, learning_rate=1e-9)
    truth = roundness(rings(seed=2))
    after, before = (
        roundness(train_jets({"rings": rings()}, one).sample(600, np.random.default_rng(3))) for one in (options, start)
    )
    assert before > truth + 0.15
    assert truth < after < before - 0.2 * (before - truth)


def test_the_loss_falls(trained):
    assert trained.facts["validation"][-1] < trained.facts["validation"][0]


def test_jets_have_the_momentum_asked_for_and_the_widths_of_their_kind(trained):
    low = clouds(samples()["three prongs"], 8).frame[:, 0].mean()
    made = trained.sample(300, np.random.default_rng(3), "three prongs", momentum=low)
    jets = clouds(made, 8)
    np.testing.assert_allclose(jets.frame[:, 0], low, rtol=1e-5)
    narrow = clouds(trained.sample(300, np.random.default_rng(3), "one prong"), 8)
    assert np.median(jets.width) > 2 * np.median(narrow.width)
    assert (made.column("jet_type") == "three prongs").all()
    assert (made.column("label") == 1).all()


def test_generated_jets_are_jets_for_everyone_else(trained):
    made = trained.sample(40, np.random.default_rng(4))
    assert len(constituents(concatenate([made, made]))) == 80
    assert set(np.unique(made.column("label"))) == {0, 1}
    assert np.isfinite(made.column("jet_mass")).all()


def test_equal_random_states_give_equal_jets(trained):
    first, second, other = (trained.sample(5, np.random.default_rng(seed)).column("jet_mass") for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_saved_and_read(trained, tmp_path):
    trained.save(tmp_path / "jets.pt")
    again = JetGenerator.load(tmp_path / "jets.pt")
    first, second = (one.sample(20, np.random.default_rng(7)) for one in (trained, again))
    np.testing.assert_array_equal(first.collection("constituents")["px"], second.collection("constituents")["px"])
    assert again.facts == trained.facts
    assert again.parameters == trained.parameters
    (tmp_path / "cut.pt").write_bytes((tmp_path / "jets.pt").read_bytes()[:-500])
    with pytest.raises(FileError, match=r"cut\.pt"):
        JetGenerator.load(tmp_path / "cut.pt")


def test_an_interrupted_training_goes_on_to_the_same_jets(tmp_path, monkeypatch):
    quick = JetOptions(particles=5, width=8, layers=1, size=30, epochs=3, steps=2)
    whole = train_jets(samples(60), quick)
    from partonic.generation import jets as module

    steps = iter(range(6))

    def breaking(model, batch):
        if torch.is_grad_enabled() and next(steps, None) is None:
            raise KeyboardInterrupt
        return module_matching(model, batch)

    module_matching = module.cloud_matching
    monkeypatch.setattr(module, "cloud_matching", breaking)
    with pytest.raises(KeyboardInterrupt):
        train_jets(samples(60), quick, directory=tmp_path)
    monkeypatch.undo()
    resumed = train_jets(samples(60), quick, directory=tmp_path)
    for name, value in whole.network.state_dict().items():
        torch.testing.assert_close(resumed.network.state_dict()[name], value, rtol=0, atol=0)


@pytest.mark.parametrize("particles", [30, 150])
def test_jets_of_jetnet_files_are_learned(particles, tmp_path):
    """Of their 30 or 150 particles; what is drawn has as many and as much mass."""
    jets = pn.read(jetnet(tmp_path, 120, particles, particles // 2))
    truth = clouds(jets, particles)
    options = JetOptions(particles=particles, width=8, layers=1, size=40, epochs=2, steps=2)
    drawn = train_jets({"t": jets}, options).sample(200, np.random.default_rng(1))
    made = clouds(drawn, particles)
    assert particles // 2 <= made.counts.min() < made.counts.max() <= particles
    assert made.counts.mean() == pytest.approx(truth.counts.mean(), rel=0.05)
    masses = [np.quantile(one.frame[:, 0] * one.width, (0.16, 0.5, 0.84)) for one in (made, truth)]
    np.testing.assert_allclose(*masses, rtol=0.15)
    assert np.median(made.frame[:, 0]) == pytest.approx(np.median(truth.frame[:, 0]), rel=0.1)
    assert (drawn.column("jet_type") == "t").all()


def test_the_hardest_particles_of_larger_jets_are_kept():
    counts = np.array([200, 90])
    rng = np.random.default_rng(2)
    pt = rng.exponential(5, 290) + 0.1
    large = from_cylinder(counts, pt, rng.normal(0, 0.1, 290), rng.normal(0, 0.1, 290))
    kept = clouds(large, 150)
    assert kept.counts.tolist() == [150, 90]
    np.testing.assert_allclose(kept.frame[:, 0], [np.sort(pt[:200])[50:].sum(), pt[200:].sum()])


def test_a_diverged_training_is_an_error():
    with pytest.raises(TrainingError, match="learning rate"):
        train_jets(samples(60), JetOptions(particles=5, width=8, layers=1, size=30, epochs=40, learning_rate=1e30))


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"n": 0}, InputError, "1 jet or more"),
        ({"n": 2, "kind": "three prong"}, UnknownNameError, "did you mean 'three prongs'"),
        ({"n": 2, "momentum": -1.0}, InputError, "momenta of"),
    ],
)
def test_what_cannot_be_drawn(trained, arguments, error, said):
    with pytest.raises(error, match=said):
        trained.sample(rng=np.random.default_rng(1), **arguments)


def test_what_cannot_be_learned():
    with pytest.raises(InputError, match="a name and a sample"):
        train_jets({})
    one = toy_jets(1)
    with pytest.raises(InputError, match="two different jets"):
        train_jets({"one": concatenate([one] * 10)})
    with pytest.raises(InputError, match="particle, jet a batch"):
        JetOptions(particles=0)
