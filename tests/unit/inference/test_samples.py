"""Samples for estimators: bad input, weights at any theta, and the method that fits."""

import numpy as np
import pytest
from toy_morphing import MORPHING, SIGMA, density, sample

from partonic.core.errors import InputError, UnknownNameError
from partonic.events.events import Events
from partonic.inference.morphing import Morphing
from partonic.inference.samples import LabelledSample, MorphedSample, choose
from partonic.simulators.latent_gaussian import LatentGaussian

BOX = np.array([[-1.0, 1.0], [-1.0, 1.0]])


def labelled(**changes):
    n = 200
    rng = np.random.default_rng(0)
    given = {"x": rng.normal(size=n), "theta": rng.normal(size=(n, 1)), "label": np.arange(n) % 2}
    return LabelledSample(**{**given, "reference": np.zeros(1), **changes})


def test_weights_turn_the_sample_into_one_of_any_theta():
    """In a sample of theta the mean of x is 2 a / 3 over the cross section 1 + a^2 / 3 + b^2 / 4."""
    events, theta = sample(400_000), np.array([[0.5, -0.8], [-1.0, 0.3], [0.0, 0.0]])
    np.testing.assert_allclose(events.sigma, SIGMA, atol=0.004)
    weights = events.weights(theta)
    np.testing.assert_allclose(weights.mean(axis=1), 1, rtol=1e-12)
    truth = (2 / 3 * theta[:, 0]) / (1 + theta[:, 0] ** 2 / 3 + theta[:, 1] ** 2 / 4)
    np.testing.assert_allclose((weights * events.x[:, 0]).mean(axis=1), truth, atol=0.004)


def test_event_weights_count():
    x = np.random.default_rng(1).uniform(-1, 1, 200_000)
    flat = MorphedSample(x, density(x), MORPHING)
    tilted = MorphedSample(x, density(x) / (1 + 0.9 * x)[:, None], MORPHING, 1 + 0.9 * x)
    np.testing.assert_allclose(tilted.sigma, flat.sigma, atol=0.01)


def test_the_error_of_the_cross_section_is_that_of_repeated_samples():
    x = np.random.default_rng(2).uniform(-1, 1, (60, 2000))
    samples = [MorphedSample(row, density(row) / (1 + 0.9 * row)[:, None], MORPHING, 1 + 0.9 * row) for row in x]
    resampled = samples[0].resampled_sigma(300, np.random.default_rng(3))
    np.testing.assert_array_equal(resampled[0], samples[0].sigma)
    repeated = np.array([one.sigma for one in samples]).std(axis=0, ddof=1)
    moving = repeated > 1e-6
    assert moving.sum() >= 3
    np.testing.assert_allclose(resampled[1:].std(axis=0, ddof=1)[moving], repeated[moving], rtol=0.4)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"x": np.zeros((0, 1)), "components": np.ones((0, 6))}, "0 events are too few"),
        ({"x": np.full((200, 1), np.nan)}, "observables must be finite, and in row 0"),
        ({"x": np.zeros((200, 2, 2))}, "observables are an array"),
        ({"components": np.ones((200, 5))}, r"components must be of shape \(200, 6\), not \(200, 5\)"),
        ({"components": np.full((200, 6), np.inf)}, "components must be finite"),
        ({"weight": np.full(200, np.nan)}, "weights must be finite, and in row 0"),
        ({"weight": np.zeros(200)}, "add up to more than 0, not to 0"),
        ({"weight": -np.ones(200)}, "add up to more than 0, not to -200"),
        ({"weight": np.ones(3)}, r"200 events need weights \(200,\), not \(3,\)"),
        ({"weight": ["heavy"] * 200}, "weights must be an array of numbers, with rows of one length, not"),
        ({"x": [[1.0], [1.0, 2.0]] * 100}, "observables must be an array of numbers, with rows of one length, not"),
    ],
)
def test_unfit_samples_are_refused(changes, said):
    given = {"x": np.zeros((200, 1)), "components": np.ones((200, 6)), "morphing": MORPHING, "weight": np.ones(200)}
    with pytest.raises(InputError, match=said):
        MorphedSample(**{**given, **changes})


