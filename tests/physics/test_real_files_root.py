"""Real ROOT files of CMS, of Delphes and of an analysis: event counts and physics."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import curve_fit

from partonic.events import kinematics
from partonic.io import formats
from partonic.io.convert import convert

NANO, DELPHES, NTUPLE = (
    "nanoAOD_2015_CMS_Open_Data_ttbar.root",
    "delphes_uproot-issue513.root",
    "uproot-HZZ.root",
)


@pytest.fixture(scope="module")
def data():
    folder = os.environ.get("PARTONIC_TEST_DATA")
    if not folder:
        pytest.skip("PARTONIC_TEST_DATA is not set: the real files are not checked")
    return Path(folder)


@pytest.fixture(scope="module")
def nano(data):
    return formats.read(data / NANO)


@pytest.fixture(scope="module")
def delphes(data):
    return formats.read(data / DELPHES)


@pytest.mark.parametrize(
    ("file", "name", "n"), [(NANO, "nanoaod", 200), (DELPHES, "delphes", 10), (NTUPLE, "root", 2421)]
)
def test_counts(data, file, name, n):
    assert formats.recognise(data / file).name == name
    assert formats.count(data / file) == n
    assert sum(len(part) for part in formats.iterate(data / file, 100)) == n


@pytest.mark.parametrize("file", [NANO, DELPHES, NTUPLE])
def test_momenta_are_sound_and_survive_parquet(data, file, tmp_path):
    report = convert(data / file, tmp_path / "a.parquet")
    assert report.check.sound
    assert formats.count(tmp_path / "a.parquet") == report.events


def four(ragged):
    return (ragged[name].astype(np.float64) for name in ("px", "py", "pz", "e"))


def check_own_branches(ragged):
    """px, py, pz, e against the file's own pt, eta, phi, mass."""
    px, py, pz, e = four(ragged)
    assert ragged.total > 0
    np.testing.assert_allclose(kinematics.pt(px, py), ragged["pt"], rtol=1e-6)
    np.testing.assert_allclose(kinematics.eta(px, py, pz), ragged["eta"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(kinematics.delta_phi(kinematics.phi(px, py), ragged["phi"]), 0, atol=1e-6)
    square = e**2 - px**2 - py**2 - pz**2
    np.testing.assert_allclose(square, ragged["mass"].astype(float) ** 2, atol=float(np.max(e)) ** 2 * 1e-6)
    big = ragged["mass"] > 0.02 * e
    np.testing.assert_allclose(np.sqrt(square[big]), ragged["mass"][big], rtol=1e-3)


def test_nanoaod_jets_against_their_own_branches(nano):
    assert nano.collections["jets"].total == 537
    for name in ("jets", "fatjets", "gen_jets"):
        check_own_branches(nano.collections[name])


def test_nanoaod_weights_and_leptons(nano):
    assert sum(name.startswith("LHEPdfWeight_") for name in nano.weights) == 102
    assert sum(name.startswith("LHEScaleWeight_") for name in nano.weights) == 9
    nominal = nano.weight()
    assert np.all(nominal != 0)
    ratio = nano.weight("LHEScaleWeight_4") / nominal  # both scales at their central value
    np.testing.assert_allclose(ratio, 1, atol=0.01)
    leptons = nano.collections["leptons"]
    assert leptons.total == nano.collections["electrons"].total + nano.collections["muons"].total == 110
    pt = np.hypot(leptons["px"], leptons["py"])
    assert np.all(np.diff(pt)[np.diff(leptons.rows) == 0] <= 0)


def test_nanoaod_truth_holds_w_bosons(nano):
    """The file is called ttbar, yet what it holds is the production of W bosons."""
    truth = nano.collections["truth"]
    bosons = truth.keep((np.abs(truth["pid"]) == 24) & (truth["statusflags"] & (1 << 13) > 0))  # the last copies
    assert np.mean(bosons.counts >= 1) > 0.95
    assert np.median(kinematics.mass(*four(bosons))) == pytest.approx(80.4, abs=0.5)
    mothers = truth["mother1"]
    assert mothers.min() == -1
    assert np.all(mothers < np.repeat(truth.counts, truth.counts))


def test_delphes_jets_against_their_own_branches(delphes):
    for name in ("jets", "gen_jets"):
        check_own_branches(delphes.collections[name])


def sums(ragged, link, target):
    """Four-momentum sums of what each item points at."""
    flat = link.index + np.repeat(target.offsets[ragged.rows], np.diff(link.offsets))
    item = np.repeat(np.arange(ragged.total), np.diff(link.offsets))
    return [np.bincount(item, values[flat], ragged.total) for values in four_arrays(target)]


def four_arrays(ragged):
    return [ragged[name].astype(np.float64) for name in ("px", "py", "pz", "e")]


def test_delphes_constituents_make_up_their_jets(delphes):
    """The sum of the constituents is the jet before the energy scale, which multiplies all four components."""
    jets = delphes.collections["jets"]
    total = sums(jets, jets.links["constituents"], delphes.collections["particles"])
    scale = np.array(total) / np.array(four_arrays(jets))
    np.testing.assert_allclose(scale, np.broadcast_to(scale[3], scale.shape), rtol=2e-5)
    assert np.all((scale[3] > 0.5) & (scale[3] < 1.2))
    made = delphes.collections["gen_jets"]
    total = sums(made, made.links["constituents"], delphes.collections["truth"])
    np.testing.assert_allclose(np.array(total), np.array(four_arrays(made)), rtol=2e-4, atol=2e-3)


def test_delphes_generator_momentum_balances(delphes):
    truth = delphes.collections["truth"]
    final = truth.keep(truth["status"] == 1)
    px, py, pz, e = (np.bincount(final.rows, values, len(delphes)) for values in four_arrays(final))
    np.testing.assert_allclose(e, 13_000, rtol=1e-6)
    for component in (px, py, pz):
        np.testing.assert_allclose(component, 0, atol=5e-3)


def test_delphes_tracks_point_at_charged_truth(delphes):
    tracks, truth = delphes.collections["tracks"], delphes.collections["truth"]
    assert np.all(tracks["truth"] >= 0)
    origin = truth.offsets[tracks.rows] + tracks["truth"]
    np.testing.assert_array_equal(truth["pid"][origin], tracks["pid"])
    np.testing.assert_array_equal(truth["charge"][origin], tracks["charge"])


def test_dimuon_peak_of_the_ntuple(data):
    """The Z peak of muon pairs of opposite charge, as a Gaussian on a straight line."""
    events = formats.read(data / NTUPLE)
    muons = events.collections["muons"]
    two = np.flatnonzero(muons.counts == 2)
    pairs = muons.take(two)
    assert len(two) > 800
    opposite = pairs["charge"].reshape(-1, 2).sum(axis=1) == 0
    px, py, pz, e = (pairs[name].astype(float).reshape(-1, 2).sum(axis=1)[opposite] for name in ("px", "py", "pz", "e"))
    mass = kinematics.mass(px, py, pz, e)
    counts, edges = np.histogram(mass, 40, (71, 111))
    centre = (edges[1:] + edges[:-1]) / 2

    def model(m, height, peak, width, flat, slope):
        return height * np.exp(-0.5 * ((m - peak) / width) ** 2) + flat + slope * (m - 91)

    found, _ = curve_fit(model, centre, counts, [100, 91, 3, 1, 0], sigma=np.sqrt(counts + 1))
    assert found[1] == pytest.approx(91.0, abs=0.6)
    assert 1 < abs(found[2]) < 5
    assert events.weight().min() >= 0
