"""Showers: energy is accounted for, profiles and resolution have their closed forms, unfit options are refused."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from partonic.core.config import from_tree, to_tree
from partonic.core.errors import InputError, UnknownNameError
from partonic.core.rng import generator
from partonic.simulators.showers import electromagnetic, hadronic
from partonic.simulators.showers.deposits import lay_spots, sample
from partonic.simulators.showers.geometry import Absorber, Cylinder
from partonic.simulators.showers.simulator import CalorimeterShowers

SIGMAS = 4.5
LEAD = Absorber()


def showers(particle, n=1500, seed=1, **options):
    return CalorimeterShowers(particle, **options).simulate(0.0, n, generator(seed))


def agree(values, expected):
    error = values.std(axis=0) / np.sqrt(len(values))
    assert np.all(np.abs(values.mean(axis=0) - expected) < SIGMAS * error + 1e-12)


def test_lead_is_lead():
    assert LEAD.radiation_length == pytest.approx(0.5612, abs=1e-3)  # cm, Particle Data Group
    assert LEAD.interaction_length == pytest.approx(17.59, abs=0.02)
    assert LEAD.critical_energy == pytest.approx(7.43e-3, rel=0.02)
    assert LEAD.moliere_radius == pytest.approx(1.602, rel=0.02)


@pytest.mark.parametrize("particle", ["electron", "pion"])
def test_no_energy_is_lost_or_made(particle):
    events = showers(particle, 300)
    parts = [np.asarray(events.column(name)) for name in ("deposited", "behind", "beside", "invisible")]
    assert min(part.min() for part in parts) >= -1e-12
    np.testing.assert_allclose(sum(parts), events.column("energy"), rtol=1e-12)
    voxels = events.column("voxels")
    assert voxels.shape == (300, 10, 6, 8)
    np.testing.assert_allclose(voxels.sum(axis=(2, 3)), events.column("x"), rtol=1e-12)
    assert np.all((voxels == 0) | (voxels >= 0.005))


def test_layers_follow_the_gamma_profile_of_each_shower():
    """Without sampling each layer holds the integral of the written-out profile, less what leaves sideways."""
    wide = Cylinder(6, 12.0, (1e6,), 1)
    events = showers("electron", 4, cylinder=wide, sampling=0.0, threshold=0.0)
    edges = wide.edges / LEAD.radiation_length
    for row in range(4):
        maximum, alpha = np.exp(events.column("z")[row])
        beta = (alpha - 1) / maximum
        shares = [
            quad(lambda t, a=alpha, b=beta: stats.gamma.pdf(t, a, scale=1 / b), low, high)[0]
            for low, high in pairwise(edges)
        ]
        np.testing.assert_allclose(events.column("x")[row] / events.column("energy")[row], shares, rtol=1e-7)


def test_the_mean_profile_is_that_of_its_parameters():
    """Layers averaged over showers of 20 GeV against a Gauss-Hermite sum over ln T and ln alpha."""
    events = showers("electron", 1500, energies=(20.0, 20.0), threshold=0.0)
    energy = np.array([20.0])
    nodes, weights = np.polynomial.hermite_e.hermegauss(24)
    weights = weights / weights.sum()
    root = np.linalg.cholesky(electromagnetic.covariance_of_logs(energy, LEAD)[0])
    grid = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), -1).reshape(-1, 2)
    logs = electromagnetic.mean_logs(energy, LEAD) + grid @ root.T
    depth = Cylinder().edges / LEAD.radiation_length
    expected = np.outer(weights, weights).ravel() @ np.diff(electromagnetic.energy_before(depth, logs), axis=1)
    inside = events.column("x") + 0.0
    lost = np.asarray(events.column("beside")).mean() / 20.0
    shares = inside / 20.0
    assert lost < 0.015
    error = shares.std(axis=0) / np.sqrt(len(shares))
    assert np.all(np.abs(shares.mean(axis=0) - expected) < SIGMAS * error + 2 * lost * expected + 1e-4)


def test_latents_have_the_published_means_and_spreads():
    energy = np.full(20_000, 10.0)
    logs = electromagnetic.draw_logs(energy, LEAD, np.full(20_000, 0.1), generator(2))
    y = np.log(10.0 / LEAD.critical_energy)
    agree(logs, [np.log(y - 0.812) + 0.1, np.log(0.81 + (0.458 + 2.26 / 82) * y)])
    np.testing.assert_allclose(logs.std(axis=0), [1 / (-1.4 + 1.26 * y), 1 / (-0.58 + 0.86 * y)], rtol=0.03)
    assert np.corrcoef(logs.T)[0, 1] == pytest.approx(0.705 - 0.023 * y, abs=0.03)


def test_a_moliere_radius_holds_nine_tenths():
    """Of a shower of 10 GeV as a whole; the definition of the radius, which the profile has to respect."""
    energy = np.array([10.0])
    logs = electromagnetic.mean_logs(energy, LEAD)
    depth = np.linspace(0, 40, 400)
    slices = np.diff(electromagnetic.energy_before(depth, logs))[0]
    tau = 0.5 * (depth[1:] + depth[:-1])[None] / np.exp(logs[:, :1])
    one, two, far = (
        slices @ electromagnetic.energy_within(np.ones(1) * r, tau, energy, LEAD)[0, :, 0] for r in (1, 2, 99)
    )
    assert one == pytest.approx(0.90, abs=0.03)
    assert 0.94 < two < 0.98
    assert far > 0.9995


@pytest.mark.parametrize("sampling", [0.05, 0.2])
def test_the_resolution_is_that_of_the_sampling(sampling):
    deposited = np.full((5000, 40), 0.02)
    total = sample(deposited, sampling, 0.0, generator(3)).sum(axis=1)
    agree(total[:, None], 0.8)
    assert total.std() / 0.8 == pytest.approx(sampling / np.sqrt(0.8), rel=4 / np.sqrt(2 * 5000))
    events = showers("electron", 1000, energies=(50.0, 50.0), sampling=sampling, threshold=0.0)
    off = events.column("x").sum(axis=1) - events.column("deposited")
    assert off.std() == pytest.approx(sampling * np.sqrt(events.column("deposited").mean()), rel=4 / np.sqrt(2000))


def test_thresholds_leave_zeros_and_nothing_below():
    read = sample(np.full(5000, 0.004), 0.1, 0.005, generator(4))
    assert np.mean(read == 0) == pytest.approx(stats.gamma.cdf(0.005, 0.4, scale=0.01), abs=0.03)
    np.testing.assert_array_equal(sample(np.array([0.0, 1.0]), 0.0, 0.0, generator(5)), [0.0, 1.0])


def test_spots_lie_evenly_around_the_axis_and_as_the_profile_says_across():
    cylinder = Cylinder(1, 1.0, (1.0, 2.0), 4)
    within = np.broadcast_to([0.5, 0.8], (3000, 1, 2))
    laid, outside = lay_spots(np.ones((3000, 1)), np.full((3000, 1), 9.0), within, cylinder, generator(6))
    agree(laid.reshape(3000, 8), np.repeat([0.125, 0.075], 4))
    agree(outside[:, None], 0.2)
    np.testing.assert_allclose(laid.sum(axis=(1, 2, 3)) + outside, 1.0, rtol=1e-12)


def test_pions_have_the_closed_form_of_their_response():
    energy = np.full(20_000, 30.0)
    found = hadronic.draw_cascade(energy, 0.6, np.full(20_000, 0.2), generator(7))
    agree(found.start[:, None], np.exp(0.2))
    share = 1 - 30.0 ** (0.82 - 1)
    agree(found.share[:, None], share)
    response = found.share + (1 - found.share) * found.visible
    agree(response[:, None], share + 0.6 * (1 - share))
    first, second = (hadronic.variance_of_share(energy[:1])[0], hadronic.variance_of_visible(energy[:1], 0.6)[0])
    expected = first * (1 - 0.6) ** 2 + second * ((1 - share) ** 2 + first)
    assert response.var() == pytest.approx(expected, rel=0.05)
    even = hadronic.draw_cascade(energy, 1.0, np.zeros(20_000), generator(8))
    assert np.all(even.share + (1 - even.share) * even.visible == 1)


def test_an_interaction_length_holds_nearly_all_at_the_start():
    assert hadronic.energy_within(np.ones(1), np.zeros((1, 1)))[0, 0, 0] > 0.98
    low, high = hadronic.energy_within(np.ones(1), np.array([[0.0, 4.0]]))[0, :, 0]
    assert high < low
    assert hadronic.mean_share(np.array([10.0]))[0] == pytest.approx(0.34, abs=0.01)
    assert np.sqrt(hadronic.variance_of_share(np.array([10.0])))[0] == pytest.approx(0.20, abs=0.01)


def test_nothing_is_read_before_a_pion_interacts():
    events = showers("pion", 400, sampling=0.0, threshold=0.0)
    end = np.asarray(events.column("z"))[:, :1] * LEAD.interaction_length
    before = CalorimeterShowers("pion").geometry.edges[None, 1:] < end
    assert before.any()
    assert np.all(events.column("x")[before] == 0)


def test_gold_of_pions_is_the_derivative_of_their_likelihood():
    simulator = CalorimeterShowers("pion")
    events = simulator.simulate(0.1, 2000, generator(9))
    step = 1e-4
    slope = (simulator.log_prob(events, 0.1 + step) - simulator.log_prob(events, 0.1 - step)) / (2 * step)
    np.testing.assert_allclose(events.gold["joint_score"][:, 0], slope, atol=1e-6)
    agree(events.gold["joint_score"], 0.0)
    weight = np.exp(simulator.log_prob(events, 0.0) - simulator.log_prob(events, 0.1))
    agree(weight[:, None], 1.0)


def test_options_survive_being_stored_with_their_cylinder():
    chosen = CalorimeterShowers(
        "pion", (5.0, 50.0), Cylinder(3, 100.0, (5.0, 20.0), 4), Absorber(26, 55.8, 7.87, 13.84, 132.1)
    )
    assert from_tree(CalorimeterShowers, to_tree(chosen)) == chosen
    assert chosen.simulate(0.0, 5, generator(1)).column("voxels").shape == (5, 3, 2, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CalorimeterShowers("elektron"), r"unknown particle 'elektron'; did you mean 'electron'"),
        (lambda: CalorimeterShowers("pion", (1.0, 5.0)), "energies of each pion rise from 2 GeV or more"),
        (lambda: CalorimeterShowers(energies=(9.0, 5.0)), "energies of each electron rise from 0.5 GeV or more"),
        (lambda: CalorimeterShowers(sampling=-1.0), "sampling and threshold are 0 or above"),
        (lambda: CalorimeterShowers(response=0.0), "response is above 0"),
        (lambda: Cylinder(0), "a layer, a sector and a depth above 0"),
        (lambda: Cylinder(radii=(1.0, 1.0)), "radii of rings are above 0 and rise"),
        (lambda: Absorber(density=0.0), "other constants above 0"),
        (lambda: CalorimeterShowers().simulate([0.0, 1.0], 5, generator(1)), "theta is one number"),
    ],
)
def test_unfit_options_are_refused(make, message):
    with pytest.raises((InputError, UnknownNameError), match=message):
        make()
