"""Any ROOT file: columns, collections by counter and by prefix, trees by name, RNTuple, what cannot be read."""

import time

import awkward as ak
import numpy as np
import pytest
import uproot

from partonic.core.errors import FileError
from partonic.io import formats, root
from partonic.io.trees import CHUNK_BYTES, _guarded


def muons(n=50, seed=1):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(1.5, n)
    return ak.unflatten(ak.Array({key: rng.normal(size=counts.sum()) ** 2 for key in ("Pt", "Eta", "Phi")}), counts)


@pytest.fixture
def ntuple(tmp_path):
    """A tree with columns, a weight, a counted collection and one of vectors, and a smaller second tree."""
    path = tmp_path / "ntuple.root"
    n = 50
    leptons = muons(n)
    with uproot.recreate(path) as file:
        kinds = {"x": "f4", "flag": "bool", "matrix": ("f8", (2,)), "EventWeight": "f4", "Muon": "var * {Pt: float64}"}
        kinds["Muon"] = leptons.type.content
        tree = file.mktree("Physics/events", kinds)
        tree.extend(
            {
                "x": np.arange(n, dtype="f4"),
                "flag": np.arange(n) % 2 == 0,
                "matrix": np.arange(2.0 * n).reshape(n, 2),
                "EventWeight": np.full(n, 0.5, dtype="f4"),
                "Muon": leptons,
            }
        )
        file.mktree("runs", {"run": "i4"}).extend({"run": np.arange(3, dtype="i4")})
    return path


def test_branches_become_columns_weights_and_collections(ntuple):
    events = formats.read(ntuple)
    assert formats.recognise(ntuple).name == "root"
    assert list(events.columns) == ["x", "flag", "matrix"]
    assert events.columns["matrix"].shape == (50, 2)
    np.testing.assert_array_equal(events.weight(), np.full(50, 0.5))
    expected = muons()
    got = events.collections["muons"]
    np.testing.assert_array_equal(got.counts, ak.num(expected))
    pt, eta = ak.flatten(expected.Pt).to_numpy(), ak.flatten(expected.Eta).to_numpy()
    assert list(got.fields)[:4] == ["px", "py", "pz", "e"]
    np.testing.assert_allclose(np.hypot(got["px"], got["py"]), pt, rtol=1e-12)
    np.testing.assert_allclose(got["e"], pt * np.cosh(eta), rtol=1e-12)
    np.testing.assert_array_equal(got["pt"], pt)
    assert events.provenance == {
        "source": "ntuple.root",
        "layout": "ROOT tree 'Physics/events'",
        "weight": "EventWeight",
        "left_out": ["tree runs"],
    }


def test_chunks_join_to_the_whole(ntuple, assert_same, monkeypatch):
    from partonic.events import concatenate

    whole = formats.read(ntuple)
    parts = list(formats.iterate(ntuple, 7))
    assert [len(part) for part in parts] == [7] * 7 + [1]
    assert_same(whole, concatenate(parts))
    assert CHUNK_BYTES <= 2**28
    monkeypatch.setattr("partonic.io.trees.CHUNK_BYTES", 1000)
    parts = list(formats.iterate(ntuple, 50))
    assert max(len(part) for part in parts) < 50
    assert_same(whole, concatenate(parts))


def test_a_tree_is_chosen_by_name(ntuple, tmp_path):
    name = f"{ntuple}:runs"
    assert formats.count(name) == 3
    assert formats.read(name).columns["run"].tolist() == [0, 1, 2]
    with pytest.raises(FileError, match=r"unknown tree of .*ntuple\.root 'run'; did you mean 'runs'"):
        formats.read(f"{ntuple}:run")
    with pytest.raises(FileError, match=r"no file .*other\.root"):
        formats.read(tmp_path / "other.root:runs")
    odd = ntuple.rename(tmp_path / "odd.root:x")
    assert formats.count(odd) == 50


def test_vectors_without_counter_belong_together_by_prefix_and_length(tmp_path):
    path = tmp_path / "vectors.root"
    jets, other = [[1.0, 2], [3]], [[1.0], [2, 3]]
    with uproot.recreate(path) as file:
        file.mkrntuple("t", {"jet_e": ak.Array(jets), "jet_x": ak.Array(jets), "jet_bad": ak.Array(other)})
    events = formats.read(path)
    assert {name: list(ragged.fields) for name, ragged in events.collections.items()} == {
        "jets": ["e", "x"],
        "jet_bad": ["value"],
    }
    assert events.collections["jet_bad"]["value"].tolist() == [1, 2, 3]


def test_lists_that_belong_together_at_first_and_then_not(tmp_path):
    path = tmp_path / "vectors.root"
    n = root.PROBE + 5
    with uproot.recreate(path) as file:
        file.mkrntuple("t", {"a_x": ak.Array([[1.0]] * n), "a_y": ak.Array([[1.0]] * (n - 1) + [[1.0, 2.0]])})
    with pytest.raises(FileError, match=r"event 1,005 has 1 values of 'a_x' and 2 of 'a_y'.* map"):
        formats.read(path)


def test_an_empty_tree_gives_an_empty_sample(tmp_path):
    path = tmp_path / "empty.root"
    with uproot.recreate(path) as file:
        file.mktree("t", {"x": "f8", "Muon": muons().type.content})
    events = formats.read(path)
    assert len(events) == 0
    assert list(events.columns) == ["x"]
    assert {"px", "e", "pt"} <= set(events.collections["muons"].fields)


def test_what_is_no_tree(tmp_path):
    path = tmp_path / "h.root"
    with uproot.recreate(path) as file:
        file["h"] = np.histogram([1, 2, 3])
    with pytest.raises(FileError, match="has no tree"):
        formats.read(path)
    with pytest.raises(FileError, match="has no tree"):
        formats.count(path)


def test_announced_sizes_are_checked_before_memory_is_taken(ntuple):
    with uproot.open(ntuple) as file:
        branch = file["Physics/events"]["x"]
        seek = int(branch.member("fBasketSeek")[0])
    content = bytearray(ntuple.read_bytes())
    content[seek + 6 : seek + 10] = (2_000_000_000).to_bytes(4, "big")
    ntuple.write_bytes(content)
    with pytest.raises(FileError, match=r"ntuple\.root is damaged: the branch 'x' announces 2,000,000,000 bytes where"):
        formats.read(ntuple)


def test_places_far_behind_the_end_take_no_memory(ntuple):
    with _guarded()(str(ntuple)) as file:
        assert bytes(file.chunk(0, 4).raw_data[:4]) == b"root"
        with pytest.raises(ValueError, match="it asks for byte 2,000,000,000 of "):
            file.chunk(0, 2_000_000_000)


def test_a_damaged_description_of_classes_is_no_endless_work(ntuple):
    content = ntuple.read_bytes()
    assert b"TStreamerBase" in content
    ntuple.write_bytes(content.replace(b"TStreamerBase", b"TStreamerBasf").replace(b"TBranch\0", b"TBrancx\0"))
    start = time.monotonic()
    with pytest.raises(FileError, match=r"ntuple\.root cannot be read as a ROOT file \(the description of its classes"):
        formats.read(ntuple)
    assert time.monotonic() - start < 10


def test_truncated_and_damaged_files_end_in_one_sentence(ntuple, tmp_path):
    content = ntuple.read_bytes()
    for length in (4, 40, 300, len(content) // 2, len(content) - 40):
        cut = tmp_path / f"cut{length}.root"
        cut.write_bytes(content[:length])
        with pytest.raises(FileError, match=rf"cut{length}\.root"):
            formats.read(cut)
