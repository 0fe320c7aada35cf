"""Learned scores, densities and histograms of a toy whose ratio is known."""

import numpy as np
import pytest
import torch
from toy_morphing import MORPHING, SIGMA, density, sample

from partonic.core.errors import FileError, InputError, UnknownNameError
from partonic.fit.options import FitOptions
from partonic.inference.batches import Cutting
from partonic.inference.density import DensityEstimator, train_density
from partonic.inference.ratio import ExactRatio
from partonic.inference.samples import LabelledSample, MorphedSample
from partonic.inference.score import ScoreEstimator, ScoreSample, train_score
from partonic.inference.summaries import SallinoRatio, histogram_ratio

X = np.linspace(-0.95, 0.95, 200)
THETA = np.array([[0.5, 0.5], [-0.8, 0.2], [0.0, -1.0], [0.0, 0.0]])
QUICK = FitOptions(epochs=4, learning_rate=1e-2, weight_decay=0.0, threads=1)
HOW = {"options": QUICK, "cutting": Cutting(size=200)}


def truth(x, theta):
    return ExactRatio(density(x), SIGMA, MORPHING).log_ratio(x, theta)


@pytest.fixture(scope="module")
def scores():
    return train_score(sample(8_000), widths=(24, 24), **HOW)


def test_sally_learns_the_score_of_the_observables(scores):
    """The score is 2 x for a; for b it is the latent sign, of which nothing is seen."""
    found = scores.score(X)
    assert np.mean((found[:, 0] - 2 * X) ** 2) < 0.01
    assert np.mean(found[:, 1] ** 2) < 0.02
    np.testing.assert_allclose(scores.along(X, THETA), THETA @ found.T)


def test_the_score_at_another_point():
    """At (a, b) = (0.5, 0) the score for a is 2 x / (1 + x / 2) - (2 / 3 a) / (1 + a^2 / 3)."""
    events = ScoreSample.of(sample(100_000), [0.5, 0.0])
    weight = events.weight / events.weight.sum()
    assert abs(weight @ events.score[:, 0]) < 0.02
    x = events.x[:, 0]
    np.testing.assert_allclose(events.score[:, 0], 2 * x / (1 + x / 2) - (1 / 3) / (1 + 1 / 12), atol=0.02)


def test_scores_are_read_back(tmp_path, scores):
    scores.save(tmp_path / "score.pt")
    found = ScoreEstimator.load(tmp_path / "score.pt")
    np.testing.assert_array_equal(found.score(X), scores.score(X))
    assert found.parameters == ("a", "b")
    torch.save({"format": "partonic score estimator", "version": 1}, tmp_path / "empty.pt")
    with pytest.raises(FileError, match="damaged"):
        ScoreEstimator.load(tmp_path / "empty.pt")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"score": np.zeros(200)}, "the joint score is an array"),
        ({"score": np.full((200, 1), np.nan)}, "the score must be finite"),
        ({"parameters": ("a", "b")}, "not the names a, b"),
        ({"reference": [0.0, 0.0]}, "the reference must be of shape"),
        ({"weight": np.zeros(200)}, "add up to more than 0"),
    ],
)
def test_unfit_scores_are_refused(changes, said):
    given = {"x": np.zeros(200), "score": np.zeros((200, 1)), "reference": [0.0]}
    with pytest.raises(InputError, match=said):
        ScoreSample(**{**given, **changes})


def test_a_density_below_zero_has_no_score():
    broken = MorphedSample(np.zeros(200), np.tile([[1.0, 0, 0, 0, 0, 0], [-0.5, 0, 0, 0, 0, 0]], (100, 1)), MORPHING)
    with pytest.raises(InputError, match=r"50.0% of the events have a density below 0"):
        ScoreSample.of(broken)


def test_a_score_needs_its_observables(scores):
    with pytest.raises(InputError, match="of 1 observables, not of 3"):
        scores.score(np.zeros((5, 3)))


