"""Job files for batch systems: one job with a Dask scheduler and the command, an array of jobs with the workers."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from partonic.core.errors import FileError, InputError, unknown
from partonic.core.files import write_text

SYSTEMS = ("slurm", "htcondor")
VERBS = ("simulate", "run", "resume")
"""Commands that take a cluster."""

FINISHING = 1  # hour that the command has longer than the workers
WAIT = 3600  # seconds that a worker waits for the scheduler
SAFE = re.compile(r"[A-Za-z0-9_./+=:@%-]+")


@dataclass(frozen=True)
class Job:
    """What is asked of a batch system.

    Args:
        system: ``slurm`` or ``htcondor``.
        command: of partonic, as ``("simulate", "top", "1000000", "-o", "top.parquet")``.
        workers: jobs of one core each.
        hours: longest time of a worker.
        memory: of each job, as ``4GB``.
        queue: partition of Slurm; not given if None.

    Raises:
        UnknownNameError: no such system, or a command that does not take a cluster.
        InputError: a value out of range, or a command that names a cluster already.
    """

    system: Literal["slurm", "htcondor"]
    command: tuple[str, ...]
    workers: int = 10
    hours: int = 8
    memory: str = "4GB"
    queue: str | None = None

    def __post_init__(self) -> None:
        if self.system not in SYSTEMS:
            raise unknown("batch system", self.system, SYSTEMS)
        if not self.command:
            raise InputError("submit needs a command behind --, as: -- simulate top 1000000 -o top.parquet")
        if self.command[0] not in VERBS:
            raise unknown("command that takes a cluster", self.command[0], VERBS)
        for flag in self.command:
            if flag.split("=")[0] == "--cluster":
                raise InputError("the job files give --cluster themselves; leave it out of the command")
            if re.search(r"[\x00-\x1f]", flag):
                raise InputError(f"the command holds a line break or control character: {flag!r}")
        for name in ("workers", "hours"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be 1 or more, not {getattr(self, name)}")
        if not re.fullmatch(r"[1-9]\d*(MB|GB)", self.memory):
            raise InputError(f"memory must be a number with MB or GB, as 4GB, not '{self.memory}'")
        if self.queue is not None and not re.fullmatch(r"[\w.,-]+", self.queue):
            raise InputError(f"a queue is a name of letters, digits, points and dashes, not '{self.queue}'")


def write_jobs(job: Job, folder: Path) -> str:
    """Write the job files into a new or empty folder.

    Args:
        job: what is asked for.
        folder: where; all nodes must see it.

    Returns:
        How to start them, for a person to read.

    Raises:
        FileError: the folder holds something, cannot be written, or has a name that job files cannot hold.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileError(f"{folder} exists and is not an empty folder; choose another for the job files")
    place = folder.resolve()
    here = Path.cwd()
    for path in (place, here, Path(sys.executable)):
        if job.system == "htcondor" and not SAFE.fullmatch(str(path)):
            raise FileError(f"HTCondor's files cannot name {path}: only letters, digits and _./+=:@%- are safe there")
        if re.search(r"[\x00-\x1f%\\]" if job.system == "slurm" else r"[\x00-\x1f]", str(path)):
            raise FileError(f"job files cannot name {path}: it holds a control character, % or a backslash")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make the folder {folder}: {error.strerror}") from error
    scripts = {"command.sh": _command(job, place, here), "worker.sh": _worker(job, place)}
    started = _slurm(job, place) if job.system == "slurm" else _htcondor(job, place)
    for name, text in {**scripts, **started}.items():
        write_text(folder / name, text)
        if name.endswith(".sh"):
            (folder / name).chmod(0o755)
    tool, ending = ("sbatch", "slurm") if job.system == "slurm" else ("condor_submit", "sub")
    start = [f"{tool} {shlex.quote(str(place / f'{name}.{ending}'))}" for name in ("command", "workers")]
    return "\n".join(
        [
            f"{folder}: job files for {job.workers} workers; start them with",
            *(f"    {line}" for line in start),
            "All nodes must see this folder and this installation of Python; they find each other through it.",
            f"The command's output goes to {place / 'command.log'}; the workers end a minute after it.",
            "An interrupted command goes on where it stopped when both are started again.",
        ]
    )


