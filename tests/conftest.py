"""What several folders of tests share: one tiny run of the main job."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """Run directory of ``top-tagging`` in its tiny preset; simulates, so it needs Pythia."""
    pytest.importorskip("pythia8mc")
    from partonic.recipes import launch

    folder = tmp_path_factory.mktemp("tiny")
    before = os.environ.get("PARTONIC_CACHE")
    os.environ["PARTONIC_CACHE"] = str(folder / "cache")
    try:
        entry = launch.find("top-tagging")
        recipe = launch.configure(entry, "tiny", None, {})
        result = launch.start(entry.name, recipe, folder / "run", workers=1, command="partonic run top-tagging")
    finally:
        if before is None:
            del os.environ["PARTONIC_CACHE"]
        else:
            os.environ["PARTONIC_CACHE"] = before
    return Path(result.path)
