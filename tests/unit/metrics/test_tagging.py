"""ROC curves, AUC, accuracy and rejection against scikit-learn, counting by hand and properties."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score, roc_curve

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.metrics.counting import TAIL, clopper_pearson
from partonic.metrics.roc import background_interval
from partonic.metrics.sample import Ordered, checked
from partonic.metrics.tagging import accuracy, auc, best_accuracy, rejection, rejections, roc, summary

JETS = st.lists(
    st.tuples(st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-6), st.booleans(), st.integers(1, 8)),
    min_size=4,
    max_size=60,
).filter(lambda jets: len({label for _, label, _ in jets}) == 2)


def sample(n=2000, seed=1, ties=False, weighted=True):
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.4).astype(int)
    scores = rng.normal(1.5 * labels)
    scores = np.round(scores, 1) if ties else scores
    return scores, labels, rng.exponential(1.0, n) + 0.01 if weighted else None


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_roc_and_auc_equal_scikit_learn(ties, weighted):
    scores, labels, weights = sample(ties=ties, weighted=weighted)
    line = roc(scores, labels, weights)
    background, signal, thresholds = roc_curve(labels, scores, sample_weight=weights, drop_intermediate=False)
    assert line.signal_efficiency == pytest.approx(signal, abs=1e-12)
    assert line.background_efficiency == pytest.approx(background, abs=1e-12)
    assert np.array_equal(line.thresholds, thresholds)
    assert auc(scores, labels, weights).value == pytest.approx(roc_auc_score(labels, scores, sample_weight=weights))


def test_auc_with_ties_and_negative_weights_is_the_sum_over_pairs():
    scores, labels, weights = sample(300, ties=True)
    weights[::7] *= -0.5
    s, b = labels == 1, labels == 0
    above = (scores[s, None] > scores[b]) + 0.5 * (scores[s, None] == scores[b])
    pairs = weights[s] @ above @ weights[b] / (weights[s].sum() * weights[b].sum())
    assert roc(scores, labels, weights).area == pytest.approx(pairs, abs=1e-12)


@given(JETS)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_a_monotone_transformation_of_the_scores_changes_nothing(jets):
    scores, labels, weights = (np.array(values, dtype=float) for values in zip(*jets, strict=True))
    ranks = rankdata(scores, method="dense")
    for other in (ranks, np.exp(ranks / 10), scores * 4):
        for measure in (auc, best_accuracy, rejection):
            a, b = measure(scores, labels, weights), measure(other, labels, weights)
            assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high), nan_ok=True)


@given(JETS)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_efficiencies_rise_intervals_hold_their_value_and_scales_do_not_matter(jets):
    scores, labels, weights = (np.array(values, dtype=float) for values in zip(*jets, strict=True))
    line = roc(scores, labels, weights)
    for efficiency in (line.signal_efficiency, line.background_efficiency):
        assert efficiency[0] == 0
        assert efficiency[-1] == pytest.approx(1)
        assert np.all(np.diff(efficiency) >= 0)
    grid = np.linspace(0.05, 0.95, 19)
    assert np.all(np.diff(line.background_efficiency_at(grid)) >= -1e-12)
    for name, estimate in summary(scores, labels, weights, threshold=0.0).items():
        scaled = summary(scores, labels, 7.5 * weights, threshold=0.0)[name]
        assert (scaled.low, scaled.high) == pytest.approx((estimate.low, estimate.high), nan_ok=True)
        if math.isfinite(estimate.value):
            assert estimate.low - 1e-12 <= estimate.value <= estimate.high + 1e-12
            assert estimate.low < estimate.high or estimate.note == "all scores are equal"


@given(JETS)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_swapping_the_classes_mirrors_the_auc(jets):
    scores, labels, weights = (np.array(values, dtype=float) for values in zip(*jets, strict=True))
    a, b = auc(scores, labels, weights), auc(-scores, labels, weights)
    assert (a.value, a.low, a.high) == pytest.approx((1 - b.value, 1 - b.high, 1 - b.low), abs=1e-9)


def test_whole_weights_equal_repeated_jets():
    scores, labels, _ = sample(400, ties=True)
    repeats = np.random.default_rng(5).integers(1, 4, 400)
    a = roc(scores, labels, repeats)
    b = roc(np.repeat(scores, repeats), np.repeat(labels, repeats))
    assert a.signal_efficiency == pytest.approx(b.signal_efficiency)
    assert a.background_efficiency == pytest.approx(b.background_efficiency)


def test_background_efficiency_is_linear_in_the_logarithm_between_points():
    """Points (0.5, 0.1) and (1, 0.4): half way in the signal efficiency lies the geometric mean."""
    scores = np.concatenate([[2.0] * 5, [1.0] * 5, [2.0], [1.0] * 3, [0.0] * 6])
    line = roc(scores, np.repeat([1, 0], 10))
    assert line.signal_efficiency.tolist() == [0.0, 0.5, 1.0, 1.0]
    assert line.background_efficiency_at([0.5, 0.75]) == pytest.approx([0.1, 0.2])
    assert line.background_efficiency_at(0.25) == pytest.approx(0.05), "linear next to zero"
    assert line.threshold_at(0.5) == 2.0
    assert line.threshold_at(0.51) == 1.0


def test_a_step_straight_up_counts_at_its_foot():
    line = roc([4.0, 3.0, 2.0, 1.0], [1, 0, 0, 1])
    assert line.background_efficiency_at(0.5) == 0.0
    assert line.threshold_at(0.5) == 4.0


def test_with_negative_weights_the_hardest_cut_that_reaches_the_efficiency_counts():
    line = roc([5.0, 4.0, 3.0, 2.0, 1.0, 0.5], [1, 0, 1, 1, 1, 0], [0.6, 1.0, -0.4, 0.4, 0.4, 1.0])
    assert line.signal_efficiency == pytest.approx([0, 0.6, 0.6, 0.2, 0.6, 1, 1])
    assert line.threshold_at(0.55) == 5.0


def test_rejection_counts_by_hand():
    """The best 50 of 100 signal jets lie above 20 of 2000 background jets."""
    scores = np.concatenate([np.full(50, 2.0), np.full(50, 0.0), np.full(20, 2.0), np.full(1980, 0.0)])
    labels = np.repeat([1, 0], [100, 2000])
    estimate = rejection(scores, labels, efficiency=0.5)
    low, high = clopper_pearson(20, 2000)
    assert estimate.value == pytest.approx(100)
    assert estimate.method == "binomial"
    assert estimate.note == "rests on 20 background jets"
    assert estimate.low < 1 / high, "the threshold's error widens the interval"
    assert estimate.high > 1 / low
    assert background_interval(Ordered.of(checked(scores, labels)), [0.5]).jets == pytest.approx([20])


def test_interpolated_counts_lie_between_those_of_the_points():
    """One group of 990 jets: half way in log efficiency between 10 and 1000 of 10^4 lies a count of 100."""
    scores = np.concatenate([np.full(400, 2.0), np.full(200, 1.0), np.zeros(400), np.full(10, 2.0), np.full(990, 1.0)])
    scores, labels = np.append(scores, np.zeros(9000)), np.repeat([1, 0], [1000, 10_000])
    found = background_interval(Ordered.of(checked(scores, labels)), 0.5)
    assert found.value == pytest.approx(0.01)
    assert found.jets == pytest.approx(100)


def test_no_note_from_25_background_jets_up():
    scores, labels, _ = sample(4000, weighted=False)
    assert rejection(scores, labels, efficiency=0.5).note == ""


def test_weights_count_with_their_effective_number():
    """Background that passes: one jet of weight 10 and ten of 1, (20)^2 / 110 = 3.6 effective jets."""
    scores = np.concatenate([np.full(100, 2.0), np.full(11, 3.0), np.full(500, 0.0)])
    labels = np.repeat([1, 0], [100, 511])
    weights = np.ones(611)
    weights[100] = 10.0
    assert rejection(scores, labels, weights).note == "rests on 3 effective background jets"
    assert rejection(scores, labels).note == "rests on 11 background jets"


def test_no_background_at_all_gives_a_lower_limit_with_a_comment():
    scores, labels = np.concatenate([np.full(50, 2.0), np.full(1000, 0.0)]), np.repeat([1, 0], [50, 1000])
    estimate = rejection(scores, labels, efficiency=0.3)
    assert math.isnan(estimate.value)
    assert estimate.low == pytest.approx(1 / (1 - TAIL ** (1 / 1000)))
    assert math.isinf(estimate.high)
    assert "no background jet passes" in estimate.note
    assert str(estimate) == "> 544"
    again = Estimate.from_dict(json.loads(json.dumps(estimate.to_dict(), allow_nan=False)))
    assert (again.low, again.high) == (estimate.low, math.inf)


def test_complete_separation_still_has_an_interval():
    scores, labels = np.arange(30.0), np.repeat([0, 1], [20, 10])
    estimate = auc(scores, labels)
    assert (estimate.value, estimate.high) == (1.0, 1.0)
    assert estimate.low == pytest.approx(TAIL ** (1 / 10))
    assert "completely" in estimate.note
    worst = auc(-scores, labels)
    assert (worst.value, worst.low) == (0.0, 0.0)
    assert worst.high == pytest.approx(1 - TAIL ** (1 / 10))


def test_a_single_signal_jet_has_the_widest_error_there_can_be():
    scores, labels = np.arange(1001.0), np.zeros(1001)
    labels[600] = 1
    estimate = auc(scores, labels)
    assert estimate.value == pytest.approx(0.6)
    assert estimate.low < 0.2
    assert estimate.high > 0.9


def test_a_constant_score_is_named():
    estimate = auc([0.5] * 6, [0, 1] * 3)
    assert (estimate.value, estimate.error, estimate.note) == (0.5, 0.0, "all scores are equal")


def test_accuracy_at_a_threshold_and_at_the_best():
    scores, labels = np.array([0.1, 0.2, 0.6, 0.7, 0.8, 0.9]), np.array([0, 0, 0, 1, 1, 0])
    at_half, best = accuracy(scores, labels), best_accuracy(scores, labels)
    assert (at_half.value, at_half.note) == (pytest.approx(4 / 6), "at the threshold 0.5")
    assert (best.value, best.note) == (pytest.approx(5 / 6), "at the best threshold 0.7")
    low, high = clopper_pearson(4, 6)
    assert (at_half.low, at_half.high) == pytest.approx((float(low), float(high)))
    assert accuracy(scores, labels, threshold=0.65).value == pytest.approx(5 / 6)
    assert accuracy(scores, labels, [1, 1, 4, 1, 1, 1]).value == pytest.approx(4 / 9)


def test_jets_at_the_threshold_count_as_signal():
    assert accuracy([0.5, 0.4], [1, 0]).value == 1.0


def test_negative_weights_are_bootstrapped():
    scores, labels, weights = sample(3000)
    weights[::9] *= -0.3
    found = summary(scores, labels, weights, threshold=0.75, replicas=100)
    assert {estimate.method for estimate in found.values()} == {"bootstrap"}
    for estimate in found.values():
        assert estimate.low < estimate.value < estimate.high
    assert summary(scores, labels, weights, threshold=0.75, replicas=100) == found, "a seed repeats"
    other = summary(scores, labels, weights, threshold=0.75, replicas=100, seed=1)
    assert other["auc"].low != found["auc"].low


def test_bootstrap_and_delong_agree_where_both_hold():
    """A single negative weight of no size turns the method round, not the number."""
    scores, labels, weights = sample(4000)
    plain = [auc(scores, labels, weights), accuracy(scores, labels, weights), *rejections(scores, labels, weights)]
    weights = np.append(weights, [-1e-9])
    scores, labels = np.append(scores, [-9.0]), np.append(labels, [0])
    drawn = [auc(scores, labels, weights), accuracy(scores, labels, weights), *rejections(scores, labels, weights)]
    for a, b in zip(plain, drawn, strict=True):
        assert b.method == "bootstrap" != a.method
        assert a.value == pytest.approx(b.value, rel=1e-6)
        assert a.error == pytest.approx(b.error, rel=0.2)


def test_background_that_sums_to_nothing_is_not_measured():
    scores, labels = np.array([3.0, 3.0, 2.0, 2.0, 0.0, 0.0, 0.0]), np.array([0, 0, 1, 1, 0, 0, 1])
    estimate = rejection(scores, labels, [1.0, -1.5, 1.0, 1.0, 3.0, 3.0, 1.0], replicas=50)
    assert math.isnan(estimate.value)
    assert "sum to 0 or less" in estimate.note
    assert estimate.low > 0


def test_summary_holds_the_headline_numbers():
    scores, labels, weights = sample()
    found = summary(scores, labels, weights)
    assert list(found) == ["auc", "accuracy", "r30", "r50"]
    assert found["r30"] == rejection(scores, labels, weights, 0.3)
    assert found["auc"] == auc(scores, labels, weights)
    assert rejections(scores, labels, weights, [0.3, 0.5]) == [found["r30"], found["r50"]]


def test_replicas_must_be_enough():
    with pytest.raises(InputError, match="at least 2 replicas"):
        auc([1.0, 0.0, 2.0], [1, 0, 0], [1.0, 1.0, -0.5], replicas=1)


def test_a_bootstrap_sorts_only_once(monkeypatch):
    scores, labels, weights = sample(100)
    weights[0] = -1e-3
    calls, argsort = [], np.argsort

    def counted(*arguments, **options):
        calls.append(arguments)
        return argsort(*arguments, **options)

    monkeypatch.setattr(np, "argsort", counted)
    assert auc(scores, labels, weights, replicas=20).method == "bootstrap"
    assert len(calls) == 1