def _command(job: Job, place: Path, here: Path) -> str:
    """Scheduler and command, in one job; the scheduler ends with it, and the workers with the scheduler."""
    python, file = shlex.quote(sys.executable), shlex.quote(str(place / "scheduler.json"))
    given = any(word.split("=")[0] == "--workers" for word in job.command)
    alone = ["--workers=1"] if job.command[0] in ("run", "resume") and not given else []  # the job has one core
    words = shlex.join([*job.command, *alone, f"--cluster=file:{place / 'scheduler.json'}"])
    return f"""#!/bin/bash
# A Dask scheduler, and the command that sends its work there.
set -u
cd {shlex.quote(str(here))} || exit 2
rm -f {file}
{python} -m distributed.cli.dask_scheduler --port 0 --no-dashboard --scheduler-file {file} &
scheduler=$!
finish() {{ kill $scheduler 2>/dev/null; rm -f {file}; }}
trap finish EXIT
until [ -s {file} ]; do
    kill -0 $scheduler 2>/dev/null || exit 2
    sleep 1
done
{python} -m partonic {words}
"""


def _worker(job: Job, place: Path) -> str:
    """One worker of one thread, which waits for the scheduler and ends when it is gone."""
    python, file = shlex.quote(sys.executable), shlex.quote(str(place / "scheduler.json"))
    return f"""#!/bin/bash
# One Dask worker of one core; it ends when the scheduler is gone.
waited=0
until [ -s {file} ]; do
    [ $waited -ge {WAIT} ] && {{ echo "no scheduler within an hour"; exit 0; }}
    sleep 5; waited=$((waited + 5))
done
export OMP_NUM_THREADS=1
exec {python} -m distributed.cli.dask_worker --scheduler-file {file} --nthreads 1 \\
    --memory-limit {job.memory} --death-timeout 60 --no-dashboard --local-directory "${{TMPDIR:-/tmp}}"
"""


def _slurm(job: Job, place: Path) -> dict[str, str]:
    """Batch scripts of Slurm; their options stand in quotation marks, which sbatch reads as a shell would."""

    def script(name: str, log: str, hours: int, more: Sequence[str]) -> str:
        """One script."""
        options = [f"--job-name=partonic-{name}", f"--time={hours}:00:00", "--ntasks=1", "--cpus-per-task=1"]
        options += [f"--mem={job.memory.removesuffix('B')}", f'--output="{place / log}"', *more]
        options += [f"--partition={job.queue}"] if job.queue else []
        lines = "\n".join(f"#SBATCH {option}" for option in options)
        runs = shlex.quote(str(place / ("command.sh" if name == "command" else "worker.sh")))
        return f"#!/bin/bash\n{lines}\nexec {runs}\n"

    return {
        "command.slurm": script("command", "command.log", job.hours + FINISHING, ()),
        "workers.slurm": script("workers", "worker-%a.log", job.hours, (f"--array=1-{job.workers}",)),
    }


def _htcondor(job: Job, place: Path) -> dict[str, str]:
    """Submit files of HTCondor; the folder is on a file system that all nodes share, so nothing is transferred."""

    def submit(script: str, log: str, hours: int, number: int) -> str:
        """One submit file."""
        return f"""universe = vanilla
executable = {place / script}
output = {place / log}
error = {place / log}
log = {place / "htcondor.log"}
should_transfer_files = NO
getenv = True
request_cpus = 1
request_memory = {job.memory}
+MaxRuntime = {hours * 3600}
queue {number}
"""

    return {
        "command.sub": submit("command.sh", "command.log", job.hours + FINISHING, 1),
        "workers.sub": submit("worker.sh", "worker-$(Process).log", job.hours, job.workers),
    }
