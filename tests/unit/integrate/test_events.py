"""Processes against closed forms, and events of equal weight: their distribution, signs, files."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from known_integrals import signed, signed_integral
from scipy.stats import kstest

from partonic.core.errors import InputError
from partonic.integrate import integrand
from partonic.integrate.channels import check_channels
from partonic.integrate.integral import IntegrationError
from partonic.integrate.processes import BosonFusion, DrellYan, MuonPair
from partonic.integrate.run import IntegrateOptions, integrate
from partonic.integrate.unweighted import draw, events, unweight, write_lhe
from partonic.io.lhe import read
from partonic.simulators.wbf.matrix_element import PARTONS
from partonic.simulators.wbf.theory import Constants

FEW = IntegrateOptions(calls=3_000, final=8_000, method="grid")


@pytest.mark.parametrize("energy", [30.0, 91.0, 200.0])
def test_muon_pairs_have_their_cross_section(energy):
    process = MuonPair(energy)
    found = integrate(process, process.channels, FEW)
    assert found.status == "ok"
    assert abs(found.estimate.value - process.known) < 5 * found.estimate.error
    assert found.estimate.error < 2e-3 * process.known


def test_muon_pairs_far_below_the_z_are_those_of_electrodynamics():
    constants = Constants()
    expected = 4 * np.pi * constants.alpha**2 / (3 * 5.0**2) * 0.3893793721e9
    assert MuonPair(5.0).known == pytest.approx(expected, rel=0.01)


def test_the_forward_backward_asymmetry_of_muon_pairs():
    """Below the Z the asymmetry is negative: 3/4 (|A_LL|^2 + |A_RR|^2 - ...) / sum, here by direct quadrature."""
    process = MuonPair(60.0)
    found = integrate(process, process.channels, FEW)
    made = unweight(found, 4_000)
    forward = float((made.points[:, 3] > 0).double().mean())
    cos = np.linspace(-1, 1, 20_001)
    y = torch.zeros(len(cos), 8, dtype=torch.float64)
    y[:, 3] = torch.from_numpy(30.0 * cos)
    density = process(y).numpy()
    expected = density[cos > 0].sum() / density.sum()
    assert forward == pytest.approx(expected, abs=4 * np.sqrt(0.25 / 4_000))
    assert expected < 0.45


def test_drell_yan_against_quadrature():
    pytest.importorskip("pythia8mc")
    process = DrellYan(low=60.0, high=120.0)
    check_channels(process.channels)
    x, w = np.polynomial.legendre.leggauss(60)
    angle = np.arctan((np.array([3600.0, 14400.0]) - 91.1876**2) / (91.1876 * 2.4952))
    at = 0.5 * (angle[0] + angle[1]) + 0.5 * (angle[1] - angle[0]) * x
    s = 91.1876**2 + 91.1876 * 2.4952 * np.tan(at)
    ws = w * 0.5 * (angle[1] - angle[0]) * 91.1876 * 2.4952 / np.cos(at) ** 2
    c, wc = np.polynomial.legendre.leggauss(4)
    grid = np.stack(np.meshgrid(s, 0.5 * (x + 1), c, indexing="ij"), -1).reshape(-1, 3)
    weights = (ws[:, None, None] * (0.5 * w)[:, None] * wc).reshape(-1)
    exact = float(process(torch.from_numpy(grid)).numpy() @ weights)
    found = integrate(process, process.channels, FEW)
    assert found.status == "ok"
    assert abs(found.estimate.value - exact) < 5 * found.estimate.error
    assert found.estimate.error < 0.01 * exact
    with pytest.raises(InputError, match="must rise"):
        DrellYan(low=120.0, high=60.0)
    assert len(DrellYan(low=100.0, high=200.0).channels) == 1


def test_boson_fusion_is_what_the_simulator_integrates():
    pytest.importorskip("pythia8mc")
    from partonic.simulators.wbf import WeakBosonFusion

    process = BosonFusion()
    x = torch.rand(30_000, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    f = process(x)
    value, error = float(f.mean()), float(f.std()) / len(f) ** 0.5
    known = WeakBosonFusion().cross_section.at((0.0, 0.0))
    assert abs(value - known.value) < 4 * np.hypot(error, known.error)
    assert error < 0.1 * value
    assert torch.allclose(process.components(x)[:, 0], f)
    changed = BosonFusion(theta=(0.1, 0.0))(x)
    basis = torch.tensor([1, 0.1, 0, 0.01, 0, 0], dtype=torch.float64)
    assert torch.allclose(changed, process.components(x) @ basis)


@pytest.fixture(scope="module")
def dipped():
    return integrate(signed, 2, FEW)


def test_events_of_equal_weight_follow_the_integrand(dipped):
    made = unweight(dipped, 6_000, seed=2)
    assert len(made) == 6_000
    assert made.overweight.value < 5e-3
    assert 0 < made.efficiency.value <= 1
    edges = torch.linspace(0, 1, 201, dtype=torch.float64)
    middle = 0.5 * (edges[1:] + edges[:-1])
    cells = torch.cartesian_prod(middle, middle)
    values = signed(cells)
    share = float(values[values < 0].abs().sum() / values.abs().sum())
    assert float((made.signs < 0).double().mean()) == pytest.approx(share, abs=0.025)
    expected = float((cells[:, 0] * values.abs()).sum() / values.abs().sum())
    assert float(made.points[:, 0].mean()) == pytest.approx(expected, abs=0.015)
    assert torch.equal(unweight(dipped, 100, seed=2).points, made.points[:100])


def test_weighted_points_have_the_integral_as_mean(dipped):
    _, weights = draw(dipped, 20_000, np.random.default_rng(0))
    assert float(weights.mean()) == pytest.approx(signed_integral(), abs=5 * float(weights.std()) / 20_000**0.5)


def test_processes_draw_the_points_of_one(dipped, monkeypatch):
    monkeypatch.setattr(integrand, "WORTH", 0.0)
    alone, spread = (unweight(dipped, 500, seed=2, workers=workers) for workers in (1, 2))
    assert torch.equal(spread.points, alone.points)
    assert torch.equal(spread.signs, alone.signs)
    assert (spread.overweight, spread.tried) == (alone.overweight, alone.tried)
    sizes = []

    def counted(y):
        sizes.append(len(y))
        return signed(y)

    with ThreadPoolExecutor(2) as pool:
        shared = draw(replace(dipped, function=counted), 1_000, np.random.default_rng(0), workers=2, executor=pool)
    assert sizes == [500, 500]
    for one, other in zip(shared, draw(dipped, 1_000, np.random.default_rng(0)), strict=True):
        assert torch.equal(one, other)


def test_a_failed_integral_gives_no_events(dipped):
    with pytest.raises(IntegrationError, match="lost"):
        unweight(replace(dipped, reasons=("a part was lost",)), 10)
    with pytest.raises(InputError, match="1 or more"):
        unweight(dipped, 0)


def test_files_of_events(tmp_path):
    process = MuonPair()
    found = integrate(process, process.channels, FEW)
    made = unweight(found, 200)
    assert write_lhe(tmp_path / "muons.lhe.gz", process, made) == 200
    again = read(tmp_path / "muons.lhe.gz")
    assert again.weight().mean() == pytest.approx(found.estimate.value)
    assert again.provenance["cross_section_pb"] == pytest.approx(found.estimate.value)
    particles = again.collection("particles")
    assert particles["pid"].reshape(-1, 4)[0].tolist() == [11, -11, 13, -13]
    for name, total in (("e", 91.0), ("px", 0.0), ("pz", 0.0)):
        values = particles[name].reshape(-1, 4)
        np.testing.assert_allclose(values[:, :2].sum(1), values[:, 2:].sum(1), atol=1e-8)
        np.testing.assert_allclose(values[:, 2:].sum(1), total, atol=1e-8)
    np.testing.assert_allclose(events(process, made).collection("particles")["px"], particles["px"])


class Hadronic:
    """A process of protons, points of equal weight and the events of its file, as (events, particles) fields."""

    def __init__(self, process, path):
        self.process = process
        self.found = integrate(process, process.channels, IntegrateOptions(calls=20_000, final=20_000, method="grid"))
        self.made = unweight(self.found, 3_000, seed=3)
        write_lhe(path, process, self.made)
        particles = read(path).collection("particles")
        self.fields = {name: values.reshape(len(self.made), -1) for name, values in particles.fields.items()}


@pytest.fixture(scope="module", params=["drell-yan", "boson-fusion"])
def hadronic(request, tmp_path_factory):
    pytest.importorskip("pythia8mc")
    process = DrellYan(low=60.0, high=120.0) if request.param == "drell-yan" else BosonFusion(theta=(0.3, -0.2))
    return Hadronic(process, tmp_path_factory.mktemp("hadronic") / "events.lhe")


def test_files_of_protons_conserve_momentum_on_shell(hadronic):
    f = hadronic.fields
    for name in ("e", "px", "py", "pz"):
        np.testing.assert_allclose(f[name][:, :2].sum(1), f[name][:, 2:].sum(1), rtol=1e-10, atol=1e-8)
    square = f["e"] ** 2 - f["px"] ** 2 - f["py"] ** 2 - f["pz"] ** 2
    np.testing.assert_array_less(np.abs(square - f["mass"] ** 2), 1e-9 * f["e"] ** 2)
    assert set(f["mass"][f["pid"] == 25]) <= {Constants().higgs_mass}
    assert not f["mass"][f["pid"] != 25].any()


def test_files_of_protons_have_even_azimuths(hadronic):
    azimuth = np.arctan2(hadronic.fields["py"][:, 2], hadronic.fields["px"][:, 2])
    assert kstest((azimuth + np.pi) / (2 * np.pi), "uniform").pvalue > 1e-3


def test_files_of_protons_share_partons_as_the_cross_section_sums_them(hadronic):
    process, (first, second) = hadronic.process, hadronic.fields["pid"][:, :2].T
    y, weight = draw(hadronic.found, 20_000, np.random.default_rng(4))
    terms = process.terms(y)
    total = process(y)
    assert torch.allclose(terms.flatten(0, -2).sum(0), total, rtol=1e-9, atol=1e-7 * float(total.max()))
    of_first = terms.reshape(len(PARTONS), -1, len(y)).sum(1)
    shares = (weight / weight.mean() * torch.where(total > 0, of_first / total, 0.0)).numpy()
    for pid, share in zip(PARTONS, shares, strict=True):
        expected, error = share.mean(), share.std() / np.sqrt(len(y))
        error = np.hypot(error, np.sqrt(expected * (1 - expected) / len(first)))
        assert np.mean(first == pid) == pytest.approx(expected, abs=4 * error)
        assert np.mean(second == pid) == pytest.approx(expected, abs=4 * error)  # both protons are the same
        assert error < 0.015


def test_files_of_protons_have_whole_colour_lines(hadronic):
    f = hadronic.fields
    quark = (np.abs(f["pid"]) <= 5) & (f["pid"] != 0)
    np.testing.assert_array_equal(f["color1"] > 0, quark & (f["pid"] > 0))
    np.testing.assert_array_equal(f["color2"] > 0, quark & (f["pid"] < 0))
    into = np.where(f["status"] < 0, f["color1"], f["color2"])
    out = np.where(f["status"] < 0, f["color2"], f["color1"])
    np.testing.assert_array_equal(np.sort(into, 1), np.sort(out, 1))
    np.testing.assert_array_equal(f["mother1"], np.where(f["status"] < 0, -1, 0))
    np.testing.assert_array_equal(f["mother2"], np.where(f["status"] < 0, -1, 1))


def test_files_of_protons_conserve_charge_and_flavour(hadronic):
    pid = hadronic.fields["pid"]
    charge = np.array([(0, -1, 2, -1, 2, -1, *[0] * 7, -3, *[0] * 12)[abs(p)] * np.sign(p) for p in pid.flat])
    charge = charge.reshape(pid.shape)
    np.testing.assert_array_equal(charge[:, :2].sum(1), charge[:, 2:].sum(1))
    if pid.shape[1] == 4:
        np.testing.assert_array_equal(pid[:, 0], -pid[:, 1])
        return
    charged = pid[:, 0] != pid[:, 2]
    assert 0.6 < charged.mean() < 0.85
    generation = (np.abs(pid[:, :4]) + 1) // 2 * np.sign(pid[:, :4])
    np.testing.assert_array_equal(generation[:, :2], generation[:, 2:])
    np.testing.assert_array_equal(charged, pid[:, 1] != pid[:, 3])


def test_one_seed_gives_one_file_of_protons(hadronic):
    again = events(hadronic.process, unweight(hadronic.found, 500, seed=3)).collection("particles")
    other = events(hadronic.process, unweight(hadronic.found, 500, seed=4)).collection("particles")
    for name in ("pid", "py", "pz"):  # to rounding, as the number of events decides which of them are computed together
        np.testing.assert_allclose(again[name].reshape(500, -1), hadronic.fields[name][:500], rtol=1e-12)
    assert not np.array_equal(again["py"], other["py"])
