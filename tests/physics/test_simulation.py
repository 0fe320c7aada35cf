"""What comes out of the simulation is physics: momenta conserved, masses at their peaks, weights with mean 1."""

import numpy as np
import pytest

pytest.importorskip("pythia8mc")
pytest.importorskip("fastjet")

from partonic.events import Events, kinematics
from partonic.simulators import simulator as simulator_module
from partonic.simulators.jets import axes
from partonic.simulators.options import SimulationOptions, settings
from partonic.simulators.processes import LABELS, PROCESSES, WINDOWS
from partonic.simulators.pythia import VARIATIONS, Generator
from partonic.simulators.simulator import Simulator


def chunk(process: str, **options) -> Events:
    """The first chunk of a run, 500 generated events."""
    return Simulator(SimulationOptions(process, 1, **options))(0)


@pytest.fixture(scope="module")
def top() -> Events:
    return chunk("top", seed=1)


@pytest.fixture(scope="module")
def qcd() -> Events:
    return chunk("qcd", seed=1)


def check_jets(jets: Events, label: int) -> None:
    """Rows of a sample of jets agree with their constituents and with the window that was asked for."""
    assert np.all(jets.columns["label"] == label)
    pt, eta = jets.columns["jet_pt"], jets.columns["jet_eta"]
    assert np.all((pt > 550) & (pt < 650) & (np.abs(eta) < 2))
    parts = jets.collections["constituents"]
    assert np.all(parts.counts > 0)
    sums = [np.add.reduceat(parts[name].astype(float), parts.offsets[:-1]) for name in ("px", "py", "pz", "e")]
    np.testing.assert_allclose(kinematics.pt(sums[0], sums[1]), pt, rtol=1e-5)
    np.testing.assert_allclose(kinematics.mass(*sums), jets.columns["jet_mass"], rtol=1e-3, atol=0.1)
    np.testing.assert_allclose(kinematics.phi(sums[0], sums[1]), jets.columns["jet_phi"], atol=1e-5)
    each = np.hypot(parts["px"].astype(float), parts["py"].astype(float))
    first = np.zeros(parts.total, dtype=bool)
    first[parts.offsets[:-1]] = True
    assert np.all((each[1:] <= each[:-1]) | first[1:])
    assert set(np.unique(np.abs(parts["pid"]))) <= {11, 13, 22, 130, 211}
    neutral = parts["charge"] == 0
    assert np.all(parts["d0_error"][neutral] == 0)
    assert np.all(parts["d0_error"][~neutral] > 0)


def test_top_jets(top: Events):
    check_jets(top, LABELS["top"])
    # The measured sketch: 0.341 +- 0.01 accepted an event, median mass 171.7 GeV, 62 constituents.
    assert top.provenance["accepted"] / 500 == pytest.approx(0.341, abs=0.08)
    assert 165 < np.median(top.columns["jet_mass"]) < 180
    assert np.median(top.columns["truth_mass"]) == pytest.approx(171.5, abs=2.5)
    assert set(np.abs(top.columns["truth_pid"])) == {6}
    assert top.collections["constituents"].counts.mean() == pytest.approx(62, abs=6)
    near = kinematics.delta_r(*(top.columns[name] for name in ("jet_eta", "jet_phi", "truth_eta", "truth_phi")))
    assert near.max() < 0.8


def test_qcd_jets(qcd: Events, top: Events):
    check_jets(qcd, LABELS["qcd"])
    assert qcd.provenance["accepted"] / 500 == pytest.approx(0.502, abs=0.08)
    assert 50 < np.median(qcd.columns["jet_mass"]) < 95
    assert np.mean(qcd.columns["jet_mass"] > 140) < 0.35
    assert set(np.unique(np.abs(qcd.columns["truth_pid"]))) <= {0, 1, 2, 3, 4, 5, 21}
    assert qcd.collections["constituents"].counts.mean() < top.collections["constituents"].counts.mean()


@pytest.mark.slow
@pytest.mark.parametrize(("process", "mass"), [("w", 80.4), ("z", 91.2), ("hbb", 125.0)])
def test_bosons_peak_at_their_mass(process: str, mass: float):
    jets = chunk(process, detector="truth")
    check = jets.columns["jet_mass"]
    assert np.median(jets.columns["truth_mass"]) == pytest.approx(mass, abs=1.5)
    # Neutrinos of b hadrons are lost, radiation from outside is gained.
    assert mass - 10 < np.median(check) < mass + 6
    assert len(jets) > 50


