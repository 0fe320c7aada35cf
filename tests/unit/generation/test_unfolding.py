"""Unfolding: Gaussians smeared by Gaussians, where each iteration has a closed form; acceptance, fakes, bad input."""

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.generation.flow import FlowOptions
from partonic.generation.unfolding import iterative_bayes, omnifold, simulated, train_unfolder

WIDTH, NOISE, SHIFT = 1.0, 0.8, 0.5
GAIN = WIDTH**2 / (WIDTH**2 + NOISE**2)  # of the posterior mean: the first iteration moves by this share of the shift


def smeared(n, mean, seed):
    rng = np.random.default_rng(seed)
    truth = rng.normal(mean, WIDTH, n)
    return truth, truth + rng.normal(0, NOISE, n)


def moved(iterations):
    """Mean of the unfolded Gaussian after iterations, in closed form: the shift that is left shrinks by 1 - GAIN."""
    mean, variance = 0.0, WIDTH**2
    seen = SHIFT, WIDTH**2 + NOISE**2
    for _ in range(iterations):  # the posterior of a Gaussian prior, averaged over the data
        gain = variance / (variance + NOISE**2)
        mean, variance = mean + gain * (seen[0] - mean), gain**2 * seen[1] + gain * NOISE**2
    return mean


@pytest.fixture(scope="module")
def gaussians():
    return simulated(*smeared(12_000, 0.0, 1)), smeared(12_000, SHIFT, 2)


def test_one_observable_bin_by_bin_moves_as_the_closed_form(gaussians):
    simulation, (_, data) = gaussians
    edges = np.linspace(-5, 5.5, 43)
    wide = np.linspace(-7, 7.5, 59)
    middle = 0.5 * (edges[1:] + edges[:-1])
    for iterations in (1, 3):
        found = iterative_bayes(simulation, data, edges, wide, iterations=iterations)
        assert found.sum() == pytest.approx(len(data), rel=2e-3)
        assert np.average(middle, weights=found) == pytest.approx(moved(iterations), abs=0.025)


def test_omnifold_moves_as_bayes_does(gaussians):
    simulation, (_, data) = gaussians
    found = omnifold(simulation, data, iterations=2, seed=3)
    means = [np.average(simulation.truth[:, 0], weights=step) for step in found.steps]
    assert means[0] == pytest.approx(0.0, abs=0.02)
    assert means[1] == pytest.approx(moved(1), abs=0.04)
    assert means[2] == pytest.approx(moved(2), abs=0.05)
    assert found.weight.sum() == pytest.approx(len(data), rel=0.03)


def test_what_the_detector_missed_and_fakes_are_mended():
    truth, detector = smeared(20_000, 0.0, 4)
    rng = np.random.default_rng(5)
    seen = rng.random(len(truth)) < 1 / (1 + np.exp(-truth - 1))  # low values are often missed
    real = rng.random(len(truth)) < 0.9
    simulation = simulated(truth, np.where(seen, detector, np.nan), None, seen, real)
    other, measured = smeared(20_000, SHIFT, 6)
    there = rng.random(len(other)) < 1 / (1 + np.exp(-other - 1))
    true = rng.random(len(other)) < 0.9
    expected = np.count_nonzero(true)
    edges, wide = np.linspace(-5, 5.5, 43), np.linspace(-7, 7.5, 59)
    classic = iterative_bayes(simulation, measured[there], edges, wide, iterations=4)
    assert classic.sum() == pytest.approx(expected, rel=0.03)
    found = omnifold(simulation, measured[there], iterations=4, seed=1)
    assert found.weight.sum() == pytest.approx(expected, rel=0.05)
    assert np.all(found.weight[~real] == 0)
    assert np.average(truth, weights=found.weight) == pytest.approx(moved(4), abs=0.08)


