"""Limits from a real file of weights, its options, and the file behind shower and detector."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from partonic.core.errors import FileError, InputError, UnknownNameError
from partonic.core.estimate import Estimate
from partonic.core.recipe import Context
from partonic.core.result import Result
from partonic.inference.benchmarks import components_of
from partonic.inference.limits import Scan
from partonic.io import lhe
from partonic.recipes.eft_from_lhe import EftFromLhe, _verdict, _warn
from partonic.recipes.weighted_events import from_file, own_events

LHE = Path(__file__).parents[2] / "data" / "smeftsim_vbfh_200.lhe.gz"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    recipe = EftFromLhe(LHE, events=500, epochs=2, grid=9, replicas=4, parameters=("cHWB", "cHW"))
    result = Result.create(tmp_path_factory.mktemp("eft") / "run", "eft-from-lhe", recipe)
    recipe.check()
    return recipe.run(Context(result))


def test_the_page_of_a_real_file(finished):
    assert (finished.path / "report.html").is_file()
    basis = {row["quantity"]: row["value"] for row in finished.tables["basis"].rows}
    assert basis["weights"] == basis["monomials"] == "21"
    assert basis["condition number"] == "2121"
    assert float(basis["condition number in units of the smallest steps"]) == pytest.approx(45.3, abs=0.1)
    assert -1e-5 < float(basis["smallest eigenvalue of an event's form over its weight"]) < 0
    assert finished.summary["cross section in pb"].value == pytest.approx(3.343019)
    assert finished.summary["cross section in pb"].error == pytest.approx(8.537726e-3)


def test_a_ratio_that_excludes_the_truth_is_warned_of(finished):
    axis = np.linspace(-1, 1, 9)
    a, b = np.meshgrid(axis, axis, indexing="ij")
    for shift, warned in ((0.0, False), (0.5, True)):
        finished.facts.pop("warnings", None)
        _warn(finished, Scan((axis, axis), 40 * ((a - shift) ** 2 + b**2), np.zeros((0, 9, 9))), 77)
        assert ("warnings" in finished.facts) is warned
    assert "77 training events excludes" in finished.facts["warnings"][0]


def test_means_off_1_are_judged_by_their_errors():
    near, far = Estimate.symmetric(0.99, 0.004, "standard error"), Estimate.symmetric(0.973, 0.003, "standard error")
    assert "nothing here speaks against the ratio" in _verdict([near, near])
    assert "off 1 by 0.027, 9 times its error" in _verdict([near, far])


def test_the_cross_section_is_the_mean_of_the_weights(finished):
    events = lhe.read(LHE)
    found = {row["monomial"]: row["pb"] for row in finished.tables["cross-section"].rows}
    assert found["1"].value == pytest.approx(3.343019)
    at = found["1"].value + 0.2 * found["cHW"].value + 0.04 * found["cHW^2"].value
    assert at == pytest.approx(events.weight("cHW_0p2").mean(), rel=1e-6)
    slope = components_of(events, from_file(LHE, "parton", 200, 0, None).benchmarks)[:, 3]
    of_file = 8.537726e-3 / 3.343019
    error = np.hypot(slope.std() / np.sqrt(200), found["cHW"].value * of_file)
    assert found["cHW"].error == pytest.approx(error, rel=1e-6)
    assert found["1"].error == pytest.approx(8.537726e-3)
    number = {row["coefficient"]: row["number"] for row in finished.tables["information"].rows}["cHW"]
    assert number.value == pytest.approx(found["1"].value / found["cHW"].value / 10)
    assert number.error / number.value == pytest.approx(error / found["cHW"].value)


def test_what_only_scales_the_rate_shows_in_the_number_alone(finished):
    rows = {row["coefficient"]: row for row in finished.tables["information"].rows}
    assert "do not depend on it" in rows["cHbox"]["shape"].note
    assert rows["cHbox"]["both"].value == pytest.approx(rows["cHbox"]["number"].value)
    assert rows["cHbox"]["both"].error == pytest.approx(rows["cHbox"]["number"].error, rel=1e-6)
    assert rows["cHW"]["both"].value < rows["cHW"]["shape"].value < rows["cHW"]["number"].value


def test_limits_are_inside_the_grid_and_no_better_than_what_is_known(finished):
    rows = [row for row in finished.tables["limits"].rows if row["used"] == "shape and number"]
    areas = {row["from"]: row["95 % area"] for row in rows}
    best, learned = (areas[f"{name}"].value for name in areas if name.startswith(("all that", "the learned")))
    assert 0 < best < learned + 3 * list(areas.values())[1].error
    for name in ("cHWB", "cHW"):
        assert rows[0][f"{name} from"].value < 0 < rows[0][f"{name} to"].value


def test_own_events_get_the_components_of_their_simulator():
    pytest.importorskip("pythia8mc")
    data = own_events(500, 3)
    theta = np.array([0.3, -0.4])
    weight = data.events.gold["components"] @ data.morphing.basis(theta)
    assert np.all(weight > 0)
    assert data.x.shape == (500, 15)
    ratio = (data.truth @ data.morphing.basis(theta)) / data.truth[:, 0]
    spread = np.log(weight / data.events.gold["components"][:, 0]) - np.log(ratio)
    assert 0 < spread.std() < np.log(ratio).std()


def test_the_file_behind_shower_and_detector(tmp_path, monkeypatch):
    pytest.importorskip("pythia8mc")
    monkeypatch.setenv("PARTONIC_CACHE", str(tmp_path))
    data = from_file(LHE, "cms", 120, 2, Context(None))
    partons = from_file(LHE, "parton", 120, 2, None)
    assert len(data.events) == 120
    assert np.all(np.isfinite(data.x))
    assert data.morphing == partons.morphing
    ours, theirs = (one.events.gold["components"] for one in (data, partons))
    np.testing.assert_allclose(ours / ours[:, :1], theirs / theirs[:, :1], atol=1e-3)


def test_limits_from_what_a_detector_sees(tmp_path, monkeypatch, finished):
    pytest.importorskip("pythia8mc")
    monkeypatch.setenv("PARTONIC_CACHE", str(tmp_path))
    recipe = EftFromLhe(LHE, level="cms", events=500, epochs=2, grid=9, replicas=4, parameters=("cHWB", "cHW"))
    done = recipe.run(Context(Result.create(tmp_path / "run", "eft-from-lhe", recipe)))
    assert (done.path / "report.html").is_file()
    assert done.tables["basis"].rows == finished.tables["basis"].rows
    section, partons = (one.tables["cross-section"].rows for one in (done, finished))
    for ours, theirs in zip(section, partons, strict=True):
        assert ours["pb"].value == pytest.approx(theirs["pb"].value, abs=1e-6)
    learned = done.summary["95 % area, the learned likelihood of what is seen"]
    assert np.isfinite(learned.value)
    assert learned.value > 0
    assert learned.value != finished.summary["95 % area, the learned likelihood of what is seen"].value


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"level": "atlas"}, "level atlas needs a file"),
        ({"expected": 0.0}, "expected must be above 0"),
        ({"parameters": ("a",)}, "two different parameters"),
        ({"parameters": ("a", "a")}, "two different parameters"),
        ({"events": 10}, "events must be 500 or more"),
    ],
)
def test_impossible_options_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        EftFromLhe(**options)


def test_what_is_wrong_with_a_file_is_said_before_anything_runs(tmp_path):
    with pytest.raises(UnknownNameError, match="level 'delphes'"):
        EftFromLhe(level="delphes")
    with pytest.raises(FileError, match="no file"):
        EftFromLhe(tmp_path / "no.lhe").check()
    with pytest.raises(UnknownNameError, match="parameter 'cHX'; did you mean"):
        EftFromLhe(LHE, parameters=("cHX", "cHW")).check()
    text = gzip.decompress(LHE.read_bytes()).decode()
    bare, negative = tmp_path / "bare.lhe", tmp_path / "negative.lhe"
    bare.write_text(text.replace("set param_card", "put"))
    with pytest.raises(InputError, match="places none of its weights"):
        EftFromLhe(bare).check()
    negative.write_text(text.replace("<wgt id='cHW_0p2'> +", "<wgt id='cHW_0p2'> -", 1))
    with pytest.raises(InputError, match="1 of 20 events have a weight 'cHW_0p2' that is not above 0"):
        EftFromLhe(negative).check()
    fewer = tmp_path / "fewer.lhe"
    fewer.write_text("".join(line for line in text.splitlines(keepends=True) if "cHB_0p1_cHW_0p1'> " not in line))
    with pytest.raises(InputError, match=r"singular basis: .* open stay cHW cHB;"):
        EftFromLhe(fewer).check()
