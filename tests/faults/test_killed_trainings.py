"""``fit`` and ``run`` killed at random moments: resumed, they end as if nothing had happened."""

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from killing import Warm, kill_often, timed

SUPPORT = Path(__file__).parents[1] / "support"
TIMES = ("seconds", "validation_seconds")


def differences(one, other, place=""):
    """Where two trees of plain data and tensors are not equal to the bit."""
    if isinstance(one, torch.Tensor):
        return [] if one.dtype == other.dtype and torch.equal(one, other) else [place]
    if isinstance(one, dict) and isinstance(other, dict) and list(one) == list(other):
        return [found for key in one for found in differences(one[key], other[key], f"{place}/{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            found for i, pair in enumerate(zip(one, other, strict=True)) for found in differences(*pair, f"{place}/{i}")
        ]
    return [] if one == other else [f"{place}: {str(one)[:80]} and {str(other)[:80]}"]


def state(path):
    """The state of a training without the times it took."""
    tree = torch.load(path, weights_only=True)
    tree["history"] = timeless(tree["history"])
    return tree


def timeless(records):
    return [{key: value for key, value in record.items() if key not in TIMES} for record in records]


def names(folder):
    """All files; the cache tells samples apart by path and time of their file too, which differ."""
    found = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return sorted(re.sub("-[0-9a-f]{16}/", "/", name) for name in found)


@pytest.mark.slow
def test_fit(tmp_path):
    calm, work = tmp_path / "calm", tmp_path / "work"
    calm.mkdir(), work.mkdir()
    command = [sys.executable, SUPPORT / "fit_job.py", "training"]
    seconds = timed(command, calm)
    undisturbed = state(calm / "training" / "fit.pt")
    assert undisturbed["stopped"] == "epochs"
    file = work / "training" / "fit.pt"

    def again():
        return None if file.exists() and torch.load(file, weights_only=True)["stopped"] else command

    def check():
        assert differences(state(file), undisturbed) == []
        assert names(work / "training") == ["fit.log", "fit.pt"]
        log = [json.loads(line) for line in (work / "training" / "fit.log").read_text().splitlines()]
        assert timeless(log) in (undisturbed["history"], undisturbed["history"][:-1])  # killed before its last line
        shutil.rmtree(work / "training")

    def saving():
        return bool(list(work.glob("training/.fit.pt.*")))

    with Warm(command[1], work) as warm:
        kill_often(again, work, seconds / 4, check, [saving, saving, saving], seed=3, by=warm)


def facts(run):
    """All that a run found, without times, rates and paths."""
    result = json.loads((run / "result.json").read_text())
    assert result["status"] == "done"
    for name in ("started", "finished"):
        assert result["facts"].pop(name)
    del result["command"]
    for name in result["tables"]:
        table = json.loads((run / "tables" / f"{name}.json").read_text())
        for row in table["rows"]:
            for column in list(row):
                if any(word in column for word in ("jets/s", "training, s")):
                    del row[column]
        result[f"table {name}"] = table["rows"]
    for path in sorted((run / "checkpoints").rglob("*")):
        if path.suffix == ".npy":
            result[path.name] = np.load(path).tolist()
        elif path.name != "fit.pt" and path.suffix == ".pt":
            result[path.name] = path.read_bytes()
    return result


@pytest.mark.slow
def test_run(tmp_path):
    pytest.importorskip("pythia8mc")
    calm, work = tmp_path / "calm", tmp_path / "work"
    calm.mkdir(), work.mkdir()
    job = [sys.executable, SUPPORT / "run_job.py"]
    options = ["--preset", "tiny", "--jets", "100", "--truth-jets", "0", "--models", "trees", "pfn", "--workers", "1"]
    command = [*job, "run", "top-tagging", *options, "-o", "run"]
    seconds = timed(command, calm)
    undisturbed, files = facts(calm / "run"), names(calm)
    result, page = work / "run" / "result.json", work / "run" / "report.html"

    def again():
        if page.exists() and json.loads(result.read_text())["status"] == "done":
            return None
        return [*job, "resume", "run", "--workers", "1"] if (work / "run" / "config.yaml").exists() else command

    def check():
        assert differences(facts(work / "run"), undisturbed) == []
        assert names(work) == files
        shutil.rmtree(work)
        work.mkdir()

    def exists(pattern):
        return lambda: bool(list(work.glob(pattern)))

    moments = ["run/config.yaml", "cache/samples/.*.part.parquet", "run/checkpoints/pfn-1/fit.pt", "run/report.html"]
    with Warm(job[1], work) as warm:
        kill_often(again, work, seconds / 3, check, [exists(pattern) for pattern in moments], seed=4, by=warm)
