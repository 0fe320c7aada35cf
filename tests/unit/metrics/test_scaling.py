"""The power law with a floor: exact points, coverage of its intervals, what cannot be fitted."""

import numpy as np
import pytest

from partonic.core.errors import InputError
from partonic.metrics.scaling import fit_power_law

SIZES = np.array([1e3, 3e3, 1e4, 3e4, 1e5])


def law(sizes, a=0.02, b=0.6, c=0.015):
    return a * (sizes / 1e4) ** -b + c


def test_exact_points_give_their_parameters_back():
    fit = fit_power_law(SIZES, law(SIZES), np.diag((1e-5 * np.ones(5)) ** 2))
    assert fit.exponent.value == pytest.approx(0.6, rel=0.01)
    assert fit.floor.value == pytest.approx(0.015, rel=0.01)
    assert fit.amplitude.value == pytest.approx(0.02 * (fit.pivot / 1e4) ** -0.6, rel=0.01)
    assert fit.chi2 < 0.01
    np.testing.assert_allclose(fit(SIZES), law(SIZES), rtol=1e-3)


def test_a_common_shift_moves_the_floor_only():
    """Test jets that all points share: their error goes to the floor, not to the exponent."""
    own, common = (2e-4) ** 2 * np.eye(5), (3e-3) ** 2 * np.ones((5, 5))
    apart, together = (fit_power_law(SIZES, law(SIZES), cov) for cov in (own, own + common))
    assert together.exponent.error == pytest.approx(apart.exponent.error, rel=0.1)
    assert together.floor.error > 0.8 * 3e-3
    assert apart.floor.error < 2e-3


def test_the_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(1)
    error = 0.02 * law(SIZES)
    tries, held = 150, np.zeros(3)
    for _ in range(tries):
        fit = fit_power_law(SIZES, law(SIZES) + error * rng.standard_normal(5), np.diag(error**2))
        truth = (0.02 * (fit.pivot / 1e4) ** -0.6, 0.6, 0.015)
        found = (fit.amplitude, fit.exponent, fit.floor)
        held += [one.low <= true <= one.high for one, true in zip(found, truth, strict=True)]
    assert np.all(np.abs(held / tries - 0.683) < 4 * np.sqrt(0.683 * 0.317 / tries)), held / tries


def test_chi2_has_its_law():
    rng = np.random.default_rng(2)
    error = 0.02 * law(SIZES)
    fits = [fit_power_law(SIZES, law(SIZES) + error * rng.standard_normal(5), np.diag(error**2)) for _ in range(100)]
    assert fits[0].freedom == 2
    assert np.mean([fit.chi2 for fit in fits]) == pytest.approx(2, abs=0.6)
    assert np.mean([fit.p_value < 0.5 for fit in fits]) == pytest.approx(0.5, abs=0.15)


def test_a_floor_below_zero_is_zero():
    fit = fit_power_law(SIZES, law(SIZES, c=0.0) - 1e-3, np.diag((1e-3 * np.ones(5)) ** 2))
    assert fit.floor.value == 0
    assert "below 0" in fit.floor.note


@pytest.mark.parametrize(
    ("sizes", "values", "covariance", "said"),
    [
        ([1e3, 1e4], [1, 2], np.eye(2), "three sizes"),
        ([1e3, 1e4, 0], [1, 2, 3], np.eye(3), "above 0"),
        ([1e3, 1e4, 1e5], [1, 2], np.eye(3), "as many values"),
        ([1e3, 1e4, 1e5], [1, 2, 3], np.zeros((3, 3)), "no error"),
    ],
)
def test_what_cannot_be_fitted_is_told(sizes, values, covariance, said):
    with pytest.raises(InputError, match=said):
        fit_power_law(sizes, values, covariance)
