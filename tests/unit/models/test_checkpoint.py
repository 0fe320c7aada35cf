import pickle
import zipfile

import numpy as np
import pytest
import torch
from toy_jets import changed, toy_jets

from partonic.core.errors import FileError, InputError
from partonic.events import cache
from partonic.models import checkpoint
from partonic.models.checkpoint import Trained, load, save
from partonic.models.pfn import PFN
from partonic.represent.constituents import BadJetError
from partonic.represent.task import Task


@pytest.fixture
def trained():
    torch.manual_seed(0)
    return Trained("pfn", {"width": 32}, PFN(width=32), "packed", {"max_particles": 20}, 1.5, {"jets": 64})


@pytest.fixture
def stored(tmp_path, trained):
    path = tmp_path / "model.pt"
    save(path, trained)
    return path


def rewrite(path, **changes):
    """The checkpoint with parts of its tree replaced (None takes one out)."""
    tree = torch.load(path, weights_only=True) | changes
    torch.save({key: value for key, value in tree.items() if value is not None}, path)


def test_what_is_saved_is_loaded(stored, trained):
    again = load(stored)
    for name in ("name", "options", "input", "input_options", "temperature", "facts"):
        assert getattr(again, name) == getattr(trained, name)
    np.testing.assert_array_equal(again.scores(toy_jets()), trained.scores(toy_jets()))
    assert not again.module.training


def test_equal_models_are_equal_files(tmp_path, stored, trained):
    other = tmp_path / "other.pt"
    save(other, trained)
    assert other.read_bytes() == stored.read_bytes()


def test_scores_are_probabilities_of_the_logits_over_the_temperature(trained):
    events = toy_jets()
    with torch.inference_mode():
        from partonic.represent import representation

        logits = trained.module(representation("packed", max_particles=20)(events)).numpy()
    np.testing.assert_allclose(trained.scores(events), 1 / (1 + np.exp(-logits / 1.5)), rtol=1e-5)


def test_the_batch_size_has_no_influence(trained):
    events = toy_jets(12)
    whole = trained.scores(events)
    assert whole.dtype == np.float64
    for size in (1, 5, 12):
        np.testing.assert_allclose(trained.scores(events, batch_size=size), whole, rtol=1e-5)
    assert trained.scores(events[:0]).shape == (0,)
    with pytest.raises(InputError, match="batch_size must be 1 or more"):
        trained.scores(events, batch_size=0)


def test_a_memory_mapped_sample_is_given_back_on_the_way(tmp_path, trained, monkeypatch):
    jets = toy_jets(100)
    cache.build([jets], tmp_path / "cache")
    mapped = cache.load(tmp_path / "cache")
    given_back = []
    monkeypatch.setattr(checkpoint, "RELEASE", 30)
    monkeypatch.setattr(checkpoint, "release", lambda part: given_back.append(part) or cache.release(part))
    np.testing.assert_array_equal(trained.scores(mapped, batch_size=8), trained.scores(jets, batch_size=8))
    assert len(given_back) == 2 * 3  # of the mapped one and of that in memory, where it does nothing


def test_a_bad_jet_is_named_by_its_row_in_the_whole_sample(trained):
    events = toy_jets(50)
    c = events.collection("constituents")
    e = c["e"].copy()
    e[c.offsets[33]] = np.nan
    with pytest.raises(BadJetError, match="the jet in row 33: its constituent 0 has"):
        trained.scores(changed(events, e=e), batch_size=8)


def test_a_score_that_is_not_finite_is_an_error(trained):
    with torch.no_grad():
        trained.module.rho[-1].bias.fill_(torch.nan)
    with pytest.raises(InputError, match="the model 'pfn' gives nan for the jet in row 0"):
        trained.scores(toy_jets(3))


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_bad_temperature(temperature):
    with pytest.raises(InputError, match="the temperature of a model must be above 0"):
        Trained("pfn", {}, PFN(), "packed", {}, temperature)


def test_only_plain_data_is_saved(tmp_path, trained):
    kept = Trained("pfn", {}, PFN(), "packed", facts={"auc": np.float64(0.5), "seeds": (1, 2), "none": None})
    save(tmp_path / "a.pt", kept)
    assert load(tmp_path / "a.pt").facts == {"auc": 0.5, "seeds": [1, 2], "none": None}
    with pytest.raises(InputError, match=r"facts\.events of a model must be plain data to be saved, not Events"):
        save(tmp_path / "b.pt", Trained("pfn", {}, PFN(), "packed", facts={"events": toy_jets(2)}))
    assert not (tmp_path / "b.pt").exists()