def test_the_flow_draws_the_posterior(gaussians):
    simulation, (_, data) = gaussians
    few = simulated(simulation.truth[:6_000], simulation.detector[:6_000])
    options = FlowOptions(hidden=(16,), epochs=4, size=500, bins=4, averaging=0.0, knots=6)
    unfolder = train_unfolder(few, data[:2_000], options=options, seed=1)
    drawn = unfolder.sample(data[:4_000], np.random.default_rng(1), draws=2)
    assert drawn.shape == (8_000, 1)
    assert drawn.mean() == pytest.approx(moved(1), abs=0.06)
    spread = unfolder.sample(np.full(4_000, 1.0), np.random.default_rng(2))
    assert spread.std() == pytest.approx(np.sqrt(GAIN) * NOISE, rel=0.1)


def test_the_flow_leans_less_to_the_simulation_after_omnifold(gaussians):
    simulation, (_, data) = gaussians
    pair = np.stack([simulation.truth[:4_000, 0], 3 * simulation.truth[:4_000, 0] + 1], axis=1)
    pair[:, 1] += np.random.default_rng(4).normal(0, 0.1, 4_000)  # all but a function of the first
    few = simulated(pair, simulation.detector[:4_000])
    options = FlowOptions(hidden=(8,), epochs=2, size=500, bins=4, averaging=0.0, knots=6)
    drawn = train_unfolder(few, data[:4_000], iterations=3, options=options).sample(data, np.random.default_rng(5))
    assert drawn[:, 0].mean() == pytest.approx(moved(3), abs=0.07)
    assert moved(3) - moved(1) > 0.15
    assert np.std(drawn[:, 1] - 3 * drawn[:, 0]) == pytest.approx(0.1, rel=0.3)


def test_counts_are_drawn_as_counts_within_the_simulated_ones():
    rng = np.random.default_rng(3)
    truth = rng.poisson(6.0, 2_000).astype(float)
    simulation = simulated(truth, truth + rng.normal(0, 0.2, 2_000))
    options = FlowOptions(hidden=(8,), epochs=1, size=200, bins=4, averaging=0.0, knots=6)
    drawn = train_unfolder(simulation, simulation.detector, options=options).sample(simulation.detector, rng)[:, 0]
    assert np.array_equal(drawn, np.round(drawn))
    assert truth.min() <= drawn.min() <= drawn.max() <= truth.max()
    assert np.mean(np.abs(drawn - truth) <= 1) > 0.8


def test_bad_input_is_named():
    truth, detector = smeared(200, 0.0, 1)
    good = simulated(truth, detector)
    with pytest.raises(InputError, match="200 events of truth and 100 behind"):
        simulated(truth, detector[:100])
    with pytest.raises(InputError, match="negative or not finite, the first is event 3"):
        simulated(truth, detector, np.where(np.arange(200) == 3, -1.0, 1.0))
    with pytest.raises(InputError, match="nothing connects them"):
        simulated(truth, detector, seen=np.zeros(200, bool))
    with pytest.raises(InputError, match="first those of event 7"):
        simulated(truth, np.where(np.arange(200) == 7, np.nan, detector))
    for unfold in (
        lambda data: omnifold(good, data),
        lambda data: iterative_bayes(good, data, [-1, 0, 1], [-1, 0, 1]),
    ):
        with pytest.raises(InputError, match="do not overlap in observable 0"):
            unfold(detector + 100)
        with pytest.raises(InputError, match="2 observables and the simulation behind the detector 1"):
            unfold(np.stack([detector, detector], 1))
        with pytest.raises(InputError, match="NaN or infinite, the first those of event 0"):
            unfold(np.full(5, np.nan))
    with pytest.raises(InputError, match="bins that no simulated event reaches"):
        iterative_bayes(good, [0.0, 40.0], [-9, 0, 9], [-9, 0, 9, 50])
    with pytest.raises(InputError, match="one iteration or more"):
        omnifold(good, detector, iterations=0)
    missed = simulated(truth, detector, seen=np.arange(200) > 0)
    with pytest.raises(InputError, match="1 simulated ones are not"):
        train_unfolder(missed, detector)
    with pytest.raises(InputError, match="one observable"):
        iterative_bayes(simulated(np.stack([truth, truth], 1), detector), detector, [-1, 1], [-1, 1])
