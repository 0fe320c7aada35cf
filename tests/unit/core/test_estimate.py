"""Estimates: how they read, and that JSON gives them back."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partonic.core.estimate import Estimate

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (0.98123, 0.98012, 0.98234, "0.9812 +- 0.0011"),
        (1234.4, 1111.2, 1357.6, "1234 +- 123"),
        (8.0, 5.1, 13.9, "8.0 +5.9 -2.9"),
        (100.0, 90.0, 111.0, "100 +- 10"),
        (0.5, 0.5, 0.5, "0.5"),
        (1.0, 0.87, 1.0, "1.00 +0.00 -0.13"),
        (-0.0031, -0.0052, -0.0010, "-0.0031 +- 0.0021"),
        (120.0, 60.0, INF, "120 (> 60)"),
        (120.0, -INF, 500.0, "120 (< 500)"),
        (0.98, -INF, INF, "0.98"),
        (0.98, NAN, NAN, "0.98"),
        (NAN, 543.6, INF, "> 544"),
        (NAN, 10.0, 20.0, "> 10 and < 20"),
        (NAN, -INF, INF, "not measured"),
        (NAN, NAN, NAN, "not measured"),
    ],
)
def test_reads_rounded_to_two_digits_of_the_error(value, low, high, text):
    assert str(Estimate(value, low, high, "bootstrap")) == text


def test_symmetric_and_error():
    estimate = Estimate.symmetric(3, 0.5, "seeds", "three trainings")
    assert (estimate.value, estimate.low, estimate.high) == (3.0, 2.5, 3.5)
    assert estimate.error == 0.5
    assert Estimate(1.0, 0.0, 4.0, "binomial").error == 2.0


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.text(),
)
def test_json_gives_finite_estimates_back(value, low, high, method, note):
    estimate = Estimate(value, low, high, method, note)
    assert Estimate.from_dict(json.loads(json.dumps(estimate.to_dict(), allow_nan=False))) == estimate


def test_json_gives_open_ends_back():
    tree = json.loads(json.dumps(Estimate(NAN, 40.0, INF, "binomial", "a limit").to_dict(), allow_nan=False))
    assert (tree["value"], tree["high"]) == (None, None)
    again = Estimate.from_dict(tree)
    assert math.isnan(again.value)
    assert (again.low, again.high, again.note) == (40.0, INF, "a limit")
    assert Estimate.from_dict({"value": 1.0, "low": None, "high": 2.0, "method": "x"}).low == -INF


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9), st.floats(0, 1e9))
def test_every_finite_estimate_can_be_read(value, down, up):
    text = str(Estimate(value, value - down, value + up, "bootstrap"))
    assert "nan" not in text
    assert "inf" not in text


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (81.0673864812, 81.0673864720, 81.0673864904, "81.06739 +- 9.2e-09"),
        (1.03e-11, 0.3e-11, 3.0e-11, "(1.03 +1.97 -0.73)e-11"),
        (1e-9, 7e-10, 1.3e-9, "(1.00 +- 0.30)e-9"),
        (0.0, -3e-12, 3e-12, "(0.0 +- 3.0)e-12"),
    ],
)
def test_small_errors_do_not_take_many_decimals(value, low, high, text):
    assert str(Estimate(value, low, high, "x")) == text
