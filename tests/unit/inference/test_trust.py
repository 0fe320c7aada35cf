"""Calibration, closure and ensembles: what tells whether a learned ratio can be believed."""

from dataclasses import replace

import numpy as np
import pytest
from toy_morphing import MORPHING, SIGMA, density, sample

from partonic.core.errors import InputError, TrainingError, UnknownNameError
from partonic.fit.options import FitOptions
from partonic.inference import ensemble
from partonic.inference.calibration import CalibratedRatio, calibrate
from partonic.inference.closure import classifier_test, mean_ratio
from partonic.inference.ensemble import RatioEnsemble, train_ensemble
from partonic.inference.ratio import ExactRatio, train_ratio

X = np.linspace(-0.95, 0.95, 200)
THETA = np.array([[0.5, 0.5], [-0.8, 0.2]])
FAST = {"options": FitOptions(epochs=1, learning_rate=1e-2, threads=1), "widths": (8,)}


def labelled(n=100_000):
    """N(1, 1) against N(0, 1): ln r = x - 1/2."""
    rng = np.random.default_rng(0)
    label = np.repeat([1.0, 0.0], n)
    return rng.normal(size=2 * n) + label, label


@pytest.mark.parametrize("way", ["isotonic", "histogram"])
@pytest.mark.parametrize("wrong", [lambda log: 3 * log + 1, np.tanh])
def test_calibration_mends_any_rising_function(way, wrong):
    x, label = labelled()
    found = calibrate(wrong(x - 0.5), label, 1 - label, way)(wrong(np.linspace(-1.5, 1.5, 13)))
    assert np.abs(found - np.linspace(-1.5, 1.5, 13)).max() < 0.12


@pytest.mark.parametrize("way", ["isotonic", "histogram"])
def test_calibration_stays_finite_where_one_sample_ends(way):
    values = np.concatenate([np.linspace(0, 1, 500), np.linspace(0.5, 1.5, 500)])
    label = np.repeat([0.0, 1.0], 500)
    found = calibrate(values, label, 1 - label, way)([-5.0, 0.75, 5.0])
    assert np.all(np.isfinite(found))
    assert found[0] <= found[1] <= found[2]
    assert abs(found[1]) < 0.3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"numerator": -np.ones(100)}, "a weight is negative"),
        ({"denominator": np.zeros(100)}, "one of them has no weight"),
        ({"log_ratio": np.full(100, np.nan)}, "must be finite"),
        ({"log_ratio": np.zeros(3)}, r"three arrays \(events,\)"),
        ({"bins": 101}, "100 events cannot fill 101 bins"),
    ],
)
def test_unfit_calibrations(changes, said):
    given = {"log_ratio": np.arange(100.0), "numerator": np.ones(100), "denominator": np.ones(100)}
    with pytest.raises(InputError, match=said):
        calibrate(**{**given, **changes})


def test_ways_and_overlap():
    with pytest.raises(UnknownNameError, match="did you mean 'isotonic'"):
        calibrate([0.0], [1.0], [1.0], "isotonc")
    label = np.repeat([0.0, 1.0], 50)
    with pytest.raises(InputError, match="without overlap"):
        calibrate(np.arange(100.0), label, 1 - label)


def test_a_bad_ratio_is_better_calibrated():
    rough = train_ratio(sample(2_000), method="carl", **FAST)
    truth = ExactRatio(density(X), SIGMA, MORPHING).log_ratio(X, THETA)
    stretched = replace(rough, network=Doubled(rough.network))
    before = np.mean((stretched.log_ratio(X, THETA) - truth) ** 2)
    after = np.mean((CalibratedRatio(stretched, sample(50_000, seed=7)).log_ratio(X, THETA) - truth) ** 2)
    assert after < 0.5 * before


class Doubled:
    """A network that is twice too sure and off by one."""

    def __init__(self, network):
        self.network = network

    def __call__(self, x, theta):
        return 2 * self.network(x, theta) + 1


