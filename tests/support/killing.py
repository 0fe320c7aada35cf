"""Kill real processes at chosen moments, take up what they left, and see that nothing was lost."""

import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self, TextIO

PARTONIC = [sys.executable, "-m", "partonic.cli"]
KILLS = 20


def environment(folder: Path, **more: str) -> dict[str, str]:
    """One thread, and a cache of its own in the folder."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PARTONIC_CACHE": str(folder / "cache"), **more}


def finish(command: Iterable[object], folder: Path, code: int = 0, **variables: str) -> str:
    """Run a command to its end, check its exit code, give what it wrote to standard error."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        cwd=folder,
        env=environment(folder, **variables),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stderr


def refusal(command: Iterable[object], folder: Path, *words: str, **variables: str) -> str:
    """Run a command that must end with exit code 2 and one sentence that holds the given words."""
    said = finish(command, folder, code=2, **variables)
    assert "Traceback" not in said, said
    sentence = said.strip().splitlines()[-1]
    assert sentence.startswith("partonic: "), said
    for word in words:
        assert word in sentence, sentence
    return sentence


class Cold:
    """Starts each life of a job as a process of its own."""

    def start(self, words: list[str], folder: Path, said: TextIO) -> int:
        """Start it in a process group of its own; gives its process number."""
        self.process = subprocess.Popen(
            words, cwd=folder, env=environment(folder), stdout=said, stderr=said, start_new_session=True
        )
        return self.process.pid

    def ended(self, wait: bool = False) -> int | None:
        """Its exit code (negative: the signal), ``None`` while it runs."""
        return self.process.wait() if wait else self.process.poll()


class Warm:
    """Starts each life of a Python job by a fork of one process that has imported what the job needs.

    Args:
        job: file of the job, with a function ``main`` of its words.
    """

    def __init__(self, job: Path, folder: Path) -> None:
        command = [sys.executable, Path(__file__).with_name("warm.py"), job]
        self.parent = subprocess.Popen(
            command, env=environment(folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.code: int | None = None

    def start(self, words: list[str], folder: Path, said: TextIO) -> int:
        """Start it; of the words those behind the file count."""
        self.code = None
        self.parent.stdin.write(json.dumps([words[2:], str(folder), said.name]) + "\n")
        self.parent.stdin.flush()
        return int(self.parent.stdout.readline())

    def ended(self, wait: bool = False) -> int | None:
        """Its exit code (negative: the signal), ``None`` while it runs."""
        if self.code is None and (wait or select.select([self.parent.stdout], [], [], 0)[0]):
            self.code = int(self.parent.stdout.readline())
        return self.code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """End the parent."""
        self.parent.stdin.close()
        self.parent.wait()
        self.parent.stdout.close()


def killed(command: Iterable[object], folder: Path, moment: float | Callable[[], bool], by: Cold | Warm) -> bool:
    """Start a command and kill its whole process group after some seconds, or once a condition holds.

    Whether it was killed; if not, it had ended well before.
    """
    with (folder / "stderr").open("w+") as said:
        pid = by.start([str(word) for word in command], folder, said)
        end = time.monotonic() + (300 if callable(moment) else moment)
        while by.ended() is None and time.monotonic() < end and not (callable(moment) and moment()):
            time.sleep(0.0005)
        if by.ended() is None:
            os.killpg(pid, signal.SIGKILL)
        code = by.ended(wait=True)
        said.seek(0)
        assert code in (0, -signal.SIGKILL), said.read()
    (folder / "stderr").unlink()
    return code != 0


def kill_often(
    command: Callable[[], Iterable[object] | None],
    folder: Path,
    seconds: float,
    check: Callable[[], None],
    conditions: Iterable[Callable[[], bool]] = (),
    seed: int = 1,
    by: Cold | Warm | None = None,
) -> None:
    """Kill a job at random moments, 20 times, each time taking it up again; check every one that comes to its end.

    Args:
        command: gives the command that goes on with the job as the folder now is, ``None`` when it is whole.
        folder: where the job works.
        seconds: what an undisturbed job takes; the moments are spread over it.
        check: checks a whole job and clears the folder.
        conditions: moments to kill at beside the random ones, each used once.
        seed: of the moments.
        by: how the lives of the job are started; the last one is always cold.
    """
    by = by or Cold()
    rng = random.Random(seed)
    at = [*conditions, *(rng.uniform(0, seconds) for _ in range(KILLS))]
    rng.shuffle(at)
    wanted = len(at)
    kills = 0
    while kills < wanted:
        words = command()
        if words is None:
            check()
        elif killed(words, folder, at[-1], by):
            kills += 1
            at.pop()
        elif not callable(at[-1]):
            at[-1] = rng.uniform(0, seconds)
    while (words := command()) is not None:
        finish(words, folder)
    check()


def timed(command: Iterable[object], folder: Path) -> float:
    """Seconds that an undisturbed command takes."""
    began = time.monotonic()
    finish(command, folder)
    return time.monotonic() - began