def test_final_particles_conserve_momentum_and_are_on_shell():
    generator = Generator(settings(SimulationOptions("top", 1)))
    generator.begin(5)
    collisions = generator.generate(40)
    final = generator.final(collisions)
    totals = [np.add.reduceat(final[name], final.offsets[:-1]) for name in ("px", "py", "pz", "e")]
    for total, expected in zip(totals, (0, 0, 0, 14_000), strict=True):
        np.testing.assert_allclose(total, expected, atol=1e-3)
    charge = np.add.reduceat(final["charge"].astype(int), final.offsets[:-1])
    assert np.all(charge == 2)  # two protons
    square = kinematics.mass2(*(final[name] for name in ("px", "py", "pz", "e")))
    mass = collisions.record["m"][final["record"]]
    assert np.all(np.abs(square - mass**2) < 1e-6 * final["e"] ** 2)
    long_lived = np.isin(np.abs(final["pid"]), [310, 3122])
    assert long_lived.sum() > 40  # left to the detector
    assert np.hypot(final["vx"], final["vy"]).max() < 1000


@pytest.mark.slow
@pytest.mark.parametrize("process", sorted(PROCESSES))
def test_every_process_gives_rows(process: str, monkeypatch):
    monkeypatch.setattr(simulator_module, "CHUNK", 60)
    events = chunk(process, seed=3)
    assert events.provenance["generated"] == 60
    assert events.provenance["cross_section"] > 0
    assert len(events) >= 3
    assert np.all(events.columns["label"] == LABELS[process])
    assert np.all(np.isfinite(events.weight()))
    for ragged in events.collections.values():
        for name in ("px", "py", "pz", "e"):
            assert np.all(np.isfinite(ragged[name]))
    if PROCESSES[process].level == "jets":
        check_jets(events, LABELS[process])


DECAYS = {"h-tautau": {15: 2}, "wbf-h": {15: 2}, "h2-hh": {25: 2, 5: 4}, "g-hh": {25: 2, 5: 4}, "h-jet": {22: 2}}


@pytest.mark.slow
@pytest.mark.parametrize("process", sorted(DECAYS))
def test_higgs_bosons_decay_as_asked(process: str, monkeypatch):
    monkeypatch.setattr(simulator_module, "CHUNK", 20)
    truth = chunk(process, detector="truth").collections["truth"]
    hard = (np.abs(truth["status"]) >= 22) & (np.abs(truth["status"]) <= 23)
    higgs = (truth["pid"] == 25) & (np.abs(truth["status"]) == 22)
    mass = kinematics.mass(*(truth[name][higgs] for name in ("px", "py", "pz", "e")))
    np.testing.assert_allclose(mass, 125, atol=1.0)
    for pid, number in DECAYS[process].items():
        found = np.bincount(truth.rows[hard & (np.abs(truth["pid"]) == pid)], minlength=20)
        assert np.all(found >= number), pid


def test_variations_are_weights_with_mean_one():
    events = chunk("drell-yan", variations=True, detector="truth")
    assert list(events.weights) == ["nominal", *VARIATIONS]
    np.testing.assert_array_equal(events.weights["nominal"], np.ones(500))
    for name in VARIATIONS:
        weight = events.weights[name]
        error = weight.std() / np.sqrt(len(weight))
        assert weight.std() > 0.003, name
        # The compensation of soft emissions (arXiv:1605.08352) holds the mean only to a few per cent.
        assert weight.mean() == pytest.approx(1.0, abs=5 * error + 0.05), name
    assert events.weights["isr_mur_0.5"].std() > events.weights["isr_mur_0.707"].std()


def test_paired_jets_differ_by_the_detector_only():
    jets = chunk("top", paired=True, seed=1)
    ratio = jets.columns["jet_pt"] / jets.columns["truth_jet_pt"]
    assert 0.9 < np.median(ratio) < 1.02
    assert 0.01 < ratio.std() < 0.15
    near = kinematics.delta_r(
        *(jets.columns[name] for name in ("jet_eta", "jet_phi", "truth_jet_eta", "truth_jet_phi"))
    )
    assert near.max() < 0.4
    parts = jets.collections["truth_constituents"]
    px, py = (np.add.reduceat(parts[name].astype(float), parts.offsets[:-1]) for name in ("px", "py"))
    np.testing.assert_allclose(np.hypot(px, py), jets.columns["truth_jet_pt"], rtol=1e-5)
    assert parts.counts.mean() > jets.collections["constituents"].counts.mean()


