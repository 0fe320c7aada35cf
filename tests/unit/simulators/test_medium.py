"""The medium toy: geometry against brute force, losses and kicks against their laws; a medium of nothing is nothing."""

import numpy as np
import pytest

pytest.importorskip("pythia8mc")
pytest.importorskip("fastjet")

import pythia8mc

from partonic.core.errors import InputError, PartonicError
from partonic.core.rng import generator
from partonic.simulators import simulator as simulator_module
from partonic.simulators.account import provenance
from partonic.simulators.medium import MEDIA, Medium, medium_of, path_length, production_points
from partonic.simulators.options import SimulationOptions, plan
from partonic.simulators.passage import FERMI, MOVED, SETTINGS, Passage
from partonic.simulators.pythia import Generator
from partonic.simulators.simulate import simulate

JETS = {"radius": 0.4, "pt_min": 200.0, "pt_max": 300.0}


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of 60 events: quick."""
    monkeypatch.setattr(simulator_module, "CHUNK", 60)


def test_paths_are_what_a_line_has_in_the_core():
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-7, 7, (2, 50))
    phi = rng.uniform(-np.pi, np.pi, 50)
    steps = np.linspace(0, 25, 25_001)
    inside = np.hypot(x[:, None] + steps * np.cos(phi)[:, None], y[:, None] + steps * np.sin(phi)[:, None]) < 4.5
    found = path_length(x, y, phi, 4.5)
    np.testing.assert_allclose(found, inside.sum(axis=1) * 1e-3, atol=3e-3)
    assert (found == 0).any()
    assert (found > 5).any()


def test_collisions_happen_where_nuclei_overlap():
    medium = MEDIA["disc"]
    square = (production_points(medium, 40_000, np.random.default_rng(2)) ** 2).sum(axis=1) / medium.nucleus**2
    assert square.max() < 1
    # u = r^2 / R^2 has the density 2 (1 - u)
    assert square.mean() == pytest.approx(1 / 3, abs=4 * np.sqrt(1 / 18 / 40_000))
    assert (square < 0.5).mean() == pytest.approx(0.75, abs=4 * np.sqrt(0.75 * 0.25 / 40_000))


def test_loss_and_kicks_have_their_laws():
    passage = Passage(pythia8mc, Medium(0.05, 0.8))
    passage.begin(np.random.default_rng(3))
    n, path = 40_000, 4.0
    before = np.tile([30.0, -20.0, 50.0], (n, 1))
    after = passage._moved(before, np.full(n, path))
    size = np.linalg.norm(before[0])
    kept = np.linalg.norm(after, axis=1) / size
    assert kept.max() <= 1
    # of exp(-x), x exponential of mean m: mean 1 / (1 + m), and x itself has mean m
    assert -np.log(kept).mean() == pytest.approx(0.2, abs=4 * 0.2 / np.sqrt(n))
    assert kept.mean() == pytest.approx(1 / 1.2, abs=0.005)
    tangent = np.linalg.norm(np.cross(after, before), axis=1) / (after @ before[0]) * size
    assert (tangent**2).mean() == pytest.approx(0.8 * path, rel=0.03)
    aside = after / kept[:, None] - before
    assert np.abs(aside.mean(axis=0)).max() < 0.1, "kicks have no preferred direction"


def test_copies_stay_on_shell_and_say_where_they_left():
    passage = Passage(pythia8mc, MEDIA["disc"])
    lines = ("HardQCD:all=on", "PhaseSpace:pTHatMin=150", "PartonLevel:MPI=off", "Beams:eCM=14000", *SETTINGS)
    pythia = Generator(lines, passage.hook)
    passage.begin(generator(1))
    pythia.begin(1)
    collisions = pythia.generate(40)
    record = collisions.record
    copies = np.flatnonzero(np.abs(record["status"]) == MOVED)
    owner = np.searchsorted(record.offsets, copies, side="right") - 1
    before = record.offsets[owner] + record["mother1"][copies]
    np.testing.assert_array_equal(record["pid"][copies], record["pid"][before])
    e, p2 = record["e"][copies], sum(record[k][copies] ** 2 for k in ("px", "py", "pz"))
    np.testing.assert_allclose(e**2 - p2, record["m"][before] ** 2, atol=1e-6 * e.max() ** 2)
    x, y, _ = collisions.vertex(copies)
    path = np.hypot(x, y) / FERMI
    assert 0 < path.max() < 2 * MEDIA["disc"].core
    assert (e[path > 0] < record["e"][before][path > 0]).all()
    for name in ("px", "py", "pz", "e"):
        np.testing.assert_array_equal(record[name][copies][path == 0], record[name][before][path == 0])
    paths = [np.unique(np.round(path[owner == i], 9)) for i in range(40)]
    assert all(len(found) <= 3 for found in paths), "two hard partons and those that follow none"
    assert sum(len(found) > 1 for found in paths) > 20
    assert len(pythia.final(collisions)) == 40


def test_the_vacuum_changes_nothing(small_chunks):
    plain, vacuum = (
        simulate(SimulationOptions("qcd", 30, seed=4, medium=medium, **JETS)) for medium in (None, "vacuum")
    )
    for name, values in plain.columns.items():
        np.testing.assert_array_equal(vacuum.column(name), values)
    for name, values in plain.collection("constituents").fields.items():
        np.testing.assert_array_equal(vacuum.collection("constituents")[name], values)
    assert not vacuum.column("medium_loss").any()
    assert not vacuum.column("medium_path").any()


def test_jets_say_what_they_lost_and_repeat(small_chunks):
    options = SimulationOptions("qcd", 25, seed=4, medium="disc", medium_loss=0.06, **JETS)
    jets, again = simulate(options), simulate(options)
    loss, path = jets.column("medium_loss"), jets.column("medium_path")
    np.testing.assert_array_equal(loss, again.column("medium_loss"))
    assert (loss >= 0).all()
    assert (loss < 1).all()
    assert (loss[path == 0] < 0.02).all()
    assert (path == 0).sum() > 2
    assert loss[path > 0].min() > 0
    assert np.corrcoef(loss, path)[0, 1] > 0.3
    assert (jets.column("jet_pt") > 200).all()


def test_samples_without_a_medium_are_called_as_before():
    said = provenance(SimulationOptions("qcd", 10))["options"]
    assert "medium" not in said
    strong = provenance(SimulationOptions("qcd", 10, medium="disc", medium_loss=0.0))
    assert (strong["options"]["medium"], strong["options"]["medium_loss"]) == ("disc", 0.0)
    assert "Check:event=off" in strong["pythia_settings"]
    assert plan(SimulationOptions("qcd", 10, medium="disc", medium_kick=0.5)).medium == Medium(MEDIA["disc"].loss, 0.5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"medium": "disk"}, "did you mean 'disc'"),
        ({"medium": "vacuum", "medium_loss": 0.1}, "the vacuum has no loss"),
        ({"medium": "disc", "medium_kick": -1.0}, "kick must be 0 or above"),
        ({"medium_loss": 0.1}, "need a medium"),
        ({"medium": "disc", "level": "events"}, "needs samples of jets"),
    ],
)
def test_what_makes_no_sense_is_told(changes, said):
    with pytest.raises(PartonicError, match=said):
        SimulationOptions("qcd", 10, **changes)


def test_a_medium_has_a_size():
    with pytest.raises(InputError, match="above 0 fm"):
        Medium(0.1, 1.0, core=0.0)
    with pytest.raises(InputError, match="loss"):
        medium_of("disc", float("nan"), None)
