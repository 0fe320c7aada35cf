"""Two unit Gaussians a distance d apart: AUC = Phi(d / sqrt 2), eps_B(eps_S) = Phi(Phi^-1(eps_S) - d), and coverage."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from partonic.metrics.tagging import accuracy, auc, compare, rejection, roc, summary

DISTANCE = 2.0
AUC = norm.cdf(DISTANCE / math.sqrt(2))
TOYS = 300
TOLERANCE = 3 * math.sqrt(0.683 * 0.317 / TOYS)  # of a coverage of 68.3 %


def truth(efficiency):
    return 1 / norm.cdf(norm.ppf(efficiency) - DISTANCE)


def gaussians(signal, background, seed):
    rng = np.random.default_rng(seed)
    scores = np.concatenate([rng.normal(DISTANCE, 1, signal), rng.normal(0, 1, background)])
    return scores, np.repeat([1, 0], [signal, background])


def weighted(signal, background, seed, negative=0.0):
    """The same two Gaussians, drawn from shifted ones and weighted back; a fraction of the weights turned negative."""
    rng = np.random.default_rng(seed)
    s, b = rng.normal(DISTANCE - 0.4, 1, signal), rng.normal(0.5, 1, background)
    weights = np.concatenate([np.exp(0.4 * (s - DISTANCE) + 0.08), np.exp(-0.5 * b + 0.125)])
    weights = np.where(rng.random(len(weights)) < negative, -weights, weights)
    return np.concatenate([s, b]), np.repeat([1, 0], [signal, background]), weights


def coverage(measure, true, toys=TOYS):
    inside = [estimate.low <= true <= estimate.high for estimate in map(measure, range(toys))]
    return float(np.mean(inside))


def test_large_sample_reaches_the_closed_form():
    scores, labels = gaussians(200_000, 200_000, seed=1)
    found = summary(scores, labels, threshold=DISTANCE / 2)
    expected = {"auc": AUC, "accuracy": norm.cdf(DISTANCE / 2), "r30": truth(0.3), "r50": truth(0.5)}
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=3 * found[name].error)
        assert found[name].error < {"auc": 1e-3, "accuracy": 1e-3, "r30": 0.05 * value, "r50": 0.03 * value}[name]


def test_large_weighted_sample_reaches_the_same_closed_form():
    found = summary(*weighted(200_000, 200_000, seed=2), threshold=DISTANCE / 2)
    for name, value in {"auc": AUC, "r30": truth(0.3), "r50": truth(0.5)}.items():
        assert found[name].value == pytest.approx(value, abs=3 * found[name].error)


def test_whole_curve_follows_the_closed_form():
    grid = np.linspace(0.05, 0.95, 19)
    line = roc(*gaussians(200_000, 200_000, seed=3))
    assert line.background_efficiency_at(grid) == pytest.approx(1 / truth(grid), rel=0.15)


def test_delong_error_is_the_spread_over_samples():
    values = [auc(*gaussians(400, 300, seed)) for seed in range(TOYS)]
    spread = np.std([one.value for one in values])
    assert np.mean([one.error for one in values]) == pytest.approx(spread, rel=0.12)


@pytest.mark.parametrize(("signal", "background"), [(200, 300), (2000, 2000)])
def test_auc_covers(signal, background):
    assert coverage(lambda seed: auc(*gaussians(signal, background, seed)), AUC) == pytest.approx(0.683, abs=TOLERANCE)


def test_accuracy_covers():
    found = coverage(lambda seed: accuracy(*gaussians(500, 500, seed), threshold=1.0), norm.cdf(1.0))
    assert found == pytest.approx(0.683, abs=TOLERANCE)


@pytest.mark.parametrize(("signal", "background"), [(5000, 5000), (300, 8_000)])
def test_rejection_covers(signal, background):
    """With 300 signal jets the threshold's own error is most of the interval."""
    found = coverage(lambda seed: rejection(*gaussians(signal, background, seed)), truth(0.5))
    assert found == pytest.approx(0.683, abs=TOLERANCE + 0.02)  # exact intervals of counts cover a little more


def test_rejection_of_a_few_background_jets_covers_at_least_as_much():
    """About 3 background jets pass: the exact interval is wide on purpose."""
    found = coverage(lambda seed: rejection(*gaussians(1000, 500, seed), efficiency=0.3), truth(0.3))
    assert found > 0.683 - TOLERANCE


def test_weighted_auc_and_rejection_cover():
    found = coverage(lambda seed: auc(*weighted(600, 1200, seed)), AUC)
    assert found == pytest.approx(0.683, abs=TOLERANCE)
    found = coverage(lambda seed: rejection(*weighted(3000, 4000, seed)), truth(0.5))
    assert found == pytest.approx(0.683, abs=TOLERANCE + 0.02)


@pytest.mark.slow
def test_negative_weights_cover_by_bootstrap():
    toys, tolerance = 150, 3 * math.sqrt(0.683 * 0.317 / 150)
    found = coverage(lambda seed: auc(*weighted(400, 800, seed, negative=0.1), replicas=100), AUC, toys)
    assert found == pytest.approx(0.683, abs=tolerance)
    found = coverage(lambda seed: rejection(*weighted(1000, 3000, seed, negative=0.1), replicas=100), truth(0.5), toys)
    assert found == pytest.approx(0.683, abs=tolerance)


@pytest.mark.slow
def test_paired_interval_covers_the_true_difference():
    """Second tagger: the first with unit noise, so a distance of d / sqrt 2."""
    toys, tolerance = 150, 3 * math.sqrt(0.683 * 0.317 / 150)
    true = AUC - norm.cdf(DISTANCE / 2)

    def difference(seed):
        scores, labels = gaussians(400, 400, seed)
        noisy = scores + np.random.default_rng([seed, 1]).normal(size=800)
        return compare(scores, noisy, labels, replicas=100, efficiencies=()).auc_difference

    assert coverage(difference, true, toys) == pytest.approx(0.683, abs=tolerance)
