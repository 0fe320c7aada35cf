"""Missing momentum, isolation and identification against the cards; jets that are leptons."""

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.events.ragged import Link, Ragged
from partonic.simulators.cards import ATLAS, CMS
from partonic.simulators.objects import (
    LEPTON_FIELDS,
    PHOTON_FIELDS,
    identification_efficiency,
    isolation,
    leptons,
    met,
    neighbours,
    photons,
    unique_jets,
)

BOTH = pytest.mark.parametrize("card", [ATLAS, CMS], ids=lambda card: card.name)
N = 20_000


def flow(*events):
    """Energy flow from events of (pid, pt, eta, phi)."""
    pid, pt, eta, phi = np.array([item for event in events for item in event], dtype=float).reshape(-1, 4).T
    charge = np.where(np.abs(pid) == 211, np.sign(pid), np.where(np.abs(pid) < 20, -np.sign(pid), 0))
    fields = {"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta), "e": pt * np.cosh(eta)}
    fields |= {"pid": pid.astype(np.int32), "charge": charge.astype(np.int8)}
    fields |= {name: np.linspace(0, 1, len(pid)).astype(np.float32) for name in ("d0", "dz")}
    return Ragged.from_counts(np.array([len(event) for event in events], dtype=np.int64), fields)


def test_met_of_a_balanced_event_is_zero():
    particles = flow([(22, 50, 1.0, 0.4), (22, 50, -2.0, 0.4 + np.pi)], [], [(22, 30, 0, 0.0), (211, 30, 1, np.pi / 2)])
    size, azimuth = met(particles)
    np.testing.assert_allclose(size, [0, 0, 30 * np.sqrt(2)], atol=1e-12)
    assert azimuth[2] == pytest.approx(-3 * np.pi / 4)
    assert (size[1], azimuth[1]) == (0.0, 0.0)


def test_met_points_away_from_what_is_seen():
    size, azimuth = met(flow([(211, 40, 0.5, 1.0)]))
    assert size[0] == pytest.approx(40)
    assert azimuth[0] == pytest.approx(1.0 - np.pi)


def test_neighbours_are_all_close_pairs_of_an_event():
    rng = np.random.default_rng(1)

    def some(seed):
        counts = np.random.default_rng(seed).poisson(6, 30)
        return flow(*[[(22, 10, rng.uniform(-1, 1), rng.uniform(-4, 4)) for _ in range(count)] for count in counts])

    first, second = some(1), some(2)
    i, j = neighbours(first, second, 0.7)
    expected = set()
    (eta_1, phi_1), (eta_2, phi_2) = (
        (np.arcsinh(c["pz"] / np.hypot(c["px"], c["py"])), np.arctan2(c["py"], c["px"])) for c in (first, second)
    )
    for a, event in enumerate(first.rows):
        for b in range(second.offsets[event], second.offsets[event + 1]):
            turn = abs(phi_1[a] - phi_2[b])
            if np.hypot(eta_1[a] - eta_2[b], min(turn, 2 * np.pi - turn)) <= 0.7:
                expected.add((a, b))
    assert len(expected) > 20
    assert set(zip(i.tolist(), j.tolist(), strict=True)) == expected
    assert len(i) == len(expected)
    with pytest.raises(InputError, match="30 and 1 events"):
        neighbours(first, flow([]), 0.7)


CHANCES = [
    (ATLAS.electron, 20.0, 1.0, 0.95),
    (ATLAS.electron, 20.0, -2.0, 0.85),
    (ATLAS.electron, 9.0, 1.0, 0.0),
    (ATLAS.muon, 20.0, 2.6, 0.85),
    (ATLAS.muon, 20.0, 2.8, 0.0),
    (ATLAS.photon, 20.0, 2.6, 0.0),
    (CMS.muon, 500.0, 2.3, 0.95),
    (CMS.muon, 2000.0, 1.0, 0.95 * np.exp(0.5 - 2000 * 5e-4)),
    (CMS.muon, 500.0, 2.45, 0.0),
]


@pytest.mark.parametrize(("identification", "pt", "eta", "chance"), CHANCES)
def test_identification_formula(identification, pt, eta, chance):
    assert identification_efficiency(np.array([pt]), np.array([eta]), identification)[0] == pytest.approx(chance)


@BOTH
@pytest.mark.parametrize(("pid", "eta"), [(11, 1.0), (-11, 2.0), (13, -1.0), (22, 1.0), (22, -2.0)])
def test_efficiency_of_lonely_candidates(card, pid, eta):
    particles = flow(*[[(pid, 40, eta, 0.3)]] * N)
    kind = {11: card.electron, 13: card.muon, 22: card.photon}[abs(pid)]
    chance = identification_efficiency(np.array([40.0]), np.array([eta]), kind)[0]
    found = (photons if pid == 22 else leptons)(particles, card, np.random.default_rng(1))
    assert abs(found.total / N - chance) < 5 * np.sqrt(chance * (1 - chance) / N)
    np.testing.assert_array_equal(found["isolation"], 0)


def test_isolation_sums_what_is_near_and_hard_enough():
    cone = [
        (211, 5.0, 0.3, 0.0),
        (22, 2.0, 0.0, -0.4),
        (130, 0.4, 0.1, 0.1),
        (211, 50.0, 0.6, 0.0),
        (13, 3.0, 0.1, 0.0),
    ]
    particles = flow([(11, 40, 0.0, 0.0), *cone])
    electron = particles.with_fields(particle=np.arange(6)).keep(np.arange(6) == 0)
    assert isolation(electron, particles, ATLAS)[0] == pytest.approx(7.0 / 40)  # other leptons do not count
    assert isolation(electron, particles, CMS)[0] == pytest.approx(10.0 / 40)


@BOTH
def test_leptons_in_jets_are_dropped(card):
    limits = {11: card.electron.isolation_max, 13: card.muon.isolation_max, 22: card.photon.isolation_max}
    for pid, largest in limits.items():
        for factor, kept in ((0.95, True), (1.05, False)):
            event = [(pid, 40, 0.0, 3.0), (130, 40 * largest * factor, 0.2, -3.1)]
            found = (photons if pid == 22 else leptons)(flow(*[event] * 200), card, np.random.default_rng(1))
            assert (found.total > 150) if kept else (found.total == 0)


def test_leptons_are_sorted_and_know_their_particle():
    event = [(22, 90, -2.0, 1.0), (13, 30, 0.0, 0.0), (-11, 60, 1.0, 2.0), (11, 40, -1.0, -2.0)]
    particles = flow(*[event] * 300)
    found = leptons(particles, ATLAS, np.random.default_rng(2))
    assert list(found.fields) == list(LEPTON_FIELDS)
    assert len(found) == 300
    pt = np.hypot(found["px"], found["py"])
    same = found.rows[1:] == found.rows[:-1]
    assert np.all(np.diff(pt)[same] < 0)
    whole = found.counts == 3
    assert 0.6 < whole.mean() < 0.95
    np.testing.assert_array_equal(
        found.take(np.flatnonzero(whole))["pid"].reshape(-1, 3), [[-11, 11, 13]] * whole.sum()
    )
    source = particles.offsets[found.rows] + found["particle"]
    for name in ("px", "pid", "charge", "d0"):
        np.testing.assert_array_equal(found[name], particles[name][source])
    assert list(photons(particles, ATLAS, np.random.default_rng(2)).fields) == list(PHOTON_FIELDS)


@BOTH
def test_no_particles(card):
    for particles in (flow([], []), flow()):
        assert len(leptons(particles, card, np.random.default_rng(1))) == len(particles)
        assert photons(particles, card, np.random.default_rng(1)).total == 0
        np.testing.assert_array_equal(met(particles)[0], np.zeros(len(particles)))


def jets_of(counts, *members):
    """Jets with the given constituents."""
    offsets = np.concatenate([[0], np.cumsum([len(m) for m in members])]).astype(np.int64)
    link = Link("particles", offsets, np.array([k for m in members for k in m], dtype=np.int64))
    total = len(members)
    fields = {name: np.ones(total) for name in ("px", "py", "pz", "e")}
    return Ragged.from_counts(np.array(counts, dtype=np.int64), fields, {"constituents": link})


def test_jets_that_hold_an_isolated_object_are_not_unique():
    jets = jets_of([2, 0, 2, 1], [0, 3], [1], [2, 0], [1], [5])
    one = Ragged.from_counts(np.array([1, 0, 0, 1]), {"particle": np.array([3, 4], dtype=np.int32)})
    two = Ragged.from_counts(np.array([0, 1, 1, 0]), {"particle": np.array([2, 1], dtype=np.int32)})
    np.testing.assert_array_equal(unique_jets(jets, one), [False, True, True, True, True])
    np.testing.assert_array_equal(unique_jets(jets, one, two), [False, True, True, False, True])
    np.testing.assert_array_equal(unique_jets(jets), True)
    assert len(unique_jets(jets_of([0, 0]), one.cut(0, 2))) == 0
    with pytest.raises(InputError, match="constituents"):
        unique_jets(Ragged(jets.offsets, jets.fields), one)
