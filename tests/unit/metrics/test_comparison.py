"""Paired comparison: shared jets cancel, equal taggers do not differ."""

import math

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.metrics.tagging import auc, compare, rejection


def pair(n=4000, noise=0.3, seed=1):
    rng = np.random.default_rng(seed)
    labels = np.repeat([1, 0], n // 2)
    scores = rng.normal(1.8 * labels)
    return scores, scores + rng.normal(0, noise, n), labels


def test_values_are_the_difference_and_the_ratio():
    a, b, labels = pair()
    found = compare(a, b, labels, replicas=50)
    assert found.auc_difference.value == pytest.approx(auc(a, labels).value - auc(b, labels).value)
    assert list(found.rejection_ratio) == [0.3, 0.5]
    for efficiency, ratio in found.rejection_ratio.items():
        expected = rejection(a, labels, efficiency=efficiency).value / rejection(b, labels, efficiency=efficiency).value
        assert ratio.value == pytest.approx(expected)
        assert isinstance(ratio, Estimate)


def test_paired_errors_are_below_unpaired_ones():
    a, b, labels = pair(noise=0.2)
    found = compare(a, b, labels, efficiencies=(0.5,))
    unpaired = math.hypot(auc(a, labels).error, auc(b, labels).error)
    assert found.auc_difference.error < 0.5 * unpaired
    alone = [rejection(scores, labels) for scores in (a, b)]
    relative = math.hypot(*(one.error / one.value for one in alone))
    ratio = found.rejection_ratio[0.5]
    assert ratio.error / ratio.value < 0.8 * relative


def test_the_better_tagger_is_found_and_the_order_matters():
    a, b, labels = pair(noise=0.6)
    there, back = compare(a, b, labels), compare(b, a, labels)
    assert there.auc_difference.significance > 5
    assert there.auc_difference.p_value < 1e-6
    assert back.auc_difference.significance == pytest.approx(-there.auc_difference.significance)
    assert back.rejection_ratio[0.5].value == pytest.approx(1 / there.rejection_ratio[0.5].value)
    assert back.rejection_ratio[0.5].significance == pytest.approx(-there.rejection_ratio[0.5].significance)


def test_a_tagger_does_not_differ_from_itself():
    a, _, labels = pair(500)
    found = compare(a, 2 * a + 1, labels, efficiencies=(0.5,), replicas=50)
    assert (found.auc_difference.value, found.auc_difference.low, found.auc_difference.high) == (0, 0, 0)
    assert (found.auc_difference.significance, found.auc_difference.p_value) == (0, 1)
    assert found.rejection_ratio[0.5].value == 1
    assert found.rejection_ratio[0.5].significance == 0


def test_equally_good_taggers_have_uniform_p_values():
    p = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        labels = np.repeat([1, 0], 200)
        shared = rng.normal(labels)
        a, b = (shared + rng.normal(0, 0.5, 400) for _ in range(2))
        p.append(compare(a, b, labels, replicas=60, efficiencies=()).auc_difference.p_value)
    inside = np.mean(np.array(p) > 0.3173)  # within one standard deviation
    assert inside == pytest.approx(0.683, abs=3 * math.sqrt(0.683 * 0.317 / 150))


def test_few_jets_and_none_are_named():
    a, b, labels = pair(400)
    assert "background jet" in compare(a, b, labels, efficiencies=(0.3,), replicas=50).rejection_ratio[0.3].note
    nothing = compare(labels.astype(float), b, labels, replicas=50).rejection_ratio[0.5]
    assert math.isnan(nothing.value)
    assert math.isnan(nothing.p_value)
    assert nothing.note == "no background jet passes for one of the taggers"


def test_negative_weights_are_taken():
    a, b, labels = pair(2000)
    weights = np.where(np.arange(2000) % 10 == 0, -0.5, 1.0)
    found = compare(a, b, labels, weights, replicas=50)
    expected = auc(a, labels, weights, replicas=2).value - auc(b, labels, weights, replicas=2).value
    assert found.auc_difference.value == pytest.approx(expected)
    assert found.auc_difference.low < found.auc_difference.high


def test_taggers_of_different_jets_are_refused():
    a, b, labels = pair(100)
    with pytest.raises(InputError, match="on the same jets, not on 100 and 99"):
        compare(a, b[:-1], labels)
