"""Truth matching on a hand-made event record, and jets from hand-made particles."""

import numpy as np
import pytest

from partonic.events import Ragged, kinematics
from partonic.simulators.jets import CONSTITUENT_FIELDS, axes, cluster, constituents, silence
from partonic.simulators.processes import Match
from partonic.simulators.truth import (
    candidates,
    flavour_sources,
    heavy_flavour,
    jet_flavours,
    match_jets,
    truth_columns,
    visible_taus,
)

TOP = Match((6,), prongs=3)


def record(*events: list[tuple]) -> Ragged:
    """A record of (pid, status, mother, first daughter, last daughter, pt, eta, phi, m)."""
    rows = [row for event in events for row in event]
    pid, status, mother, first, last = (np.array([row[i] for row in rows], dtype=np.int32) for i in range(5))
    pt, eta, phi, mass = (np.array([row[i] for row in rows], dtype=float) for i in range(5, 9))
    px, py, pz, e = kinematics.from_pt_eta_phi_mass(pt, eta, phi, mass)
    fields = {"pid": pid, "status": status, "mother1": mother, "daughter1": first, "daughter2": last}
    fields |= {"px": px, "py": py, "pz": pz, "e": e, "m": mass, "vertex": np.full(len(rows), -1, dtype=np.int32)}
    return Ragged.from_counts(np.array([len(event) for event in events]), fields)


def top_decay(sign: int, eta: float, first: int, phi: float = 0.3) -> list[tuple]:
    """A top and its decay; ``first`` is the position of its first entry in the event."""
    return [
        (6 * sign, -22, 0, first + 1, first + 1, 600, eta, phi, 173),
        (6 * sign, -62, first, first + 2, first + 3, 600, eta, phi, 173),
        (24 * sign, -22, first + 1, first + 4, first + 5, 400, eta, phi, 80),
        (5 * sign, -23, first + 1, 0, 0, 200, eta + 0.2, phi, 4.8),
        (2 * sign, -23, first + 2, 0, 0, 200, eta, phi + 0.3, 0.3),
        (-1 * sign, -23, first + 2, 0, 0, 200, eta - 0.3, phi, 0.3),
    ]


def jets_at(*directions: tuple[float, float]):
    """Light jets of 600 GeV, all in one event."""
    eta, phi = (np.array(values, dtype=float) for values in zip(*directions, strict=True))
    px, py, pz, e = kinematics.from_pt_eta_phi_mass(np.full(len(eta), 600.0), eta, phi, np.zeros(len(eta)))
    return axes(Ragged.from_counts(np.array([len(eta)]), {"px": px, "py": py, "pz": pz, "e": e}))


