"""Every way in which a test sample cannot be measured ends in one sentence that says why."""

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.metrics import calibration, decorrelation, tagging
from partonic.metrics.bootstrap import percentiles, resample
from partonic.metrics.sample import Ordered, checked

SCORES, LABELS = [0.1, 0.4, 0.8, 0.9], [0, 1, 0, 1]
BAD = {
    "a NaN score": (([0.1, np.nan, 0.8, np.nan], LABELS), "2 of the 4 scores are NaN or infinite"),
    "an infinite score": (([0.1, np.inf, 0.8, 0.9], LABELS), "1 of the 4 scores are NaN or infinite"),
    "a NaN weight": ((SCORES, LABELS, [1, 1, 1, np.nan]), "1 of the 4 weights are NaN"),
    "labels of another length": ((SCORES, [0, 1, 1]), "there are 3 labels for 4 scores"),
    "weights of another length": ((SCORES, LABELS, [1.0, 1.0]), "there are 2 weights for 4 scores"),
    "a table of scores": (([SCORES, SCORES], LABELS), r"one number a jet, not of shape \(2, 4\)"),
    "another label": ((SCORES, [0, 1, 5, 1]), r"labels must be 0 \(background\) or 1 \(signal\), not 5"),
    "background only": ((SCORES, [0, 0, 0, 0]), "none of the 4 jets is signal"),
    "signal only": ((SCORES, [1, 1, 1, 1]), "none of the 4 jets is background"),
    "no jet": (([], []), "none of the 0 jets is signal"),
    "weights all zero": ((SCORES, LABELS, [0.0, 0.0, 0.0, 0.0]), "the weights of all 2 signal jets are zero"),
    "background of weight zero": ((SCORES, LABELS, [0, 1, 0, 1]), "the weights of all 2 background jets are zero"),
    "weights that cancel": ((SCORES, LABELS, [1, 1, 1, -1.5]), "the signal jets sum to -0.5; the sum must be above 0"),
}
MEASURES = {
    "roc": tagging.roc,
    "auc": tagging.auc,
    "accuracy": tagging.accuracy,
    "best accuracy": tagging.best_accuracy,
    "rejection": tagging.rejection,
    "summary": tagging.summary,
    "band": lambda scores, *rest: tagging.roc_band([scores], *rest),
    "compare": lambda scores, *rest: tagging.compare(scores, scores, *rest),
    "reliability": calibration.reliability,
    "calibration error": calibration.calibration_error,
    "temperature": calibration.temperature,
    "mass sculpting": lambda scores, *rest: decorrelation.mass_sculpting(scores, np.ones(len(scores)), *rest),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("measure", MEASURES)
def test_bad_input_is_refused(case, measure):
    arguments, sentence = BAD[case]
    with pytest.raises(InputError, match=sentence):
        MEASURES[measure](*arguments)


@pytest.mark.parametrize("efficiency", [0.0, 1.0, -0.1, 30.0, float("nan")])
def test_an_efficiency_lies_between_0_and_1(efficiency):
    for measure in (
        lambda: tagging.rejection(SCORES, LABELS, efficiency=efficiency),
        lambda: tagging.roc(SCORES, LABELS).background_efficiency_at(efficiency),
        lambda: tagging.roc_band([SCORES], LABELS, grid=[0.5, efficiency]),
        lambda: tagging.compare(SCORES, SCORES, LABELS, efficiencies=(efficiency,)),
        lambda: decorrelation.mass_sculpting(SCORES, SCORES, LABELS, efficiency=efficiency),
    ):
        with pytest.raises(InputError, match=r"signal efficiency must lie between 0 and 1 \(as 0.3\), not"):
            measure()


def test_labels_may_be_booleans_integers_or_floats():
    for labels in ([False, True, False, True], np.array(LABELS, dtype=np.int8), np.array(LABELS, dtype=np.float32)):
        assert tagging.auc(SCORES, labels).value == 0.75


def test_order_groups_equal_scores():
    jets = Ordered.of(checked([1.0, 3.0, 1.0, 2.0], [1, 0, 0, 1], [1.0, 2.0, 4.0, 8.0]))
    assert jets.thresholds.tolist() == [np.inf, 3.0, 2.0, 1.0]
    assert jets.passing(jets.signal).tolist() == [0.0, 0.0, 8.0, 9.0]
    assert jets.passing(jets.background).tolist() == [0.0, 2.0, 2.0, 6.0]


def test_resampling_draws_as_many_jets_and_repeats_for_a_seed():
    first, again, other = (np.array(list(resample(50, 20, seed))) for seed in (1, 1, 2))
    assert np.all(first.sum(axis=1) == 50)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.var(first) == pytest.approx(1.0, abs=0.15)


def test_a_bootstrap_needs_replicas():
    with pytest.raises(InputError, match="at least 2 replicas, not 1"):
        next(resample(10, 1, 0))


def test_percentiles_leave_out_what_cannot_be_measured():
    draws = np.concatenate([np.arange(100.0), [np.nan] * 10])
    estimate = percentiles(50.0, draws)
    assert (estimate.low, estimate.high) == (15.0, 84.0)
