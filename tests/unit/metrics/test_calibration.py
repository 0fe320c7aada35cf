"""Calibration: scores that are probabilities by construction, and scores that are known not to be."""

import math

import numpy as np
import pytest
from scipy.special import expit

from partonic.core.errors import InputError
from partonic.metrics.calibration import calibration_error, logits, reliability, temperature
from partonic.metrics.counting import clopper_pearson


def calibrated(n=20_000, seed=1, shift=0.0):
    rng = np.random.default_rng(seed)
    z = rng.normal(shift, 1.5, n)
    return z, (rng.random(n) < expit(z)).astype(int)


@pytest.mark.parametrize("equal", ["count", "width"])
def test_reliability_of_calibrated_scores_lies_on_the_diagonal(equal):
    z, labels = calibrated()
    diagram = reliability(expit(z), labels, bins=20, equal=equal)
    assert diagram.jets.sum() == 20_000
    assert np.all((diagram.lower <= diagram.predicted) & (diagram.predicted <= diagram.upper))
    error = 0.5 * (diagram.high - diagram.low)
    pull = (diagram.observed - diagram.predicted) / error
    assert np.sum(pull**2) < 45  # chi2 of 20: below 45 with a chance of 99.9 %
    assert np.sum(pull**2) > 5
    assert np.all((diagram.low <= diagram.observed) & (diagram.observed <= diagram.high))


def test_bins_of_equal_count_and_of_equal_width():
    z, labels = calibrated(1000)
    assert np.ptp(reliability(expit(z), labels, bins=10).jets) <= 1
    wide = reliability(expit(z), labels, bins=10, equal="width")
    assert wide.lower == pytest.approx(np.arange(10) / 10)


def test_bins_by_hand_with_weights():
    diagram = reliability([0.1, 0.2, 0.8, 0.9], [0, 1, 1, 0], [1, 3, 2, 2], bins=2, equal="width")
    assert diagram.predicted == pytest.approx([0.7 / 4, 3.4 / 4])
    assert diagram.observed == pytest.approx([0.75, 0.5])
    low, high = clopper_pearson(1, 2)
    assert (diagram.low[1], diagram.high[1]) == pytest.approx((float(low), float(high)))


def test_empty_bins_are_left_out_and_equal_scores_share_one():
    diagram = reliability([0.1, 0.1, 0.1, 0.9], [0, 1, 0, 1], bins=10, equal="width")
    assert diagram.jets.tolist() == [3, 1]
    assert reliability([0.3, 0.3, 0.3], [0, 1, 0]).jets.tolist() == [3]
    assert reliability([0.0, 1.0], [0, 1], equal="width").jets.tolist() == [1, 1]


def test_negative_weights_leave_no_fraction_where_they_outweigh():
    diagram = reliability([0.1, 0.1, 0.9, 0.9], [0, 1, 1, 0], [1, -2, 3, 1], bins=2, equal="width")
    assert math.isnan(diagram.observed[0])
    assert (diagram.low[0], diagram.high[0]) == (0, 1)
    assert diagram.observed[1] == pytest.approx(0.75)


@pytest.mark.parametrize("equal", ["count", "width"])
def test_error_of_calibrated_scores_is_what_counting_gives(equal):
    pulls = []
    for seed in range(40):
        z, labels = calibrated(2000, seed)
        found = calibration_error(expit(z), labels, equal=equal, replicas=40, seed=seed)
        pulls.append((found.value.value - found.expected.value) / found.expected.error)
    assert abs(np.mean(pulls)) < 4 / math.sqrt(40)
    assert 0.6 < np.std(pulls) < 1.5


def test_error_of_a_constant_offset_is_that_offset():
    z, labels = calibrated(20_000)
    p = expit(z)
    found = calibration_error(0.7 * p, labels, bins=10)
    assert found.value.value == pytest.approx(0.3 * p.mean(), abs=3 * found.value.error)
    assert found.value.value > found.expected.value + 10 * found.value.error
    assert 0 < found.value.error < 0.01


def test_error_by_hand():
    found = calibration_error([0.2, 0.2, 0.9, 0.9], [0, 1, 1, 1], [1, 1, 2, 4], bins=2, equal="width")
    assert found.value.value == pytest.approx((abs(1 - 0.4) + abs(6 - 5.4)) / 8)


@pytest.mark.parametrize("scale", [1.0, 2.0, 0.5])
def test_temperature_of_scaled_logits_is_the_scale(scale):
    z, labels = calibrated()
    estimate = temperature(scale * z, labels)
    assert estimate.value == pytest.approx(scale, abs=3 * estimate.error)
    assert estimate.error < 0.03 * scale


def test_temperature_scales_exactly_and_removes_the_miscalibration():
    z, labels = calibrated(5000)
    once, twice = temperature(z, labels), temperature(2 * z, labels)
    assert (twice.value, twice.low, twice.high) == pytest.approx((2 * once.value, 2 * once.low, 2 * once.high))
    assert temperature(2 * z / twice.value, labels).value == pytest.approx(1)


def test_temperature_minimises_the_weighted_likelihood():
    z, labels = calibrated(3000, shift=0.5)
    weights = np.random.default_rng(2).exponential(1.0, 3000)
    best = temperature(1.3 * z, labels, weights).value

    def likelihood(t):
        p = expit(1.3 * z / t)
        return -np.sum(weights * np.log(np.where(labels == 1, p, 1 - p)))

    assert likelihood(best) < min(likelihood(0.999 * best), likelihood(1.001 * best))


def test_temperature_covers_with_and_without_weights():
    for weighted in (False, True):
        hits = 0
        for seed in range(300):
            z, labels = calibrated(600, seed)
            weights = np.where(labels == 1, 3.0, 1.0) if weighted else None
            z = z + math.log(3) if weighted else z  # the weights move the prior, which the logit must know
            estimate = temperature(z, labels, weights)
            hits += estimate.low <= 1 <= estimate.high
        assert hits / 300 == pytest.approx(0.683, abs=3 * math.sqrt(0.683 * 0.317 / 300))


@pytest.mark.parametrize(
    ("values", "labels", "why"),
    [
        ([-1.0, 2.0, -2.0, 1.0], [1, 0, 1, 0], "do not rise with the label"),
        ([0.0, 0.0, 0.0], [1, 0, 1], "do not rise with the label"),
        ([-1.0, -2.0, 1.0, 2.0], [0, 0, 1, 1], "separate the classes"),
    ],
)
def test_where_no_temperature_is_best_the_note_says_why(values, labels, why):
    estimate = temperature(values, labels)
    assert math.isnan(estimate.value)
    assert why in estimate.note
    assert str(estimate) == "not measured"


def test_logits_invert_the_sigmoid_and_stay_finite():
    assert expit(logits([0.2, 0.5, 0.999])) == pytest.approx([0.2, 0.5, 0.999])
    assert np.all(np.isfinite(logits([0.0, 1.0])))


@pytest.mark.parametrize("measure", [reliability, calibration_error, lambda scores, labels: logits(scores)])
def test_scores_must_be_probabilities(measure):
    with pytest.raises(InputError, match=r"probabilities between 0 and 1, not 1.5; apply a sigmoid"):
        measure([0.2, 1.5], [0, 1])


@pytest.mark.parametrize("measure", [reliability, calibration_error])
def test_impossible_bins_are_refused(measure):
    with pytest.raises(InputError, match="number of bins must be 1 or above, not 0"):
        measure([0.2, 0.5], [0, 1], bins=0)
    with pytest.raises(InputError, match="equal 'count' or 'width', not 'size'"):
        measure([0.2, 0.5], [0, 1], equal="size")
