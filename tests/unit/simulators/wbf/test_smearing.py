"""Smeared events: transfer functions are normalised, the quadrature agrees with plain integration, truth is a law."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from partonic.core.errors import InputError
from partonic.core.rng import generator
from partonic.events.events import concatenate
from partonic.simulators.wbf import Cuts, Quadrature, Smearing, WeakBosonFusion, basis, features, joint_score
from partonic.simulators.wbf.matrix_element import invariants
from partonic.simulators.wbf.quadrature import integrate, kinematic_fit
from partonic.simulators.wbf.smearing import massive, massless, polar

POINT = (0.4, -0.5)
SMEARING = Smearing()


@pytest.fixture(scope="module")
def smeared(densities):
    return WeakBosonFusion(densities=densities, smearing=SMEARING)


@pytest.fixture(scope="module")
def standard(smeared):
    return smeared.simulate((0, 0), 1500, generator(1))


@pytest.fixture(scope="module")
def integrated(smeared, standard):
    return smeared.integrated(standard)


def nine(p3, p4, higgs):
    return torch.cat([polar(p3), polar(p4), higgs[1:3], torch.atanh(higgs[3:] / higgs[0])])


def momenta(events, prefix=""):
    jets, higgs = events.collection(f"{prefix}jets"), events.collection(f"{prefix}higgs")
    pair = torch.from_numpy(np.stack([jets[name] for name in ("e", "px", "py", "pz")]))
    one = torch.from_numpy(np.stack([higgs[name] for name in ("e", "px", "py", "pz")]))
    return pair[:, ::2], pair[:, 1::2], one


def test_transfer_functions_are_normalised():
    """The mean of W(x|z) over a wider Gaussian's density is 1, for soft and hard jets."""
    rng = generator(3)
    true = torch.tensor([3.1, 0.4, 3.1, 6.5, -3.2, -0.2, 12.0, -30.0, 0.7], dtype=torch.float64)[:, None]
    widths = torch.tensor([0.5, 0.1, 0.1, 0.2, 0.1, 0.1, 20.0, 20.0, 0.15], dtype=torch.float64)[:, None]
    noise = torch.from_numpy(rng.standard_normal((9, 400_000)))
    seen = true + widths * noise
    log_drawn = -0.5 * noise.square().sum(0) - torch.log(widths).sum() - 4.5 * math.log(2 * math.pi)
    weights = torch.exp(SMEARING.log_density(seen, true) - log_drawn)
    assert float(weights.mean()) == pytest.approx(1.0, abs=4.5 * float(weights.std()) / 400_000**0.5)
    turned = seen.clone()
    turned[[2, 5]] += 2 * math.pi
    torch.testing.assert_close(SMEARING.log_density(turned, true), SMEARING.log_density(seen, true))


def test_what_is_seen_scatters_as_the_transfer_functions_say(smeared, standard):
    rng = generator(4)
    drawn = smeared._sampler.unweighted(smeared._plan(basis((0, 0))), 4000, rng)
    true = nine(drawn.p3, drawn.p4, drawn.higgs)
    seen = nine(*SMEARING.smeared(drawn.p3, drawn.p4, drawn.higgs, rng))
    widths = torch.tensor([0.0, 0.03, 0.03, 0.0, 0.03, 0.03, 10.0, 10.0, 0.05], dtype=torch.float64)
    widths = widths[:, None].repeat(1, 4000)
    widths[0], widths[3] = (torch.sqrt(0.64 / p[0] + 0.0025) for p in (drawn.p3, drawn.p4))
    difference = seen - true
    difference[[2, 5]] = torch.remainder(difference[[2, 5]] + math.pi, 2 * math.pi) - math.pi
    pulls = difference / widths
    assert float(pulls.mean(1).abs().max()) < 4.5 / 4000**0.5
    assert float((pulls.std(1) - 1).abs().max()) < 4.5 / 8000**0.5


def test_events_hold_both_levels(standard, smeared):
    assert features(standard).shape == (1500, 18)
    assert smeared.observables == tuple(n for n in standard.columns if n in smeared.observables)
    p3, p4, higgs = momenta(standard)
    for p in (p3, p4):
        np.testing.assert_allclose(p[0] ** 2 - (p[1:] ** 2).sum(0), 0, atol=1e-6 * float(p[0].max()) ** 2)
    np.testing.assert_allclose(higgs[0] ** 2 - (higgs[1:] ** 2).sum(0), 125.0**2, rtol=1e-6)
    assert bool(Cuts().passed(p3, p4).all())
    t3, t4, true = momenta(standard, "true_")
    np.testing.assert_allclose(t3[1:3] + t4[1:3] + true[1:3], 0, atol=1e-8)
    assert float((p3[0] / t3[0]).log().abs().max()) < 1.2
    assert 0.02 < float((p3[0] / t3[0]).log().std()) < 0.2


