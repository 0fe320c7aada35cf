"""Numbers held against what is expected of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import pytest

from partonic.core.estimate import Estimate
from partonic.core.result import Result
from partonic.report.expected import Expected, below, expected_section


@dataclass
class MadeUp:
    jets: int = 1


def number(value: float, error: float) -> Estimate:
    return Estimate.symmetric(value, error, "test")


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (number(0.51, 0.01), "yes"),
        (number(0.48, 0.0), "yes"),
        (number(0.493, 0.089), "not clear"),
        (number(0.53, 0.006), "not clear"),
        (number(0.53, 0.004), "no"),
        (number(0.47, 0.006), "not clear"),
        (number(0.40, 0.01), "no"),
        (Estimate(math.nan, 0.0, 1.0, "test"), "not clear"),
    ],
)
def test_a_number_lies_inside_or_misses_by_its_errors(found: Estimate, verdict: str) -> None:
    assert Expected("0.50 +- 0.02", found, 0.48, 0.52).verdict == verdict


@pytest.mark.parametrize(("value", "verdict"), [(2.1, "yes"), (1.9, "not clear"), (-1.9, "not clear"), (-2.1, "no")])
def test_a_gain_must_be_seen_beyond_its_errors(value: float, verdict: str) -> None:
    assert Expected("a gain", number(value, 1.0), low=0.0, errors=2.0).verdict == verdict


def test_the_nearer_end_of_a_lopsided_interval_counts() -> None:
    lopsided = Estimate(1.0, 0.9, 3.0, "test")
    assert Expected("above", lopsided, low=0.7, errors=2.0).verdict == "yes"
    assert Expected("below", lopsided, high=2.0, errors=2.0).verdict == "not clear"


def test_a_difference_has_the_errors_of_both_in_quadrature() -> None:
    found = below(Estimate(1.0, 0.6, 1.3, "test"), Estimate(3.0, 2.6, 3.4, "test"))
    assert (found.value, found.low, found.high) == pytest.approx((2.0, 1.5, 2.0 + math.hypot(0.4, 0.4)))


def test_the_page_says_what_holds(tmp_path: Path) -> None:
    result = Result.create(tmp_path / "run", "made-up", MadeUp())
    section = expected_section(
        result, [Expected("a", number(1, 0.1), low=0, errors=2), Expected("b", number(1, 0.1), high=0)]
    )
    assert section is not None
    assert section.tables == ("expected",)
    assert [row["expected"] for row in result.tables["expected"].rows] == ["a, beyond 2 errors", "b"]
    assert [row["holds"] for row in result.tables["expected"].rows] == ["yes", "no"]


def test_nothing_is_expected_of_nothing(tmp_path: Path) -> None:
    result = Result.create(tmp_path / "run", "made-up", MadeUp())
    assert expected_section(result, []) is None
    assert not result.tables
