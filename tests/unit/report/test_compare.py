import math

import pytest
import report_samples

from partonic.core.errors import InputError
from partonic.core.estimate import Estimate
from partonic.report.compare import SIGMA, compare, difference, write_comparison


def run(path, summary, config):
    result = report_samples.new_run(path, "top-tagging", config, "partonic run")
    result.summary = summary
    return result


def test_errors_that_face_each_other_are_added_in_quadrature():
    found = difference(Estimate(10, 7, 16, "a"), Estimate(20, 12, 23, "b"))
    assert found.value.value == 10
    assert found.value.low == pytest.approx(10 - math.hypot(8, 6))
    assert found.value.high == pytest.approx(10 + math.hypot(3, 3))
    assert found.significance == pytest.approx(1.0)
    back = difference(Estimate(20, 12, 23, "b"), Estimate(10, 7, 16, "a"))
    assert back.significance == pytest.approx(-1.0)


def test_differences_without_a_significance():
    assert str(difference(12000, 6000)) == "-6,000"
    assert difference(1, Estimate.symmetric(3, 1, "x")).significance is None
    assert difference("text", 1) is None
    assert difference(None, 1) is None
    assert difference(Estimate(1, 0, math.inf, "x"), Estimate.symmetric(2, 0.1, "x")).significance is None
    assert (
        str(difference(Estimate(math.nan, math.nan, math.nan, "x"), Estimate.symmetric(2, 0.1, ""))) == "not measured"
    )


def test_the_text_shows_numbers_significance_and_options(tmp_path):
    first = run(
        tmp_path / "a", {"AUC": Estimate.symmetric(0.98, 0.003, ""), "jets": 10}, {"jets": 10, "fit": {"lr": 1}}
    )
    other = run(
        tmp_path / "b", {"AUC": Estimate.symmetric(0.99, 0.004, ""), "jets": 20}, {"jets": 20, "fit": {"lr": 1}}
    )
    third = run(
        tmp_path / "c", {"AUC": Estimate.symmetric(0.98, 0.004, "")}, {"jets": 10, "fit": {"lr": 2}, "new": None}
    )
    text = str(compare([first, other, third]))
    assert f"+0.0100 ± 0.0050 (2.0 {SIGMA})" in text
    assert f"+0.0000 ± 0.0050 (0.0 {SIGMA})" in text
    assert "quadrature" in text
    assert "fit.lr" in text
    assert "no such option" in text
    assert compare([first, other]).options == {"jets": ("10", "20")}
    assert "same options" in str(compare([first, run(tmp_path / "d", first.summary, first.config)]))


def test_the_page_of_a_comparison(tmp_path):
    runs = [run(tmp_path / name, {"AUC <i>": Estimate.symmetric(0.98, 0.003, "")}, {name: 1}) for name in ("<b>", "c")]
    text = write_comparison(compare(runs), tmp_path / "compare.html").read_text()
    assert "AUC &lt;i&gt;" in text
    assert "<b>" not in text
    assert "quadrature" in text


def test_runs_of_one_name_are_told_apart_by_their_place(tmp_path):
    runs = [run(tmp_path / folder / "run-1", {"AUC": 1}, {}) for folder in ("x", "y")]
    assert list(compare(runs).runs) == [str(r.path.resolve()) for r in runs]


def test_what_cannot_be_compared(tmp_path):
    one, two = run(tmp_path / "a", {"AUC": 1}, {}), run(tmp_path / "b", {"limit": 1}, {})
    with pytest.raises(InputError, match="two or more"):
        compare([one])
    with pytest.raises(InputError, match="with itself"):
        compare([one, one])
    with pytest.raises(InputError, match="no headline number in common"):
        compare([one, two])
