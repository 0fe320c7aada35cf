"""Groups of trainings on the same test jets: means, errors that cancel in differences, scatter of trainings."""

import math

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.metrics.tagging import auc, rejection
from partonic.metrics.trials import measure

LABELS = np.arange(4_000) % 2


def scores(shift, rng, noise=0.3):
    """A common part, the same for all taggers, and one of each."""
    common = np.random.default_rng(5).standard_normal(len(LABELS))
    return common + shift * LABELS + noise * rng.standard_normal(len(LABELS))


def test_one_training_is_measured_as_elsewhere():
    one = scores(1.5, np.random.default_rng(1))
    trials = measure([[one]], LABELS)
    known = auc(one, LABELS)
    assert trials.auc(0).value == pytest.approx(known.value, abs=1e-12)
    assert trials.auc(0).error == pytest.approx(known.error, rel=0.2)
    assert "not known" in trials.auc(0).note
    assert trials.rejection(0).value == pytest.approx(rejection(one, LABELS, efficiency=0.5).value)


def test_what_taggers_share_cancels_in_their_difference():
    rng = np.random.default_rng(2)
    trials = measure([[scores(1.6, rng)], [scores(1.5, rng)]], LABELS)
    gain = trials.gain(0, 1)
    assert gain.value == pytest.approx(trials.auc(0).value - trials.auc(1).value)
    assert gain.error < 0.6 * math.hypot(trials.auc(0).error, trials.auc(1).error)
    back = trials.gain(1, 0)
    assert (back.value, back.significance) == (pytest.approx(-gain.value), pytest.approx(-gain.significance))
    assert trials.gain(0, 0).significance == 0


def test_the_scatter_of_trainings_adds_to_the_error_and_is_shared_in_a_pool():
    rng = np.random.default_rng(3)
    many = [scores(shift, rng) for shift in (1.2, 1.5, 1.8)]
    trials = measure([many, [many[0]], [many[1]]], LABELS, pools=[0, 0, 1])
    area = 1 - np.array([auc(one, LABELS).value for one in many])
    scatter = area.std(ddof=1) / area.mean()
    assert trials.scatter(0, "area") == pytest.approx(scatter)
    assert trials.training_error(0, "area") == pytest.approx(scatter * area.mean() / math.sqrt(3))
    assert trials.training_error(1, "area") == pytest.approx(scatter * area[0])
    assert trials.training_error(2, "area") == 0
    assert trials.auc(0).note == trials.auc(1).note == ""
    assert trials.auc(2).note


@pytest.mark.parametrize(
    ("groups", "pools", "said"),
    [([], None, "has none"), ([[]], None, "has none"), ([[np.arange(4_000)]], [0, 1], "2 pools")],
)
def test_what_cannot_be_measured_is_told(groups, pools, said):
    with pytest.raises(InputError, match=said):
        measure(groups, LABELS, pools=pools)
