"""Cells against a plain search, resolutions against the cards, the energy-flow merge against its formula."""

from dataclasses import replace

import numpy as np
import pytest

from partonic.simulators.calorimeter import Deposits, grid, merge, read
from partonic.simulators.cards import ATLAS, CMS, Calorimeter, Region

ALL = [ATLAS.ecal, ATLAS.hcal, CMS.ecal, CMS.hcal]
CALORIMETERS = pytest.mark.parametrize("calorimeter", ALL, ids=["atlas ecal", "atlas hcal", "cms ecal", "cms hcal"])
EXACT = Calorimeter(ATLAS.hcal.rings, (Region(10.0, 0.0, 0.0),), energy_min=0.0, significance_min=0.0)
NO_TRACKS = (np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))


def measure(given, tracked, track_energy, track_sigma, calorimeter, rng):
    """Read the towers and merge them with tracks."""
    return merge(read(given, calorimeter, rng), tracked, track_energy, track_sigma, calorimeter, rng)


def deposits(*items):
    """Deposits from (event, eta, phi, energy)."""
    event, eta, phi, energy = np.array(items, dtype=float).T
    return Deposits(event.astype(np.int64), eta, phi, energy)


@CALORIMETERS
def test_cells_of_random_points(calorimeter):
    cells = grid(calorimeter)
    rng = np.random.default_rng(1)
    eta = rng.uniform(cells.edges[0], cells.edges[-1], 20_000)
    phi = np.concatenate([rng.uniform(-np.pi, np.pi, 19_998), [-np.pi, np.pi]])
    ring = np.searchsorted(cells.edges, eta) - 1
    number = cells.locate(eta, phi)
    np.testing.assert_array_equal(cells.ring[number], ring)
    column = number - cells.first[ring]
    width = 2 * np.pi / cells.cells[ring]
    assert np.all((column >= 0) & (column < cells.cells[ring]))
    assert np.all(np.abs(phi + np.pi - (column + 0.5) * width) < 0.5 * width + 1e-9)


@CALORIMETERS
def test_scattered_points_stay_in_their_cell(calorimeter):
    cells = grid(calorimeter)
    every = np.arange(cells.first[-1])
    eta, phi = cells.scatter(every, np.random.default_rng(2))
    np.testing.assert_array_equal(cells.locate(eta, phi), every)


@CALORIMETERS
def test_edges_do_not_repeat(calorimeter):
    edges = grid(calorimeter).edges
    assert np.diff(edges).min() > 0.01
    np.testing.assert_allclose(edges, -edges[::-1], atol=1e-9)  # both ends of the detector have the same rings


def test_granularity():
    for calorimeter, eta, cells, width in [
        (ATLAS.ecal, 0.5, 360, 0.0174),
        (ATLAS.ecal, 4.0, 36, 0.175),
        (ATLAS.hcal, 1.05, 36, 0.1),
        (ATLAS.hcal, 3.1, 18, 0.2),
        (ATLAS.hcal, -2.9, 18, 0.2),
        (CMS.hcal, 0.5, 72, 0.087),
        (CMS.hcal, 2.0, 36, 0.113),
        (CMS.hcal, 4.8, 18, 0.3),
    ]:
        cells_of = grid(calorimeter)
        ring = np.searchsorted(cells_of.edges, eta) - 1
        assert cells_of.cells[ring] == cells
        assert cells_of.edges[ring + 1] - cells_of.edges[ring] == pytest.approx(width, abs=1e-6)
    assert grid(ATLAS.ecal).first[-1] == 340 * 360 + 22 * 36


def test_resolution_formulas():
    def sigma(calorimeter, eta, energy):
        cells = grid(calorimeter)
        ring = cells.ring[cells.locate(np.array([eta]), np.array([0.1]))]
        return np.sqrt(cells.sigma2(ring, np.array([energy]))[0])

    assert sigma(ATLAS.ecal, 1.0, 50.0) == pytest.approx(np.sqrt((0.0017 * 50) ** 2 + 0.101**2 * 50))
    assert sigma(ATLAS.hcal, -1.0, 50.0) == pytest.approx(np.sqrt((0.0302 * 50) ** 2 + 0.5205**2 * 50 + 1.59**2))
    assert sigma(ATLAS.hcal, 2.05, 50.0) == pytest.approx(np.sqrt((0.05 * 50) ** 2 + 0.706**2 * 50))
    assert sigma(ATLAS.hcal, 4.0, 50.0) == pytest.approx(np.sqrt((0.0942 * 50) ** 2 + 50))
    plain = np.sqrt((0.008 * 50) ** 2 + 0.11**2 * 50 + 0.4**2)
    assert sigma(CMS.ecal, 1.0, 50.0) == pytest.approx((1 + 0.64 * 1.0**2) * plain, rel=0.02)  # centre of the ring
    assert sigma(CMS.ecal, -2.3, 50.0) == pytest.approx((2.16 + 5.6 * 0.3**2) * plain, rel=0.02)
    assert sigma(CMS.hcal, 3.4, 50.0) == pytest.approx(np.sqrt((0.13 * 50) ** 2 + 2.7**2 * 50))