@pytest.mark.parametrize("method", ["nde", "scandal"])
def test_flows_learn_the_density(method, tmp_path):
    """p(x|a, b) on [-1, 1]; the flow smears its edges, so that it is compared inside."""
    how = {**HOW, "options": FitOptions(epochs=3, learning_rate=1e-2, weight_decay=0.0, threads=1)}
    found = train_density(sample(6_000), method=method, strength=0.05, widths=(24,), transforms=1, **how)
    inner = np.linspace(-0.7, 0.7, 50)
    expected = truth(inner, THETA) + np.log(0.5)
    wrong = np.sqrt(np.mean((found.log_prob(inner, THETA) - expected) ** 2))
    assert wrong < 0.3 < np.sqrt(np.mean((expected - np.log(0.5)) ** 2))
    grid = np.linspace(-4, 4, 4001)
    np.testing.assert_allclose(np.exp(found.log_prob(grid, THETA)).sum(axis=1) * 0.002, 1, atol=0.02)
    np.testing.assert_allclose(found.log_ratio(inner, THETA)[3], 0, atol=1e-6)
    found.save(tmp_path / "density.pt")
    again = DensityEstimator.load(tmp_path / "density.pt")
    np.testing.assert_array_equal(again.log_prob(inner, THETA), found.log_prob(inner, THETA))


def test_densities_refuse_what_they_lack(tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'scandal'"):
        train_density(sample(200), method="scandall")
    rng = np.random.default_rng(0)
    plain = LabelledSample(rng.normal(size=200), rng.normal(size=(200, 1)), np.arange(200) % 2, np.zeros(1))
    with pytest.raises(InputError, match="nde does without"):
        train_density(plain, method="scandal", box=(-3, 3))
    found = train_density(plain, box=(-3, 3), options=FitOptions(epochs=1, threads=1), widths=(8,), transforms=1)
    with pytest.raises(InputError, match="t1 = 4 is outside"):
        found.log_prob(X, [[4.0]])
    with pytest.raises(InputError, match="of 1 observables"):
        found.log_prob(np.zeros((3, 2)), [[0.0]])
    torch.save({"format": "partonic density estimator", "version": 1}, tmp_path / "empty.pt")
    with pytest.raises(FileError, match="damaged"):
        DensityEstimator.load(tmp_path / "empty.pt")


def test_histograms_are_the_ratio_of_bin_contents():
    events = sample(200_000)
    found = histogram_ratio(events, lambda x: x, (20,)).log_ratio(X, THETA)
    assert np.mean((found - truth(X, THETA)) ** 2) < 0.01
    edges = np.linspace(-1, 1, 21)
    b, a = 7, 0.5  # the bin from -0.3 to -0.2, of the density (1 + a x)^2 + 1 / 16
    exact = (((1 + a * edges[b + 1]) ** 3 - (1 + a * edges[b]) ** 3) / (3 * a) / 0.1 + 1 / 16) / (1 + a**2 / 3 + 1 / 16)
    inside = (edges[b] + 0.01 < X) & (edges[b + 1] - 0.01 > X)
    np.testing.assert_allclose(found[0, inside], np.log(exact), atol=0.03)


def test_bins_are_nested_and_of_equal_probability():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(20_000, 2)) @ np.array([[1.0, 0.9], [0.0, 0.1]])
    made = histogram_ratio(MorphedSample(x, np.tile(SIGMA, (20_000, 1)), MORPHING), lambda x: x, (4, 5))
    np.testing.assert_allclose(made.components[:, 0], 1000, atol=10)
    np.testing.assert_allclose(made.log_ratio(x, THETA), 0, atol=0.02)


@pytest.mark.parametrize(
    ("bins", "said"),
    [((4, 4), "1 summaries need as many"), ((0,), "1 or more"), ((500,), "200 events cannot fill 500 bins")],
)
def test_impossible_bins(bins, said):
    with pytest.raises(InputError, match=said):
        histogram_ratio(sample(200), lambda x: x, bins)
    with pytest.raises(InputError, match="gave 3 rows for 200 events"):
        histogram_ratio(sample(200), lambda x: x[:3], (2,))


def test_a_bin_without_events_is_named():
    x = np.repeat([0.0, 1.0], 100)
    components = np.where(x[:, None] > 0, [1.0, -1.0, 0, 0, 0, 0], [1.0, 1.0, 0, 0, 0, 0])
    made = histogram_ratio(MorphedSample(x, components, MORPHING), lambda x: x, (2,))
    with pytest.raises(InputError, match=r"bin . of 2 has the content .* at theta = \[1.0, 0.0\]; take fewer bins"):
        made.log_ratio(x, [[1.0, 0.0]])


def test_sallino_is_a_histogram_along_each_direction(scores):
    found = SallinoRatio(scores, sample(50_000, seed=3), bins=20).log_ratio(X, THETA)
    assert np.mean((found - truth(X, THETA)) ** 2) < 0.03
    np.testing.assert_array_equal(found[3], 0)
