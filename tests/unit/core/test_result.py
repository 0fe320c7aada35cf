"""Run directories: written whole, read back equal, one process at a time."""

import json
import math
import os
from dataclasses import dataclass

import pytest

from partonic.core.errors import FileError, InputError
from partonic.core.estimate import Estimate
from partonic.core.result import Figure, Result


@dataclass(frozen=True)
class Options:
    jets: int = 10


def make(tmp_path, **keywords):
    return Result.create(tmp_path / "run", "study", Options(), "partonic run study", **keywords)


def test_round_trip(tmp_path):
    result = make(tmp_path)
    rows = [{"model": "pfn", "auc": Estimate(0.98, 0.97, 0.99, "binomial", "a note")}, {"model": "cnn", "auc": None}]
    result.add_table("taggers", "What they reach.", rows)
    result.figures["roc"] = Figure("roc", "caption", "alternative")
    result.summary["auc"] = Estimate(0.98, 0.97, math.inf, "binomial")
    result.close("done")
    again = Result.load(tmp_path / "run")
    assert again.status == "done"
    assert again.config == {"jets": 10}
    assert again.summary == result.summary
    assert again.tables == result.tables
    assert again.figures == result.figures
    assert again.facts["versions"]["partonic"]
    assert not (tmp_path / "run" / "lock").exists()


def test_csv_has_the_interval(tmp_path):
    table = make(tmp_path).add_table(
        "t", "c", [{"m": "a", "x": Estimate(2.0, 1.0, 4.0, "seeds")}, {"m": "b", "x": 3.0}]
    )
    assert table.to_csv().splitlines() == ["m,x,x_low,x_high", "a,2.0,1.0,4.0", "b,3.0,,"]
    assert table.to_markdown().splitlines() == ["| m | x |", "| --- | --- |", "| a | 2.0 +2.0 -1.0 |", "| b | 3.0 |"]
    with pytest.raises(InputError, match="no row"):
        make(tmp_path, resume=True).add_table("empty", "c", [])


def test_a_run_goes_on_with_the_defaults_of_options_that_came_later(tmp_path):
    make(tmp_path).close("done")
    (tmp_path / "run" / "config.yaml").write_text("recipe: study\n")  # of a version without the option
    assert make(tmp_path, resume=True).config == {"jets": 10}
    (tmp_path / "run" / "config.yaml").write_text("recipe: study\njets: 10\ngone: 1\n")
    (tmp_path / "run" / "lock").unlink(missing_ok=True)
    with pytest.raises(FileError, match="other options"):
        make(tmp_path, resume=True)


def test_a_run_directory_is_never_written_over(tmp_path):
    make(tmp_path).close("done")
    with pytest.raises(FileError, match="partonic resume"):
        make(tmp_path)
    with pytest.raises(FileError, match="other options"):
        Result.create(tmp_path / "run", "study", Options(jets=11), resume=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("x")
    with pytest.raises(FileError, match="not empty"):
        Result.create(tmp_path / "full", "study", Options())
    with pytest.raises(FileError, match="is a file"):
        Result.create(tmp_path / "full" / "thesis.tex", "study", Options())


def test_two_processes_cannot_share_one(tmp_path):
    make(tmp_path)
    lock = tmp_path / "run" / "lock"
    lock.write_text(f"{os.getppid()}\n")
    with pytest.raises(FileError, match=f"process {os.getppid()} is running"):
        make(tmp_path, resume=True)
    lock.write_text("999999999\n")  # its process is gone: the lock is stale
    assert make(tmp_path, resume=True).status == "running"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no result.json"),
        ("{", "cannot read"),
        ("[1]", "not a partonic result"),
        ('{"schema": 999, "partonic": "9.0"}', "partonic 9.0"),
    ],
)
def test_what_is_no_run_is_said(tmp_path, text, words):
    if text is not None:
        (tmp_path / "result.json").write_text(text)
    with pytest.raises(FileError, match=words):
        Result.load(tmp_path)


def test_numbers_that_are_not_finite_stay_json(tmp_path):
    result = make(tmp_path)
    result.add_table("t", "c", [{"x": math.nan}, {"x": Estimate(math.nan, -math.inf, math.inf, "none")}])
    result.close("done")
    tree = json.loads((tmp_path / "run" / "tables" / "t.json").read_text())
    assert tree["rows"][0]["x"] is None
    assert math.isnan(Result.load(tmp_path / "run").tables["t"].rows[1]["x"].value)


def test_the_log_is_a_line_of_json_each(tmp_path):
    result = make(tmp_path)
    result.log("start", seed=1)
    result.log("end")
    lines = [json.loads(line) for line in (tmp_path / "run" / "run.log").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["start", "end"]
    assert lines[0]["seed"] == 1
