"""``simulate`` and ``convert`` killed at random moments: taken up again, they end with the same bytes."""

import shutil
from pathlib import Path

import pytest
from format_samples import sample_collisions
from killing import PARTONIC, kill_often, timed

from partonic.events import concatenate
from partonic.io import parquet


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder, left-overs too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_simulate(tmp_path):
    pytest.importorskip("pythia8mc")
    calm, work = tmp_path / "calm", tmp_path / "work"
    calm.mkdir(), work.mkdir()
    command = [*PARTONIC, "simulate", "drell-yan", "1200", "--detector", "truth", "-o", "x.parquet"]
    seconds = timed(command, calm)
    whole = contents(calm)
    assert sorted(whole) == ["x.parquet", "x.parquet.manifest.json"]
    assert parquet.count(calm / "x.parquet") == 1200
    lives = []

    def again():
        """The same command, with one worker or two, until all is there."""
        if sorted(contents(work)) == sorted(whole):
            return None
        lives.append(1)
        return [*command, "--workers", 1 + len(lives) % 4 // 3]

    def check():
        assert contents(work) == whole
        shutil.rmtree(work)
        work.mkdir()

    def chunks_are_there():
        return len(list(work.glob(".x.parquet.chunks/0*.parquet"))) > 1

    def joining():
        return bool(list(work.glob(".x.parquet.*.part.parquet")))

    def in_place():
        return (work / "x.parquet").exists()

    kill_often(again, work, seconds, check, [chunks_are_there, joining, in_place, in_place])


@pytest.mark.slow
def test_convert(tmp_path):
    calm, work = tmp_path / "calm", tmp_path / "work"
    calm.mkdir(), work.mkdir()
    source = tmp_path / "source.parquet"
    parquet.write(source, concatenate([sample_collisions(1000, seed) for seed in range(12)]))
    command = [*PARTONIC, "convert", source, "x.lhe.gz"]
    seconds = timed(command, calm)
    whole = contents(calm)
    assert list(whole) == ["x.lhe.gz"]

    def again():
        return None if (work / "x.lhe.gz").exists() else command

    def check():
        assert contents(work) == whole
        shutil.rmtree(work)
        work.mkdir()

    def writing():
        return bool(list(work.glob(".x.lhe.gz.*")))

    kill_often(again, work, seconds, check, [writing, writing], seed=2)
