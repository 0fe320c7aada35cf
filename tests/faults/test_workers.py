"""A worker that is killed or hangs while a sample is simulated changes nothing in it."""

import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest

from partonic.io import parquet

COMMAND = ("simulate", "drell-yan", "1400", "--detector", "truth", "-o")


@pytest.mark.slow
@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_is_lost_while_simulating(partonic, tmp_path, monkeypatch, fault):
    pytest.importorskip("pythia8mc")
    assert partonic(*COMMAND, "calm.parquet")[0] == 0
    monkeypatch.setenv("PARTONIC_PATIENCE", "25")  # of a busy machine
    struck = []

    def strike():
        """Once a worker has finished a chunk; of those that hang both, as one alone would do all the work."""
        chunks = tmp_path / ".x.parquet.chunks"
        end = time.monotonic() + 120
        while not list(chunks.glob("0*.parquet")) and time.monotonic() < end:
            time.sleep(0.01)
        for child in multiprocessing.active_children()[: 1 if fault == signal.SIGKILL else 2]:
            os.kill(child.pid, fault)
            struck.append(child.pid)

    thread = threading.Thread(target=strike)
    thread.start()
    code, said = partonic(*COMMAND, "x.parquet", "--workers", "2")
    thread.join()
    assert code == 0, said
    assert struck
    assert "done again" in said
    for name, values in parquet.read("calm.parquet").columns.items():
        np.testing.assert_array_equal(values, parquet.read("x.parquet").columns[name])
    assert (tmp_path / "x.parquet").read_bytes() == (tmp_path / "calm.parquet").read_bytes()
    assert not list(tmp_path.glob(".*"))
