"""Averages and bands over trainings."""

import math

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.metrics.roc import background_interval
from partonic.metrics.sample import Ordered, checked
from partonic.metrics.tagging import over_seeds, roc, roc_band

THREE = [Estimate(100.0, 80.0, 130.0, "binomial"), Estimate(110.0, 90.0, 140.0, "binomial")]
THREE += [Estimate(120.0, 100.0, 150.0, "binomial", "rests on 20 background jets")]


def test_spread_over_seeds_is_kept_apart_from_the_statistical_error():
    estimate = over_seeds(THREE)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((110.0, 100.0, 120.0))
    assert estimate.method == "seeds"
    assert estimate.note == "3 seeds; statistical error 25 not included; rests on 20 background jets"


def test_the_statistical_error_is_added_on_request():
    estimate = over_seeds(THREE, statistical=True)
    assert estimate.low == pytest.approx(110 - math.hypot(10, 20))
    assert estimate.high == pytest.approx(110 + math.hypot(10, 30))
    assert "statistical error included" in estimate.note


def test_one_training_has_no_spread_and_says_so():
    estimate = over_seeds(THREE[:1])
    assert (estimate.value, estimate.low, estimate.high) == (100.0, 80.0, 130.0)
    assert (estimate.method, estimate.note) == ("binomial", "1 seed; no spread: statistical error only")


def test_a_seed_that_measured_nothing_leaves_a_limit():
    limit = Estimate(math.nan, 60.0, math.inf, "binomial", "no background jet passes; the lower end is a limit at 84 %")
    estimate = over_seeds([*THREE, limit])
    assert math.isnan(estimate.value)
    assert (estimate.low, estimate.high) == (60.0, math.inf)
    assert estimate.note.startswith("4 seeds; not measured in 1 of them")


def test_no_training_is_refused():
    with pytest.raises(InputError, match="no training to average"):
        over_seeds([])
    with pytest.raises(InputError, match="at least one training"):
        roc_band([], [0, 1])


def trainings(seeds=5, n=4000):
    rng = np.random.default_rng(3)
    labels = np.repeat([1, 0], n // 2)
    shared = rng.normal(2.0 * labels)
    return [shared + rng.normal(0, 0.4, n) for _ in range(seeds)], labels


def test_band_holds_median_quantiles_and_interval():
    scores, labels = trainings()
    grid = np.array([0.3, 0.5, 0.8])
    band = roc_band(scores, labels, grid=grid)
    each = np.array([roc(one, labels).background_efficiency_at(grid) for one in scores])
    assert band.background_efficiency == pytest.approx(np.median(each, axis=0))
    assert band.seeds_low == pytest.approx(np.quantile(each, 0.158655, axis=0), rel=1e-4)
    assert band.seeds_high == pytest.approx(np.quantile(each, 0.841345, axis=0), rel=1e-4)
    assert band.seeds == 5
    lows = [background_interval(Ordered.of(checked(one, labels)), grid).low for one in scores]
    assert band.statistical_low == pytest.approx(np.median(lows, axis=0))
    assert np.all(band.statistical_low < band.background_efficiency)
    assert np.all(band.background_efficiency < band.statistical_high)


def test_one_training_has_a_statistical_band_only():
    scores, labels = trainings(1)
    band = roc_band(scores, labels)
    assert np.array_equal(band.seeds_low, band.seeds_high)
    assert np.all(band.statistical_low < band.statistical_high)
    assert len(band.signal_efficiency) == 97


def test_bootstrapped_band_agrees_with_the_binomial_one():
    scores, labels = trainings(1)
    grid = np.array([0.4, 0.7])
    plain = roc_band(scores, labels, grid=grid)
    weights = np.ones(len(labels))
    weights[np.argmin(scores[0])] = -1e-9
    drawn = roc_band(scores, labels, weights, grid=grid, replicas=300)
    assert drawn.background_efficiency == pytest.approx(plain.background_efficiency, rel=0.01)
    widths = [band.statistical_high - band.statistical_low for band in (plain, drawn)]
    assert widths[0] == pytest.approx(widths[1], rel=0.2)