def test_towers_sum_the_cell_and_not_its_neighbours_or_other_events():
    given = deposits((0, 0.05, 0.05, 10.0), (0, 0.07, 0.10, 5.0), (0, 0.15, 0.05, 2.0), (1, 0.05, 0.05, 1.0))
    towers, factors = measure(given, *NO_TRACKS, EXACT, np.random.default_rng(0))
    assert sorted(zip(towers.event, towers.energy, strict=True)) == [(0, 2.0), (0, 15.0), (1, 1.0)]
    assert len(factors) == 0


def test_order_of_deposits_is_irrelevant():
    rng = np.random.default_rng(3)
    n = 500
    given = Deposits(rng.integers(0, 5, n), rng.uniform(-4, 4, n), rng.uniform(-3, 3, n), rng.uniform(1, 9, n))
    order = rng.permutation(n)
    mixed = Deposits(given.event[order], given.eta[order], given.phi[order], given.energy[order])
    first, second = (measure(each, *NO_TRACKS, EXACT, np.random.default_rng(0))[0] for each in (given, mixed))
    np.testing.assert_array_equal(first.event, second.event)
    np.testing.assert_allclose(first.energy, second.energy)


def test_thresholds():
    energies = deposits(*((event, 0.5, 0.5, 0.9) for event in range(200)))
    high = replace(EXACT, energy_min=1.0)
    assert len(measure(energies, *NO_TRACKS, high, np.random.default_rng(0))[0].energy) == 0
    low = replace(EXACT, energy_min=0.8)
    assert len(measure(energies, *NO_TRACKS, low, np.random.default_rng(0))[0].energy) == 200
    noisy = replace(low, regions=(Region(10.0, 0.0, 0.0, noise=0.2),), significance_min=100.0)
    assert len(measure(energies, *NO_TRACKS, noisy, np.random.default_rng(0))[0].energy) == 0


def test_tracks_that_explain_a_tower_are_scaled_to_the_weighted_mean():
    # The tower reads 12 but for a tiny smearing.
    calorimeter = replace(EXACT, regions=(Region(10.0, 0.0, 0.0, noise=1e-3),), significance_min=2.0)
    given = deposits((0, 0.5, 0.5, 7.0), (0, 0.5, 0.5, 5.0))
    towers, factors = measure(
        given, np.array([0, 1]), np.array([8.0, 5.0]), np.array([0.8, 0.6]), calorimeter, np.random.default_rng(0)
    )
    assert len(towers.energy) == 0
    np.testing.assert_allclose(factors, 12.0 / 13.0, atol=1e-3)  # the calorimeter knows it far better
    wide = replace(calorimeter, regions=(Region(10.0, 0.0, 0.0, noise=1.0),))
    rng = np.random.default_rng(0)
    spread = np.log1p(1 / 144)
    read = 12.0 * np.exp(np.sqrt(spread) * rng.standard_normal() - spread / 2)
    _, factors = measure(
        given, np.array([0, 1]), np.array([8.0, 5.0]), np.array([0.8, 0.6]), wide, np.random.default_rng(0)
    )
    mean = (13.0 / (0.8**2 + 0.6**2) + read / 1.0) / (1 / (0.8**2 + 0.6**2) + 1.0)
    np.testing.assert_allclose(factors, mean / 13.0, rtol=1e-12)


def test_energy_that_tracks_do_not_explain_is_a_neutral_particle():
    calorimeter = replace(EXACT, regions=(Region(10.0, 0.0, 0.0, noise=1e-6),), significance_min=2.0)
    given = deposits((0, 0.55, 0.5, 20.0), (0, 0.56, 0.52, 10.0))
    towers, factors = measure(
        given, np.array([1]), np.array([10.0]), np.array([0.5]), calorimeter, np.random.default_rng(0)
    )
    np.testing.assert_allclose(towers.energy, 20.0, rtol=1e-5)
    np.testing.assert_array_equal(factors, 1.0)
    # The same excess is not significant where the track is poorly known.
    towers, factors = measure(
        given, np.array([1]), np.array([10.0]), np.array([50.0]), calorimeter, np.random.default_rng(0)
    )
    assert len(towers.energy) == 0
    np.testing.assert_allclose(factors, 3.0, rtol=1e-5)


@CALORIMETERS
def test_nothing_in_nothing_out(calorimeter):
    nothing = Deposits(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0), np.zeros(0))
    towers, factors = measure(nothing, *NO_TRACKS, calorimeter, np.random.default_rng(0))
    assert len(towers.energy) == len(factors) == 0
