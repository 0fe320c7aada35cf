"""Progress: plain lines where there is no terminal, a bar where there is one, never on standard output."""

import io
import sys

import pytest

from partonic.core import progress as module
from partonic.core.progress import duration, progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_plain_lines_now_and_then(clock, capsys):
    with progress("simulating top", 1000, "jets") as bar:
        for _ in range(100):
            clock[0] += 1.0
            bar.advance(10, "loss 0.21")
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert captured.out == ""
    assert len(lines) == 6  # every 15 of 100 seconds
    assert lines[0] == "simulating top: 150 of 1,000 jets, 10/s, 85 s left, loss 0.21"
    assert "\r" not in captured.err
    assert "\x1b" not in captured.err
    assert bar.done == 1000


def test_short_work_prints_nothing(clock, capsys):
    with progress("reading", 3, "files") as bar:
        clock[0] += 5
        bar.advance()
    assert capsys.readouterr().err == ""


def test_a_note_stays_until_the_next(clock, capsys):
    with progress("fit", 10, "epochs") as bar:
        bar.advance(1, "loss 0.3")
        clock[0] += 20
        bar.advance(1)
    assert capsys.readouterr().err == "fit: 2 of 10 epochs, 0.1/s, 80 s left, loss 0.3\n"


def test_no_work_done_has_no_time_left(clock, capsys):
    with progress("waiting", 10, "chunks") as bar:
        clock[0] += 20
        bar.advance(0)
    assert "unknown time left" in capsys.readouterr().err


NEVER = [(float("inf"), "unknown time"), (float("nan"), "unknown time")]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress("simulating", 10, "jets") as bar:
        bar.advance(4, "2 workers")
        bar.bar.refresh()
        task = bar.bar.tasks[0]
        assert (task.completed, task.total) == (4, 10)
        assert task.fields["note"] == "2 workers"
        assert task.fields["rate"].endswith("/s")
    assert "simulating" in terminal.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (99, "99 s"), (150, "2 min"), (5399, "90 min"), (9000, "2.5 h"), *NEVER],
)
def test_durations_read_well(seconds, text):
    assert duration(seconds) == text