def test_events_hold_what_links_and_columns_say(monkeypatch):
    monkeypatch.setattr(simulator_module, "CHUNK", 100)
    events = chunk("ttbar", paired=True, seed=2)
    parts = events.collections
    assert list(parts) == ["particles", "truth_jets", "jets", "leptons", "photons", "taus", "truth"]
    jets, particles, twins = parts["jets"], parts["particles"], parts["truth_jets"]
    np.testing.assert_array_equal(events.columns["n_jets"], jets.counts)
    where = axes(jets)
    assert np.all((where.pt > 24.99) & (np.abs(where.eta) < 4.5))
    np.testing.assert_allclose(events.columns["ht"], np.bincount(jets.rows, where.pt, 100), rtol=1e-4)
    link = jets.links["constituents"]
    owner = np.repeat(np.arange(jets.total), np.diff(link.offsets))
    index = particles.offsets[jets.rows[owner]] + link.index
    for name in ("px", "py", "pz", "e"):
        np.testing.assert_allclose(np.bincount(owner, particles[name][index]), jets[name], rtol=1e-4, atol=0.01)
    paired = jets["truth_jet"] >= 0
    assert paired.mean() > 0.75
    twin = axes(twins)
    which = (twins.offsets[jets.rows] + jets["truth_jet"])[paired]
    assert 0.8 < np.median(where.pt[paired] / twin.pt[which]) < 1.05
    true_b = jets["flavour"] == 5
    assert 1.4 < true_b.sum() / 100 < 2.2  # two b jets an event, not all in the acceptance
    assert jets["btag"][true_b].mean() > 0.5
    assert jets["btag"][jets["flavour"] < 4].mean() < 0.05
    tops = np.abs(parts["truth"]["pid"]) == 6
    assert np.all(np.bincount(parts["truth"].rows[tops], minlength=100) >= 2)
    taus = np.abs(parts["truth"]["pid"]) == 15
    assert np.all(parts["truth"]["e"][taus] > 1.7)


def test_missing_momentum_without_a_detector_is_that_of_the_neutrinos(monkeypatch):
    monkeypatch.setattr(simulator_module, "CHUNK", 60)
    options = SimulationOptions("h-tautau", 1, detector="truth")
    events = Simulator(options)(0)
    generator = Generator(settings(options))
    from partonic.core.rng import chunk_seed

    generator.begin(chunk_seed(options.seed, 0))
    final = generator.final(generator.generate(60))
    unseen = np.isin(np.abs(final["pid"]), [12, 14, 16]) | (
        np.abs(kinematics.eta(final["px"], final["py"], final["pz"])) >= 4.9
    )
    px, py = (np.bincount(final.rows[unseen], final[name][unseen], 60) for name in ("px", "py"))
    np.testing.assert_allclose(events.columns["met_pt"], np.hypot(px, py), rtol=1e-4, atol=1e-3)


@pytest.mark.slow
def test_pileup_and_multi_parton_interactions_add_particles(monkeypatch):
    monkeypatch.setattr(simulator_module, "CHUNK", 10)
    bare, busy, crowded = (
        chunk("drell-yan", detector="truth", mpi=mpi, pileup=pileup)
        for mpi, pileup in ((False, 0), (True, 0), (False, 4))
    )
    counts = [events.collections["particles"].counts.mean() for events in (bare, busy, crowded)]
    assert counts[1] > 1.5 * counts[0]
    assert counts[2] > counts[0] + 4 * 40  # each minimum-bias collision leaves tens of particles
    particles = crowded.collections["particles"]
    assert np.abs(particles["dz"]).max() > 10  # from elsewhere along the beam
    assert np.median(np.abs(bare.collections["particles"]["dz"])) < 1
    # The hard collisions are the same: pileup has random numbers of its own.
    np.testing.assert_array_equal(bare.collections["truth"]["px"], crowded.collections["truth"]["px"])


@pytest.mark.slow
def test_the_faithful_window_keeps_jets_that_the_fast_one_loses(qcd: Events):
    jets = chunk("qcd", window="faithful", detector="truth")
    wide, narrow = (events.columns["truth_pt"][events.columns["truth_pid"] != 0] for events in (jets, qcd))
    assert narrow.min() > WINDOWS["fast"][0] * 550 - 1 == pytest.approx(479)
    assert 400 <= wide.min() < 475
    assert len(jets) < len(qcd)
