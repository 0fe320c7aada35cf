"""Scans, regions and toys of a Gaussian, where all is known in closed form."""

import numpy as np
import pytest
from scipy.stats import chi2

from partonic.core.errors import InputError
from partonic.inference.limits import Scan, expected_scan, grid, rate_scan
from partonic.inference.toys import critical_values, grid_index, toy_scans

AXIS = np.linspace(-1.5, 1.5, 31)
N = 20


def gaussian(axes, n=40_000, seed=0):
    """Log-ratios to theta = 0 of events around 0 with unit spread in each direction, (m, n)."""
    theta = grid(*axes)
    x = np.random.default_rng(seed).normal(0, 1, (n, theta.shape[1]))
    return theta @ x.T - 0.5 * (theta**2).sum(axis=1)[:, None]


def parabola(axes, width):
    q = (grid(*axes) ** 2 / np.array(width) ** 2).sum(axis=1)
    return Scan(tuple(axes), q.reshape([len(axis) for axis in axes]), np.zeros((0, *[len(axis) for axis in axes])))


def test_areas_and_intervals_of_a_parabola_are_exact():
    scan = parabola((np.linspace(-2, 2, 17), np.linspace(-3, 3, 19)), (0.4, 0.7))
    for level, cut in ((0.6826894921, 2.2957), (0.95, 5.9915)):
        assert scan.area(level).value == pytest.approx(np.pi * cut * 0.4 * 0.7, rel=1e-3)
    low, high = scan.along(0).interval(0.95)
    assert (low.value, high.value) == pytest.approx((-0.4 * 1.95996, 0.4 * 1.95996), rel=1e-4)
    assert scan.along(1, others=0.3).interval(0.95)[1].value == pytest.approx(0.7 * 1.95996, rel=1e-4)
    assert scan.best() == pytest.approx([0, 0], abs=1e-9)


def test_a_region_that_is_cut_off_says_so():
    scan = parabola((np.linspace(-1, 1, 9), np.linspace(-1, 1, 9)), (0.3, 3.0))
    assert scan.area(0.95).note == "the region reaches the edge of the grid"
    low, high = scan.along(1).interval(0.95)
    assert (low.value, high.value) == (-1.0, 1.0)
    assert low.note == high.note == "at the edge of the grid"
    assert scan.area(0.95).value < 4.0


def test_the_expected_region_is_that_of_the_information_within_its_error():
    axes = (AXIS, AXIS)
    area = expected_scan(axes, gaussian(axes, 20_000), N, replicas=40).area(0.95)
    exact = np.pi * chi2.ppf(0.95, 2) / N
    assert area.value == pytest.approx(exact, abs=4 * area.error)
    assert 0 < area.error < 0.05 * exact


def test_errors_are_those_of_repeated_samples():
    axes = (AXIS,)
    ends = [
        expected_scan(axes, gaussian(axes, 2000, seed), N, replicas=0).interval(0.95)[1].value for seed in range(40)
    ]
    error = expected_scan(axes, gaussian(axes, 2000), N, replicas=200).interval(0.95)[1].error
    assert error == pytest.approx(np.std(ends, ddof=1), rel=0.4)


def test_the_rate_adds_what_a_count_knows():
    axes = (np.linspace(-0.9, 0.9, 61),)
    flat, rates = np.zeros((61, 100)), 50 * np.exp(axes[0])
    scan = expected_scan(axes, flat, 50, rates=rates, replicas=0)
    expected = 2 * (rates - 50 - 50 * np.log(rates / 50))
    assert scan.q - scan.q.min() == pytest.approx(expected, abs=1e-9)
    moved = np.stack([50 * np.exp((1 + shift) * axes[0]) for shift in (0.0, 0.1, -0.1)])
    alone = rate_scan(axes, moved, 50)
    np.testing.assert_allclose(alone.q, scan.q, rtol=1e-12)
    length = alone.area(0.95)
    lengths = [rate_scan(axes, one[None], 50).area(0.95).value for one in moved]
    assert length.value == pytest.approx(lengths[0])
    assert length.error == pytest.approx(np.std(lengths[1:], ddof=1))
    assert length.error > 0.02


def test_weights_move_the_truth():
    axes = (AXIS,)
    table = gaussian(axes, 60_000)
    moved = expected_scan(axes, table, N, np.exp(table[grid_index(axes, 0.5)]), replicas=0)
    assert moved.best()[0] == pytest.approx(0.5, abs=0.03)


