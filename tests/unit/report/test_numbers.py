import math

import numpy as np
import pytest
from markupsafe import Markup

from partonic.core.estimate import Estimate
from partonic.report.numbers import MINUS, NOT_THERE, TIMES, cell, estimate, is_number, linked, number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12000, "12,000"),
        (3, "3"),
        (0.5, "0.5"),
        (4.0, "4"),
        (0.98123456, "0.9812"),
        (123456.7, "123,457"),
        (-1.5, "-1.5"),
        (1.23456e-7, f"1.235 {TIMES} 10⁻⁷"),
        (math.nan, NOT_THERE),
    ],
)
def test_numbers_without_an_error(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Estimate.symmetric(0.98123, 0.00112, "bootstrap"), "0.9812 ± 0.0011"),
        (Estimate.symmetric(210000.0, 8400.0, "repeats"), "210,000 ± 8400"),
        (Estimate(811, 650, 1040, "binomial"), "811 +229 -161"),
        (Estimate(math.nan, math.nan, math.nan, "binomial"), "not measured"),
        (Estimate(900.0, 700.0, math.inf, "binomial"), "900 (above 700)"),
    ],
)
def test_estimates_as_text(value, text):
    assert estimate(value) == text


def test_an_estimate_shows_its_interval_method_and_note():
    shown = cell(Estimate(811, 650, 1040, "binomial", "rests on <7> jets"))
    assert "68.3 % interval 650 to 1040, binomial" in shown
    assert "rests on &lt;7&gt; jets" in shown
    assert "+229" in shown
    assert f">{MINUS}0.274<" in cell(Estimate(-0.274, -0.321, -0.212, "x")).replace(" ", "")
    assert f"{MINUS}161" in shown


def test_cells_are_escaped_whatever_they_hold():
    for value in ("<i>", Estimate.symmetric(1, 0.1, "<i>", "<i>"), {"<i>": 1}):
        shown = cell(value)
        assert isinstance(shown, Markup)
        assert "<i>" not in shown


def test_cells_of_numpy_scalars_and_of_nothing():
    assert cell(np.int64(40000)) == "40,000"
    assert cell(np.float32(0.5)) == "0.5"
    assert cell(None) == NOT_THERE
    assert cell(True) == "yes"
    assert [is_number(x) for x in (1, np.float64(2), True, "3", Estimate.symmetric(1, 1, ""))] == [
        True, True, False, False, True,
    ]  # fmt: skip


def test_papers_become_links_and_nothing_else_does():
    shown = linked("see arXiv:1902.09914, hep-ph/9605323 <b> and doi:10.1088/1126-6708/2008/04/063")
    assert '<a href="https://arxiv.org/abs/1902.09914">arXiv:1902.09914</a>, hep-ph/9605323 &lt;b&gt;' in shown
    assert '<a href="https://doi.org/10.1088/1126-6708/2008/04/063">' in shown
    assert "href" not in linked("javascript:alert(1) http://x arXiv:<b>")
