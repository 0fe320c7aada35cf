"""Mass sculpting: none for a score that knows no mass, a known amount for one that is a mass cut."""

import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from partonic.core.errors import InputError
from partonic.metrics.decorrelation import jensen_shannon, mass_sculpting


def sample(n=6000, knows=0.0, seed=1):
    """Scores of which a share ``knows`` is the mass itself."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([1, 0], n // 2)
    mass = np.where(labels == 1, rng.normal(173, 15, n), rng.exponential(70, n))
    return rng.normal(1.5 * labels) + knows * (mass - 70) / 70, mass, labels


def test_divergence_equals_scipy_and_its_bounds():
    rng = np.random.default_rng(1)
    p, q = rng.random(20), rng.random(20)
    assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q, base=2) ** 2)
    assert jensen_shannon(p, q) == pytest.approx(jensen_shannon(5 * q, p))
    assert jensen_shannon(p, 3 * p) == pytest.approx(0, abs=1e-15)
    assert jensen_shannon([1, 0], [0, 2]) == pytest.approx(1)
    assert jensen_shannon([1, -1], [2, 0]) == 0
    assert math.isnan(jensen_shannon([1, 1], [0, 0]))


def test_a_score_that_knows_no_mass_sculpts_nothing_beyond_statistics():
    pulls = []
    for seed in range(25):
        found = mass_sculpting(*sample(seed=seed), replicas=40, seed=seed)
        pulls.append((found.divergence.value - found.expected.value) / found.expected.error)
    assert abs(np.mean(pulls)) < 4 / math.sqrt(25)


def test_expected_divergence_is_that_of_counting():
    """(bins - 1) / (8 ln 2) (1/k - 1/n) bits for k of n jets kept at random (leading order of the divergence)."""
    scores, mass, labels = sample(40_000)
    found = mass_sculpting(scores, mass, labels, edges=np.linspace(0, 150, 21), replicas=200)
    n = 20_000
    k = np.count_nonzero((labels == 0) & (scores >= found.threshold))
    assert found.expected.value == pytest.approx(19 / (8 * math.log(2)) * (1 / k - 1 / n), rel=0.1)


def test_a_score_that_is_the_mass_sculpts_as_computed():
    """A cut at the mass that keeps a share f of the background: JSD of a histogram with its own tail."""
    _, mass, labels = sample(20_000)
    found = mass_sculpting(mass, mass, labels, edges=np.linspace(0, 400, 81), replicas=50)
    assert found.threshold == pytest.approx(173, abs=1)
    kept = np.exp(-found.threshold / 70)  # exponential background
    tail, rest = 0.5 * (kept + 1), 0.5 * (1 - kept)
    exact = 0.5 * (kept * np.log2(kept / tail) + (1 - kept) * np.log2((1 - kept) / rest)) + 0.5 * np.log2(1 / tail)
    assert found.divergence.value == pytest.approx(exact, rel=0.03)
    assert found.divergence.value > 20 * found.expected.value
    assert found.after[found.edges[1:] <= 165].sum() == 0


def test_histograms_are_shares_and_hold_the_jets_beyond():
    found = mass_sculpting(*sample(knows=0.5), edges=[0, 50, 100], replicas=20)
    assert found.before.sum() == pytest.approx(1)
    assert found.after.sum() == pytest.approx(1)
    assert found.before[0] == pytest.approx(1 - math.exp(-50 / 70), abs=0.03)
    assert found.after[1] > found.before[1], "the score prefers heavy jets"
    assert len(mass_sculpting(*sample(400), replicas=5).edges) == 41


def test_bootstrap_error_is_the_spread_over_samples():
    values = [mass_sculpting(*sample(knows=0.5, seed=seed), replicas=2).divergence.value for seed in range(60)]
    found = mass_sculpting(*sample(knows=0.5), replicas=150)
    assert found.divergence.error == pytest.approx(np.std(values), rel=0.35)


def test_inverse_turns_the_interval_round():
    found = mass_sculpting(*sample(knows=0.5), replicas=40)
    assert found.inverse.value == pytest.approx(1 / found.divergence.value)
    assert found.inverse.low == pytest.approx(1 / found.divergence.high)
    assert found.inverse.high == pytest.approx(1 / found.divergence.low)


def test_weights_enter_the_histograms():
    scores, mass, labels = sample(knows=0.3)
    weights = np.where(mass > 100, 3.0, 1.0)
    plain, heavy = (mass_sculpting(scores, mass, labels, w, edges=[0, 100, 500], replicas=5) for w in (None, weights))
    share = plain.before[1]
    assert heavy.before[1] == pytest.approx(3 * share / (3 * share + 1 - share))
    signed = np.where(np.arange(6000) % 20 == 0, -1.0, 1.0)
    assert 0 < mass_sculpting(scores, mass, labels, signed, replicas=20).divergence.value < 1


def test_few_jets_and_none_are_named():
    scores, mass, labels = sample(400)
    assert "rests on" in mass_sculpting(scores, mass, labels, efficiency=0.3, replicas=10).divergence.note
    none = mass_sculpting(labels, mass, labels, replicas=10)
    assert none.divergence.note == "no background jet passes"
    assert math.isnan(none.divergence.value)
    assert math.isnan(none.inverse.value)
    assert none.after.sum() == 0


def test_equal_masses_have_no_shape():
    scores, _, labels = sample(200)
    assert mass_sculpting(scores, np.full(200, 80.0), labels, replicas=5).divergence.value == 0


@pytest.mark.parametrize("edges", [[0, 100], [0, 100, 50], [[0, 1], [1, 2]]])
def test_bad_edges_are_refused(edges):
    with pytest.raises(InputError, match="rising list"):
        mass_sculpting(*sample(100), edges=edges)


def test_bad_masses_and_histograms_are_refused():
    scores, mass, labels = sample(100)
    with pytest.raises(InputError, match="there are 99 masses for 100 scores"):
        mass_sculpting(scores, mass[:-1], labels)
    with pytest.raises(InputError, match="1 of the 100 masses are NaN"):
        mass_sculpting(scores, np.where(np.arange(100) == 3, np.nan, mass), labels)
    with pytest.raises(InputError, match="different bins"):
        jensen_shannon([1, 2], [1, 2, 3])