def test_a_top_jet_holds_the_top_and_its_three_quarks():
    events = record(top_decay(1, 0.5, 0) + top_decay(-1, -1.5, 6, phi=-2.8))
    found = candidates(events, TOP)
    assert found.eta.shape == (2, 4)
    assert sorted(events["pid"][found.index]) == [-6, 6]
    jets = jets_at((0.5, 0.3), (-1.5, -2.8), (1.1, 0.3), (3.0, 0.3))
    best = match_jets(np.zeros(4, dtype=int), jets, found, 0.8)
    columns = truth_columns(events, found, best)
    # The third axis is near the top, but a quark is farther than 0.8 from it; the fourth is near nothing.
    assert columns["truth_pid"].tolist() == [6, -6, 0, 0]
    np.testing.assert_allclose(columns["truth_pt"], [600, 600, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(columns["truth_mass"], [173, 173, 0, 0], rtol=1e-5)
    assert match_jets(np.zeros(1, dtype=int), jets_at((0.5, 0.3)), found, 0.25).tolist() == [-1]


def test_a_top_that_decays_to_a_lepton_is_no_candidate():
    decay = top_decay(1, 0.0, 0)
    decay[4] = (-11, 1, 2, 0, 0, 200, 0.0, 0.3, 0.0)
    decay[5] = (12, 1, 2, 0, 0, 200, 0.0, 0.3, 0.0)
    assert len(candidates(record(decay), TOP).index) == 0


def test_jets_are_matched_within_their_own_event_across_the_phi_wrap():
    boson = [
        (25, -22, 0, 1, 1, 600, 0.0, 3.1, 125),
        (25, -62, 0, 2, 3, 600, 0.0, 3.1, 125),
        (5, -23, 1, 0, 0, 300, 0.1, -3.1, 4.8),
        (-5, -23, 1, 0, 0, 300, -0.1, 3.0, 4.8),
    ]
    found = candidates(record([], boson, boson[:2]), Match((25,), prongs=2))
    assert found.event.tolist() == [1]
    jets = jets_at((0.0, -3.1), (0.0, -3.1), (0.0, -3.1))
    assert match_jets(np.array([0, 1, 2]), jets, found, 0.8).tolist() == [-1, 0, -1]


def test_the_nearest_parton_wins():
    partons = [(21, -23, 0, 0, 0, 500, 0.0, 0.3, 0.0), (2, -23, 0, 0, 0, 500, 0.0, 0.1, 0.0)]
    found = candidates(record(partons), Match((1, 2, 3, 4, 5, 21)))
    best = match_jets(np.zeros(2, dtype=int), jets_at((0.0, 0.0), (0.0, 0.35)), found, 0.8)
    assert truth_columns(record(partons), found, best)["truth_pid"].tolist() == [2, 21]
    assert len(candidates(record(partons), Match((21,))).index) == 1


@pytest.mark.parametrize(
    ("pid", "flavour"),
    [
        *((511, 5), (-521, 5), (5122, 5), (541, 5), (20553, 5)),
        *((421, 4), (-4122, 4), (443, 4), (10411, 4)),
        *((211, 0), (321, 0), (2212, 0), (5, 0), (21, 0), (22, 0), (5103, 0), (1000022, 0)),
    ],
)
def test_flavour_of_hadrons(pid: int, flavour: int):
    assert heavy_flavour(np.array([pid])).tolist() == [flavour]


def test_sources_of_flavour_are_outgoing_partons_and_heavy_hadrons():
    kept = record([(21, -21, 0, 0, 0, 1, 0, 0, 0), (4, -23, 0, 0, 0, 9, 0, 0, 0), (511, -83, 1, 0, 0, 9, 0, 0, 5)])
    assert flavour_sources(kept)["pid"].tolist() == [4, 511]


def test_a_visible_tau_lacks_its_neutrino():
    hadronic = [
        (15, -23, 0, 1, 1, 50, 0.4, 0.0, 1.777),
        (15, -52, 0, 2, 3, 50, 0.4, 0.0, 1.777),
        (16, 91, 1, 0, 0, 20, 0.4, 0.0, 0.0),
        (-213, -91, 1, 0, 0, 30, 0.4, 0.0, 0.77),
    ]
    leptonic = [*hadronic[:3], (11, 91, 1, 0, 0, 30, 0.4, 0.0, 0.0)]
    taus = visible_taus(record(hadronic, leptonic, []))
    assert taus.counts.tolist() == [1, 0, 0]
    expected = record(hadronic)
    for name in ("px", "py", "pz", "e"):
        np.testing.assert_allclose(taus[name], expected[name][3], atol=1e-12)


TAU = [
    (15, -23, 0, 1, 2, 60, 0.4, 0.0, 1.777),
    (16, 91, 0, 0, 0, 20, 0.4, 0.0, 0.0),
    (-213, -91, 0, 0, 0, 40, 0.4, 0.0, 0.77),
]


@pytest.mark.parametrize(
    ("inside", "flavour"),
    [
        ([(521, -83, 0, 1, 1, 20, 0.5, 0.1, 5.3), (421, -91, 0, 0, 0, 15, 0.4, 0.0, 1.9)], 5),
        ([(421, -91, 0, 0, 0, 15, 0.4, 0.0, 1.9)], 4),
        ([(421, -91, 0, 0, 0, 4.9, 0.4, 0.0, 1.9)], 0),
        ([(421, -91, 0, 0, 0, 15, 0.4, 0.31, 1.9)], 0),
        (TAU, 15),
        ([*TAU, (421, -91, 0, 0, 0, 15, 0.4, 0.0, 1.9)], 4),
        ([(5, -23, 0, 0, 0, 50, 0.4, 0.0, 4.8), (321, 91, 0, 0, 0, 50, 0.4, 0.0, 0.5)], 0),
    ],
)
def test_the_heaviest_hadron_near_the_axis_gives_a_jet_its_flavour(inside, flavour):
    other = [(511, -83, 0, 0, 0, 50, 0.4, 0.0, 5.3)]
    events = record(inside, other)
    px, py, pz, _ = kinematics.from_pt_eta_phi_mass(np.full(2, 60.0), np.array([0.4, 2.0]), np.zeros(2), np.zeros(2))
    jets = Ragged.from_counts(np.array([1, 1]), {"px": px, "py": py, "pz": pz})
    assert jet_flavours(events, jets).tolist() == [flavour, 0]


def particles(*events: list[tuple[float, float, float]]) -> Ragged:
    """Massless particles of (pt, eta, phi)."""
    rows = np.array([row for event in events for row in event], dtype=float).reshape(-1, 3)
    px, py, pz, e = kinematics.from_pt_eta_phi_mass(*rows.T, np.zeros(len(rows)))
    fields = {"px": px, "py": py, "pz": pz, "e": e, "charge": np.arange(len(rows)).astype(np.int8)}
    return Ragged.from_counts(np.array([len(event) for event in events]), fields)


def test_jets_come_by_falling_pt_with_their_constituents():
    silence()
    events = particles([(5, 2.0, 1.0), (30, 0.0, 0.0), (60, 0.1, 3.0), (20, 0.1, 0.1)], [], [(40, -1.0, 2.0)])
    jets = cluster(events, 0.4, 10.0, "particles")
    assert jets.counts.tolist() == [2, 0, 1]
    where = axes(jets)
    np.testing.assert_allclose(where.pt, [60, np.hypot(30 + 20 * np.cos(0.1), 20 * np.sin(0.1)), 40], rtol=1e-12)
    link = jets.links["constituents"]
    assert link.target == "particles"
    assert [sorted(part) for part in np.split(link.index, link.offsets[1:-1])] == [[2], [1, 3], [0]]
    rows = constituents(events, jets, np.array([1, 2]))
    assert rows.counts.tolist() == [2, 1]
    assert rows["charge"].tolist() == [1, 3, 4]
    assert rows["px"].dtype == np.float32
    assert set(rows.fields) <= set(CONSTITUENT_FIELDS)


def test_no_events_and_no_jets_are_fine():
    silence()
    for events in (particles(), particles([], []), particles([(5, 0, 0)])):
        jets = cluster(events, 0.8, 100.0, "particles")
        assert jets.total == 0
        assert len(jets) == len(events)
        assert len(constituents(events, jets, np.zeros(0, dtype=int))) == 0
