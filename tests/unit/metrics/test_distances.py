"""Distances between samples against closed forms, slow loops and other code."""

from math import comb

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from partonic.core.errors import InputError, UnknownNameError
from partonic.metrics.distances import frechet, kernel_distance, squared_discrepancy, wasserstein
from partonic.metrics.pair import paired

RNG = np.random.default_rng(3)
MEAN, OTHER_MEAN = np.array([0.3, -1.0, 2.0]), np.array([0.0, -0.8, 2.5])
MIX = np.array([[1.0, 0.0, 0.0], [0.4, 0.8, 0.0], [-0.3, 0.2, 0.5]])
OTHER_MIX = np.array([[0.7, 0.1, 0.0], [0.0, 1.1, 0.0], [0.3, 0.0, 0.6]])


def gaussians(n, rng=RNG):
    return MEAN + rng.standard_normal((n, 3)) @ MIX.T, OTHER_MEAN + rng.standard_normal((n, 3)) @ OTHER_MIX.T


def frechet_of_gaussians():
    """From the eigenvalues of the product of the covariances, which is not symmetric."""
    covariance, other = MIX @ MIX.T, OTHER_MIX @ OTHER_MIX.T
    roots = np.sqrt(np.linalg.eigvals(covariance @ other).real).sum()
    return np.sum((MEAN - OTHER_MEAN) ** 2) + np.trace(covariance) + np.trace(other) - 2 * roots


def moment(mean, width, power):
    """E[x^power] of a Gaussian."""
    odd = {0: 1, 2: 1, 4: 3, 6: 15, 8: 105}
    return sum(comb(power, k) * mean ** (power - k) * width**k * odd.get(k, 0) for k in range(0, power + 1, 2))


def test_wasserstein_against_scipy_and_a_shift():
    x, y = gaussians(400)
    u, v = RNG.uniform(0.5, 2, 400), RNG.uniform(0.5, 2, 400)
    found = wasserstein(x, y, weight_truth=u, weight_generated=v)
    slow = [wasserstein_distance(a, b, u, v) for a, b in zip(x.T, y.T, strict=True)]
    assert [one.value for one in found] == pytest.approx(slow, rel=1e-12)
    (moved,) = wasserstein(x[:, 0], x[:, 0] + 0.25)
    assert moved.value == pytest.approx(0.25, rel=1e-12)
    assert moved.error == pytest.approx(np.std(x[:, 0]) * np.sqrt(2 / 400), rel=0.03)


def test_the_wasserstein_error_is_the_spread():
    rng = np.random.default_rng(5)
    found = [wasserstein(rng.exponential(1.0, 300), rng.exponential(1.3, 500))[0] for _ in range(200)]
    assert np.mean([one.error for one in found]) == pytest.approx(np.std([one.value for one in found]), rel=0.15)
    assert np.mean([one.value for one in found]) == pytest.approx(0.3, abs=0.02)


def test_frechet_against_the_closed_form():
    x, y = gaussians(20_000)
    truth = frechet_of_gaussians()
    for found in (frechet(x, y, scale="none"), frechet(x, y, scale="none", unlimited=True)):
        assert abs(found.value - truth) < 4 * found.error
        assert 0 < found.error < 0.05 * truth
    assert frechet(x, x, scale="none").value == pytest.approx(0.0, abs=1e-12)
    far = frechet(x + 1e5, y + 1e5, scale="none")
    assert far.value == pytest.approx(frechet(x, y, scale="none").value, rel=1e-7)


def test_the_frechet_error_and_the_extrapolation():
    rng = np.random.default_rng(7)
    samples = [gaussians(200, rng) for _ in range(70)]
    found = [frechet(x, y, scale="none") for x, y in samples]
    assert np.mean([one.error for one in found]) == pytest.approx(np.std([one.value for one in found]), rel=0.25)
    others = samples[1:] + samples[:1]
    equal = [(x, other) for (x, _), (other, _) in zip(samples, others, strict=True)]
    straight = np.array([frechet(x, other, scale="none", unlimited=True).value for x, other in equal])
    plain = np.mean([frechet(x, other, scale="none").value for x, other in equal])
    assert abs(straight.mean()) < 4 * straight.std() / np.sqrt(70) < 0.5 * plain


def test_weights_equal_repetition():
    x, y = gaussians(300)
    times = RNG.integers(0, 4, 300)
    repeated = np.repeat(y, times, axis=0)
    for one, two in zip(wasserstein(x, y, weight_generated=times), wasserstein(x, repeated), strict=True):
        assert one.value == pytest.approx(two.value, rel=1e-10)
    weighted = frechet(x, y, weight_generated=times)
    assert weighted.value == pytest.approx(frechet(x, repeated).value, rel=1e-10)
    halved = frechet(x, np.concatenate([y, y]), weight_generated=np.repeat([1.5, -0.5], 300))
    assert halved.value == pytest.approx(frechet(x, y).value, rel=1e-9)


