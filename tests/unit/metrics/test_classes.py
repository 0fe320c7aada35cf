"""Several classes: shares with their errors, and each class against each other."""

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.metrics.classes import against, class_accuracy, classified, confusion, duel, duels
from partonic.metrics.tagging import auc

LABELS = np.repeat([0, 1, 2], [4, 4, 8])
TAKEN = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 0, 1])
SCORES = np.eye(3)[TAKEN]


def test_each_row_of_the_confusion_matrix_is_the_shares_of_one_class():
    table = confusion(SCORES, LABELS)
    expected = [[0.75, 0.25, 0], [0, 0.5, 0.5], [0.125, 0.125, 0.75]]
    np.testing.assert_allclose([[cell.value for cell in row] for row in table], expected)
    assert class_accuracy(SCORES, LABELS).value == pytest.approx(11 / 16)
    # Clopper and Pearson of 3 in 4 and of 0 in 4 at 68.3 %.
    assert table[0][0].low == pytest.approx(0.381, abs=0.002)
    assert table[0][2].high == pytest.approx(1 - 0.15866 ** (1 / 4), abs=1e-4)


def test_errors_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        labels = np.repeat([0, 1], 100)
        taken = np.where(rng.random(200) < 0.8, labels, 1 - labels)
        share = confusion(np.eye(2)[taken], labels)[0][0]
        covered += share.low <= 0.8 <= share.high
    assert 0.62 < covered / 200 < 0.84


def test_a_weight_counts_as_so_many_jets_in_the_value_but_not_in_the_error():
    weights = np.where(LABELS == 2, 3.0, 1.0)
    weighted, plain = confusion(SCORES, LABELS, weights), confusion(SCORES, LABELS)
    assert weighted[2] == plain[2]
    assert class_accuracy(SCORES, LABELS, weights).value == pytest.approx((3 + 2 + 3 * 6) / 32)
    uneven = np.where(np.arange(16) == 0, 10.0, 1.0)
    first = confusion(SCORES, LABELS, uneven)[0][0]
    assert first.value == pytest.approx(12 / 13)
    assert first.error > confusion(np.eye(2)[[0] * 12 + [1, 1]], [0] * 13 + [1])[0][0].error  # 12 in 13 true jets


def test_two_classes_are_compared_on_their_own_jets():
    rng = np.random.default_rng(1)
    scores = rng.dirichlet([1, 1, 1], 90)
    labels = np.arange(90) % 3
    found = {(d.background, d.signal): d for d in duels(scores, labels)}
    assert list(found) == [(0, 1), (0, 2), (1, 2)]
    chosen = labels != 1
    ratio = scores[:, 2] / (scores[:, 0] + scores[:, 2])
    assert found[0, 2].auc == auc(ratio[chosen], labels[chosen] == 2)
    turned = duel(scores, labels, None, 0, 2)
    assert turned.auc.value == pytest.approx(found[0, 2].auc.value)


def test_groups_of_classes_add_up():
    scores = np.array([[0.2, 0.3, 0.5], [0.0, 0.0, 1.0], [0.5, 0.5, 0.0]])
    np.testing.assert_allclose(against(scores, (2,), (0, 1)), [0.5, 1, 0])
    np.testing.assert_allclose(against(scores, (0,), (1,)), [0.4, 0.5, 0.5])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((SCORES[:, 0], LABELS), r"must be \(jets, classes\)"),
        ((SCORES, LABELS + 1), "must be 0 to 2, not 3"),
        ((SCORES, np.minimum(LABELS, 1)), "class 2 has no jet"),
        ((SCORES, LABELS, np.where(LABELS == 0, -1.0, 1.0)), "4 weights are negative"),
        ((SCORES * np.nan, LABELS), "16 of 16 jets have NaN"),
        ((SCORES, LABELS[1:]), "15 labels for 16 scores"),
    ],
)
def test_what_cannot_be_measured_is_said(arguments, said):
    with pytest.raises(InputError, match=said):
        classified(*arguments)


@pytest.mark.parametrize("groups", [((0,), (0, 1)), ((), (1,)), ((0,), (3,))])
def test_groups_that_make_no_sense_are_said(groups):
    with pytest.raises(InputError, match="classes"):
        against(SCORES, *groups)
