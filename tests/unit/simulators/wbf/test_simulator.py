"""The simulator: sampling against its own densities, the gold, the exact ratio, bad input."""

from pathlib import Path

import numpy as np
import pytest

from partonic.core.errors import InputError, SimulationError, UnknownNameError
from partonic.core.rng import generator
from partonic.events.events import concatenate
from partonic.events.kinematics import mass
from partonic.simulators import pdf
from partonic.simulators.wbf import (
    Constants,
    Cuts,
    Smearing,
    WeakBosonFusion,
    as_theta,
    basis,
    features,
    joint_score,
)

POINT = (0.4, -0.5)


@pytest.fixture(scope="module")
def fusion(densities):
    return WeakBosonFusion(densities=densities)


@pytest.fixture(scope="module")
def standard(fusion):
    return fusion.simulate((0, 0), 8000, generator(1))


@pytest.fixture(scope="module")
def shifted(fusion):
    return fusion.simulate(POINT, 8000, generator(2))


def same_gold(fusion, events):
    joint = fusion.unscaled_joint(events)
    proposal = np.asarray(events.column("proposal"))
    np.testing.assert_allclose(joint / (joint * proposal).sum(1, keepdims=True), events.gold["components"], rtol=1e-9)


def test_the_gold_is_what_is_computed_again_from_momenta_and_latents(fusion, shifted, densities):
    same_gold(fusion, shifted[:200])
    smeared = WeakBosonFusion(densities=densities, smearing=Smearing())
    same_gold(smeared, smeared.simulate((0, 0), 200, generator(3)))


def test_the_density_of_what_is_seen_is_the_sum_over_latents(fusion, standard):
    events, total = standard[:300], 0
    for channel in (0, 1):
        for first in (0, 1):
            latents = {"channel": np.full(300, channel), "first": np.full(300, first)}
            total = total + fusion.unscaled_joint(events.with_columns(**latents))
    np.testing.assert_allclose(total, fusion.unscaled(events), rtol=1e-9)
    np.testing.assert_allclose(fusion.unscaled_standard(events), total[:, 0], rtol=1e-9)


def test_events_are_what_the_docstring_says(fusion, standard):
    assert features(standard).shape == (8000, 15)
    assert np.all(np.isfinite(features(standard)))
    jets, higgs = standard.collection("jets"), standard.collection("higgs")
    parts = [jets[name].reshape(-1, 2) for name in ("px", "py", "pz", "e")]
    np.testing.assert_allclose(parts[0].sum(1) + higgs["px"], 0, atol=1e-8)
    np.testing.assert_allclose(mass(*(higgs[name] for name in ("px", "py", "pz", "e"))), 125.0, rtol=1e-6)
    pt = np.hypot(parts[0], parts[1])
    assert np.all(pt[:, 0] >= pt[:, 1])
    assert pt.min() > 20
    assert np.exp(standard.column("log_m_jj")).min() > 250
    assert standard.column("abs_delta_y").min() > 2
    np.testing.assert_allclose(standard.column("theta"), 0)
    assert standard.provenance["overweight"] <= 1e-3


def test_the_same_seed_gives_the_same_events(fusion, standard):
    again = fusion.simulate((0, 0), 8000, generator(1))
    np.testing.assert_array_equal(features(again), features(standard))
    assert not np.array_equal(features(fusion.simulate((0, 0), 10, generator(3))), features(standard)[:10])


@pytest.mark.parametrize("kind", ["gold", "truth"])
def test_the_mean_of_the_components_is_the_cross_section(fusion, shifted, kind):
    components = shifted.gold["components"] if kind == "gold" else fusion.truth(shifted)
    section = fusion.cross_section
    error = np.hypot(components.std(axis=0) / np.sqrt(8000), np.sqrt(np.diag(section.covariance)))
    assert np.all(np.abs(components.mean(axis=0) - section.components) < 4.5 * error)
    at_point = fusion.cross_section.at(POINT)
    np.testing.assert_allclose(components @ basis(POINT), at_point.value, atol=5 * at_point.error)


def test_the_truth_is_the_mean_of_the_gold_over_the_latents(fusion, standard):
    """Given x, the mean of the joint ratio over z is the ratio: their difference is uncorrelated with any f(x)."""
    joint, exact = (c[:, 1:] / c[:, :1] for c in (standard.gold["components"], fusion.truth(standard)))
    difference = joint - exact
    assert difference.std(axis=0).min() > 1e-3
    for test in (np.ones(8000), np.cos(standard.column("abs_delta_phi")), standard.column("log_pt_j1")):
        product = difference * test[:, None]
        assert np.all(np.abs(product.mean(axis=0)) < 4.5 * product.std(axis=0) / np.sqrt(8000))


def test_reweighted_events_are_those_of_the_other_theta(fusion, standard, shifted):
    ratio = np.exp(fusion.log_prob(standard, POINT) - fusion.log_prob(standard, (0, 0)))
    assert ratio.mean() == pytest.approx(1.0, abs=4.5 * ratio.std() / np.sqrt(8000))
    for name in ("abs_delta_phi", "log_pt_j1", "y_h"):
        x, y = standard.column(name), shifted.column(name)
        error = np.hypot((ratio * (x - x.mean())).std(), y.std()) / np.sqrt(8000)
        assert (ratio * x).sum() / ratio.sum() == pytest.approx(y.mean(), abs=4.5 * error)
        assert abs(x.mean() - y.mean()) > 0.5 * error or name == "y_h"


