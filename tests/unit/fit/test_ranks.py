"""Two processes that train together give the losses of one, stop together, and say so when one is lost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from ranks_job import KINDS, main
from toy_jets import toy_jets

from partonic.fit.batches import Batches
from partonic.represent import representation

SUPPORT = Path(__file__).parents[2] / "support"


def torchrun(how, folder):
    """What each of two processes has written, and their exit code and standard error."""
    folder.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(SUPPORT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    ran = subprocess.run(
        [*command, SUPPORT / "ranks_job.py", how, folder], env=environment, timeout=60, capture_output=True, text=True
    )
    return [json.loads(file.read_text()) for file in sorted(folder.glob("[0-9].json"))], ran


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    alone = folder / "alone"
    alone.mkdir()
    main("train", alone)
    together, ran = torchrun("train", folder / "together")
    assert ran.returncode == 0, ran.stderr
    assert len(together) == 2
    return json.loads((alone / "0.json").read_text()), together, folder


@pytest.mark.parametrize("kind", KINDS)
def test_all_processes_end_with_the_same_model(trained, kind):
    _, (one, other), _ = trained
    assert one[kind]["state"] == other[kind]["state"]
    assert one[kind]["best_epoch"] == other[kind]["best_epoch"]
    for record, twin in zip(one[kind]["history"], other[kind]["history"], strict=True):
        assert (record["loss"], record["validation"]) == (twin["loss"], twin["validation"])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "dropout"])
def test_two_processes_give_the_losses_of_one(trained, kind):
    alone, (together, _), _ = trained
    assert len(alone[kind]["history"]) == 3
    for record, twin in zip(alone[kind]["history"], together[kind]["history"], strict=True):
        for name in ("loss", "validation", "gradient_norm"):
            assert twin[name] == pytest.approx(record[name], rel=1e-5, abs=1e-6), name
        assert twin["items"] == record["items"] == 150
    for name, values in alone[kind]["state"].items():
        np.testing.assert_allclose(together[kind]["state"][name], values, atol=1e-4, err_msg=name)


def test_the_first_process_saves_a_training_that_goes_on_alone(trained):
    _, (together, _), folder = trained
    states = [torch.load(folder / name / "norm.fit" / "fit.pt", weights_only=True) for name in ("alone", "together")]
    assert states[0]["stopped"] == states[1]["stopped"] == "epochs"
    assert states[1]["history"] == together["norm"]["history"]
    assert len((folder / "together" / "norm.fit" / "fit.log").read_text().splitlines()) == 3


def test_shares_are_disjoint_and_add_up(monkeypatch):
    batches = Batches(toy_jets(31), representation("features"), size=4, seed=1)
    for size in (1, 2, 3, 7):
        parts = [list(batches.parts(2, 1, rank, size)) for rank in range(size)]
        assert {len(part) for part in parts} == {len(batches) - 1}
        for together in zip(*parts, strict=True):
            assert sum(part.share for part in together) == pytest.approx(1)
            assert len({part.items for part in together}) == 1
            if size <= together[0].items:
                assert sum(len(part.batch) for part in together) == together[0].items
            else:
                assert all(len(part.batch) == part.items for part in together)


def test_a_killed_process_is_noticed_by_the_other(tmp_path):
    told, ran = torchrun("kill", tmp_path / "run")
    assert ran.returncode != 0
    for each in told:  # torchrun may have ended it before it wrote
        assert each["ended"] == "WorkerError"
        assert each["message"].startswith("another process of this training has ended")


def test_interrupted_processes_stop_at_the_same_step(tmp_path):
    told, ran = torchrun("interrupt", tmp_path / "run")
    assert ran.returncode == 0, ran.stderr
    assert [each["ended"] for each in told] == ["KeyboardInterrupt"] * 2
    state = torch.load(tmp_path / "run" / "fit" / "fit.pt", weights_only=True)
    assert (state["epoch"], state["step"]) == (0, 5)
