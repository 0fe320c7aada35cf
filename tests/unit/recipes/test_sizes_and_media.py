"""Options of training-size, transfer-tagger and jet-quenching that make no sense, and files of no use as a start."""

import shutil
from types import SimpleNamespace

import pytest
from toy_jets import toy_jets

import partonic as pn
from partonic.core.errors import FileError, PartonicError
from partonic.fit.tagger import train_tagger
from partonic.models.checkpoint import load, save
from partonic.recipes.jet_quenching import JetQuenching
from partonic.recipes.training_size import TrainingSize
from partonic.recipes.transfer_tagger import TransferTagger


@pytest.mark.parametrize(
    ("recipe", "changes", "said"),
    [
        (TrainingSize, {"sizes": (100, 1_000)}, "three or more sizes"),
        (TrainingSize, {"sizes": (100, 1_000, 500)}, "the smallest first"),
        (TrainingSize, {"models": ()}, "needs a model"),
        (TrainingSize, {"models": ("pfn", "pfn")}, "named twice"),
        (TrainingSize, {"models": ("pfm",)}, "did you mean 'pfn'"),
        (TrainingSize, {"steps": 0}, "steps must be 1 or more"),
        (TransferTagger, {"sizes": ()}, "give each size once"),
        (TransferTagger, {"source": ("qcd",)}, "two or more different processes"),
        (TransferTagger, {"source": ("qcd", "ttbar")}, "a process of whole events"),
        (TransferTagger, {"source": ("qcd", "ww")}, "unknown process 'ww'"),
        (TransferTagger, {"model": "trees"}, "cannot be fine-tuned"),
        (TransferTagger, {"model": "ensemble"}, "cannot be fine-tuned"),
        (TransferTagger, {"rate": 0.0}, "above 0 and at most 1"),
        (JetQuenching, {"loss": 0.0}, "no true loss to hold the scores against"),
        (JetQuenching, {"loss": -0.1}, "loss must be 0 or above"),
        (JetQuenching, {"models": ("cnn", "cnn")}, "name each model once"),
        (JetQuenching, {"pt_min": 400.0}, "the pT window from 400 to 300 GeV is empty"),
    ],
)
def test_what_makes_no_sense_is_told_at_once(recipe, changes, said):
    with pytest.raises(PartonicError, match=said):
        recipe(**changes)


def test_a_file_to_start_from_is_looked_at_first(tmp_path):
    pytest.importorskip("pythia8mc")
    (tmp_path / "other.pt").write_text("nothing")
    with pytest.raises(FileError, match=r"as a checkpoint: .* as published weights: "):
        TransferTagger(start=tmp_path / "other.pt").check()
    trees = train_tagger("trees", toy_jets(60), toy_jets(30, seed=2), tmp_path / "trees").trained
    save(tmp_path / "trees.pt", trees)
    with pytest.raises(FileError, match="'trees': it is no single network with a last layer"):
        TransferTagger(start=tmp_path / "trees.pt").check()
    with pytest.raises(FileError, match=r"missing\.pt"):
        TransferTagger(start=tmp_path / "missing.pt").check()


def test_from_scratch_reads_what_the_start_reads(tmp_path):
    jets = toy_jets(60, smallest=5), toy_jets(30, seed=2, smallest=5)
    first = train_tagger("dnn", *jets, tmp_path / "start", input="lund-density", epochs=1).trained
    context = SimpleNamespace(result=SimpleNamespace(checkpoint=lambda name: tmp_path / name))
    study = TransferTagger(start=tmp_path / "start.pt", sizes=(40,), epochs=1)
    job = study._job(context, first, "from scratch", 40, 1)
    done = train_tagger(job.model, *jets, job.directory, **job.options).trained
    assert (done.input, done.options) == (first.input, first.options)


@pytest.mark.xdist_group("tiny-transfer-tagger")
def test_a_checkpoint_is_the_start_instead_of_a_training(tiny_runs, tmp_path, monkeypatch):
    first = tiny_runs("transfer-tagger")
    monkeypatch.setenv("PARTONIC_CACHE", str(first.parent / "cache"))
    given = shutil.copy(first / "checkpoints" / "start.pt", tmp_path / "given.pt")
    result = pn.run("transfer-tagger", "tiny", tmp_path / "run", workers=1, start=given, seeds=1, sizes=(40,))
    assert "of the weights in given.pt" in result.facts["abstract"]
    assert not (tmp_path / "run" / "checkpoints" / "start").exists()
    head, *_ = (name for name in load(given).module.state_dict() if name.startswith("phi"))
    frozen = load(tmp_path / "run" / "checkpoints" / "frozen-40-1.pt").module.state_dict()[head]
    assert frozen.equal(load(given).module.state_dict()[head])
