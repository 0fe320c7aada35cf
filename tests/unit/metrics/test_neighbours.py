"""Precision, recall, density and coverage against slow loops and broken generators."""

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.metrics.neighbours import equal_events, overlap


def slow(truth, generated, k):
    """The four numbers by loops over all pairs."""

    def radius(x, i):
        return sorted(np.linalg.norm(x[i] - x[j]) for j in range(len(x)) if j != i)[k - 1]

    around = [radius(truth, i) for i in range(len(truth))]
    around_generated = [radius(generated, j) for j in range(len(generated))]
    distance = np.array([[np.linalg.norm(a - b) for b in generated] for a in truth])
    inside = distance < np.array(around)[:, None]
    return (
        inside.any(axis=0).mean(),
        (distance < np.array(around_generated)).any(axis=1).mean(),
        inside.sum() / (k * len(generated)),
        inside.any(axis=1).mean(),
    )


def test_against_loops():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(60, 3)), rng.normal(0.5, 0.8, size=(60, 3))
    found = overlap(x, y, neighbours=3, scale="none")
    values = [found.precision.value, found.recall.value, found.density.value, found.coverage.value]
    assert values == pytest.approx(slow(x, y, 3), rel=1e-12)
    assert found.events == (60, 60)


def test_events_that_stand_several_times_are_their_own_neighbours():
    rows = np.repeat(np.random.default_rng(1).normal(size=(40, 2)), 3, axis=0)
    found = overlap(rows, rows, neighbours=2)
    assert (found.precision.value, found.recall.value, found.coverage.value) == (1.0, 1.0, 1.0)


def test_a_missing_mode_and_events_from_nowhere():
    rng = np.random.default_rng(2)
    modes = np.where(rng.random(1_000)[:, None] < 0.3, 6.0, 0.0)
    truth = modes + rng.normal(size=(1_000, 2))
    same = overlap(truth, rng.permutation(modes) + rng.normal(size=(1_000, 2)))
    dropped = overlap(truth, rng.normal(size=(1_000, 2)))
    wide = overlap(truth, modes + rng.normal(0, 3, size=(1_000, 2)))
    assert same.coverage.value == pytest.approx(1 - 0.5**5, abs=4 * same.coverage.error + 0.005)
    assert same.density.value == pytest.approx(1.0, abs=4 * same.density.error)
    assert dropped.recall.value < 0.8 < 0.98 < same.recall.value
    assert dropped.coverage.value < 0.8
    assert dropped.precision.value > 0.98
    assert wide.precision.value < 0.75 < wide.recall.value


def test_weights_count_the_shares():
    rng = np.random.default_rng(3)
    truth = rng.normal(size=(1_000, 2))
    generated = np.concatenate([rng.normal(size=(800, 2)), rng.normal(9, 1, size=(200, 2))])
    weight = np.repeat([1.0, 2.0], [800, 200])
    found = overlap(truth, generated, weight_generated=weight)
    assert found.events == (600, 600)
    assert found.precision.value == pytest.approx(800 / 1200, abs=4 * found.precision.error)
    absent = np.repeat([1.0, 0.0], [800, 200])
    assert overlap(truth[:800], generated, weight_generated=absent) == overlap(truth[:800], generated[:800])


MEASURES = ("precision", "recall", "density", "coverage")


@pytest.mark.parametrize("side", ["truth", "generated"])
@pytest.mark.parametrize("share", [1e-6, 0.1])
def test_a_mode_of_small_weight_is_one_of_few_events(side, share):
    """Two modes in both samples; in one of them the second mode has a share of the events, or all with this weight."""
    rng = np.random.default_rng(6)
    full, other, few = (
        np.concatenate([rng.normal(-4, 1, (1_000, 2)), rng.normal(4, 1, (n, 2))])
        for n in (1_000, 1_000, round(share * 1_000))
    )
    weight = np.repeat([1.0, share], 1_000)
    samples = {"truth": full, "generated": full, side: other}
    weighted = overlap(**samples, **{f"weight_{side}": weight})
    expected = overlap(**samples | {side: few})
    assert weighted.events == pytest.approx(expected.events, rel=0.02)
    for name in MEASURES:
        found, right = getattr(weighted, name), getattr(expected, name)
        assert abs(found.value - right.value) < 4 * np.hypot(found.error, right.error) + 1e-12
    same = overlap(full, other)
    lost = {"truth": "precision", "generated": "recall"}[side]
    if share < 1e-3:
        assert getattr(weighted, lost).value < 0.6 < 0.98 < getattr(same, lost).value


def test_equal_weights_change_nothing():
    x, y = np.random.default_rng(7).normal(size=(2, 200, 2))
    assert overlap(x, y, weight_truth=np.full(200, 3.0), weight_generated=np.full(200, 0.1), most=150) == overlap(
        x, y, most=150
    )


def test_events_of_all_weights_are_drawn_by_weight():
    """Generated events over twice the range are told from the truth but for their weights, one of which is large."""
    rng = np.random.default_rng(8)
    truth, generated = rng.normal(size=(2_000, 1)), rng.normal(0, 2, size=(8_000, 1))
    weight = np.exp(-0.375 * generated[:, 0] ** 2)
    weight[np.argmin(abs(generated[:, 0]))] *= 10
    most = equal_events(weight)
    assert weight.sum() < most < 1.1 * weight.sum()  # the cap is near 1
    assert equal_events(np.ones(70)) == 70
    found = overlap(truth, generated, weight_generated=weight, most=most)
    right = overlap(truth, rng.normal(size=(2_000, 1)), most=found.events[0])
    for name in MEASURES:
        one, two = getattr(found, name), getattr(right, name)
        assert abs(one.value - two.value) < 4 * np.hypot(one.error, two.error)


def test_density_has_its_error():
    rng = np.random.default_rng(4)
    found = [overlap(*rng.normal(size=(2, 300, 2))).density for _ in range(40)]
    assert np.std([one.value for one in found]) == pytest.approx(np.mean([one.error for one in found]), rel=0.35)


def test_what_has_no_neighbours():
    x = np.arange(20.0)
    with pytest.raises(InputError, match="the overlap needs a neighbour"):
        overlap(x, x, neighbours=0)
    with pytest.raises(InputError, match="generated sample leave 3 events of equal weight"):
        overlap(x, x, weight_generated=np.repeat([1.0, 0.0], [3, 17]))
    with pytest.raises(InputError, match="truth sample leave 1 events of equal weight"):
        overlap(x, x, weight_truth=np.repeat([1.0, 1e-3], [1, 19]))
    with pytest.raises(InputError, match="weight -1; weights must be 0 or above"):
        overlap(x, x, weight_generated=np.repeat([1.0, -1.0], [19, 1]))
