"""A whole run by two processes: the losses of one process, one run directory, one voice."""

import json
import os
import subprocess
import sys

import pytest

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", "-m", "partonic"]


@pytest.mark.slow
@pytest.mark.xdist_group("tiny-run")
def test_two_processes_do_one_run(tiny_run, tmp_path):
    environment = {**os.environ, "PARTONIC_CACHE": str(tiny_run.parent / "cache"), "OMP_NUM_THREADS": "1"}
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = ["run", "top-tagging", "--preset", "tiny", "--models", "trees", "pfn", "--truth-jets", "100", "-o", "two"]
    ran = subprocess.run(
        [*TORCHRUN, *command],
        cwd=tmp_path,
        env={**environment, "TMPDIR": str(temporary)},
        timeout=170,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("report: two/report.html") == 1
    assert ran.stderr.count("everything goes to") == 1
    one, two = (json.loads((run / "checkpoints" / "pfn-1.json").read_text()) for run in (tiny_run, tmp_path / "two"))
    assert len(one["history"]) == 1
    for name in ("loss", "validation", "gradient_norm"):
        assert two["history"][0][name] == pytest.approx(one["history"][0][name], rel=1e-5), name
    assert json.loads((tmp_path / "two" / "result.json").read_text())["status"] == "done"
    assert not list(temporary.glob("tmp*")), "what the second process wrote is gone"

    again = subprocess.run(
        [*TORCHRUN, *command], cwd=tmp_path, env=environment, timeout=120, capture_output=True, text=True
    )
    assert again.returncode != 0
    assert again.stderr.count("partonic: two holds a run") == 1