def test_the_kinematic_fit_is_the_mode(standard):
    seen = nine(*momenta(standard[:50]))
    centre, factor = kinematic_fit(seen, SMEARING)
    widths = SMEARING.spread(torch.stack([centre[:, 0], centre[:, 3]]))

    def chi2(z):
        one, two = massless(z[:, :3].T), massless(z[:, 3:6].T)
        true = torch.cat([z[:, :6].T, -(one[1:3] + two[1:3]), z[:, 6:].T])
        sizes = torch.tensor([1.0, 0.03, 0.03, 1.0, 0.03, 0.03, 10.0, 10.0, 0.05])[:, None].repeat(1, 50).double()
        sizes[0], sizes[3] = widths
        pulls = (true - seen) / sizes
        return pulls.square().sum(0)

    best = chi2(centre)
    noise = torch.from_numpy(generator(5).standard_normal((50, 7)))
    for step in (0.05, 1.0):
        moved = chi2(centre + step * (factor @ noise[..., None])[..., 0])
        assert bool((moved > best).all())
        if step < 1:
            torch.testing.assert_close(moved - best, step**2 * noise.square().sum(1), rtol=0.15, atol=2e-3)


def test_plain_integration_over_a_box_agrees(smeared, standard):
    """One event: true jets from a box around the fit, with the phase space and the Gaussians written out."""
    one = standard[[7]]
    p3, p4, higgs = momenta(one)
    rng, n = generator(6), 300_000
    centre, factor = kinematic_fit(nine(p3, p4, higgs), SMEARING)
    reach = 5 * torch.sqrt((factor @ factor.mT).diagonal(dim1=1, dim2=2))[0]
    u = torch.from_numpy(rng.uniform(-1, 1, (7, n)))
    z = centre[0][:, None] + reach[:, None] * u
    jets = massless(z[:3]), massless(z[3:6])
    balance = -(jets[0] + jets[1])[1:3]
    true = massive(balance, z[6], 125.0**2)
    known, turned = invariants(*jets, true, 13_000.0), invariants(jets[1], jets[0], true, 13_000.0)
    fine = smeared._sampler.true_cuts.passed(*jets) & (known.x1 < 1) & (known.x2 < 1)
    values = torch.zeros(6, n, dtype=torch.float64)
    values[:, fine] = (smeared.element.components(known[fine]) + smeared.element.components(turned[fine])).sum(0)
    for p, seen in zip(jets, (p3, p4), strict=True):
        width = torch.sqrt(0.64 / p[0] + 0.0025)
        eta, azimuth = torch.asinh(p[3] / torch.hypot(p[1], p[2])), torch.atan2(p[2], p[1])
        away = torch.asinh(seen[3] / torch.hypot(seen[1], seen[2])), torch.atan2(seen[2], seen[1])
        turn = torch.remainder(azimuth - away[1] + math.pi, 2 * math.pi) - math.pi
        chi2 = ((p[0] / seen[0]).log() / width) ** 2 + ((eta - away[0]) / 0.03) ** 2 + (turn / 0.03) ** 2
        values *= torch.exp(-0.5 * chi2) / width * (p[1] ** 2 + p[2] ** 2)
    rapidity = torch.atanh(true[3] / true[0]) - torch.atanh(higgs[3] / higgs[0])
    values *= torch.exp(-0.5 * (((balance - higgs[1:3]) / 10) ** 2).sum(0) - 0.5 * (rapidity / 0.05) ** 2)
    slow = values.numpy()
    ours = smeared.integrated(one)
    for theta in (POINT, (-0.9, 0.3), (1.0, 1.0)):
        w = np.stack([basis(theta), basis((0, 0))]) @ slow
        ratio = w[0].mean() / w[1].mean()
        error = (w[0] / w[0].mean() - w[1] / w[1].mean()).std() / n**0.5
        assert error < 0.05
        fast = (ours.components @ basis(theta) / (ours.components @ basis((0, 0))))[0]
        assert np.log(fast / ratio) == pytest.approx(0.0, abs=4.5 * math.hypot(error, ours.error(theta)[0]))


def test_the_stated_error_holds_against_a_finer_quadrature(smeared, standard, integrated):
    few = standard[:60]
    jets = momenta(few)
    finer = integrate(
        jets[:2], jets[2], smeared.element, SMEARING, smeared._sampler.true_cuts, Quadrature(points=512, seed=9)
    )
    logs = [np.log(c.components @ basis(POINT) / (c.components @ basis((0, 0)))) for c in (integrated, finer)]
    logs[0] = logs[0][:60]
    pulls = (logs[0] - logs[1]) / integrated.error(POINT)[:60]
    assert np.sqrt(np.mean(pulls**2)) < 2.5
    assert np.abs(logs[0] - logs[1]).max() < 0.02
    assert np.median(finer.error(POINT)) < 0.5 * np.median(integrated.error(POINT))


def test_the_mean_of_the_truth_is_the_cross_section(smeared, standard, integrated):
    section = smeared.cross_section
    for components in (standard.gold["components"], integrated.components):
        error = np.hypot(components.std(axis=0) / np.sqrt(1500), np.sqrt(np.diag(section.covariance)))
        assert np.all(np.abs(components.mean(axis=0) - section.components) < 4.5 * error + 1e-12)


