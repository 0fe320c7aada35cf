"""What several folders of tests share: one tiny run of each recipe."""

import fcntl
import gc
import os
from pathlib import Path

import pytest


def pytest_collection_finish():
    """What was imported stays: the garbage collection need not look through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def tiny_runs(tmp_path_factory):
    """Function (recipe) -> run directory of its tiny preset, made once for all test processes; they need Pythia."""
    pytest.importorskip("pythia8mc")
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def of(recipe: str) -> Path:
        folder = base / f"tiny-{recipe}"
        folder.mkdir(exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "run" / "report.html").exists():
                make_tiny_run(recipe, folder)
        return folder / "run"

    return of


@pytest.fixture(scope="session")
def tiny_run(tiny_runs):
    """Run directory of ``top-tagging`` in its tiny preset."""
    return tiny_runs("top-tagging")


def make_tiny_run(name: str, folder: Path) -> None:
    """Run it, with a cache of its own."""
    from partonic.recipes import launch

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARTONIC_CACHE", str(folder / "cache"))
        entry = launch.find(name)
        recipe = launch.configure(entry, "tiny", None, {})
        launch.start(entry.name, recipe, folder / "run", workers=1, command=f"partonic run {name} --preset tiny")
