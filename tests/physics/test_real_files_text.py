"""Real text files: CMS collisions as csv, Les Houches and HepMC events of generators; event counts and physics."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.special import voigt_profile

from partonic.events import kinematics
from partonic.io import formats
from partonic.io.convert import convert

COMMITTED = Path(__file__).parents[1] / "data"
MOMENTUM = ("px", "py", "pz", "e")
HIGGS = {"4mu_2011": 18, "4mu_2012": 95, "2e2mu_2011": 13, "2e2mu_2012": 104, "4e_2011": 7, "4e_2012": 41}
LHE = {
    "smeftsim_VBFH-1.lhe.gz": (10_000, 22),
    "madgraph_pp2tt.lhe.gz": (100, 146),
    "madgraph_pp2zz.lhe.gz": (100, 146),
    "pylhe-testfile-pr29.lhe": (791, 1),
}
HEPMC = "pyhepmc_last_event_issue.hepmc"
OPERATORS = ("cHB", "cHDD", "cHW", "cHWB", "cHbox")
Z_WIDTH = 2.4955  # GeV


@pytest.fixture(scope="module")
def data():
    folder = os.environ.get("PARTONIC_TEST_DATA")
    if not folder:
        pytest.skip("PARTONIC_TEST_DATA is not set: the larger real files are not checked")
    return Path(folder)


def masses(ragged):
    """Invariant mass of all items of each event, GeV."""
    total = [np.bincount(ragged.rows, ragged[name].astype(np.float64), len(ragged)) for name in MOMENTUM]
    return kinematics.mass(*total)


def fitted_peak(mass):
    """Mass of a Breit-Wigner of the width of the Z, smeared by a Gaussian, on an exponential; its error, chi^2/ndf."""
    count, edges = np.histogram(mass, 60, (76, 106))
    x, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]

    def shape(x, peak, sigma, signal, background, slope):
        return width * (
            signal * voigt_profile(x - peak, sigma, Z_WIDTH / 2) + background * np.exp(-slope * (x - 91) / 30)
        )

    error = np.sqrt(np.maximum(count, 1))
    start = (91.0, 1.5, float(count.sum()), count.sum() / 300, 0.5)
    found, covariance = curve_fit(shape, x, count, start, error)
    chi2 = np.sum(((count - shape(x, *found)) / error) ** 2)
    return found[0], np.sqrt(covariance[0, 0]), chi2 / (len(x) - len(found))


def check_dimuons(events):
    muons = events.collection("leptons")
    assert np.all(muons.counts == 2)
    opposite = muons["charge"].reshape(-1, 2).sum(axis=1) == 0
    peak, error, chi2 = fitted_peak(masses(muons)[opposite])
    assert abs(peak - 91.2) < 0.5
    assert error < 0.15
    assert chi2 < 2
    return peak


def test_the_z_peak_in_real_dimuons(data):
    path = data / "cms_Zmumu_Run2011A.csv"
    assert formats.recognise(path).name == "csv"
    assert formats.count(path) == 10_583
    events = formats.read(path)
    assert len(events) == 10_583
    assert len(events.columns) == 14
    check_dimuons(events)


def test_the_z_peak_in_two_thousand_of_them():
    events = formats.read(COMMITTED / "cms_zmumu_2000.csv")
    assert len(events) == 2_000
    check_dimuons(events)


def test_four_leptons_have_the_mass_that_cms_gives():
    samples = {name: formats.read(COMMITTED / f"cms_higgs_{name}.csv") for name in HIGGS}
    assert {name: len(events) for name, events in samples.items()} == HIGGS
    assert sum(HIGGS.values()) == 278
    for name, events in samples.items():
        leptons = events.collection("leptons")
        assert np.all(leptons.counts == 4)
        np.testing.assert_allclose(masses(leptons), events.column("M"), rtol=0.01)
        np.testing.assert_allclose(np.hypot(leptons["px"], leptons["py"]), leptons["pt"], rtol=1e-4)
        assert np.all(leptons["charge"] == -np.sign(leptons["pid"]))
        flavours = {"4mu": {13}, "4e": {11}, "2e2mu": {11, 13}}[name.split("_")[0]]
        assert set(np.abs(leptons["pid"]).tolist()) == flavours


def test_the_committed_collisions_are_those_of_cms(data):
    for name in HIGGS:
        file = f"cms_higgs_{name}.csv"
        assert (COMMITTED / file).read_bytes() == (data / file).read_bytes()
    few = (COMMITTED / "cms_zmumu_2000.csv").read_bytes()
    assert (data / "cms_Zmumu_Run2011A.csv").read_bytes().startswith(few)


def imbalance(events, name, before, after):
    """Largest sum of momenta before less after over the events (GeV), by component."""
    ragged = events.collection(name)
    sign = np.where(ragged["status"] == before, 1.0, 0.0) - np.where(ragged["status"] == after, 1.0, 0.0)
    return {each: float(np.abs(np.bincount(ragged.rows, sign * ragged[each], len(events))).max()) for each in MOMENTUM}


@pytest.mark.parametrize("file", LHE)
def test_counts_and_balance_of_les_houches_events(data, file):
    events = formats.read(data / file)
    assert (len(events), len(events.weights)) == LHE[file]
    assert formats.count(data / file) == len(events)
    particles = events.collection("particles")
    mass2 = kinematics.mass2(*(particles[name] for name in MOMENTUM))
    assert np.max(np.abs(mass2 - particles["mass"] ** 2) / particles["e"] ** 2) < 1e-6
    if file == "pylhe-testfile-pr29.lhe":  # of GiBUU: what leaves a nucleus, without the beams
        assert np.all(particles["status"] == 0)
        return
    beams = np.bincount(particles.rows, particles["status"] == -1, len(events))
    assert np.all(beams == 2)
    assert max(imbalance(events, "particles", -1, 1).values()) < 1e-6


def test_counts_and_balance_of_a_hepmc_event(data):
    path = data / HEPMC
    events = formats.read(path)
    assert len(events) == formats.count(path) == 1
    truth = events.collection("truth")
    assert truth["pid"][truth["status"] == 4].tolist() == [2212, 2212]
    assert max(imbalance(events, "truth", 4, 1).values()) < 1e-5  # of 13 TeV
    assert np.flatnonzero(truth["mother1"] < 0).tolist() == np.flatnonzero(truth["status"] == 4).tolist()


@pytest.mark.parametrize("file", ["cms_Zmumu_Run2011A.csv", "cms_higgs_4mu_2012.csv", HEPMC])
def test_conversion_keeps_counts(data, file, tmp_path):
    report = convert(data / file, tmp_path / "a.parquet")
    assert report.events == formats.count(data / file) == formats.count(tmp_path / "a.parquet")
    assert not any(report.check.not_finite.values())


def quadratic_forms(events):
    """Matrix (21, 21) of monomials, and the form (events, 6, 6) with weight = (1, theta) form (1, theta)."""
    names = [name for name in events.weights if name != "nominal"]
    theta = np.zeros((len(names), len(OPERATORS)))
    for i, name in enumerate(names):
        for operator, value in re.findall(r"(cH[A-Za-z]+)_(0p\d)", name):
            theta[i, OPERATORS.index(operator)] = float(value.replace("p", "."))
    vector = np.concatenate([np.ones((len(names), 1)), theta], axis=1)
    row, column = np.triu_indices(6)
    monomials = vector[:, row] * vector[:, column]
    weights = np.stack([events.weights[name] for name in names])
    coefficients = np.linalg.solve(monomials, weights).T
    form = np.zeros((len(events), 6, 6))
    form[:, row, column] += coefficients / 2
    form[:, column, row] += coefficients / 2
    return monomials, form


def check_quadratic(events):
    monomials, form = quadratic_forms(events)
    assert monomials.shape == (21, 21)
    assert np.linalg.matrix_rank(monomials) == 21
    assert np.linalg.cond(monomials) == pytest.approx(2.1e3, rel=0.02)
    np.testing.assert_allclose(form[:, 0, 0], events.weights["SM"], rtol=1e-12)
    smallest = np.linalg.eigvalsh(form)[:, 0]
    assert np.all(smallest > -1e-5 * events.weights["SM"])


def test_effective_field_theory_weights_are_squares_of_amplitudes(data):
    events = formats.read(data / "smeftsim_VBFH-1.lhe.gz")
    check_quadratic(events)
    assert events.provenance["cross_section_pb"] == 3.343019
    assert events.weights["SM"].mean() == pytest.approx(3.343019, rel=1e-6)


def test_the_same_of_two_hundred_of_them():
    check_quadratic(formats.read(COMMITTED / "smeftsim_vbfh_200.lhe.gz"))
