"""Scores of files: a column in Parquet, a friend tree in ROOT, and sentences for formats that hold neither."""

import awkward as ak
import numpy as np
import pytest
import uproot
from format_samples import sample_jets
from torch import manual_seed
from toy_jets import toy_jets

from partonic.core.errors import FileError, InputError
from partonic.events import Ragged
from partonic.io import formats
from partonic.io.friends import write_friend
from partonic.io.mapping import Map
from partonic.models.checkpoint import Trained, save
from partonic.models.pfn import PFN
from partonic.models.prediction import predict_file
from partonic.represent.task import Task


@pytest.fixture
def model(tmp_path):
    """Checkpoint of an untrained network."""
    manual_seed(1)
    path = tmp_path / "pfn.pt"
    save(path, Trained("pfn", {}, PFN(), "packed"))
    return path


@pytest.fixture
def jets(tmp_path):
    """Jets as a ROOT tree of another layout."""
    sample = sample_jets()
    part = sample.collections["constituents"]
    lists = ak.zip({name: ak.unflatten(values, part.counts) for name, values in part.fields.items()})
    path = tmp_path / "ntuple.root"
    with uproot.recreate(path) as file:
        content = {"number": np.arange(len(sample)), "cl": lists}
        file.mktree("jets", {name: ak.type(ak.Array(values)).content for name, values in content.items()}).extend(
            content
        )
    return path


PLAN = Map(columns={"number": "number"}, collections={"constituents": {k: f"cl_{k}" for k in ("px", "py", "pz", "e")}})


def test_estimates_of_targets_stand_beside_the_scores(tmp_path):
    path, source = tmp_path / "pfn.pt", tmp_path / "jets.parquet"
    task = Task(targets=("jet_mass", "jet_pt"), scales=((80.0, 20.0), (600.0, 30.0)))
    manual_seed(1)
    trained = Trained("pfn", {"outputs": 3}, PFN(outputs=3), "packed", task=task)
    save(path, trained)
    formats.write(source, [sample_jets()])
    predict_file(path, source, tmp_path / "scores.root")
    predict_file(path, source, tmp_path / "scored.parquet")
    jets = formats.read(source)
    expected = {f"estimated_{name}": values for name, values in trained.regressed(jets).items()}
    assert set(expected) == {"estimated_jet_mass", "estimated_jet_pt"}
    assert np.ptp(expected["estimated_jet_pt"]) > 0
    written = formats.read(tmp_path / "scored.parquet")
    with uproot.open(tmp_path / "scores.root") as file:
        friend = file["scores"].arrays(library="np")
    for name, values in (expected | {"score": trained.scores(jets)}).items():
        np.testing.assert_allclose(written.column(name), values)
        np.testing.assert_allclose(friend[name], values)
    assert set(written.columns) == {*jets.columns, *expected, "score"}


def test_several_classes_have_a_score_each(tmp_path):
    path, source, task = tmp_path / "pfn.pt", tmp_path / "jets.parquet", Task(("qcd", "top", "w"))
    manual_seed(1)
    trained = Trained("pfn", {"outputs": 3}, PFN(outputs=3), "packed", task=task)
    save(path, trained)
    formats.write(source, [sample_jets()])
    predict_file(path, source, tmp_path / "scores.root")
    predict_file(path, source, tmp_path / "scored.parquet")
    expected = trained.scores(formats.read(source))
    assert expected.shape[1] == 3
    with uproot.open(tmp_path / "scores.root") as file:
        np.testing.assert_allclose(file["scores"]["score"].array(library="np"), expected)
    np.testing.assert_allclose(formats.read(tmp_path / "scored.parquet").column("score"), expected)


