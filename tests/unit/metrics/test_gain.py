"""The gain of one set of trainings over another, on the same jets."""

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.metrics.comparison import compare
from partonic.metrics.gain import auc_gain

RNG = np.random.default_rng(5)
LABELS = np.arange(2_000) % 2
SEEN = LABELS + RNG.standard_normal(2_000)


def trainings(extra, seed, number=3):
    """Scores of taggers that see the same jets with noise of their own."""
    rng = np.random.default_rng(seed)
    return [SEEN + extra * rng.standard_normal(len(SEEN)) for _ in range(number)]


def test_a_sharper_tagger_gains_beyond_its_error_and_equal_ones_do_not():
    gain = auc_gain(trainings(0.1, 1), trainings(1.0, 2), LABELS)
    assert gain.value > 0.05
    assert gain.significance > 5
    assert gain.low < gain.value < gain.high
    assert abs(auc_gain(trainings(0.5, 3), trainings(0.5, 4), LABELS).significance) < 3


def test_one_training_each_is_the_paired_comparison():
    a, b = trainings(0.1, 1, 1), trainings(0.6, 2, 1)
    gain, pair = auc_gain(a, b, LABELS), compare(a[0], b[0], LABELS, efficiencies=()).auc_difference
    assert gain.value == pytest.approx(pair.value)
    assert gain.significance == pytest.approx(pair.significance)
    assert "one training" in gain.note


def test_the_spread_of_trainings_is_in_the_error():
    steady = auc_gain([SEEN] * 3, trainings(0.5, 2), LABELS)
    rng = np.random.default_rng(0)
    shaky = auc_gain([SEEN + s * rng.standard_normal(len(SEEN)) for s in (0.0, 0.6, 1.4)], trainings(0.5, 2), LABELS)
    assert shaky.error > 2 * steady.error
    assert auc_gain([SEEN], [SEEN], LABELS).significance == 0


def test_trainings_of_other_jets_are_refused():
    with pytest.raises(InputError, match="same jets"):
        auc_gain([SEEN], [SEEN[1:]], LABELS)
    with pytest.raises(InputError, match="one training or more"):
        auc_gain([SEEN], [], LABELS)
