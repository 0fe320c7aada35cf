"""Options of wbf-eft, and what the page of its tiny preset holds."""

import pytest

from partonic.core.errors import PartonicError
from partonic.core.result import Result
from partonic.recipes.wbf_eft import WbfEft


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"levels": ("partons",)}, "did you mean 'parton'"),
        ({"methods": ("salli",)}, "did you mean 'sally'"),
        ({"methods": ()}, "name each method once"),
        ({"levels": ("parton", "parton")}, "name each level once"),
        ({"grid": 3}, "grid must be 5 or more"),
        ({"train_events": 10}, "train_events must be 500 or more"),
        ({"many": 36}, "many must be 37 or more"),
        ({"epochs": 0}, "epochs must be 1 or more"),
    ],
)
def test_what_makes_no_sense_is_told_at_once(changes, said):
    with pytest.raises(PartonicError, match=said):
        WbfEft(**changes)


@pytest.mark.xdist_group("tiny-wbf-eft")
def test_the_page_holds_the_truth_beside_each_method(tiny_runs):
    result = Result.load(tiny_runs("wbf-eft"))
    rows = {row["method"]: row for row in result.tables["limits-smeared"].rows}
    assert list(rows) == ["truth", "quadratic", "sally", "histogram", "rate"]
    for row in rows.values():
        areas = [row[f"{level} area"].value for level in ("68 %", "95 %", "99.7 %")]
        assert 0 < areas[0] <= areas[1] <= areas[2] <= 4
    assert rows["truth"]["95 % area"].value < 0.9 * rows["rate"]["95 % area"].value
    assert 0 < rows["rate"]["68 % area"].error < 0.2 * rows["rate"]["68 % area"].value
    matrices = {row["information of"]: row for row in result.tables["information-smeared"].rows}
    for name in ("histogram", "rate"):
        assert matrices[name]["f_W f_W"].value < matrices["truth"]["f_W f_W"].high
    means = result.tables["closure-smeared"].rows[0]
    assert means["method"] == "truth"
    mean = means["mean at (0.5, 0.5)"]
    assert mean.value == pytest.approx(1.0, abs=5 * mean.error)
    areas = {
        (row["events"], row["profiled"]): row["95 % area, truth"].value
        for row in result.tables["profiled-smeared"].rows
    }
    for events in ("36", "1,000"):
        alone = [areas[events, name] for name in ("factorisation scale", "parton densities", "luminosity")]
        assert areas[events, "none"] < min(alone)
        assert max(alone) < areas[events, "all"] < 1.5 * areas[events, "none"]
        # The balance of momentum measures the energy scale in the same events, and it is nearly uncorrelated.
        assert areas[events, "jet energy scale"] == pytest.approx(areas[events, "none"], rel=0.1)
    known = {row["uncertainty"]: row for row in result.tables["uncertainties-smeared"].rows}
    assert known["luminosity"]["rate at +1"].value == pytest.approx(0.02)
    assert known["factorisation scale"]["rate at +1"].high < 0
    assert known["jet energy scale"]["spread over events"].value == pytest.approx(0.175, abs=0.03)
    assert "pb at leading order" in result.facts["data"]["cross section within the cuts"]
