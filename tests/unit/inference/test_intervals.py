"""Asymptotic formulas of 1007.1727 beside closed forms of the counting experiment."""

import numpy as np
import pytest
from scipy.stats import norm

from partonic.core.errors import InputError
from partonic.inference.intervals import (
    LEVELS,
    bracket,
    discovery,
    expected_cls,
    p_values,
    profile_statistic,
    share,
    significance,
    threshold,
)


def test_thresholds_are_those_of_the_tables():
    assert [round(threshold(level, 2), 2) for level in (LEVELS[0], 0.95, LEVELS[2])] == [2.30, 5.99, 11.83]
    assert [round(threshold(level, 1), 2) for level in (*LEVELS, 0.95)] == [1.0, 4.0, 9.0, 3.84]


def test_statistics_are_one_sided_where_they_should_be():
    arguments = ([1.0, 1.0], [0.5, 1.5], [12.0, 12.0], [10.0, 10.0])
    assert profile_statistic("t_mu", *arguments).tolist() == [4.0, 4.0]
    assert profile_statistic("q_mu", *arguments).tolist() == [4.0, 0.0]
    assert profile_statistic("q0", 0.0, [0.5, -0.5], 12.0, 10.0).tolist() == [4.0, 0.0]
    assert np.isnan(profile_statistic("q_tilde", 1.0, 2.0, np.nan, 10.0))


def test_gaussian_measurements_have_their_exact_p_values():
    """A measurement m of mu with unit error: q_mu = (mu - m)^2, CLs+b and CLb are those of the measurement itself."""
    mu, m = 2.0, 0.7
    found = p_values("q_mu", (mu - m) ** 2, mu**2)
    assert float(found.tested) == pytest.approx(norm.cdf(m - mu))
    assert float(found.background) == pytest.approx(norm.cdf(m))
    negative = -0.4  # q_tilde = mu^2 - 2 mu m below zero
    found = p_values("q_tilde", mu**2 - 2 * mu * negative, mu**2)
    assert float(found.tested) == pytest.approx(norm.cdf(negative - mu))
    assert float(found.background) == pytest.approx(norm.cdf(negative))
    two = p_values("t_mu", (mu - m) ** 2, mu**2)
    assert float(two.tested) == pytest.approx(2 * norm.cdf(m - mu))
    assert float(two.background) == pytest.approx(norm.cdf(m) + norm.cdf(m - 2 * mu))


def test_bands_are_cls_of_shifted_measurements():
    mu, n = 1.8, np.array([-2.0, -1, 0, 1, 2])
    assert expected_cls(mu**2) == pytest.approx(norm.cdf(n - mu) / norm.cdf(n))


def test_discovery_is_the_asimov_statistic_of_a_count():
    s, b = 8.0, 12.0
    z = float(discovery(s, b))
    rate, n = b, s + b
    assert z**2 == pytest.approx(2 * (rate - n + n * np.log(n / rate)))
    assert float(discovery(s, 1e7)) == pytest.approx(s / np.sqrt(1e7), rel=1e-5)
    assert float(discovery(s, b, 1e-4)) == pytest.approx(z, rel=1e-5)
    assert float(discovery(s, b, 3.0)) < z


def test_discovery_with_an_error_is_that_of_an_on_off_count():
    """The background is measured in a region tau = b / sigma^2 times as large; profile it by hand."""
    s, b, sigma = 8.0, 12.0, 3.0
    tau = b / sigma**2
    n, m = s + b, tau * b
    profiled = (n + m) / (1 + tau)
    best = n * np.log(n) - n + m * np.log(m) - m
    null = n * np.log(profiled) - profiled + m * np.log(tau * profiled) - tau * profiled
    assert float(discovery(s, b, sigma)) ** 2 == pytest.approx(2 * (best - null))


def test_shares_and_significances():
    assert share(68, 100).error == pytest.approx(np.sqrt(0.68 * 0.32 / 100), rel=0.02)
    assert share(0, 100).high > 0
    assert float(significance(norm.sf(3.0))) == pytest.approx(3.0)
    with pytest.raises(InputError, match="at least one toy"):
        share(0, 0)


def test_a_crossing_that_is_not_there_is_an_error():
    x = np.linspace(0, 1, 11)
    assert bracket(x, 1 - x**2, 0.7, "a curve") == pytest.approx((0.5, 0.6))
    with pytest.raises(InputError, match="a curve goes from 1 to 0 between 0 and 1 and does not fall through -1"):
        bracket(x, 1 - x**2, -1.0, "a curve")
    with pytest.raises(InputError, match="background above 0"):
        discovery(1.0, 0.0)
    with pytest.raises(InputError, match="between 0 and 1"):
        threshold(68, 2)
