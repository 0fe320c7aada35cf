"""What several folders of tests share: one tiny run of the main job."""

import fcntl
import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """Run directory of ``top-tagging`` in its tiny preset, made once for all test processes; it needs Pythia."""
    pytest.importorskip("pythia8mc")
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "tiny"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "run" / "report.html").exists():
            make_tiny_run(folder)
    return folder / "run"


def make_tiny_run(folder: Path) -> None:
    """Run it, with a cache of its own."""
    from partonic.recipes import launch

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARTONIC_CACHE", str(folder / "cache"))
        entry = launch.find("top-tagging")
        recipe = launch.configure(entry, "tiny", None, {})
        launch.start(entry.name, recipe, folder / "run", workers=1, command="partonic run top-tagging --preset tiny")