def test_a_cross_section_below_zero_is_refused():
    broken = MorphedSample(np.zeros(200), np.tile([1.0, -3.0, 0, 0, 0, 0], (200, 1)), MORPHING)
    with pytest.raises(InputError, match="cross section of the sample is -2 at a theta"):
        broken.weights([[1.0, 0.0]])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"label": np.ones(200)}, "both must be present"),
        ({"label": np.arange(200)}, "labels are 1"),
        ({"theta": np.zeros(200)}, "theta of 200 events is an array"),
        ({"reference": np.zeros(2)}, "reference must be of shape"),
        ({"score": np.zeros(200)}, "score must be of shape"),
        ({"log_ratio": np.full(200, np.inf)}, "log_ratio must be finite"),
        ({"weight": 1.0 - np.arange(200) % 2}, "of label 1, from theta, must add up to more than 0, not to 0"),
        ({"weight": np.arange(200) % 2 - 0.1}, "label 0, from the reference, must add up to more than 0, not to -10"),
        ({"parameters": ("a", "b")}, "not the names a, b"),
    ],
)
def test_unfit_labels_are_refused(changes, said):
    with pytest.raises(InputError, match=said):
        labelled(**changes)


def test_rows_of_samples():
    assert len(sample(500)[100:300]) == 200
    part = labelled(score=np.zeros((200, 1)))[np.arange(150)]
    assert (len(part), part.score.shape, part.log_ratio) == (150, (150, 1), None)


def test_samples_of_events():
    x = np.linspace(-1, 1, 300)
    events = Events({"x": x, "xx": np.stack([x, x * x], -1)}, gold={"components": density(x)})
    assert MorphedSample.of(events, ("x", "xx"), MORPHING).x.shape == (300, 3)
    with pytest.raises(UnknownNameError, match="unknown column 'y'"):
        MorphedSample.of(events, ("y",), MORPHING)
    with pytest.raises(InputError, match="name the columns"):
        MorphedSample.of(events, (), MORPHING)
    with pytest.raises(InputError, match="carry no morphing components as gold, but nothing"):
        MorphedSample.of(Events({"x": x}), ("x",), MORPHING)


def test_samples_of_two_sets_of_events():
    rng = np.random.default_rng(2)
    toy = LatentGaussian()
    above, below = toy.simulate(rng.normal(size=300), 300, rng), toy.simulate(0.0, 200, rng)
    both = LabelledSample.of(above, below, ("x",), [0.0])
    assert (len(both), both.label.sum()) == (500, 300)
    np.testing.assert_allclose(both.log_ratio[:300], np.log(above.gold["joint_ratio"]))
    assert LabelledSample.of(above, Events(below.columns), ("x",), [0.0]).score is None


def test_the_quadratic_form_is_chosen_where_it_holds():
    assert choose(sample(500), BOX) == (
        "quadratic",
        "quadratic: every event is a non-negative quadratic polynomial in theta",
    )


@pytest.mark.parametrize(
    ("components", "weight", "name", "said"),
    [
        ([1.0, 0, 0, 1, 0, 1], -1.0, "alices", "50.0% of the events have negative weights"),
        ([0.0, 0, 0, 1, 0, 1], 1.0, "alices", "do not exist at theta = 0 are 40.0% of those at another theta"),
        ([1.0, -0.8, 0, 0, 0, 0], 1.0, "alices", "50.0% of the events have a weight below 0 at some theta"),
        ([1.0, -1.8, 0, 0, 0, 0], 1.0, "alice", "below 0 at some theta, so that some joint scores do not exist"),
    ],
)
def test_what_stands_against_the_quadratic_form(components, weight, name, said):
    rows = np.tile([1.0, 0, 0, 0.5, 0, 0.5], (400, 1))
    rows[::2] = components
    weights = np.tile([weight, 1.5], 200)
    chosen, reason = choose(MorphedSample(np.zeros(400), rows, MORPHING, weights), BOX)
    assert chosen == name
    assert said in reason


def test_other_degrees_and_labels():
    cubic = Morphing.polynomial(1, 3)
    plain = MorphedSample(np.zeros(100), np.ones((100, 4)), cubic)
    assert choose(plain, BOX[:1]) == ("alices", "alices: the polynomial in theta is of degree 3, not 2")
    assert choose(labelled(), BOX[:1])[0] == "carl"
    assert choose(labelled(log_ratio=np.zeros(200)), BOX[:1])[0] == "alice"
    assert choose(labelled(log_ratio=np.zeros(200), score=np.zeros((200, 1))), BOX[:1])[0] == "alices"
