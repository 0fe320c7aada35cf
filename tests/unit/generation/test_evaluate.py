"""Deliberately broken generators: each measure sees what it should, and nothing where there is nothing."""

import numpy as np
import pytest

from partonic.core.errors import InputError, UnknownNameError
from partonic.generation.evaluate import Beside, evaluate, two_sample
from partonic.metrics.peak import Resonance

Z = Resonance("mass", 91.19, 2.5)
NAMES = ("mass", "tail", "angle")
EVENTS = 1_200


def events(rng, n=EVENTS, width=1.0, tail=0.0, second=0.5):
    """A resonance, a heavy tail, and an angle with two modes."""
    mass = 91.19 + width * 1.25 * np.clip(rng.standard_cauchy(n), -8, 8)
    shape = rng.exponential(1.0, n)
    shape = np.where(shape > 2, shape + tail, shape)
    mode = np.where(rng.random(n) < second, 2.0, -2.0) + 0.3 * rng.standard_normal(n)
    return np.stack([mass, shape, mode], axis=1)


def measured(**broken):
    rng = np.random.default_rng(8)
    truth = events(rng)
    return evaluate(truth, events(rng, **broken), NAMES, resonance=Z)


def beyond(beside: Beside) -> float:
    """By how many errors the generated sample differs from truth against truth."""
    return (beside.generated.value - beside.truth.value) / np.hypot(beside.generated.error, beside.truth.error)


@pytest.fixture(scope="module")
def faithful():
    return measured()


def test_a_faithful_generator(faithful):
    assert faithful.two_sample.p_value > 0.01
    assert abs(faithful.peaks[0].width_ratio.value - 1) < 3 * faithful.peaks[0].width_ratio.error
    every = [faithful.frechet, faithful.kernel, faithful.precision, faithful.recall, faithful.density]
    every += [faithful.coverage, *faithful.wasserstein.values()]
    assert max(abs(beyond(one)) for one in every) < 4
    assert np.mean(np.exp(faithful.two_sample.log_ratio)) == pytest.approx(1.0, abs=0.1)
    assert faithful.two_sample.log_ratio.shape == (EVENTS,)


def test_truth_against_truth_has_weights_too(faithful):
    """The classifier of the halves finds nothing in a truth that it finds in a generator without a mode."""
    same, lost = faithful.two_sample.baseline, measured(second=0.0).two_sample
    assert len(same.log_ratio) == len(same.log_ratio_truth) == EVENTS // 2
    assert same.weight.sum() == same.weight_truth.sum() == pytest.approx(1.0)
    assert np.mean(np.exp(same.log_ratio)) == pytest.approx(1.0, abs=0.1)
    assert 4 * np.std(same.log_ratio_truth) < np.std(lost.log_ratio_truth)
    np.testing.assert_array_equal(same.log_ratio, lost.baseline.log_ratio)  # it knows nothing of the generator


def test_a_mode_dropped():
    found = measured(second=0.0)
    name, distance = found.worst()
    assert name == "angle"
    assert distance.generated.value == found.wasserstein["angle"].generated.value / found.widths[2]
    same = [one.truth.value for one in found.wasserstein.values()] / found.widths
    assert distance.truth.value == max(same)
    assert 5 * distance.truth.value < distance.generated.value
    assert beyond(found.wasserstein["angle"]) > 10
    assert beyond(found.wasserstein["mass"]) < 4
    assert found.recall.generated.value < 0.8 < found.recall.truth.value
    assert found.coverage.generated.value < 0.7 < found.coverage.truth.value
    assert found.precision.generated.value > 0.9
    assert found.two_sample.auc.value > 0.7
    assert found.two_sample.p_value < 1e-10
    assert beyond(found.frechet) > 5
    lost = np.abs(found.two_sample.log_ratio_truth) > 1
    assert lost.mean() > 0.3


