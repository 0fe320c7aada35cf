"""Mixtures, Galton board, two moons and SLCP: closed forms against scipy, enumeration, and their own posteriors."""

import itertools

import numpy as np
import pytest
from scipy import stats

from partonic.core.errors import FileError, InputError, UnknownNameError
from partonic.core.rng import generator
from partonic.events.events import Events
from partonic.io import parquet
from partonic.simulators.carl_mixtures import CarlMixtures
from partonic.simulators.galton_board import GaltonBoard
from partonic.simulators.known import build, draw, draw_to_file
from partonic.simulators.points import each_event, within
from partonic.simulators.slcp import SLCP
from partonic.simulators.two_moons import TwoMoons


@pytest.mark.parametrize("dimensions", [1, 2, 5])
def test_the_mixtures_are_sums_of_gaussians(dimensions):
    family = CarlMixtures(dimensions, gaussians=3, family=4)
    events = family.simulate(0.3, 40, generator(1))
    x = events.column("x")
    density = np.array(
        [
            np.mean(
                [
                    stats.multivariate_normal.pdf(x, family.means[k, i], family.covariances[k, i]).reshape(-1)
                    for i in range(3)
                ],
                axis=0,
            )
            for k in (0, 1)
        ]
    )
    np.testing.assert_allclose(np.exp(family.log_prob(events, 0.2)), 0.8 * density[0] + 0.2 * density[1], rtol=1e-10)
    ratio = family.log_prob(events, 1.0) - family.log_prob(events, 0.0)
    np.testing.assert_allclose(ratio, np.log(density[1] / density[0]), rtol=1e-9, atol=1e-9)


def test_each_family_of_mixtures_is_another_problem():
    assert not np.allclose(CarlMixtures(family=1).means, CarlMixtures(family=2).means)
    np.testing.assert_array_equal(CarlMixtures(family=3).covariances, CarlMixtures(family=3).covariances)


def test_the_mixtures_have_the_stated_share_of_signal():
    events = CarlMixtures().simulate(np.repeat([0.0, 0.25, 1.0], 4000), 12_000, generator(2))
    share = events.column("signal").reshape(3, 4000).mean(axis=1)
    assert list(share[[0, 2]]) == [0, 1]
    assert share[1] == pytest.approx(0.25, abs=4.5 * np.sqrt(0.1875 / 4000))


@pytest.mark.parametrize("theta", [-0.7, 0.0, 0.9])
def test_the_board_sums_over_all_paths(theta):
    """Seven rows have 128 paths; the chance of each is a product over its nails, written out here."""
    board = GaltonBoard(rows=7, columns=9)
    expected = np.zeros(8)
    for path in itertools.product((0, 1), repeat=7):
        chance, place = 1.0, 0.0
        for row, right in enumerate(path):
            wave = np.sin(np.pi * row / 6)
            left = 0.5 * (1 - wave) + wave / (1 + np.exp(-10 * theta * place / 4))
            chance *= 1 - left if right else left
            place += 0.5 if right else -0.5
        expected[round(place + 3.5)] += chance
    found = np.exp(board.log_prob(Events({"x": np.arange(8) - 3.5}), theta))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found.sum() == pytest.approx(1.0)


def test_balls_fall_as_often_as_computed():
    board = GaltonBoard()
    events = board.simulate(-0.7, 20_000, generator(3))
    np.testing.assert_array_equal(events.column("path").sum(axis=1) - 10, events.column("x"))
    places = np.arange(21) - 10
    expected = np.exp(board.log_prob(Events({"x": places}), -0.7))
    counts = np.array([(events.column("x") == place).sum() for place in places])
    often = expected * 20_000 > 5
    assert stats.chisquare(counts[often], expected[often] / expected[often].sum() * counts[often].sum()).pvalue > 1e-3


def test_the_moons_have_a_normalised_likelihood():
    family, theta = TwoMoons(), np.full(2, 0.05 * np.sqrt(2))  # which moves the edge to a line of the grid
    step = 0.002
    axis = np.arange(-0.5, 0.5, step) + step / 2
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    density = np.exp(family.log_prob(Events({"x": grid}), theta))
    assert density.sum() * step**2 == pytest.approx(1.0, rel=1e-4)
    x = family.simulate(theta, 4000, generator(4)).column("x")
    mean = (density[:, None] * grid).sum(axis=0) * step**2
    np.testing.assert_allclose(x.mean(axis=0), mean, atol=4.5 * 0.08 / np.sqrt(4000))