def test_asymptotic_regions_cover_as_they_say():
    axes = (AXIS,)
    rng = np.random.default_rng(1)
    scans = toy_scans(axes, gaussian(axes), None, N, 2000, rng)
    for level in (0.6827, 0.95):
        covered = scans.coverage(0.0, level)
        assert covered.value == pytest.approx(level, abs=4 * covered.error)
    two = (np.linspace(-1.5, 1.5, 17),) * 2
    covered = toy_scans(two, gaussian(two), None, N, 1500, rng).coverage((0.0, 0.0), 0.95)
    assert covered.value == pytest.approx(0.95, abs=4 * covered.error)


def test_the_statistic_of_a_toy_is_that_of_its_mean():
    axes = (AXIS,)
    x = np.array([0.3, 0.3])
    table = AXIS[:, None] * x - 0.5 * AXIS[:, None] ** 2
    scans = toy_scans(axes, table, None, N, 3, np.random.default_rng(0))
    np.testing.assert_allclose(scans.statistic, np.tile(N * (AXIS - 0.3) ** 2, (3, 1)), atol=1e-9)


def test_toys_with_a_rate_have_poisson_numbers():
    axes = (np.linspace(-0.9, 0.9, 61),)
    rates = 30 * np.exp(axes[0])
    scans = toy_scans(axes, np.zeros((61, 10)), None, 30, 3000, np.random.default_rng(2), rates=rates)
    covered = scans.coverage(0.0, 0.6827)
    assert covered.value == pytest.approx(0.6827, abs=4 * covered.error + 0.04)  # a count of 30 is discrete


def test_neyman_finds_the_chi_squared_and_more_where_it_does_not_hold():
    axes = (AXIS,)
    table = gaussian(axes)
    rows = [grid_index(axes, theta) for theta in (0.0, 0.4)]
    rng = np.random.default_rng(3)
    found = critical_values(axes, table, np.exp(table[rows]), rows, N, 1500, rng)
    for value in found:
        assert value.value == pytest.approx(chi2.ppf(0.95, 1), abs=5 * value.error)
    overconfident = critical_values(axes, 1.5 * table, np.ones((1, table.shape[1])), rows[:1], N, 1500, rng)
    assert overconfident[0].value > chi2.ppf(0.95, 1) + 5 * overconfident[0].error


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"log_ratio": np.zeros((30, 5))}, r"shape \(31, events\), not \(30, 5\)"),
        ({"log_ratio": np.full((31, 5), np.nan)}, "not finite"),
        ({"weights": [1, 1, 1, 1, -1]}, "0 or above"),
        ({"weights": [0] * 5}, "not all 0"),
        ({"weights": [1]}, "one weight for each of the 5 events"),
        ({"events": 0}, "above 0, not 0"),
        ({"rates": [0.0] * 31}, "31 numbers above 0"),
        ({"replicas": -1}, "0 or more, not -1"),
        ({}, "5 events are too few to resample for an error; give 20 or more, or replicas=0"),
        ({"log_ratio": "abc"}, "log_ratio must be an array of numbers"),
        ({"axes": (AXIS[::-1],)}, "axis 1 of a grid must be four or more rising"),
    ],
)
def test_bad_input_is_named(change, said):
    given = {"axes": (AXIS,), "log_ratio": np.zeros((31, 5)), "events": 10, "weights": None} | change
    with pytest.raises(InputError, match=said):
        expected_scan(**given)


def test_rates_without_a_scan_are_refused():
    for rates, events, said in (
        (np.ones(61), 5, "shape"),
        (np.zeros((1, 61)), 5, "above 0"),
        (np.ones((1, 61)), 0, "number of events"),
    ):
        with pytest.raises(InputError, match=said):
            rate_scan((np.linspace(-1, 1, 61),), rates, events)


def test_bad_toys_are_named():
    table = np.zeros((31, 5))
    with pytest.raises(InputError, match="the grid has no point"):
        grid_index((AXIS,), 0.123)
    with pytest.raises(InputError, match="one toy and"):
        toy_scans((AXIS,), table, None, 0, 5, np.random.default_rng(0))
    with pytest.raises(InputError, match=r"are too few for a level of 0\.99"):
        critical_values((AXIS,), table, np.ones((1, 5)), [3], 5, 100, np.random.default_rng(0), level=0.99)
    with pytest.raises(InputError, match="a level is between 0 and 1, not 1"):
        critical_values((AXIS,), table, np.ones((1, 5)), [3], 5, 100, np.random.default_rng(0), level=1.0)
    with pytest.raises(InputError, match="not finite"):
        toy_scans((AXIS,), np.full((31, 5), np.nan), None, 3, 5, np.random.default_rng(0))
    with pytest.raises(InputError, match="axes 0 to 1, not 2"):
        parabola((AXIS, AXIS), (1, 1)).along(2)
    with pytest.raises(InputError, match=r"take scan\.along"):
        parabola((AXIS, AXIS), (1, 1)).interval()
