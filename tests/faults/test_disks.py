"""Full, read-only and vanishing disks: one sentence, what was good stays good, and with room again the job is done."""

import shutil

import pytest
from format_samples import sample_collisions, sample_jets
from toy_jets import toy_jets

from partonic.core.errors import FileError
from partonic.core.progress import Progress
from partonic.events import concatenate
from partonic.fit.batches import Batches
from partonic.fit.loop import fit
from partonic.fit.options import FitOptions
from partonic.io import formats, parquet
from partonic.models.pfn import PFN
from partonic.objectives.supervised import cross_entropy
from partonic.represent import representation

FULL = ("cannot write", "No space left on device")
RUN = ("run", "top-tagging", "--preset", "tiny", "--truth-jets", "0", "--models", "pfn")


def fill(folder, leave=20):
    """Take the space of a disk but for some kilobytes; gives the file that takes it."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        file.write(bytes(max(0, shutil.disk_usage(folder).free - leave * 1024)))
    return ballast


def left(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("ending", [".parquet", ".lhe", ".h5", ".npz"])
def test_convert_to_a_full_disk(partonic, disk, tmp_path, ending):
    source, place = tmp_path / "source.parquet", disk(8)
    sample = sample_collisions if ending == ".lhe" else sample_jets
    parquet.write(source, concatenate([sample(1000, seed) for seed in range(3)]))
    parquet.write(place / "good.parquet", sample_jets())
    ballast = fill(place)
    options = ["--to", "landscape"] if ending == ".h5" else []
    partonic.refused("convert", source, place / f"x{ending}", *options, words=("x" + ending, "o space left"))
    assert left(place) == ["ballast", "good.parquet"]
    ballast.unlink()
    assert partonic("convert", source, place / f"x{ending}", *options)[0] == 0
    assert formats.count(place / f"x{ending}") == 3000
    assert formats.count(place / "good.parquet") == 40


def test_predict_to_a_full_disk(partonic, disk, jets, tagger):
    place = disk(4)
    ballast = fill(place)
    command = ("predict", tagger, jets, "-o", place / "scores.parquet")
    partonic.refused(*command, words=FULL)
    assert left(place) == ["ballast"]
    ballast.unlink()
    assert partonic(*command)[0] == 0
    assert "score" in parquet.read(place / "scores.parquet").columns


@pytest.mark.slow
def test_simulate_to_a_full_disk(partonic, disk, tmp_path):
    pytest.importorskip("pythia8mc")
    place = disk(8)
    ballast = fill(place)
    command = ("simulate", "drell-yan", "600", "--detector", "truth", "-o")
    partonic.refused(*command, place / "x.parquet", words=FULL)
    assert not (place / "x.parquet").exists()
    ballast.unlink()
    assert partonic(*command, place / "x.parquet")[0] == 0
    assert left(place) == ["x.parquet", "x.parquet.manifest.json"]
    assert partonic(*command, tmp_path / "x.parquet")[0] == 0
    assert (place / "x.parquet").read_bytes() == (tmp_path / "x.parquet").read_bytes()


def train(directory, objective=cross_entropy):
    """A short training."""
    sample, represent = toy_jets(120), representation("packed")
    data, held_out = (Batches(part, represent, size=20) for part in (sample[:80], sample[80:]))
    return fit(PFN(width=16), objective, data, held_out, FitOptions(epochs=3), directory)


def test_fit_on_a_full_disk(disk):
    place = disk(4)
    ballast = fill(place)
    with pytest.raises(FileError, match=r"cannot write .*fit\.pt: No space left on device"):
        train(place / "fit")
    ballast.unlink()
    assert train(place / "fit").stopped == "epochs"
    assert left(place / "fit") == ["fit.log", "fit.pt"]


def test_a_folder_that_vanishes_under_a_fit(tmp_path):
    def objective(model, batch):
        shutil.rmtree(tmp_path / "fit", ignore_errors=True)
        return cross_entropy(model, batch)

    with pytest.raises(FileError, match=r"cannot write .*fit\.pt: No such file or directory"):
        train(tmp_path / "fit", objective)


@pytest.mark.slow
def test_run_on_a_full_disk(partonic, disk, jets, monkeypatch):
    from partonic.report import style

    frame = '<svg xmlns="http://www.w3.org/2000/svg" width="360pt" height="216pt" viewBox="0 0 360 216"></svg>'
    monkeypatch.setattr(style, "_lay_out", lambda figure: None)
    monkeypatch.setattr(style, "_print", lambda figure, ending, path: path.write_text(frame))
    place = disk(16)
    ballast = fill(place, 64)
    partonic.refused(*RUN, "--data", jets, "-o", place / "run", words=FULL)
    ballast.unlink()
    assert partonic("resume", place / "run")[0] == 0
    assert (place / "run" / "report.html").stat().st_size > 10_000


def test_a_folder_that_vanishes_under_convert_and_predict(partonic, tmp_path, jets, tagger, monkeypatch):
    advance = Progress.advance

    def vanish(bar, *given):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        advance(bar, *given)

    monkeypatch.setattr(Progress, "advance", vanish)
    for command in (("convert", jets, "out/x.parquet"), ("predict", tagger, jets, "-o", "out/x.parquet")):
        (tmp_path / "out").mkdir()
        partonic.refused(*command, words=("cannot write out/x.parquet", "No such file or directory"))
    assert jets.exists()


@pytest.mark.slow
def test_a_folder_that_vanishes_under_simulate_and_run(partonic, tmp_path, jets, monkeypatch):
    pytest.importorskip("pythia8mc")
    advance = Progress.advance

    def vanish(bar, *given):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        advance(bar, *given)

    monkeypatch.setattr(Progress, "advance", vanish)
    (tmp_path / "out").mkdir()
    command = ("simulate", "drell-yan", "600", "--detector", "truth", "-o", "out/x.parquet")
    partonic.refused(*command, words=("out", "No such file or directory"))
    partonic.refused(*RUN, "--data", jets, "-o", "out/run", words=("out", "No such file or directory"))


def test_read_only_disks_are_noticed_beforehand(partonic, disk, jets, tagger):
    place = disk(1)
    disk.seal()
    for command in (
        ("simulate", "drell-yan", "10", "-o", place / "x.parquet"),
        ("convert", jets, place / "x.parquet"),
        ("predict", tagger, jets, "-o", place / "x.parquet"),
        (*RUN, "--data", jets, "-o", place / "run"),
    ):
        partonic.refused(*command, words=(str(place),))
    with pytest.raises(FileError, match=str(place)):
        train(place / "fit")