def test_the_mean_of_the_true_ratio_is_one():
    events = sample(50_000, seed=1)
    truth = ExactRatio(density(events.x[:, 0]), SIGMA, MORPHING).log_ratio(events.x, THETA)
    for good, bad in zip(mean_ratio(truth), mean_ratio(truth + 0.05), strict=True):
        assert abs(good.value - 1) < 4 * good.error
        assert abs(bad.value - 1) > 4 * bad.error
        assert good.note == ""


def test_the_error_of_the_mean_is_that_of_repetitions():
    rng = np.random.default_rng(2)
    logs = rng.normal(-0.5 * 0.25, 0.5, (400, 500))
    found = mean_ratio(logs)
    assert abs(np.mean([one.error for one in found]) / np.std([one.value for one in found]) - 1) < 0.12


def test_heavy_tails_are_told():
    (one,) = mean_ratio(np.concatenate([np.zeros(1000), [8.0]]))
    assert one.note == "half of the variance is from 1 events"
    with pytest.raises(InputError, match="log ratio of event 1 at point 1 is nan"):
        mean_ratio([np.nan])


def test_a_classifier_tells_a_wrong_ratio():
    x, label = labelled(6_000)
    above, below = x[label == 1], x[label == 0]
    good = classifier_test(above, below, below - 0.5)
    bad = classifier_test(above, below, np.zeros(len(below)))
    assert abs(good.value - 0.5) < 4 * good.error
    assert bad.value > 0.7


def test_unfit_classifier_tests():
    with pytest.raises(InputError, match="a log ratio for each of 10 reference events"):
        classifier_test(np.zeros(10), np.zeros(10), np.zeros(9))
    with pytest.raises(InputError, match="a weight is negative"):
        classifier_test(np.zeros(10), np.zeros(3), np.zeros(3), weight_reference=[2.0, -0.5, 1.0])


@pytest.fixture(scope="module")
def three():
    return train_ensemble(sample(1_000), 3, **FAST)


def test_the_mean_and_spread_of_an_ensemble(three):
    each = np.stack([one.log_ratio(X, THETA) for one in three.members])
    assert np.abs(each[0] - each[1]).max() > 1e-3
    np.testing.assert_allclose(three.log_ratio(X, THETA), each.mean(axis=0))
    np.testing.assert_allclose(three.spread(X, THETA), each.std(axis=0, ddof=1))
    sums = each.sum(axis=2)
    expected = sum(np.outer(one, one) for one in sums - sums.mean(axis=0)) / 2
    np.testing.assert_allclose(three.covariance(X, THETA), expected)
    scores = np.stack([one.score(X) for one in three.members])
    np.testing.assert_allclose(three.score(X), scores.mean(axis=0))
    np.testing.assert_allclose(three.score_covariance(X)[:, 1, 1], scores[..., 1].var(axis=0, ddof=1))
    assert three.left_out == ()


def test_a_member_that_diverged_is_named(monkeypatch, three):
    losses = iter([0.67, 0.671, None, 5.0, 0.6705])

    def train(*_, **__):
        loss = next(losses)
        if loss is None:
            raise TrainingError("the loss became nan in epoch 1")
        return replace(three.members[0], facts={"best_loss": loss})

    monkeypatch.setattr(ensemble, "train_ratio", train)
    found = train_ensemble(sample(100), 5)
    assert len(found.members) == 3
    assert found.left_out == (
        "member 2 diverged: the loss became nan in epoch 1",
        "member 3 diverged: its loss is 5, the median of all is 0.6707",
    )


def test_impossible_ensembles(three):
    with pytest.raises(InputError, match="2 members or more, not 1"):
        train_ensemble(sample(100), 1)
    with pytest.raises(InputError, match="not 1; member 0 diverged"):
        RatioEnsemble(three.members[:1], ("member 0 diverged",))
    moved = three.members[0].at_reference([0.1, 0.0])
    with pytest.raises(InputError, match="the same reference"):
        RatioEnsemble((moved, three.members[1]))
