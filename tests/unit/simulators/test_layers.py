"""Calorimeters in depth: showers against their integrals, layers against what the towers read."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from partonic.events.ragged import Ragged, concatenate_ragged
from partonic.simulators.calorimeter import grid
from partonic.simulators.cards import ATLAS, CMS
from partonic.simulators.detector import detect, respond
from partonic.simulators.jets import Axes
from partonic.simulators.layers import LAYERS, cells_around, electromagnetic_shares, hadronic_shares

BOTH = pytest.mark.parametrize("card", [ATLAS, CMS], ids=lambda card: card.name)


def by_layer(cells):
    """Energy in each layer, all events together."""
    return np.bincount(cells["layer"], cells["energy"], LAYERS)


@pytest.mark.parametrize("energy", [1.0, 50.0, 300.0])
@pytest.mark.parametrize("kind", ["photon", "electron", "hadron"])
def test_shares_are_integrals_of_the_profile(kind, energy):
    if kind == "hadron":
        edges, slope, top = (0, 1.5, 5.6, 200), 1.0, 0.2 * np.log(energy) + 0.7
        found = hadronic_shares(np.array([energy]))[0]
    else:
        edges, slope = (0, 4.3, 20.3, 400), 0.5
        top = np.log(energy / 7.43e-3) + (0.5 if kind == "photon" else -0.5)
        found = electromagnetic_shares(np.array([energy]), np.array([kind == "electron"]))[0]

    def profile(t):
        return (slope * t) ** (slope * top) * np.exp(-slope * t)

    parts = [quad(profile, a, b, points=[top] if a < top < b else None, limit=200)[0] for a, b in pairwise(edges)]
    np.testing.assert_allclose(found, np.array(parts) / sum(parts), rtol=1e-6)
    assert profile(top) > max(profile(0.98 * top), profile(1.02 * top))


def test_hadrons_of_fifty_gev_end_where_the_rule_says():
    """95 % within the maximum and 2.5 attenuation lengths."""
    depth = 0.2 * np.log(50.0) + 0.7 + 2.5 * 50.0**0.13
    assert depth == pytest.approx(5.6, abs=0.1)
    assert hadronic_shares(np.array([50.0]))[0, :2].sum() == pytest.approx(0.95, abs=0.01)


@BOTH
@pytest.mark.parametrize(("pid", "shallow"), [(22, True), (11, True), (211, False), (130, False), (13, None)])
def test_photons_and_electrons_are_shallow_and_hadrons_deep(card, pid, shallow, gun):
    cells = respond(gun(pid, 40.0, 0.3, 300), card, np.random.default_rng(1)).cells()
    energy = by_layer(cells)
    if shallow is None:
        assert energy.sum() == 0
    else:
        assert energy.sum() / 300 == pytest.approx(40, rel=0.05)
        assert energy[3:].sum() == (0 if shallow else energy.sum())
        assert np.argmax(energy) == (1 if shallow else 4)


def test_electrons_begin_before_photons_and_strange_hadrons_are_in_both(gun):
    rng = np.random.default_rng(1)
    photon, electron, kaon = (by_layer(respond(gun(pid, 20.0, 0.3, 300), ATLAS, rng).cells()) for pid in (22, 11, 310))
    assert electron[0] > 1.3 * photon[0]
    assert kaon[:3].sum() / kaon.sum() == pytest.approx(0.3, abs=0.03)


@BOTH
def test_layers_add_up_to_the_towers_and_sit_in_their_cells(card, gun):
    truth = concatenate_ragged("truth", [gun(pid, 30.0, eta, 50) for pid in (22, 211, 310) for eta in (0.1, -2.7, 4.2)])
    response = respond(truth, card, np.random.default_rng(2))
    cells = response.cells()
    for readout, layers in zip(response.calorimeters, ((0, 1, 2), (3, 4, 5)), strict=True):
        here = np.isin(cells["layer"], layers)
        where = grid(readout.calorimeter)
        key = cells.rows[here] * int(where.first[-1]) + where.locate(cells["eta"][here], cells["phi"][here])
        towers = readout.towers.event * int(where.first[-1]) + readout.towers.cell
        read = readout.towers.energy > 0
        np.testing.assert_array_equal(np.unique(key), towers[read])
        sums = np.bincount(np.searchsorted(towers[read], key), cells["energy"][here])
        np.testing.assert_allclose(sums, readout.towers.energy[read])
    assert np.all(cells["energy"] > 0)


def test_cells_change_nothing_else(gun):
    truth = gun(211, 30.0, 0.5, 200)
    one, other = detect(truth, ATLAS, np.random.default_rng(3)), respond(truth, ATLAS, np.random.default_rng(3))
    other.cells()
    for name, values in one.fields.items():
        np.testing.assert_array_equal(values, other.particles[name])


def test_cells_around_a_jet():
    fields = {"eta": np.array([0.0, 0.5, 0.1, 1.2]), "phi": np.array([3.1, -3.1, 0.0, 3.1])}
    fields |= {"energy": np.array([1.0, 2.0, 3.0, 4.0]), "layer": np.array([0, 1, 2, 3], dtype=np.int8)}
    found = Ragged.from_counts(np.array([0, 4]), fields)
    axes = Axes(*(np.array(v) for v in ([9.0, 9.0], [0.2, 0.2], [np.pi, 0.1], [1.0, 1.0])))
    near = cells_around(found, axes, np.array([1, 0]), 0.8)
    assert near.counts.tolist() == [2, 0]  # across the seam in azimuth; the other event has none
    assert near["energy"].tolist() == [2.0, 1.0]
    assert near["eta"].dtype == np.float32
    assert near["layer"].tolist() == [1, 0]
