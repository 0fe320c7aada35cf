"""Options of training-size, transfer-tagger and jet-quenching that make no sense, and files of no use as a start."""

import pytest

from partonic.core.errors import FileError, PartonicError
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
        (TransferTagger, {"rate": 0.0}, "above 0 and at most 1"),
        (JetQuenching, {"loss": 0.0, "kick": 0.0}, "there is no medium"),
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
    with pytest.raises(FileError, match=r"missing\.pt"):
        TransferTagger(start=tmp_path / "missing.pt").check()
