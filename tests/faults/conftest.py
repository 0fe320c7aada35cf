"""The command line in this process, small and read-only disks, a trained tagger."""

import os
import subprocess

import pytest
import torch
from command import refused
from toy_jets import toy_jets

from partonic import cli
from partonic.io import parquet
from partonic.models.checkpoint import Trained, save
from partonic.models.pfn import PFN


@pytest.fixture
def partonic(capfd, monkeypatch, tmp_path):
    """``partonic("run", ...)`` in an empty folder, with a cache of its own; gives exit code and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARTONIC_CACHE", str(tmp_path / "cache"))

    def call(*tokens: object) -> tuple[int, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main([str(token) for token in tokens])
        return int(left.value.code or 0), capfd.readouterr().err

    call.refused = lambda *tokens, words=(): refused(*call(*tokens), *words)
    return call


@pytest.fixture
def disk(tmp_path):
    """A disk of its own: ``disk(megabytes)`` gives its folder; ``disk.seal()`` makes it read-only."""
    place = tmp_path / "disk"

    def mount(size: float):
        place.mkdir()
        options = f"size={int(size * 1024)}k"
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, check=False)
        if os.getuid() != 0 or made.returncode != 0:
            pytest.skip("only root may mount a small disk")
        return place

    mount.seal = lambda: subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    yield mount
    subprocess.run(["umount", "-l", place], capture_output=True, check=False)


@pytest.fixture
def jets(tmp_path):
    """A file of 400 toy jets."""
    path = tmp_path / "jets.parquet"
    parquet.write(path, toy_jets(400))
    return path


@pytest.fixture
def tagger(tmp_path):
    """A checkpoint."""
    torch.manual_seed(1)
    save(tmp_path / "pfn.pt", Trained("pfn", {}, PFN(), "packed"))
    return tmp_path / "pfn.pt"