def test_reweighted_smeared_events_are_those_of_the_other_theta(smeared, standard):
    ratio = np.exp(smeared.log_prob(standard, POINT) - smeared.log_prob(standard, (0, 0)))
    assert ratio.mean() == pytest.approx(1.0, abs=4.5 * ratio.std() / np.sqrt(1500))
    shifted = smeared.simulate(POINT, 1500, generator(2))
    for name in ("log_pt_j1", "log_pt_h", "abs_delta_phi", "cos_delta_phi_h"):
        x, y = standard.column(name), shifted.column(name)
        error = np.hypot((ratio * (x - x.mean())).std(), y.std()) / np.sqrt(1500)
        assert (ratio * x).sum() / ratio.sum() == pytest.approx(y.mean(), abs=4.5 * error)


def test_reweighted_events_are_those_of_another_energy_scale(smeared, standard):
    """By the truth and, all latents known, by the joint density, whose mean for what is seen is the truth."""
    n, standard = 700, standard[:700]
    coarse = replace(smeared, quadrature=Quadrature(points=16, scrambles=2))
    other = replace(coarse, smearing=Smearing(energy_scale=1.05))
    ratio = other.unscaled_standard(standard) / coarse.unscaled(standard)[:, 0]
    joint = (other.unscaled_joint(standard) / coarse.unscaled_joint(standard))[:, 0]
    moved = other.simulate((0, 0), n, generator(4))
    x, y = standard.column("log_pt_j1"), moved.column("log_pt_j1")
    for weight in (ratio, joint):
        error = np.hypot((weight * (x - y.mean())).std(), y.std()) / np.sqrt(n)
        assert error < 0.04
        assert (weight * x).sum() / weight.sum() == pytest.approx(y.mean(), abs=4 * error)
    assert y.mean() - x.mean() > 0
    difference = (joint - ratio) * np.stack([np.ones(n), x - x.mean()])
    assert np.all(np.abs(difference.mean(axis=1)) < 4.5 * difference.std(axis=1) / np.sqrt(n))
    with pytest.raises(InputError, match="energy scale of jets"):
        Smearing(energy_scale=0.5)


def test_the_score_is_the_slope_of_the_likelihood(smeared, standard, integrated):
    few, h = standard[:40], 1e-4
    section = smeared.cross_section.components[None]
    score = joint_score(integrated.components[:40], POINT) - joint_score(section, POINT)
    for i, step in enumerate(((h, 0), (0, h))):
        up, down = (smeared.log_prob(few, np.array(POINT) + sign * np.array(step)) for sign in (1, -1))
        np.testing.assert_allclose((up - down) / (2 * h), score[:, i], atol=1e-6)


def test_truth_is_that_of_the_gold_given_what_is_seen(standard, integrated):
    """Their difference is uncorrelated with any function of x."""
    joint, truth = (c[:, 1:] / c[:, :1] for c in (standard.gold["components"], integrated.components))
    difference = joint - truth
    assert difference.std(axis=0).min() > 1e-2
    for test in (np.ones(1500), np.cos(standard.column("abs_delta_phi")), standard.column("log_pt_j1")):
        product = difference * test[:, None]
        assert np.all(np.abs(product.mean(axis=0)) < 4.5 * product.std(axis=0) / np.sqrt(1500))


def test_joined_samples_keep_their_truth(smeared, standard, integrated):
    other = smeared.simulate(POINT, 20, generator(2))
    columns = [name for name in standard.columns if name != "theta"]
    mixed = smeared.simulate([(0, 0), (1, 1)], 20, generator(3))
    joined = concatenate([part.select(columns=columns) for part in (standard[:20], other, mixed)])
    order = generator(5).permutation(60)
    apart = np.concatenate([integrated.components[:20], smeared.truth(other), smeared.truth(mixed)])
    np.testing.assert_allclose(smeared.truth(joined[order]), apart[order], rtol=1e-10)


def test_true_jets_lost_beyond_the_margin_are_below_the_error_of_the_integral(densities, smeared):
    wide = WeakBosonFusion(densities=densities, smearing=Smearing(margin=6.0))
    for theta in ((0, 0), (0.8, 0.8)):
        one, two = smeared.cross_section.at(theta), wide.cross_section.at(theta)
        assert one.value == pytest.approx(two.value, abs=4 * math.hypot(one.error, two.error))


def test_wrong_options_and_events_are_refused(smeared, standard):
    with pytest.raises(InputError, match="higgs_pt"):
        Smearing(higgs_pt=0.0)
    with pytest.raises(InputError, match="margin"):
        Smearing(margin=0.0)
    with pytest.raises(InputError, match="power of two"):
        Quadrature(points=33)
    with pytest.raises(InputError, match="scrambles"):
        Quadrature(scrambles=1)
    with pytest.raises(InputError, match="widening"):
        Quadrature(widening=0.5)
    jets = standard.collection("jets")
    soft = type(jets).from_counts(jets.counts, {name: 0.01 * jets[name] for name in ("e", "px", "py", "pz")})
    with pytest.raises(InputError, match=r"event 1 .*no true momenta"):
        smeared.truth(standard.with_collections(jets=soft)[:5])
