"""Delphes trees, written flat with uproot, and the resolution of references; real trees are among the physics tests."""

import awkward as ak
import numpy as np
import pytest
import uproot
from format_samples import delphes as write_delphes

from partonic.core.errors import FileError
from partonic.events import Ragged, concatenate
from partonic.io import formats
from partonic.io.references import Pointers, pointers, resolve


@pytest.fixture
def tree(tmp_path):
    return write_delphes(tmp_path)


def raw(path, name):
    with uproot.open(path) as file:
        return file["Delphes"][name].array()


def test_collections_columns_and_weights(tree):
    assert formats.recognise(tree).name == "delphes"
    assert formats.count(tree) == 30
    events = formats.read(tree)
    expected = {"jets", "electrons", "muons", "leptons", "truth", "particles", "eflowtrack", "eflowphoton"}
    assert set(events.collections) == expected
    assert list(events.columns) == ["event_number", "met_pt", "met_phi"]
    assert list(events.weights) == ["nominal", "weight_0", "weight_1"]
    np.testing.assert_array_equal(events.weight(), ak.flatten(raw(tree, "Event.Weight")))
    np.testing.assert_array_equal(events.weight("weight_1"), raw(tree, "Weight.Weight")[:, 1])
    np.testing.assert_array_equal(events.columns["met_pt"], ak.flatten(raw(tree, "MissingET.MET")))
    jets = events.collections["jets"]
    np.testing.assert_array_equal(jets["pt"], ak.flatten(raw(tree, "Jet.PT")))
    np.testing.assert_allclose(np.hypot(jets["px"], jets["py"]), jets["pt"], rtol=1e-6)
    mass2 = jets["e"].astype(float) ** 2 - sum(jets[key].astype(float) ** 2 for key in ("px", "py", "pz"))
    np.testing.assert_allclose(np.sqrt(mass2), jets["mass"], rtol=1e-4)
    truth = events.collections["truth"]
    np.testing.assert_array_equal(truth["mother1"], ak.flatten(raw(tree, "Particle.M1")))
    np.testing.assert_array_equal(truth["e"], ak.flatten(raw(tree, "Particle.E")))


def test_the_energy_flow_is_all_its_parts_by_falling_pt(tree):
    events = formats.read(tree)
    flow = events.collections["particles"]
    pt = ak.sort(ak.concatenate([raw(tree, "EFlowTrack.PT"), raw(tree, "EFlowPhoton.ET")], axis=1), ascending=False)
    np.testing.assert_allclose(np.hypot(flow["px"], flow["py"]), ak.flatten(pt), rtol=1e-5)
    photons = flow["pid"] == 22
    assert np.count_nonzero(photons) == ak.count(raw(tree, "EFlowPhoton.ET"))
    np.testing.assert_array_equal(flow["charge"][photons], 0)
    np.testing.assert_array_equal(flow["pid"][~photons], 211 * flow["charge"][~photons])
    np.testing.assert_array_equal(np.sort(flow["d0"][~photons]), np.sort(ak.flatten(raw(tree, "EFlowTrack.D0"))))


def test_leptons_carry_their_species(tree):
    leptons = formats.read(tree).collections["leptons"]
    assert set(leptons["pid"].tolist()) == {-11, -13}  # all charges of the sample are +1
    assert {"isolation", "charge", "position"} <= set(leptons.fields)


def test_chunks_join_to_the_whole(tree, assert_same):
    assert_same(formats.read(tree), concatenate(list(formats.iterate(tree, 7))))


def test_an_event_without_its_header(tmp_path):
    path = tmp_path / "delphes.root"
    weight = ak.Array([{"Weight": [1.0]}, {"Weight": []}])
    with uproot.recreate(path) as file:
        content = {"Event": ak.zip({"Weight": weight.Weight})}
        kinds = {"Event": ak.type(content["Event"]).content}
        file.mktree("Delphes", kinds, counter_name="{}_size".format, field_name="{}.{}".format).extend(content)
    with pytest.raises(FileError, match="event 2 has 0 entries of 'Event', not 1"):
        formats.read(path)


def test_references_become_positions():
    jets = Ragged.from_counts(np.array([2, 0, 1]), {"pt": np.ones(3)})
    target = Ragged.from_counts(np.array([3, 1, 2]), {"pt": np.ones(6)})
    ids = np.array([10, 12, 11, 10, 12, 10], dtype=np.uint32)
    refs = ak.Array([[[10, 11], [12, 99]], [], [[10, 0]]])
    layout = ak.zip({"fName": ak.Array([["", ""], [], [""]]), "refs": refs}, depth_limit=2).layout
    these = pointers(layout, jets)
    position, offsets = resolve(these, target, ids)
    assert position.tolist() == [0, 2, 1, -1, 1, -1]
    position, offsets = resolve(these, target, ids, drop=True)
    assert (position.tolist(), offsets.tolist()) == ([0, 2, 1, 1], [0, 2, 3, 4])
    none = Ragged.from_counts(np.zeros(3, int), {"pt": np.ones(0)})
    assert resolve(these, none, ids[:0])[0].tolist() == [-1] * 6
    assert pointers(layout, target) is None
    assert pointers(ak.Array([[1.0], [], [2.0]]).layout, jets) is None
    assert isinstance(these, Pointers)
