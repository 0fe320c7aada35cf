"""Events with a decayed Higgs boson: exact kinematics, isotropy, fifteen components with truth."""

import numpy as np
import pytest
import torch

from partonic.core.errors import UnknownNameError
from partonic.core.rng import generator
from partonic.events.events import concatenate
from partonic.simulators.wbf import Smearing, WeakBosonFusion, basis, features
from partonic.simulators.wbf.decays import lepton_observables, moved
from partonic.simulators.wbf.four_leptons import FourLeptons

POINT = (0.4, -0.5)
FIELDS = ("e", "px", "py", "pz")


def stacked(ragged, k):
    return np.stack([ragged[name].reshape(-1, k) for name in FIELDS])  # (4, n, k)


def square(p):
    return p[0] ** 2 - p[1] ** 2 - p[2] ** 2 - p[3] ** 2


@pytest.mark.parametrize("smearing", [None, Smearing()])
@pytest.mark.parametrize(
    ("decay", "collection", "k", "mass"),
    [("tautau", "taus", 2, 1.77686), ("photons", "photons", 2, 0.0), ("2e2mu", "leptons", 4, 0.0)],
)
def test_products_add_up_and_are_on_their_shell(densities, decay, collection, k, mass, smearing):
    events = WeakBosonFusion(densities=densities, decay=decay, smearing=smearing).simulate((0, 0), 40, generator(1))
    products = stacked(events.collection(collection), k)
    np.testing.assert_allclose(products.sum(2), stacked(events.collection("higgs"), 1)[..., 0], rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(square(products) / products[0] ** 2, mass**2 / products[0] ** 2, atol=1e-9)
    assert np.all(events.collection(collection).counts == k)
    assert np.all(np.isfinite(features(events)))


def test_isotropic_decays_change_no_component(densities):
    plain, decayed = (
        WeakBosonFusion(densities=densities, decay=decay).simulate(POINT, 2000, generator(2))
        for decay in ("stable", "photons")
    )
    np.testing.assert_array_equal(decayed.gold["components"], plain.gold["components"])
    first = stacked(decayed.collection("photons"), 2)[..., 0]
    higgs = stacked(decayed.collection("higgs"), 1)[..., 0]
    mass, size = 125.0, np.sqrt((higgs[1:] ** 2).sum(axis=0))
    energy = (higgs[0] * first[0] - (higgs[1:] * first[1:]).sum(axis=0)) / mass
    along = ((higgs[1:] * first[1:]).sum(axis=0) / size * higgs[0] - size * first[0]) / mass
    cosine = along / energy
    assert abs(cosine.mean()) < 4.5 / np.sqrt(3 * 2000)
    assert (cosine**2).mean() == pytest.approx(1 / 3, abs=4.5 * np.sqrt(4 / 45 / 2000))
    np.testing.assert_allclose(energy, mass / 2, rtol=1e-8)


@pytest.fixture(scope="module")
def fusion(densities):
    return WeakBosonFusion(densities=densities, decay="2e2mu")


@pytest.fixture(scope="module")
def standard(fusion):
    return fusion.simulate((0, 0), 4000, generator(3))


@pytest.fixture(scope="module")
def shifted(fusion):
    return fusion.simulate(POINT, 4000, generator(4))


def test_fifteen_components_with_the_mean_of_the_cross_section(fusion, shifted):
    assert shifted.gold["components"].shape == (4000, 15)
    assert features(shifted).shape == (4000, 30)
    section = fusion.cross_section
    for components in (shifted.gold["components"], fusion.truth(shifted)):
        error = np.hypot(components.std(axis=0) / np.sqrt(4000), np.sqrt(np.diag(section.covariance)))
        assert np.all(np.abs(components.mean(axis=0) - section.components) < 4.5 * error + 1e-12)
    rate, width = fusion.cross_section.at(POINT), FourLeptons(fusion.constants).width.components
    production = WeakBosonFusion(densities=fusion.densities).cross_section.at(POINT).value
    assert rate.value == pytest.approx(production * (width @ basis(POINT)) / width[0], rel=1e-9)


def test_reweighted_events_are_those_of_the_other_theta(fusion, standard, shifted):
    ratio = np.exp(fusion.log_prob(standard, POINT) - fusion.log_prob(standard, (0, 0)))
    assert ratio.mean() == pytest.approx(1.0, abs=4.5 * ratio.std() / np.sqrt(4000))
    for name in ("log_pt_j1", "log_m_z2", "cos_theta_1", "cos_phi"):
        x, y = standard.column(name), shifted.column(name)
        error = np.hypot((ratio * (x - x.mean())).std(), y.std()) / np.sqrt(4000)
        assert (ratio * x).sum() / ratio.sum() == pytest.approx(y.mean(), abs=4.5 * error)
    x, y = standard.column("log_m_z2"), shifted.column("log_m_z2")
    assert abs(x.mean() - y.mean()) > 5 * np.hypot(x.std(), y.std()) / np.sqrt(4000)


def test_a_mixture_is_the_mean_of_its_points(fusion, standard):
    """The truth of mixed events, with both production and decay drawn from one of several points."""
    points = [(0, 0), (0.9, -0.9), (-0.8, 0.7)]
    mixed = fusion.simulate(points, 4000, generator(5))
    logs = [fusion.log_prob(standard, point) - fusion.log_prob(standard, (0, 0)) for point in points]
    weight = np.exp(logs).mean(axis=0)
    for name in ("log_pt_j1", "log_m_z2", "cos_theta_1"):
        x, y = standard.column(name), mixed.column(name)
        error = np.hypot((weight * (x - x.mean())).std(), y.std()) / np.sqrt(4000)
        assert (weight * x).sum() / weight.sum() == pytest.approx(y.mean(), abs=4.5 * error)
    product_ = mixed.column("log_pt_j1") * mixed.column("log_m_z2")  # joint, not two separate mixtures
    ours = standard.column("log_pt_j1") * standard.column("log_m_z2")
    error = np.hypot((weight * (ours - ours.mean())).std(), product_.std()) / np.sqrt(4000)
    assert (weight * ours).sum() / weight.sum() == pytest.approx(product_.mean(), abs=4.5 * error)
    np.testing.assert_allclose((fusion.truth(mixed) * mixed.column("proposal")).sum(axis=1), 1.0, rtol=1e-12)


def test_joined_samples_keep_their_truth(fusion, standard, shifted):
    other = shifted[:100]
    joined = concatenate([standard[:100], other])
    apart = np.concatenate([fusion.truth(standard[:100]), fusion.truth(other)])
    np.testing.assert_allclose(fusion.truth(joined), apart, rtol=1e-12)


def test_angles_of_leptons_are_those_of_the_rest_frame():
    """A decay written down by angles comes back, in any frame."""
    leptons, measure = FourLeptons(WeakBosonFusion().constants).points(400, generator(7))
    leptons = leptons[:, :, measure > 0]
    n = leptons.shape[2]
    axis = torch.from_numpy(generator(8).normal(size=(3, n)))
    higgs = torch.cat([torch.sqrt(125.0**2 + (axis * 100).square().sum(0))[None], axis * 100])
    fast = lepton_observables(moved(leptons, higgs), False, 91.1876)
    twice = lepton_observables(moved(leptons, 1.0 * torch.cat([higgs[:1], -higgs[1:]])), False, 91.1876)
    for column in (0, 1, 3, 4, 5, 6):  # masses, helicity angles and planes do not know how the Higgs boson moves
        np.testing.assert_allclose(fast[:, column], twice[:, column], atol=1e-7)
    np.testing.assert_allclose(fast[:, 2], -twice[:, 2], atol=1e-7)
    np.testing.assert_allclose(fast[:, 5] ** 2 + fast[:, 6] ** 2, 1.0, atol=1e-9)


def test_an_unknown_decay_is_named(densities):
    with pytest.raises(UnknownNameError, match="2e2mu"):
        WeakBosonFusion(densities=densities, decay="2e2m")