def test_a_friend_tree_follows_the_source(model, jets, tmp_path, monkeypatch):
    monkeypatch.setattr("partonic.io.formats.ROWS", 7)
    beside = predict_file(model, jets, tmp_path / "scored.parquet", map=PLAN)
    assert "40 jets" in beside
    said = predict_file(model, jets, tmp_path / "scores.root", map=PLAN)
    assert "tree 'scores' with the scores of 40 jets" in said
    scored = formats.read(tmp_path / "scored.parquet")
    assert np.ptp(scored.columns["score"]) > 0
    with uproot.open(tmp_path / "scores.root") as file, uproot.open(jets) as source:
        scores, number = file["scores"]["score"].array(), source["jets"]["number"].array()
        assert file["scores"].num_entries == source["jets"].num_entries == 40
        np.testing.assert_array_equal(scores, scored.columns["score"][np.argsort(scored.columns["number"])][number])
    predict_file(model, jets, tmp_path / "named.root", map=PLAN, tree="tagger")
    with uproot.open({tmp_path / "named.root": "tagger"}) as tree:
        assert tree.keys() == ["score"]


def test_cuts_that_would_shift_the_entries(model, jets, tmp_path):
    plan = Map(columns=PLAN.columns, collections=PLAN.collections, cuts=("number > 3",))
    with pytest.raises(InputError, match=r"36 of the 40 entries of .* pass the cuts of the map"):
        predict_file(model, jets, tmp_path / "scores.root", map=plan)
    assert not (tmp_path / "scores.root").exists()
    assert "36 jets" in predict_file(model, jets, tmp_path / "scores.parquet", map=plan)


@pytest.mark.parametrize("name", ["a.h5", "a.lhe"])
def test_formats_without_a_place_for_scores(model, jets, tmp_path, name):
    with pytest.raises(InputError, match=r"has no place for scores .* write a\.parquet, .* or a\.root, a ROOT friend"):
        predict_file(model, jets, tmp_path / name, map=PLAN)


def test_names_of_trees(tmp_path):
    with pytest.raises(InputError, match="cannot be called 'a/b'"):
        write_friend(tmp_path / "a.root", [{"score": np.zeros(2)}], "a/b")
    with pytest.raises(InputError, match="nothing to write"):
        write_friend(tmp_path / "a.root", [])
    assert write_friend(tmp_path / "a.root", [{"score": np.zeros(0)}, {"score": np.ones(3)}]) == 3


def test_jets_without_a_field_of_their_momentum(tmp_path):
    save(tmp_path / "a.pt", Trained("pfn", {}, PFN().eval(), "packed"))
    jets = toy_jets(5)
    some = jets.collection("constituents")
    bare = {name: values for name, values in some.fields.items() if name != "e"}
    formats.write(tmp_path / "bare.parquet", jets.with_collections(constituents=Ragged(some.offsets, bare)))
    with pytest.raises(FileError, match=r"bare\.parquet cannot be scored by pfn: unknown field 'e'"):
        predict_file(tmp_path / "a.pt", tmp_path / "bare.parquet", tmp_path / "out.parquet")


def test_jets_without_what_the_model_reads(tmp_path):
    save(
        tmp_path / "kinds.pt", Trained("pfn", {"features": 13}, PFN(features=13).eval(), "packed", {"inputs": "kinds"})
    )
    formats.write(tmp_path / "bare.parquet", toy_jets(5))
    with pytest.raises(FileError, match=r"bare\.parquet cannot be scored by pfn: the inputs 'kinds' need charge, pid"):
        predict_file(tmp_path / "kinds.pt", tmp_path / "bare.parquet", tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize("device", ["nowhere", "xpu"])
def test_devices_that_are_not_there(model, jets, tmp_path, device):
    with pytest.raises(InputError, match=f"the device '{device}' cannot be used here: "):
        predict_file(model, jets, tmp_path / "scores.parquet", device=device)


def test_files_that_are_not_there(model, tmp_path):
    with pytest.raises(FileError, match=r"no file .*none\.root"):
        predict_file(model, tmp_path / "none.root", tmp_path / "scores.root")
