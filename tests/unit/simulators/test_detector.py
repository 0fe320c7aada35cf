"""Particle guns through whole detectors: response against the cards, and what must not depend on anything else."""

from dataclasses import replace

import numpy as np
import pytest

from partonic.core.errors import InputError, UnknownNameError
from partonic.events.ragged import Ragged, concatenate_ragged
from partonic.simulators import detector
from partonic.simulators.cards import ATLAS, CMS, Calorimeter, Card, Region, Tracker, Tracks
from partonic.simulators.detector import detect, truth_particles, visible

BOTH = pytest.mark.parametrize("card", [ATLAS, CMS], ids=lambda card: card.name)
N = 20_000
FIELDS = ["px", "py", "pz", "e", "charge", "pid", "d0", "dz", "d0_error", "dz_error", "truth"]


def perfect(card: Card) -> Card:
    """A detector that sees everything within its reach exactly."""
    tracks = Tracks(((1.0, 1.0, 1.0),) * 2, ((1e-9, 0.0),) * 3)
    tracker = Tracker((1.5, 2.5), (0.0, 1.0, 100.0), (0.5, 1.5, 2.5), tracks, tracks, tracks, 0.0, 0.0)
    calorimeters = {
        name: Calorimeter(getattr(card, name).rings, (Region(9.0, 0.0, 0.0, 1e-9),), energy_min=0.5)
        for name in ("ecal", "hcal")
    }
    return replace(card, tracker=tracker, **calorimeters)


def energy(particles: Ragged) -> np.ndarray:
    """Summed energy of each event."""
    return np.bincount(particles.rows, particles["e"], len(particles))


