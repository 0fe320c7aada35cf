"""Flavours by matching, tags within the binomial error of the cards' formulas."""

import numpy as np
import pytest

from partonic.events.ragged import Ragged
from partonic.simulators.cards import ATLAS, CMS
from partonic.simulators.tagging import (
    b_tag_efficiency,
    b_tags,
    jet_flavours,
    quark_flavour,
    tau_tag_efficiency,
    tau_tags,
    tau_tracks,
    taus,
    true_taus,
)

BOTH = pytest.mark.parametrize("card", [ATLAS, CMS], ids=lambda card: card.name)
N = 20_000


def items(*events, names=("pid", "charge")):
    """Items from events of (pt, eta, phi, ...) with further columns of the given names."""
    flat = [item for event in events for item in event]
    columns = np.array(flat, dtype=float).reshape(len(flat), -1).T if flat else np.zeros((3 + len(names), 0))
    pt, eta, phi = columns[:3]
    fields = {"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta), "e": pt * np.cosh(eta)}
    fields |= {name: column.astype(np.int32) for name, column in zip(names, columns[3:], strict=False)}
    return Ragged.from_counts(np.array([len(event) for event in events], dtype=np.int64), fields)


def test_flavours_of_particles():
    known = {5: 5, -5: 5, 4: 4, 3: 3, 1: 1, 21: 21, 511: 5, -521: 5, 541: 5, 5122: 5, 10511: 5, 553: 5, 411: 4, -431: 4}
    known |= {4122: 4, 443: 4, 5132: 5, 211: 0, 2212: 0, 3122: 0, 11: 0, 22: 0, 24: 0, 6: 0, 1000022: 0}
    np.testing.assert_array_equal(quark_flavour(np.array(list(known))), list(known.values()))


def test_flavour_is_the_heaviest_within_the_cone():
    jets = items([(50, 0, 0), (50, 0, 2), (50, 1, -2), (50, -1, 3.1)], [(50, 0, 0)], [(50, 0, 0)])
    sources = items(
        [(20, 0.1, 0, 21), (20, 0.2, 0.2, 4), (20, 0, 2.2, 21), (20, 0, 2.6, 5), (20, -1.1, -3.1, 5), (20, -1, 3, 1)],
        [(0.5, 0, 0, 5), (20, 0, 0.1, 11)],
        [(30, 0.3, 0.3, 511), (60, 0.1, 0, 2)],
    )
    np.testing.assert_array_equal(jet_flavours(jets, sources, ATLAS), [4, 21, 0, 5, 0, 5])


def test_sources_beyond_the_tracker_do_not_count():
    jets = items([(50, 2.6, 0)])
    assert jet_flavours(jets, items([(40, 2.55, 0, 5)]), ATLAS)[0] == 0
    assert jet_flavours(jets, items([(40, 2.45, 0, 5)]), ATLAS)[0] == 5


FORMULAS = [
    (ATLAS, 5, 80.0, 0.80 * np.tanh(0.003 * 80) * 30 / (1 + 0.086 * 80)),
    (ATLAS, 4, 80.0, 0.20 * np.tanh(0.02 * 80) / (1 + 0.0034 * 80)),
    (ATLAS, 0, 80.0, 0.002 + 7.3e-6 * 80),
    (ATLAS, 21, 300.0, 0.002 + 7.3e-6 * 300),
    (CMS, 5, 80.0, 0.85 * np.tanh(0.0025 * 80) * 25 / (1 + 0.063 * 80)),
    (CMS, 4, 300.0, 0.25 * np.tanh(0.018 * 300) / (1 + 0.0013 * 300)),
    (CMS, 1, 80.0, 0.01 + 0.000038 * 80),
]


@pytest.mark.parametrize(("card", "flavour", "pt", "chance"), FORMULAS)
def test_b_tags_follow_the_formula(card, flavour, pt, chance):
    flavours = np.full(N, flavour, dtype=np.int8)
    assert b_tag_efficiency(np.full(N, pt), flavours, card) == pytest.approx(chance)
    tagged = b_tags(items(*[[(pt, 0.5, 0.5)]] * N), flavours, card, np.random.default_rng(1))
    assert abs(tagged.mean() - chance) < 5 * np.sqrt(chance * (1 - chance) / N)


def test_tau_efficiency_by_tracks():
    tracks, true = np.array([0, 1, 2, 5, 0, 1, 2, 5]), np.repeat([True, False], 4)
    expected = [0, 0.7, 0.6, 0.6, 0, 0.02, 0.01, 0.01]
    np.testing.assert_allclose(tau_tag_efficiency(tracks, true, ATLAS.tau), expected)
    expected = [0.6] * 4 + [0.01] * 4
    np.testing.assert_allclose(tau_tag_efficiency(tracks, true, CMS.tau), expected)


def test_tracks_of_a_tau():
    jets = items([(50, 0, 0), (50, 0, 2)], [(40, 1, 1)])
    near = [(10, 0.1, 0, 211, 1), (5, 0, 0.1, 211, 1), (4, 0, -0.1, -211, -1), (0.9, 0, 0, 211, 1), (9, 0, 0.3, 211, 1)]
    particles = items([*near, (30, 0, 2, 22, 0)], [(20, 1, 1.1, -211, -1)])
    tracks, charge = tau_tracks(jets, particles, ATLAS)
    np.testing.assert_array_equal(tracks, [3, 0, 1])
    np.testing.assert_array_equal(charge, [1, 0, -1])
    found = taus(jets, np.array([True, False, True]), particles, ATLAS)
    np.testing.assert_array_equal(found.counts, [1, 1])
    np.testing.assert_array_equal(found["charge"], [1, -1])
    np.testing.assert_array_equal(found["n_tracks"], [3, 1])
    np.testing.assert_allclose(found["px"], jets["px"][[0, 2]])


def test_true_taus_are_matched_by_distance():
    jets = items([(50, 0, 0), (50, 0, 2)], [(50, 2.6, 0)], [(50, 0, 0)])
    visible = items([(40, 0.1, 0.1)], [(40, 2.55, 0)], [(40, 0.4, 0)])
    np.testing.assert_array_equal(true_taus(jets, visible, ATLAS), [True, False, False, False])
    np.testing.assert_array_equal(true_taus(jets, visible, CMS), [True, False, False, True])


@BOTH
@pytest.mark.parametrize("true", [True, False])
def test_tau_tags_follow_the_efficiency(card, true):
    jets = items(*[[(60, 0.3, 0.3)]] * N)
    particles = items(*[[(40, 0.3, 0.3, 211, 1)]] * N)
    visible = jets if true else jets.keep(np.zeros(N, dtype=bool))
    chance = {("atlas", True): 0.70, ("atlas", False): 0.02, ("cms", True): 0.60, ("cms", False): 0.01}[card.name, true]
    tagged = tau_tags(jets, particles, visible, card, np.random.default_rng(1))
    assert abs(tagged.mean() - chance) < 5 * np.sqrt(chance * (1 - chance) / N)


@BOTH
def test_no_jets(card):
    jets, particles = items([], []), items([(5, 0, 0, 211, 1)], [])
    flavour = jet_flavours(jets, items([(5, 0, 0, 5)], []), card)
    assert len(flavour) == len(b_tags(jets, flavour, card, np.random.default_rng(1))) == 0
    tagged = tau_tags(jets, particles, jets, card, np.random.default_rng(1))
    assert taus(jets, tagged, particles, card).total == 0