def test_the_posterior_of_the_moons_is_prior_times_likelihood():
    family = TwoMoons(spread=0.03)
    x = np.array([0.0, 0.1])
    drawn = family.posterior(x, 20_000, generator(5))
    step = 0.005
    axis = np.arange(-1, 1, step) + step / 2
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    weight = np.exp(family.log_prob(Events({"x": np.broadcast_to(x, grid.shape)}), grid))
    weight /= weight.sum()
    for function in (lambda t: t[:, 0] * t[:, 1], lambda t: (t[:, 0] + t[:, 1]) ** 2, lambda t: t[:, 1] - t[:, 0]):
        values = function(drawn)
        assert values.mean() == pytest.approx(weight @ function(grid), abs=4.5 * values.std() / np.sqrt(20_000) + 1e-3)
    mirrored = np.mean(drawn.sum(axis=1) > 0)
    assert mirrored == pytest.approx(0.5, abs=4.5 * 0.5 / np.sqrt(20_000))
    with pytest.raises(InputError, match="too far outside the prior"):
        family.posterior((3.0, 0.0), 5, generator(5))


def test_slcp_is_a_product_of_gaussians():
    family = SLCP(points=3)
    thetas = family.prior(6, generator(6))
    events = family.simulate(thetas, 6, generator(7))
    for row, theta in enumerate(thetas):
        rho, a, b = np.tanh(theta[4]), theta[2] ** 2, theta[3] ** 2
        matrix = np.array([[a * a, rho * a * b], [rho * a * b, b * b]])
        points = events.column("x")[row].reshape(3, 2)
        expected = stats.multivariate_normal.logpdf(points, theta[:2], matrix).sum()
        assert family.log_prob(events[[row]], theta)[0] == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(family.score(events, thetas), events.gold["joint_score"], rtol=1e-7, atol=1e-9)


def test_points_are_spread_over_events():
    np.testing.assert_array_equal(each_event((1, 2), 3, 2), [[1, 2]] * 3)
    np.testing.assert_array_equal(each_event([5, 6, 7], 3, 1), [[5], [6], [7]])
    np.testing.assert_array_equal(each_event(0.5, 2, 3), np.full((2, 3), 0.5))
    spread = each_event(np.zeros(2), 4, 2)
    spread[0] = 1
    assert spread[1:].max() == 0
    assert within(1.0, lambda: np.array([[0.5], [2.0]]), 5, 0.0).shape == (5, 1)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: each_event((1, 2, 3), 2, 2), r"2 numbers, or as many an event, not of the shape \(3,\)"),
        (lambda: each_event(np.nan, 2, 1), "finite"),
        (lambda: each_event(1.0, 0, 1), "1 or more, not 0"),
        (lambda: within(1.0, lambda: np.zeros((1, 1)), 0, 0.0), "1 or more"),
        (lambda: CarlMixtures(0), "1 dimension"),
        (lambda: CarlMixtures(reference=1.0), "between 0 and 1"),
        (lambda: CarlMixtures().simulate(1.2, 5, generator(1)), "a share, between 0 and 1"),
        (lambda: GaltonBoard(rows=20, columns=20), "more columns than rows"),
        (lambda: GaltonBoard().log_prob(Events({"x": np.array([0.5])}), 0.1), "whole steps"),
        (lambda: GaltonBoard().log_prob(Events({"x": np.array([11.0])}), 0.1), "within 10"),
        (lambda: TwoMoons(spread=0.0), "above 0"),
        (lambda: SLCP(points=0), "1 point"),
        (lambda: SLCP().simulate((0, 0, 0, 1, 0), 2, generator(1)), "no width"),
    ],
)
def test_impossible_options_are_refused(make, said):
    with pytest.raises(InputError, match=said):
        make()


def test_events_by_name_and_in_a_file(tmp_path):
    path = tmp_path / "board.parquet"
    line = draw_to_file("galton-board", 30, path, theta=(-0.5,), seed=3, rows=10)
    assert "galton-board at theta = (-0.5): 30 events" in line
    stored, drawn = parquet.read(path), draw("galton-board", 30, (-0.5,), 3, rows=10)
    np.testing.assert_array_equal(stored.column("path"), drawn.column("path"))
    np.testing.assert_array_equal(stored.gold["joint_score"], drawn.gold["joint_score"])
    assert stored.provenance == drawn.provenance
    assert stored.provenance["options"] == {"rows": 10, "columns": 31, "reference": -0.7}
    with pytest.raises(FileError, match="exists"):
        draw_to_file("galton-board", 30, path)
    draw_to_file("galton-board", 5, path, overwrite=True)
    assert len(parquet.read(path)) == 5
    with pytest.raises(UnknownNameError, match=r"options of galton-board: 'row'; did you mean 'rows'"):
        build("galton-board", row=3)
    with pytest.raises(UnknownNameError, match=r"simulator 'two-moon'; did you mean 'two-moons'"):
        draw("two-moon", 3)
