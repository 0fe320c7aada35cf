"""Run the command line in this process, as a user would see it."""

from dataclasses import dataclass

import pytest

from partonic import cli


@dataclass
class Outcome:
    """Exit code and what was printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def partonic(capfd, monkeypatch, tmp_path):
    """``partonic("run", ...)`` in an empty folder, with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARTONIC_CACHE", str(tmp_path / "cache"))

    def call(*tokens: object) -> Outcome:
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main([str(token) for token in tokens])
        printed = capfd.readouterr()
        return Outcome(int(left.value.code or 0), printed.out, printed.err)

    return call
