"""What dead writers left unfinished goes, what living ones write stays."""

import os
import subprocess
import sys
import time

import pytest

from partonic.core import leftovers
from partonic.core.files import atomic, check_writable
from partonic.core.leftovers import FORGOTTEN, clear, unfinished

KILLED = """
import os, sys
from pathlib import Path
from partonic.core.files import atomic
with atomic(Path(sys.argv[1])) as aside:
    aside.write_text("half")
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def writer(tmp_path):
    """A process that has written half of ``x.parquet``."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "x.parquet")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def left(folder):
    return [path.name for path in folder.iterdir()]


def test_only_what_dead_processes_left_is_removed(tmp_path, writer):
    clear(tmp_path)
    assert len(left(tmp_path)) == 1
    assert left(tmp_path)[0].endswith(".part.parquet")
    writer.kill()
    deadline = time.monotonic() + 20
    while left(tmp_path) and time.monotonic() < deadline:
        clear(tmp_path, "y.parquet")
        assert len(left(tmp_path)) == 1, "of another output"
        check_writable(tmp_path / "x.parquet")  # the process is dead, though nobody has asked for its exit code
    assert left(tmp_path) == []


def test_what_this_process_writes_stays(tmp_path):
    with atomic(tmp_path / "a") as aside:
        aside.write_text("x")
        clear(tmp_path)
        check_writable(tmp_path / "a")
    assert left(tmp_path) == ["a"]


def test_a_number_that_another_process_has_now_is_a_dead_writer(tmp_path, monkeypatch):
    folder = unfinished(tmp_path / "cache")
    folder.mkdir()
    (folder / "0.part").write_text("x")
    started = leftovers._started(os.getpid())
    monkeypatch.setattr(leftovers, "_started", lambda pid: started + 100)
    clear(tmp_path)
    assert left(tmp_path) == []


def test_what_other_machines_write_stays_for_a_week(tmp_path, monkeypatch):
    file = unfinished(tmp_path / "x.parquet")
    file.write_text("half")
    monkeypatch.setattr(leftovers, "_place", lambda: "abcdef")
    clear(tmp_path)
    assert file.exists()
    os.utime(file, (time.time() - FORGOTTEN - 60,) * 2)
    clear(tmp_path)
    assert not file.exists()


def test_other_files_are_not_touched(tmp_path):
    names = [".x.parquet.part", ".x.12345678.part", "x.parquet", ".x.chunks", ".a.00-1-1-1.part"]
    for name in names:
        (tmp_path / name).write_text("x")
    clear(tmp_path)
    clear(tmp_path / "nowhere")
    assert sorted(left(tmp_path)) == sorted(names)