def test_a_width_twenty_per_cent_off():
    found = measured(width=1.2)
    ratio = found.peaks[0].width_ratio
    assert abs(ratio.value - 1.2) < 3 * ratio.error < 0.3
    assert ratio.value > 1 + 2 * ratio.error
    assert found.worst()[0] == "mass"
    assert found.peaks[0].generated.inside.value < found.peaks[0].truth.inside.value
    assert abs(found.peaks[0].generated.median.value - 91.19) < 4 * found.peaks[0].generated.median.error


def test_a_shifted_tail():
    found = measured(tail=1.5)
    assert found.worst()[0] == "tail"
    assert beyond(found.wasserstein["tail"]) > 3
    assert found.two_sample.auc.value > 0.5 + 3 * found.two_sample.auc.error
    assert found.two_sample.p_value < 1e-3
    ratio = found.peaks[0].width_ratio
    assert abs(ratio.value - 1) < 3 * ratio.error


def test_weights_mend_a_generator():
    rng = np.random.default_rng(9)
    truth, generated = events(rng), events(rng, second=0.2)
    weight = np.where(generated[:, 2] > 0, 0.5 / 0.2, 0.5 / 0.8)
    before = two_sample(
        truth,
        generated,
    )
    after = two_sample(truth, generated, weight_generated=weight, baseline=before.baseline)
    assert before.p_value < 1e-10
    assert after.p_value > 1e-3
    assert after.baseline is before.baseline


def test_overlap_beside_the_truth_with_weights():
    """A mode of weight 1e-6 is as good as lost; with weights that mend it, the overlap is that of the truth."""
    rng = np.random.default_rng(12)
    truth, generated = events(rng), events(rng, second=0.2)
    weight = np.where(generated[:, 2] > 0, 1e-6, 1.0)
    lost = evaluate(truth, generated, NAMES, weight_generated=weight)
    assert lost.coverage.generated.value < 0.7 < lost.coverage.truth.value
    assert lost.recall.generated.value < 0.8 < lost.recall.truth.value
    mended = evaluate(truth, generated, NAMES, weight_generated=np.where(generated[:, 2] > 0, 4.0, 1.0))
    for one in (mended.precision, mended.recall, mended.density, mended.coverage):
        assert abs(beyond(one)) < 4


def test_rows_of_the_table(faithful):
    rows = list(faithful.rows())
    assert [row["measure"] for row in rows][:3] == ["AUC of a classifier", "Fréchet distance", "kernel distance"]
    assert rows[-1]["measure"] == "share within two widths of mass"
    assert len(rows) == 7 + len(NAMES) + 4
    assert {frozenset(row) for row in rows} == {frozenset({"measure", "generated", "truth", "ideal"})}


def test_what_cannot_be_evaluated():
    rng = np.random.default_rng(10)
    truth = events(rng, 100)
    with pytest.raises(InputError, match="the generated sample has 50 events; a comparison needs 80 or more"):
        evaluate(truth, truth[:50], NAMES)
    with pytest.raises(InputError, match="3 features need as many names, not 2"):
        evaluate(truth, truth, NAMES[:2])
    with pytest.raises(InputError, match="the name 'mass' stands for more than one feature"):
        evaluate(truth, truth, ("mass", "mass", "angle"))
    with pytest.raises(InputError, match="the truth has 3 and the generated sample 2"):
        evaluate(truth, truth[:, :2], NAMES)
    with pytest.raises(UnknownNameError, match="mass"):
        evaluate(truth, truth, NAMES, resonance=Resonance("mas", 91.19, 2.5))
    with pytest.raises(InputError, match="feature 1 is 4 in every event of the truth"):
        evaluate(np.where(np.arange(3) == 1, 4.0, truth), truth, NAMES)
    with pytest.raises(InputError, match="event 99 of the generated sample has the weight -1"):
        evaluate(truth, truth, NAMES, weight_generated=np.where(np.arange(100) == 99, -1.0, 1.0))
    hole = np.where(np.arange(300).reshape(100, 3) == 17, np.nan, truth)
    with pytest.raises(InputError, match="feature 2 of event 5 of the generated sample is nan"):
        two_sample(truth, hole)
    with pytest.raises(InputError, match="the weights of the truth sample sum to 0"):
        two_sample(truth, truth, weight_truth=np.zeros(100))
