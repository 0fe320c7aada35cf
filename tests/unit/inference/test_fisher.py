"""Fisher information beside closed forms."""

import numpy as np
import pytest
from scipy.stats import norm

from partonic.core.errors import InputError
from partonic.inference.fisher import (
    constraint_information,
    event_information,
    histogram_information,
    rate_information,
)
from partonic.inference.morphing import Morphing
from partonic.inference.samples import MorphedSample
from partonic.inference.summaries import histogram_ratio

COVARIANCE = np.array([[1.0, 0.6], [0.6, 2.0]])
MANY = 120_000


def gaussian_score(n=MANY, seed=0):
    """The score of a Gaussian's mean: the inverse covariance times the distance, so that I is this inverse."""
    x = np.random.default_rng(seed).multivariate_normal([0, 0], COVARIANCE, n)
    return x @ np.linalg.inv(COVARIANCE)


def test_events_of_a_gaussian_have_the_inverse_covariance():
    found = event_information(gaussian_score(), 50)
    exact = 50 * np.linalg.inv(COVARIANCE)
    for i in range(2):
        for j in range(2):
            element = found.element(i, j)
            assert element.value == pytest.approx(exact[i, j], abs=4 * element.error)
            assert 0 < element.error < 0.02 * abs(exact[i, j]) + 0.2
    assert found.note == ""
    bound = found.bound("theta1")
    assert bound.value == pytest.approx(np.sqrt(1 / 50), abs=4 * bound.error)


def test_few_events_warn_and_the_error_is_that_of_repeated_samples():
    with pytest.warns(UserWarning, match="rests on 2,000 events"):
        found = event_information(gaussian_score(2000), 1, replicas=300)
    assert "heavy tail" in found.element(0, 0).note
    with pytest.warns(UserWarning, match="heavy tail"):
        values = [event_information(gaussian_score(2000, s), 1, replicas=0).matrix[0, 0] for s in range(60)]
    assert found.element(0, 0).error == pytest.approx(np.std(values, ddof=1), rel=0.35)


def test_a_constant_in_the_score_tells_nothing_of_the_shape():
    score = gaussian_score()
    shifted = event_information(score + np.array([3.0, -2.0]), 1, replicas=0).matrix
    assert shifted == pytest.approx(event_information(score, 1, replicas=0).matrix)


def test_profiling_is_the_inverse_of_the_block_of_the_inverse():
    generator = np.random.default_rng(0).normal(size=(4, 4))
    matrix = generator @ generator.T + np.eye(4)
    information = histogram_information(np.ones(4), np.linalg.cholesky(matrix).T, parameters=["a", "b", "c", "d"])
    assert information.matrix == pytest.approx(matrix)
    block = np.linalg.inv(np.linalg.inv(matrix)[np.ix_([2, 0], [2, 0])])
    assert information.profiled(["c", "a"]).matrix == pytest.approx(block)
    assert information.profiled(["c"]).bound("c").value == pytest.approx(information.bound("c").value)


def test_a_rate_and_a_constraint():
    rate = rate_information(2.0, [0.5, 1.0], 100.0)
    assert rate.matrix == pytest.approx(50 * np.array([[0.25, 0.5], [0.5, 1.0]]))
    with pytest.raises(InputError, match="singular"):
        rate.bound("theta1")
    both = rate.plus(constraint_information([np.inf, 0.2]))
    assert both.profiled(["theta1"]).matrix[0, 0] == pytest.approx(12.5 - 25**2 / (50 + 25))


def test_ellipses_hold_the_level():
    information = histogram_information(np.ones(2), np.array([[3.0, 0.5], [0.0, 2.0]]))
    border = information.ellipse(0.95)
    assert np.einsum("ni,ij,nj->n", border, information.matrix, border) == pytest.approx(5.9915, rel=1e-4)


def test_a_histogram_has_less_information_than_its_events_and_nearly_all_with_many_bins():
    """x ~ N(theta, 1): full information 1 an event, of two bins 2/pi."""
    for bins, expected in ((2, 2 / np.pi), (60, 1.0)):
        edges = norm.ppf(np.linspace(0, 1, bins + 1))
        slope = -np.diff(norm.pdf(edges))[:, None]
        found = histogram_information(np.full(bins, 1 / bins), slope).matrix[0, 0]
        assert found == pytest.approx(expected, rel=0.02)


def test_the_error_of_a_histogram_is_that_of_repeated_samples():
    """Events of x ~ N(theta, 1) with the components 1 and score, in 8 bins."""
    morphing = Morphing(((0,), (1,)), ("theta",))

    def sample(seed):
        x = np.random.default_rng(seed).normal(size=(4000, 1))
        return MorphedSample(x, np.concatenate([np.ones_like(x), x], axis=1), morphing)

    ratio = histogram_ratio(sample(0), lambda x: x, (8,))

    def information(components):
        share = components / components[..., 0].sum(axis=-1)[..., None, None]
        resampled = (share[1:, :, 0], share[1:, :, 1:])
        return histogram_information(share[0, :, 0], share[0, :, 1:], resampled=resampled, shape_only=True)

    filled = ratio.resampled(sample(0), 400, np.random.default_rng(1))
    found = information(np.concatenate([ratio.components[None], filled])).element(0, 0)
    again = [information(ratio.resampled(sample(seed), 1, Same())).matrix[0, 0] for seed in range(1, 61)]
    assert found.method == "bootstrap"
    assert found.error == pytest.approx(np.std(again, ddof=1), rel=0.3)
    assert found.value == pytest.approx(np.mean(again), abs=4 * found.error)


class Same:
    """Leaves every event as it is."""

    def poisson(self, mean, n):
        return np.full(n, mean)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="resampled contents"):
        histogram_information([1.0], [[1.0]], resampled=(np.ones((3, 2)), np.ones((3, 2, 1))))
    with pytest.raises(InputError, match="bin 1 expects no events"):
        histogram_information([1.0, 0.0], np.ones((2, 1)))
    with pytest.raises(InputError, match="cross section must be above 0"):
        rate_information(0.0, [1.0], 1.0)
    with pytest.raises(InputError, match="no parameter 'c'"):
        constraint_information([1.0]).bound("c")
    with pytest.raises(InputError, match="must be finite"):
        event_information([[np.nan]], 1)
    with pytest.raises(InputError, match="1 events have no Fisher information"):
        event_information([[0.5]], 1)
    with pytest.raises(InputError, match="must be above 0, not -3"):
        event_information([[0.5], [0.2]], -3)