def test_kernel_distance_against_a_double_loop():
    x, y = (sample[:40] for sample in gaussians(60))
    y = y[:30]
    u, v = RNG.uniform(0, 2, 40), RNG.uniform(0, 2, 30)

    def mean(a, b, wa, wb, same):
        total = weight = 0.0
        for i in range(len(a)):
            for j in range(len(b)):
                if not (same and i == j):
                    kernel = (sum(a[i, k] * b[j, k] for k in range(3)) / 3 + 1) ** 4
                    total, weight = total + wa[i] * wb[j] * kernel, weight + wa[i] * wb[j]
        return total / weight

    slow = mean(x, x, u, u, True) + mean(y, y, v, v, True) - 2 * mean(x, y, u, v, False)
    assert squared_discrepancy(x, y, u, v) == pytest.approx(slow, rel=1e-9)
    big = np.tile(x, (30, 1)) + RNG.normal(size=(1200, 3))  # more than one block of rows
    ones = np.ones(1200)
    products = (big @ big.T / 3 + 1) ** 4
    cross = ((big @ y.T / 3 + 1) ** 4).mean()
    own = (products.sum() - np.trace(products)) / (1200 * 1199)
    assert squared_discrepancy(big, y, ones, ones[:30]) == pytest.approx(
        own + mean(y, y, ones, ones, True) - 2 * cross, rel=1e-9
    )


def test_kernel_distance_of_hardly_any_weights_is_refused():
    x, y = gaussians(300)
    with pytest.raises(InputError, match="needs two events with a weight in each of"):
        kernel_distance(x, y, weight_truth=np.arange(300) < 5)


def test_kernel_distance_against_the_closed_form():
    rng = np.random.default_rng(11)
    x, y = rng.normal(0.2, 0.6, 8_000), rng.normal(-0.1, 0.7, 8_000)
    truth = sum(comb(4, j) * (moment(0.2, 0.6, j) - moment(-0.1, 0.7, j)) ** 2 for j in range(5))
    found = kernel_distance(x, y, scale="none", size=500)
    assert abs(found.value - truth) < 4 * found.error < 0.4 * truth
    same = [kernel_distance(*rng.normal(0, 0.6, (2, 1_000)), scale="none") for _ in range(40)]
    pulls = np.array([one.value / one.error for one in same])
    assert abs(np.mean([one.value for one in same])) < 4 * np.std([one.value for one in same]) / np.sqrt(40)
    assert 0.6 < np.std(pulls) < 1.8


def test_quantiles_as_a_scale_bound_what_a_far_event_can_do():
    rng = np.random.default_rng(12)
    x, y = rng.normal([3, -1], [0.5, 20], (2, 4_000, 2))
    far = y.copy()
    far[7, 0] = 1e7
    found = {
        scale: [kernel_distance(x, other, scale=scale, size=400) for other in (y, far)]
        for scale in ("quantiles", "spread")
    }
    assert found["quantiles"][0].value == pytest.approx(found["spread"][0].value, abs=found["spread"][0].error)
    assert abs(found["quantiles"][1].value) < 5 * found["quantiles"][1].error < 1
    assert found["spread"][1].error > 1e10
    scaled = paired(x, far).scaled("quantiles")
    np.testing.assert_allclose(scaled.truth, np.clip((x - [3, -1]) / [0.5, 20], -5, 5), atol=0.15)
    assert scaled.generated[7, 0] == 5
    one_value = paired(np.where(np.arange(100) == 3, 10.0, 0.0), np.arange(100.0)).scaled("quantiles")
    assert np.isfinite(one_value.generated).all()  # quantiles that are the same leave the standard deviation


def test_quantiles_of_weighted_events_are_those_of_repeated_ones():
    values, times = np.random.default_rng(13).normal(size=(200, 2)), np.arange(200) % 4 + 1
    weighted = paired(values, values, times, times).scaled("quantiles").truth
    repeated = paired(np.repeat(values, times, axis=0), values).scaled("quantiles").generated
    np.testing.assert_allclose(weighted, repeated, atol=0.06)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((np.zeros((60, 2)), np.zeros((60, 3))), "the truth has 2 and the generated sample 3"),
        ((np.zeros((60, 2, 2)), np.zeros((60, 2))), r"\(events, features\), not of shape \(60, 2, 2\)"),
        ((np.zeros((1, 2)), np.zeros((60, 2))), "the truth sample has 1 events"),
        (
            (np.ones(60), np.where(np.arange(60) == 7, np.nan, 1.0)),
            "feature 0 of event 7 of the generated sample is nan",
        ),
        ((np.ones(60), np.ones(60), np.ones(59)), r"60 events of the truth sample need weights \(60,\), not \(59,\)"),
        ((np.ones(60), np.ones(60), None, np.zeros(60)), "the weights of the generated sample sum to 0"),
        ((np.ones(60), np.ones(60), np.full(60, np.inf)), "event 0 of the truth sample has the weight inf"),
    ],
)
def test_what_cannot_be_compared(arguments, said):
    with pytest.raises(InputError, match=said):
        paired(*arguments)


def test_scales_and_sizes_that_cannot_be():
    x = np.arange(80.0)
    with pytest.raises(InputError, match="feature 1 is 3 in every event of the truth"):
        frechet(np.stack([x, np.full(80, 3.0)], axis=1), np.ones((80, 2)))
    with pytest.raises(InputError, match="the truth sample has 30 events; a comparison needs 40"):
        frechet(x[:30], x, unlimited=True)
    with pytest.raises(UnknownNameError, match="spread"):
        frechet(x, x, scale="spreads")
    with pytest.raises(InputError, match="2 batches of 2 events"):
        kernel_distance(x, x, batches=1)
    with pytest.raises(InputError, match="event 0 of the truth sample has the weight -1"):
        paired(x, x, np.linspace(-1, 3, 80), signed=False)
    assert paired(x, x).scaled("largest").truth.max() == 1.0