def test_the_joint_score_has_mean_zero(fusion, standard):
    section = fusion.cross_section.components
    score = joint_score(standard.gold["components"], (0, 0)) - joint_score(section[None], (0, 0))
    error = score.std(axis=0) / np.sqrt(8000) + 0.005
    assert np.all(np.abs(score.mean(axis=0)) < 4.5 * error)


def test_a_mixture_holds_even_shares(fusion, standard):
    mixed = fusion.simulate([(0, 0), (1, 1), (-1, 0.5)], 4000, generator(4))
    assert "theta" not in mixed.columns
    ratios = [
        np.exp(fusion.log_prob(standard, t) - fusion.log_prob(standard, (0, 0))) for t in ((0, 0), (1, 1), (-1, 0.5))
    ]
    weight, x = np.mean(ratios, axis=0), standard.column("log_pt_j1")
    error = np.hypot(((x - x.mean()) * weight).std() / np.sqrt(8000), mixed.column("log_pt_j1").std() / np.sqrt(4000))
    assert (weight * x).sum() / weight.sum() == pytest.approx(mixed.column("log_pt_j1").mean(), abs=4.5 * error)


def test_both_orders_of_the_jets_are_alike(fusion, standard):
    jets = standard.collection("jets")
    order = np.arange(16_000).reshape(-1, 2)[:, ::-1].ravel()
    turned = type(jets).from_counts(jets.counts, {name: jets[name][order] for name in ("px", "py", "pz", "e")})
    swapped = standard.with_collections(jets=turned)
    np.testing.assert_allclose(fusion.log_prob(swapped, POINT), fusion.log_prob(standard, POINT), atol=1e-12)


def test_joined_samples_keep_their_truth(fusion, standard, shifted):
    joined = concatenate([standard[:500], shifted[:500]])
    order = generator(6).permutation(1000)
    apart = np.concatenate([fusion.truth(standard[:500]), fusion.truth(shifted[:500])])
    np.testing.assert_allclose(fusion.truth(joined[order]), apart[order], rtol=1e-12)
    section = fusion.cross_section
    np.testing.assert_allclose(apart[:500] @ basis((0, 0)), section.components[0], rtol=1e-12)
    np.testing.assert_allclose(apart[500:] @ basis(POINT), section.at(POINT).value, atol=5 * section.at(POINT).error)


def test_gold_and_truth_are_scaled_by_the_proposal(fusion, shifted):
    proposal = shifted.column("proposal")
    for components in (shifted.gold["components"], fusion.truth(shifted)):
        np.testing.assert_allclose((components * proposal).sum(axis=1), 1.0, rtol=1e-12)


def test_events_of_another_simulator_have_no_truth(fusion, standard):
    with pytest.raises(InputError, match="components"):
        fusion.truth(standard.with_columns(proposal=np.ones((len(standard), 15))))


@pytest.mark.parametrize("theta", [0.3, (1, 2, 3), (np.nan, 0), np.zeros((2, 2, 2)), np.zeros((0, 2))])
def test_a_wrong_theta_is_refused(fusion, theta):
    with pytest.raises(InputError, match="theta"):
        fusion.simulate(theta, 10, generator(1))


def test_wrong_options_are_refused(fusion):
    with pytest.raises(InputError, match="number of events"):
        fusion.simulate((0, 0), 0, generator(1))
    with pytest.raises(InputError, match="overweight"):
        WeakBosonFusion(overweight=0.0)
    with pytest.raises(InputError, match="w_mass"):
        Constants(w_mass=-80.0)
    with pytest.raises(InputError, match="sin2"):
        Constants(sin2=1.2)
    with pytest.raises(InputError, match="cuts"):
        Cuts(pt=0.0)
    with pytest.raises(InputError, match="half the energy"):
        WeakBosonFusion(cuts=Cuts(pt=7000.0))
    with pytest.raises(SimulationError, match="loosen the cuts"):
        WeakBosonFusion(densities=fusion.densities, cuts=Cuts(mass=14_000.0)).simulate((0, 0), 1, generator(1))
    with pytest.raises(InputError, match="two numbers"):
        as_theta([1.0])


def test_unknown_densities_are_named():
    if not pdf.shipped():
        pytest.skip("pythia8mc is not installed")
    with pytest.raises(UnknownNameError, match="NNPDF23_lo_as_0130_qed"):
        WeakBosonFusion(densities="NNPDF23_lo_as_0130_qe").simulate((0, 0), 1, generator(1))


def test_plans_are_shared_by_equal_simulators_alone(fusion, densities, tmp_path):
    form = basis((0, 0))
    assert WeakBosonFusion(densities=densities, decay="photons")._plan(form) is fusion._plan(form)
    assert WeakBosonFusion(densities=densities, smearing=Smearing())._plans is not fusion._plans
    assert WeakBosonFusion(densities=densities, cuts=Cuts(pt=30.0))._plans is not fusion._plans
    other = tmp_path / "other_0000.dat"
    lines = Path(densities).read_text().splitlines()
    lines[5:7] = [" ".join(str(1.1 * float(number)) for number in lines[5].split())] * 2  # at the smallest x
    other.write_text("\n".join(lines) + "\n")
    assert WeakBosonFusion(densities=str(other))._plans is not fusion._plans
    again = fusion._sampler.plan(form, fusion.overweight)
    np.testing.assert_array_equal(again.components, fusion._plan(form).components)