def test_missing_empty_and_foreign_files(tmp_path):
    with pytest.raises(FileError, match="no file"):
        load(tmp_path / "none.pt")
    file = tmp_path / "text.pt"
    file.write_bytes(b"")
    with pytest.raises(FileError, match="is empty"):
        load(file)
    file.write_text("not a model at all")
    with pytest.raises(FileError, match="is not a partonic checkpoint; give a file that a partonic training wrote"):
        load(file)
    file.write_bytes(pickle.dumps({"format": "partonic model"}))
    with pytest.raises(FileError, match="is not a partonic checkpoint"):
        load(file)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme", "a zip file")
    with pytest.raises(FileError, match="is not a partonic checkpoint, or is damaged"):
        load(file)
    torch.save({"weights": torch.zeros(3)}, file)
    with pytest.raises(FileError, match="is not a partonic checkpoint"):
        load(file)
    torch.save(torch.zeros(3), file)
    with pytest.raises(FileError, match="is not a partonic checkpoint"):
        load(file)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.999])
def test_a_truncated_file(stored, share):
    whole = stored.read_bytes()
    stored.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(FileError, match="is cut short"):
        load(stored)


def test_flipped_bytes_never_end_in_anything_but_a_sentence(stored):
    whole = stored.read_bytes()
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 30):
            damaged[place] ^= 0xFF
        stored.write_bytes(bytes(damaged))
        try:
            load(stored)
        except FileError:
            refused += 1
    assert refused > 0


class Bomb:
    """Would write a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_file_that_carries_code_is_refused_and_the_code_not_run(tmp_path, stored):
    mark = tmp_path / "mark"
    tree = torch.load(stored, weights_only=True)
    torch.save(tree | {"facts": {"bomb": Bomb(mark)}}, stored)
    with pytest.raises(FileError, match="holds more than numbers and plain data, which could run code"):
        load(stored)
    assert not mark.exists()


def test_a_newer_version(stored):
    rewrite(stored, version=7)
    with pytest.raises(FileError, match="has format version 7, this partonic reads up to 2; upgrade partonic"):
        load(stored)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "pfnn"}, "cannot be used here: unknown model 'pfnn'; did you mean 'pfn'"),
        ({"options": {"width": 64}}, "does not fit the model 'pfn' of this installation"),
        ({"options": {"widht": 32}}, "does not fit the model 'pfn' of this installation"),
        ({"options": {"width": "wide"}}, "does not fit the model 'pfn' of this installation"),
        ({"options": {"width": 10**15}}, "does not fit the model 'pfn' of this installation"),
        ({"input": "packd"}, "does not fit the model 'pfn': unknown representation 'packd'; did you mean 'packed'"),
        ({"input_options": {"max_particle": 3}}, "did you mean 'max_particles'"),
        ({"temperature": 0.0}, "the temperature of a model must be above 0"),
        ({"temperature": "hot"}, "its temperature is missing or of the wrong type"),
        ({"state": None}, "its state is missing or of the wrong type"),
        ({"state": {}}, "does not fit the model 'pfn' of this installation"),
        ({"state": {1: 2}}, "does not fit the model 'pfn' of this installation"),
        ({"version": "new"}, "has format version new"),
    ],
)
def test_what_does_not_fit(stored, changes, message):
    rewrite(stored, **changes)
    with pytest.raises(FileError, match=message) as caught:
        load(stored)
    assert "\n" not in str(caught.value)
    assert str(stored) in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"input": "image", "input_options": {}}, "it reads PackedJets, and its input 'image' gives Images"),
        ({"input_options": {"inputs": "kinds"}}, "its option features is 7, and its inputs have 13"),
        ({"task": {"targets": ["mass"], "scales": []}}, "targets"),
        ({"version": 0}, "format version 0"),
        ({"version": -1}, "format version -1"),
    ],
)
def test_contradictions_are_found_when_it_is_read(stored, changes, said):
    rewrite(stored, **changes)
    with pytest.raises(FileError, match=said):
        load(stored)


def test_a_target_needs_its_scale(tmp_path):
    task = Task(targets=("mass",))
    save(tmp_path / "a.pt", Trained("pfn", {"outputs": 2}, PFN(outputs=2), "packed", task=task))
    with pytest.raises(FileError, match="1 targets, and scales of 0"):
        load(tmp_path / "a.pt")
