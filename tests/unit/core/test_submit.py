"""Job files: what the shell, Slurm and HTCondor read in them is what was asked for."""

import os
import re
import shlex
import subprocess
import sys

import pytest

from partonic.core.errors import FileError, InputError, UnknownNameError
from partonic.core.submit import Job, write_jobs

NASTY = ("simulate", "top", "1000", "-o", "my $HOME 'top' \"jets\".parquet", "--seed", "3")


def read(folder, name):
    return (folder / name).read_text()


@pytest.mark.parametrize("system", ["slurm", "htcondor"])
def test_scripts_are_shell_and_keep_the_words_of_the_command(tmp_path, system):
    folder = tmp_path / "jobs"
    told = write_jobs(Job(system, NASTY, workers=50), folder)
    for script in folder.glob("*.s*h*"):
        subprocess.run(["bash", "-n", script], check=True)
    last = shlex.split(read(folder, "command.sh").splitlines()[-1])
    assert last == [sys.executable, "-m", "partonic", *NASTY, f"--cluster=file:{folder / 'scheduler.json'}"]
    assert os.access(folder / "worker.sh", os.X_OK)
    assert ("sbatch " if system == "slurm" else "condor_submit ") + str(folder) in told


def test_slurm_is_asked_for_what_the_user_wants(tmp_path):
    folder = tmp_path / "a 'b' $c"
    job = Job("slurm", ("run", "top-tagging"), workers=50, hours=8, memory="4GB", queue="short")
    write_jobs(job, folder)
    options = {}
    for line in read(folder, "workers.slurm").splitlines():
        if line.startswith("#SBATCH "):
            (word,) = shlex.split(line.removeprefix("#SBATCH "))
            name, _, value = word.partition("=")
            options[name] = value
    assert options["--array"] == "1-50"
    assert options["--time"] == "8:00:00"
    assert options["--mem"] == "4G"
    assert options["--partition"] == "short"
    subprocess.run(["bash", "-n", folder / "workers.slurm"], check=True)
    runs = read(folder, "workers.slurm").splitlines()[-1]
    assert shlex.split(runs) == ["exec", str(folder / "worker.sh")]
    assert "--time=9:00:00" in read(folder, "command.slurm")  # longer than its workers


def test_htcondor_reads_known_keywords(tmp_path):
    write_jobs(Job("htcondor", ("simulate", "top", "9"), workers=7, memory="500MB"), tmp_path / "jobs")
    known = {"universe", "executable", "output", "error", "log", "should_transfer_files", "getenv"}
    known |= {"request_cpus", "request_memory", "+MaxRuntime"}
    for name in ("command.sub", "workers.sub"):
        *lines, queue = read(tmp_path / "jobs", name).splitlines()
        found = dict(re.fullmatch(r"(\S+) = (.+)", line).groups() for line in lines)
        assert set(found) == known
        assert os.access(found["executable"], os.X_OK)
        assert queue == ("queue 1" if name == "command.sub" else "queue 7")
    assert found["request_memory"] == "500MB"


def test_the_command_job_runs_its_command_with_the_scheduler(tmp_path):
    """With a stand-in for Python that writes the scheduler's file, and then what it is called with."""
    folder = tmp_path / "jobs"
    write_jobs(Job("slurm", ("simulate", "top", "9")), folder)
    stand_in = tmp_path / "python"
    stand_in.write_text(
        '#!/bin/bash\nif [[ "$*" == *dask_scheduler* ]]; then echo {} > "${@: -1}"; exec sleep 60; fi\n'
        'echo "$@"; [ -s "${@: -1:1}" ]; exit 7\n'
    )
    stand_in.chmod(0o755)
    script = folder / "command.sh"
    script.write_text(script.read_text().replace(shlex.quote(sys.executable), str(stand_in)))
    ran = subprocess.run([script], capture_output=True, text=True, timeout=20)
    assert ran.stdout.split() == ["-m", "partonic", "simulate", "top", "9", f"--cluster=file:{folder}/scheduler.json"]
    assert ran.returncode == 7
    assert not (folder / "scheduler.json").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"command": ()}, "behind --"),
        ({"command": ("simulate", "top", "--cluster", "tcp://a:1")}, "leave it out"),
        ({"command": ("simulate", "top\nrm")}, "line break"),
        ({"workers": 0}, "workers must be 1 or more"),
        ({"hours": 0}, "hours must be 1 or more"),
        ({"memory": "4G; rm"}, "memory must be"),
        ({"queue": "a b"}, "a queue is a name"),
    ],
)
def test_what_cannot_be_submitted_is_said_before_anything_is_written(changes, message):
    with pytest.raises(InputError, match=message):
        Job(**{"system": "slurm", "command": ("simulate", "top", "9"), **changes})


def test_unknown_systems_and_commands_get_the_nearest_right_name():
    with pytest.raises(UnknownNameError, match="did you mean 'slurm'"):
        Job("slrum", ("run", "top-tagging"))
    with pytest.raises(UnknownNameError, match="did you mean 'simulate'"):
        Job("slurm", ("simulat", "top"))


def test_folders_that_hold_something_or_have_unsafe_names_are_refused(tmp_path):
    job = Job("htcondor", ("simulate", "top", "9"))
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileError, match="not an empty folder"):
        write_jobs(job, tmp_path)
    with pytest.raises(FileError, match="HTCondor's files cannot name"):
        write_jobs(job, tmp_path / "a b")
    assert not (tmp_path / "a b").exists()
