"""Options of top-tagging: sizes of the samples, further background, taggers that are trained once, limited time."""

import numpy as np
import pytest

from partonic.core.errors import PartonicError
from partonic.core.result import Result
from partonic.io import formats
from partonic.models import precision
from partonic.recipes import launch, top_tagging
from partonic.recipes.top_tagging import TopTagging
from partonic.simulators.poisson_jets import PoissonJets


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fractions": (1, 0, 2)}, "fractions must be above 0"),
        ({"minutes": 0.0}, "minutes must be above 0"),
        ({"other_minutes": -1.0}, "other_minutes must be above 0"),
        ({"others": ("pfn",)}, "a model is named twice: trees, cnn, pfn, pfn"),
        ({"others": ("pfm",)}, "did you mean 'pfn'"),
        ({"other_jets": 10}, "other_jets must be 100 or more"),
        ({"test_background": 100, "data": ("a.parquet",)}, "test_background is simulated, and data are given"),
    ],
)
def test_what_makes_no_sense_is_told_at_once(changes, said):
    with pytest.raises(PartonicError, match=said):
        TopTagging(**changes)


def test_further_background_and_taggers_on_fewer_jets(tmp_path):
    pytest.importorskip("pythia8mc")
    recipe = TopTagging(
        jets=400,
        fractions=(2, 1, 1),
        test_background=100,
        models=("trees",),
        others=("pfn",),
        other_jets=190,
        other_test=160,
        minutes=0.01,
        other_minutes=1e-5,
        truth_jets=0,
    )
    result = Result.load(launch.start("top-tagging", recipe, tmp_path / "run", workers=1).path)
    rows = {row["model"]: row for row in result.tables["taggers"].rows}
    assert list(rows) == ["trees"]
    others = {row["model"]: row["training jets"] for row in result.tables["other-taggers"].rows}
    assert others == {"pfn": 95, "trees": 200}  # one of two batches, all there is time for
    assert result.facts["data"]["test jets"] == 200
    assert [row["model"] for row in result.tables["other-pairs"].rows] == ["pfn against trees"]


def test_trainings_take_the_precision_that_the_run_was_given(tmp_path, monkeypatch):
    class SeenError(Exception):
        """The trainings are known; they need not be made."""

    def seen(jobs, *_):
        given.extend(job.options["training"] for job in jobs)
        raise SeenError

    given = []
    monkeypatch.setattr(top_tagging, "train_jobs", seen)
    source = tmp_path / "jets.parquet"
    formats.write(source, PoissonJets().simulate(np.arange(200) % 2, 200, np.random.default_rng(1)))
    recipe = TopTagging(models=("pfn",), data=(source,), truth_jets=0, precision="bfloat16-emulated", compile=True)
    with pytest.raises(SeenError):
        launch.start("top-tagging", recipe, tmp_path / "run", workers=1)
    assert given == [{"precision": "bfloat16-emulated", "compile": True}]


def test_a_precision_that_the_processor_lacks_is_refused_before_any_jet_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "_has_bfloat16", lambda _: False)
    monkeypatch.setattr(top_tagging, "samples", None)
    with pytest.raises(PartonicError, match="no instructions for bfloat16"):
        launch.start("top-tagging", TopTagging(precision="bfloat16"), tmp_path / "run", workers=1)


def test_compiling_without_a_compiler_is_refused_before_any_long_step(monkeypatch):
    pytest.importorskip("pythia8mc")
    monkeypatch.setattr(precision.shutil, "which", lambda _: None)
    with pytest.raises(PartonicError, match=r"needs a C\+\+ compiler"):
        TopTagging(compile=True).check()
