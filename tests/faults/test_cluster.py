"""A real Dask scheduler with two real workers: the same events as without it, also when a worker is killed."""

import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from partonic.core.cluster import connect
from partonic.core.errors import WorkerError

pytest.importorskip("pythia8mc")
pytest.importorskip("distributed")

N = 900  # several times what each worker simulates at once, so that one can be lost before the end


@pytest.fixture
def environment(tmp_path):
    return {**os.environ, "PARTONIC_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}


@pytest.fixture
def launch(tmp_path, environment):
    """Start processes that are killed, with their children, when the test ends."""
    started = []

    def start(*command, **options):
        with (tmp_path / "log").open("ab") as log:
            options = {"stdout": log, "stderr": log, **options}
            process = subprocess.Popen([sys.executable, *map(str, command)], cwd=tmp_path, env=environment, **options)
        started.append(process)
        return process

    yield start
    for process in reversed(started):
        kill(process.pid)
        process.communicate()


def kill(pid: int) -> None:
    """SIGKILL for a process and its children."""
    try:
        one = psutil.Process(pid)
        family = [*one.children(recursive=True), one]
    except psutil.NoSuchProcess:
        return
    for member in family:
        try:
            member.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue


def wait_for(condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture
def scheduler(tmp_path, launch):
    """A scheduler without workers, and the file with its address."""
    file = tmp_path / "scheduler.json"
    quiet = ("--no-dashboard", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", file)
    process = launch("-m", "distributed.cli.dask_scheduler", *quiet)
    wait_for(lambda: file.exists() and file.stat().st_size > 0)
    return process, file


def worker(launch, file):
    options = ("--nthreads", "1", "--no-dashboard", "--no-nanny", "--local-directory", file.parent)
    return launch("-m", "distributed.cli.dask_worker", "--scheduler-file", file, *options)


def simulate(launch, output, *more):
    command = ("-m", "partonic", "simulate", "top", N, "-o", output, "--workers", 2, "--detector", "truth", *more)
    return launch(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_cluster_that_loses_a_worker_gives_the_events_of_this_machine(tmp_path, launch, scheduler):
    _, file = scheduler
    lost, _ = worker(launch, file), worker(launch, file)
    away = simulate(launch, "away.parquet", "--cluster", f"file:{file}")
    chunks = tmp_path / ".away.parquet.chunks"
    wait_for(lambda: len(list(chunks.glob("[0-9]*.parquet"))) >= 1)
    kill(lost.pid)
    said, complained = away.communicate(timeout=120)
    assert away.returncode == 0, complained
    assert f"{N} jets of top".encode() in said

    here = simulate(launch, "here.parquet")
    assert here.wait(120) == 0
    from partonic.io import parquet

    one, other = (parquet.read(tmp_path / name) for name in ("away.parquet", "here.parquet"))
    assert len(one) == N
    for name, values in one.columns.items():
        np.testing.assert_array_equal(values, other.columns[name], err_msg=name)
    jets, twins = one.collection("constituents"), other.collection("constituents")
    np.testing.assert_array_equal(jets.offsets, twins.offsets)
    for name, values in jets.fields.items():
        np.testing.assert_array_equal(values, twins[name], err_msg=name)
    assert one.provenance["sum_of_weights"] == other.provenance["sum_of_weights"]
    assert one.provenance["generated"] == other.provenance["generated"]
    assert not chunks.exists()


def test_a_scheduler_that_dies_ends_the_run_with_one_sentence_and_keeps_the_chunks(tmp_path, launch, scheduler):
    process, file = scheduler
    worker(launch, file)
    away = simulate(launch, "away.parquet", "--cluster", f"file:{file}")
    chunks = tmp_path / ".away.parquet.chunks"
    wait_for(lambda: len(list(chunks.glob("[0-9]*.parquet"))) >= 1)
    kill(process.pid)
    said, complained = away.communicate(timeout=60)
    assert away.returncode == 2
    assert said == b""
    assert complained.decode().splitlines()[-1].startswith("partonic: the connection to the scheduler tcp://")
    assert b"Traceback" not in complained
    assert list(chunks.glob("[0-9]*.parquet"))


@pytest.mark.parametrize("kind", ["refuses", "is silent"])
def test_a_dead_address_says_so_within_ten_seconds(tmp_path, launch, kind):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if kind == "is silent":
            server.listen()
        place = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(WorkerError, match="no Dask scheduler answers"), connect(place):
            pass
        assert time.monotonic() - began < 10
        run = simulate(launch, "away.parquet", "--cluster", place)
        _, complained = run.communicate(timeout=60)
    assert run.returncode == 2
    assert complained.decode().count("\n") == 1
    assert complained.decode().startswith(f"partonic: no Dask scheduler answers at {place}; start one with: dask sch")
    assert not (tmp_path / ".away.parquet.chunks").exists()