def mixed_events(events: int, seed: int) -> Ragged:
    """Events of about forty particles of all kinds, 5 to 100 GeV."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(40, events)
    total = counts.sum()
    pid = rng.choice([22, 22, 211, -211, 321, 2212, 130, 310, 11, 13, 12], total)
    e, eta, phi = rng.uniform(5, 100, total), rng.uniform(-2.2, 2.2, total), rng.uniform(-np.pi, np.pi, total)
    pt = e / np.cosh(eta)
    fields = {"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta), "e": e, "pid": pid}
    charges = {211: 1, -211: -1, 321: 1, 2212: 1, 11: -1, 13: -1}
    fields["charge"] = np.array([charges.get(number, 0) for number in pid], dtype=np.int8)
    fields |= {name: rng.normal(0, 0.1, total) for name in ("vx", "vy", "vz")}
    return Ragged.from_counts(counts, fields)


def ecal_width(card: Card, e: float) -> float:
    """Relative resolution of the electromagnetic calorimeter at eta = 0.3, from the cards."""
    if card is ATLAS:
        return np.sqrt((0.0017 * e) ** 2 + 0.101**2 * e) / e
    return (1 + 0.64 * 0.3**2) * np.sqrt((0.008 * e) ** 2 + 0.11**2 * e + 0.4**2) / e


def hcal_width(card: Card, e: float) -> float:
    """The same of the hadronic calorimeter."""
    if card is ATLAS:
        return np.sqrt((0.0302 * e) ** 2 + 0.5205**2 * e + 1.59**2) / e
    return np.sqrt((0.05 * e) ** 2 + 1.5**2 * e) / e


@BOTH
def test_photon_and_neutral_pion_response(card, gun):
    for pid in (22, 111):
        seen = detect(gun(pid, 60.0, 0.3, N), card, np.random.default_rng(1))
        np.testing.assert_array_equal(seen.counts, 1)
        assert set(seen["pid"]) == {22}
        width = ecal_width(card, 60.0)
        assert seen["e"].mean() / 60 == pytest.approx(1.0, abs=5 * width / np.sqrt(N))
        assert seen["e"].std() / 60 == pytest.approx(width, rel=0.04)
        np.testing.assert_allclose(seen["e"], np.sqrt(seen["px"] ** 2 + seen["py"] ** 2 + seen["pz"] ** 2), rtol=1e-12)


@BOTH
def test_neutral_hadron_response(card, gun):
    seen = detect(gun(130, 200.0, 0.3, N), card, np.random.default_rng(2))
    assert set(seen["pid"]) == {130}
    width = hcal_width(card, 200.0)
    assert energy(seen).mean() / 200 == pytest.approx(1.0, abs=5 * width / np.sqrt(N))
    assert energy(seen).std() / 200 == pytest.approx(width, rel=0.04)


@BOTH
def test_direction_of_a_photon_is_smeared_over_its_cell(card, gun):
    given = gun(22, 60.0, 0.3, N)
    seen = detect(given, card, np.random.default_rng(3))
    eta = np.arcsinh(seen["pz"] / np.hypot(seen["px"], seen["py"]))
    turned = np.arctan2(seen["py"], seen["px"]) - np.arctan2(given["py"], given["px"])
    turned = (turned + np.pi) % (2 * np.pi) - np.pi
    low = np.floor(0.3 / 0.0174) * 0.0174
    assert low <= eta.min() < low + 0.001
    assert low + 0.0164 < eta.max() <= low + 0.0174
    assert np.abs(turned).max() <= np.pi / 180 + 1e-9
    assert turned.std() == pytest.approx(np.pi / 180 / np.sqrt(6), rel=0.05)  # two uniform numbers in one cell


@BOTH
def test_muons_are_tracks_and_leave_no_energy(card, gun):
    seen = detect(gun(-13, 80.0, 0.3, N), card, np.random.default_rng(4))
    assert set(seen["pid"]) == {-13}
    assert set(seen["charge"]) == {1}
    assert seen.total / N == pytest.approx(0.99, abs=0.004)
    width = np.hypot(0.01, 1e-4 * 80 / np.cosh(0.3))
    assert seen["e"].mean() / 80 == pytest.approx(1.0, abs=5 * width / np.sqrt(N))
    assert seen["e"].std() / 80 == pytest.approx(width, rel=0.04)


@BOTH
@pytest.mark.parametrize(("pid", "size", "mean"), [(11, 0.03, 0.01), (211, 0.12, 0.02)])
def test_electrons_and_pions_combine_track_and_calorimeter(card, gun, pid, size, mean):
    seen = detect(gun(pid, 100.0, 0.3, N), card, np.random.default_rng(5))
    tracks = seen["charge"] != 0
    assert set(seen["pid"][tracks]) == {pid}
    found = np.bincount(seen.rows[tracks], minlength=N) > 0
    assert found.mean() == pytest.approx(0.95, abs=0.01)
    response = energy(seen) / 100
    assert response.mean() == pytest.approx(1.0, abs=mean)
    assert response[found].std() < size
    # The combination is at least as good as the tracker alone.
    a, b = {11: (0.03, 1.3e-3), 211: card.tracker.hadron.resolution[0]}[pid]
    core = np.percentile(np.abs(response[found] - 1), 68)
    assert core < 1.05 * np.hypot(a, b * 100 / np.cosh(0.3))
    assert set(seen["pid"][~tracks]) <= {22 if pid == 11 else 130}


@BOTH
def test_short_lived_neutral_kaons_share_their_energy(card, gun):
    seen = detect(gun(310, 400.0, 0.3, 4000), card, np.random.default_rng(6))
    photons, hadrons = (np.bincount(seen.rows, seen["e"] * (seen["pid"] == pid), 4000) for pid in (22, 130))
    assert photons.mean() / 400 == pytest.approx(0.3, abs=0.005)
    assert hadrons.mean() / 400 == pytest.approx(0.7, abs=0.015)


@BOTH
def test_energy_is_conserved_on_average(card):
    given = mixed_events(400, 7)
    kept = visible(given["pid"]) & (np.abs(given["pid"]) != 13)  # neither neutrinos nor muons shower
    given = given.keep(kept)
    ratio = energy(detect(given, card, np.random.default_rng(7))).sum() / given["e"].sum()
    assert ratio == pytest.approx(1.0, abs=0.02)


@BOTH
def test_nothing_is_lost_or_moved_by_a_perfect_detector(card):
    given = mixed_events(60, 8)
    seen = detect(given, perfect(card), np.random.default_rng(8))
    exact = np.where(visible(given["pid"]), given["e"], 0.0)
    np.testing.assert_allclose(energy(seen), np.bincount(given.rows, exact, 60), rtol=2e-3)  # pion mass for protons
    tracks = np.flatnonzero(seen["charge"] != 0)
    source = seen["truth"][tracks] + given.offsets[seen.rows[tracks]]
    assert len(tracks) == np.sum(given["charge"] != 0)
    np.testing.assert_array_equal(given["charge"][source], seen["charge"][tracks])
    direction = np.arctan2(seen["py"], seen["px"])[tracks] - np.arctan2(given["py"], given["px"])[source]
    np.testing.assert_allclose(direction, 0, atol=1e-12)  # that of the production vertex, before bending
    assert np.all(seen["truth"][seen["charge"] == 0] == -1)


@BOTH
def test_order_of_events_is_irrelevant(card):
    given, flawless = mixed_events(30, 9), perfect(card)
    order = np.random.default_rng(1).permutation(30)
    seen = detect(given, flawless, np.random.default_rng(2))
    mixed = detect(given.take(order), flawless, np.random.default_rng(3))
    np.testing.assert_array_equal(mixed.counts, seen.counts[order])
    np.testing.assert_allclose(mixed["e"], seen.take(order)["e"], rtol=1e-6)
    for name in ("pid", "truth", "d0", "dz"):
        np.testing.assert_allclose(mixed[name], seen.take(order)[name], rtol=1e-6)


@BOTH
def test_same_seed_same_particles(card):
    given = mixed_events(20, 10)
    first, again, other = (detect(given, card, np.random.default_rng(seed)) for seed in (1, 1, 2))
    for name in FIELDS:
        np.testing.assert_array_equal(first[name], again[name])
    assert first.total != other.total or not np.array_equal(first["px"], other["px"])


@BOTH
def test_layout(card):
    seen = detect(mixed_events(20, 11), card, np.random.default_rng(1))
    assert list(seen.fields) == FIELDS
    types = {name: seen[name].dtype for name in FIELDS}
    assert {types[name] for name in ("px", "py", "pz", "e")} == {np.dtype(np.float64)}
    assert {types[name] for name in FIELDS[6:10]} == {np.dtype(np.float32)}
    assert (types["charge"], types["pid"], types["truth"]) == (np.int8, np.int32, np.int32)
    assert set(np.abs(seen["pid"])) == {11, 13, 22, 130, 211}
    mass2 = seen["e"] ** 2 - seen["px"] ** 2 - seen["py"] ** 2 - seen["pz"] ** 2
    assert np.all(np.abs(mass2[seen["charge"] == 0]) < 1e-9 * seen["e"][seen["charge"] == 0] ** 2)
    pions = np.abs(seen["pid"]) == 211
    np.testing.assert_allclose(mass2[pions], 0.13957**2, atol=1e-6)
    neutral = seen["charge"] == 0
    for name in FIELDS[6:10]:
        assert np.all(seen[name][neutral] == 0)
    for number in range(20):  # tracks, then photons, then neutral hadrons
        kinds = np.abs(seen.cut(number, number + 1)["pid"])
        group = np.where(kinds == 22, 1, np.where(kinds == 130, 2, 0))
        assert np.all(np.diff(group) >= 0)


@BOTH
def test_impact_parameters_have_their_errors(card, gun):
    vertex = (0.3, -0.2, 5.0)
    given = gun(13, 30.0, 0.5, N, vertex)
    seen = detect(given, card, np.random.default_rng(12))
    sine = 1 / np.cosh(0.5)
    momentum = np.sqrt(30.0**2 - 0.10566**2)
    expected = np.sqrt(0.010**2 + (0.080 / (momentum * sine**1.5)) ** 2)
    np.testing.assert_allclose(seen["d0_error"], expected, rtol=1e-5)
    px, py, pz = (given[name][seen["truth"] + given.offsets[seen.rows]] for name in ("px", "py", "pz"))
    pt = np.hypot(px, py)
    line_d0 = (vertex[0] * py - vertex[1] * px) / pt
    line_dz = vertex[2] - (vertex[0] * px + vertex[1] * py) / pt * pz / pt
    for name, line in (("d0", line_d0), ("dz", line_dz)):
        pull = (seen[name] - line) / expected  # at 30 GeV the curvature is nothing over half a millimetre
        assert pull.mean() == pytest.approx(0.0, abs=5 / np.sqrt(N))
        assert pull.std() == pytest.approx(1.0, abs=0.03)


def test_a_looping_particle_leaves_nothing(gun):
    assert detect(gun(211, 0.3, 0.0, 50), ATLAS, np.random.default_rng(1)).total == 0
    assert detect(gun(211, 0.7, 0.0, 5000), perfect(ATLAS), np.random.default_rng(1)).total == 5000
    assert detect(gun(211, 0.7, 0.0, 50), CMS, np.random.default_rng(1)).total == 0  # the field is stronger


def test_what_is_invisible(gun):
    np.testing.assert_array_equal(visible(np.array([12, -14, 16, 1000022, 52])), False)
    np.testing.assert_array_equal(visible(np.array([11, 13, 22, 130, -211, 3122, 1000015, 1000010020])), True)
    for pid in (12, -16, 1000022):
        given = gun(pid, 50.0, 0.3, 10)
        assert detect(given, ATLAS, np.random.default_rng(1)).total == 0
        assert truth_particles(given).total == 0


@BOTH
def test_beyond_the_reach_there_is_nothing(card, gun):
    assert detect(gun(22, 3000.0, 5.2, 10), card, np.random.default_rng(1)).total == 0
    forward = detect(gun(211, 3000.0, 4.2, 100), card, np.random.default_rng(1))
    assert set(forward["pid"]) == {130}  # no tracks there


@BOTH
def test_no_particles_and_no_events(card, gun):
    empty = gun(22, 1.0, 0.0, 3).keep(np.zeros(3, dtype=bool))
    none = gun(22, 1.0, 0.0, 0)
    for given, events in ((empty, 3), (none, 0)):
        for seen in (detect(given, card, np.random.default_rng(1)), truth_particles(given)):
            assert len(seen) == events
            assert seen.total == 0
            assert list(seen.fields) == FIELDS
    some = concatenate_ragged("truth", [empty, gun(22, 50.0, 0.3, 2), empty])
    np.testing.assert_array_equal(detect(some, card, np.random.default_rng(1)).counts, [0, 0, 0, 1, 1, 0, 0, 0])
    still = replace(gun(22, 1.0, 0.0, 1), fields={**gun(22, 1.0, 0.0, 1).fields, "px": np.zeros(1), "py": np.zeros(1)})
    assert detect(still, card, np.random.default_rng(1)).total == 0


def test_what_is_missing_is_named(gun):
    given = gun(22, 50.0, 0.3, 2)
    fields = {name: values for name, values in given.fields.items() if name != "vz"}
    for call in (lambda t: detect(t, ATLAS, np.random.default_rng(1)), truth_particles):
        with pytest.raises(UnknownNameError, match="'vz'"):
            call(Ragged(given.offsets, fields))


def test_too_many_events_at_once(gun, monkeypatch):
    monkeypatch.setattr(detector, "CHUNK_MAX", 5)
    with pytest.raises(InputError, match="up to 5 events"):
        detect(gun(22, 50.0, 0.3, 6), ATLAS, np.random.default_rng(1))


def test_truth_particles_are_exact():
    given = mixed_events(30, 13)
    seen = truth_particles(given)
    source = seen["truth"] + given.offsets[seen.rows]
    np.testing.assert_array_equal(source, np.flatnonzero(visible(given["pid"])))
    for name in ("px", "py", "pz", "e", "charge"):
        np.testing.assert_array_equal(seen[name], given[name][source])
    classes = {22: 22, 211: 211, -211: -211, 321: 211, 2212: 211, 130: 130, 310: 130, 11: 11, 13: 13}
    np.testing.assert_array_equal(seen["pid"], [classes[pid] for pid in given["pid"][source]])
    np.testing.assert_array_equal(seen["d0_error"], 0)
    pt = np.hypot(seen["px"], seen["py"])
    line = (given["vx"][source] * seen["py"] - given["vy"][source] * seen["px"]) / pt
    np.testing.assert_allclose(seen["d0"], np.where(seen["charge"] != 0, line, 0), atol=1e-6)


def test_truth_particles_end_at_the_edge_of_the_calorimeters(gun):
    assert truth_particles(gun(22, 900.0, 4.85, 3)).total == 3
    assert truth_particles(gun(22, 900.0, -4.95, 3)).total == 0


def test_cards_are_kept_by_name():
    assert [card.name for card in detector.CARDS.values()] == list(detector.CARDS)
