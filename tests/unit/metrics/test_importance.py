"""Importance of inputs: a feature that decides the score costs AUC, one that is not used costs none."""

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.metrics.importance import permutation_importance, removal_test

RNG = np.random.default_rng(1)
LABELS = np.repeat([1, 0], 500)
VALUES = np.column_stack([RNG.normal(1.5 * LABELS), RNG.normal(0.5 * LABELS), RNG.normal(size=1000)])
NAMES = ("strong", "weak", "noise")


def score(values):
    return values[:, 0] + 0.5 * values[:, 1]


def test_features_are_ranked_by_what_they_carry():
    rows = permutation_importance(score, VALUES, NAMES, LABELS)
    assert [row.name for row in rows] == ["strong", "weak", "noise"]
    assert rows[0].loss.value > 0.1 > rows[1].loss.value > 0
    assert rows[1].loss.low > 0
    assert (rows[2].loss.value, rows[2].loss.error) == (0, 0)


def test_the_features_are_not_changed():
    before = VALUES.copy()
    permutation_importance(score, VALUES, NAMES, LABELS)
    assert np.array_equal(VALUES, before)


def test_removal_names_what_was_taken_away():
    without = VALUES * [0, 1, 1]
    (row,) = removal_test(score, VALUES, [("without strong", without)], LABELS, np.full(1000, 2.0))
    assert row.name == "without strong"
    assert row.loss.low > 0.1


def test_names_must_fit():
    with pytest.raises(InputError, match="2 names for 3 features"):
        permutation_importance(score, VALUES, NAMES[:2], LABELS)
