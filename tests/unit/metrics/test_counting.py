"""Binomial intervals against known numbers, scipy and exact coverage."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest, chi2

from partonic.metrics.counting import LEVEL, TAIL, clopper_pearson, effective_count, effective_total, few


@pytest.mark.parametrize(("passed", "total"), [(0, 10), (1, 10), (3, 7), (11, 4000), (7, 7)])
def test_clopper_pearson_equals_scipy(passed, total):
    low, high = clopper_pearson(passed, total)
    level = LEVEL if 0 < passed < total else 1 - 2 * TAIL
    exact = binomtest(passed, total).proportion_ci(level, method="exact")
    assert low == pytest.approx(exact.low, rel=1e-9, abs=1e-12)
    assert high == pytest.approx(exact.high, rel=1e-9)


def test_nothing_passed_gives_the_one_sided_limit():
    low, high = clopper_pearson(0, 1000)
    assert low == 0
    assert high == pytest.approx(1 - TAIL ** (1 / 1000))


def test_a_rare_pass_has_the_poisson_interval():
    low, high = (ends * 1e7 for ends in clopper_pearson(11, 1e7))
    assert low == pytest.approx(chi2.ppf(TAIL, 22) / 2, rel=1e-4)
    assert high == pytest.approx(chi2.ppf(1 - TAIL, 24) / 2, rel=1e-4)


@pytest.mark.parametrize("truth", [0.003, 0.1, 0.5])
def test_coverage_is_never_below_nominal(truth):
    k = np.arange(201)
    low, high = clopper_pearson(k, 200)
    assert binom.pmf(k, 200, truth)[(low <= truth) & (truth <= high)].sum() >= LEVEL


def test_effective_counts():
    assert effective_count(np.full(7, 3.0)) == pytest.approx(7)
    assert effective_count(np.array([1.0, 0.0, 0.0])) == 1
    assert effective_count(np.zeros(3)) == 0
    assert effective_count(np.array([1.0, 1.0, -1.0])) == pytest.approx(1 / 3)


def test_effective_total_without_weights_is_the_number_of_jets():
    assert effective_total([0.0, 0.25, 1.0], [0.0, 10.0, 40.0], 40.0, 40.0) == pytest.approx(40.0)


def test_effective_total_reproduces_the_variance_of_weighted_fractions():
    """Passing jets of weight 4, failing of weight 1: the spread over toys is that of so many unweighted jets."""
    rng = np.random.default_rng(1)
    passing = rng.random((4000, 500)) < 0.2
    weights = np.where(passing, 4.0, 1.0)
    fraction = (weights * passing).sum(axis=1) / weights.sum(axis=1)
    mean, squares = fraction.mean(), (weights**2 * passing).sum(axis=1).mean()
    n = effective_total(mean, squares, (weights**2).sum(axis=1).mean(), weights.sum(axis=1).mean())
    assert np.sqrt(mean * (1 - mean) / n) == pytest.approx(fraction.std(), rel=0.05)


@pytest.mark.parametrize(
    ("jets", "weighted", "note"),
    [
        (25, False, ""),
        (24.7, True, "rests on 24 effective background jets"),
        (11, False, "rests on 11 background jets"),
        (1, False, "rests on 1 background jet"),
        (0.6, True, "rests on 0.6 effective background jets"),
    ],
)
def test_few_jets_are_named(jets, weighted, note):
    assert few(jets, weighted=weighted) == note
