"""The files of an export: what they say, several classes, further inputs, calibrated probabilities, sentences."""

import json

import numpy as np
import pytest
import torch
from toy_jets import toy_jets, with_kinds

from partonic import cli
from partonic.core.errors import FileError, InputError, MissingPackageError
from partonic.models import export as exports
from partonic.models.checkpoint import Trained, save
from partonic.models.dnn import DNN
from partonic.models.export import export, graph_of
from partonic.models.gru import GRU
from partonic.models.part_light import ParTLight
from partonic.models.pelican_1k import PELICAN1k
from partonic.models.pfn import PFN
from partonic.models.trees import TreeOptions, train_trees
from partonic.represent import representation
from partonic.represent.batch import Features
from partonic.represent.task import Task

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
from partonic.models.dense.graph import arrays, runner  # noqa: E402

THREE = Task(("qcd", "top", "w"))


@pytest.fixture
def trained():
    torch.manual_seed(1)
    return Trained("pfn", {"outputs": 3}, PFN(outputs=3), "packed", temperature=2.0, facts={"seed": 4}, task=THREE)


def test_a_file_and_its_description(trained, tmp_path, capsys):
    save(tmp_path / "pfn.pt", trained)
    with pytest.raises(SystemExit) as left:
        cli.main(["export", str(tmp_path / "pfn.pt"), "-o", str(tmp_path / "pfn.onnx")])
    assert left.value.code == 0
    said = capsys.readouterr().out
    assert "pfn takes features (jets, particles, 7), mask (jets, particles); as the model to" in said
    told = json.loads((tmp_path / "pfn.onnx.json").read_text())
    assert [one["name"] for one in told["inputs"]] == ["features", "mask"]
    assert told["inputs"][0]["columns"]["log_pt"] == "(ln pt / GeV - 1.7) 0.7"
    assert told["outputs"][1]["shape"] == ["jets", 3]
    assert told["temperature"] == 2.0
    assert told["classes"] == ["qcd", "top", "w"]
    assert told["difference"] < 1e-5
    kept = {entry.key: entry.value for entry in onnx.load(tmp_path / "pfn.onnx").metadata_props}
    assert kept["model"] == "pfn"
    assert json.loads(kept["inputs"]) == told["inputs"]
    session = runtime.InferenceSession(tmp_path / "pfn.onnx")
    assert session.get_modelmeta().custom_metadata_map["facts"] == '{"seed": 4}'
    with pytest.raises(FileError, match=r"pfn\.onnx exists"):
        export(trained, tmp_path / "pfn.onnx")


def test_beside_its_checkpoint_the_history_of_the_training_stays(trained, tmp_path):
    history = tmp_path / "pfn-1.json"
    history.write_text("of the training")
    for overwrite in (False, True):
        export(trained, tmp_path / "pfn-1.onnx", overwrite=overwrite)
    assert history.read_text() == "of the training"
    assert json.loads((tmp_path / "pfn-1.onnx.json").read_text())["model"] == "pfn"


def test_probabilities_are_those_of_the_model(trained):
    events = toy_jets(20)
    got = runner(graph_of(trained))(arrays(representation("packed")(events)))
    np.testing.assert_allclose(got["probabilities"], trained.scores(events), rtol=1e-5)
    np.testing.assert_allclose(got["probabilities"].sum(dim=1), 1, rtol=1e-6)


@pytest.mark.parametrize("cls", [PFN, ParTLight, PELICAN1k])
def test_charges_and_kinds(cls):
    events = with_kinds(toy_jets(12))
    batch = representation("packed", inputs="kinds")(events)
    net = cls(features=13, outputs=4).eval()
    trained = Trained("any", {}, net, "packed", {"inputs": "kinds"}, task=Task(tuple("abcd")))
    with torch.no_grad():
        wanted = net(batch)
    got = runner(graph_of(trained))(arrays(batch))["logits"]
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-5 * float(wanted.abs().max()))


@pytest.mark.parametrize("name", ["efp", "subjettiness", "lund-density", "features"])
def test_every_observable_is_described(name):
    width = representation(name).width
    trained = Trained("dnn", {}, DNN(observables=width).eval(), name)
    columns = exports.description(trained, graph_of(trained))["inputs"][0]["columns"]
    assert len(columns) == width == len(set(columns.values()))


def test_cells_are_described():
    trained = Trained("pfn", {}, PFN(features=9).eval(), "voxels")
    columns = exports.description(trained, graph_of(trained))["inputs"][0]["columns"]
    assert [*columns][-2:] == ["depth", "hadronic"]


def test_targets_come_in_their_units():
    events = toy_jets(9)
    task = Task(targets=("jet_mass", "jet_pt"), scales=((80.0, 20.0), (600.0, 30.0)))
    trained = Trained("pfn", {}, PFN(outputs=3).eval(), "packed", temperature=3.0, task=task)
    got = runner(graph_of(trained))(arrays(representation("packed")(events)))
    for column, values in enumerate(trained.regressed(events).values()):
        np.testing.assert_allclose(got["estimates"][:, column], values, rtol=1e-5)
    np.testing.assert_allclose(got["probabilities"], trained.scores(events), rtol=1e-5)
    assert got["logits"].shape == (9,)


def test_recurrent_networks_in_the_order_of_clustering():
    batch = representation("packed", order="kt")(toy_jets(12))
    net = GRU(particles=20, order="given").eval()
    with torch.no_grad():
        wanted = net(batch)
    got = runner(graph_of(Trained("gru", {}, net, "packed", {"order": "kt"})))(arrays(batch, 70))["logits"]
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-6)


def test_trees_at_their_thresholds_and_without_values():
    events = toy_jets(200)
    values = representation("features")(events).values.numpy()
    values[::3, 0] = np.nan
    trees = train_trees(values, events.column("label"), options=TreeOptions(trees=20))
    edges = np.repeat(values[:1], len(trees.threshold), axis=0)
    edges[np.arange(len(edges)), trees.feature] = trees.threshold.float()
    batch = Features(torch.from_numpy(np.concatenate([values, edges])))
    got = runner(graph_of(Trained("trees", trees.options, trees, "features")))(arrays(batch))["logits"]
    torch.testing.assert_close(got, trees(batch).float(), rtol=0, atol=1e-5)


def test_a_graph_that_disagrees_is_not_written(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(exports, "AGREE", -1.0)
    with pytest.raises(InputError, match="nothing was written"):
        export(trained, tmp_path / "pfn.onnx")
    assert not list(tmp_path.iterdir())


def test_networks_without_a_form(tmp_path):
    class Unknown(torch.nn.Module):
        """Takes packed jets."""

    with pytest.raises(InputError, match="'mine' cannot be exported: the network Unknown has no form on padded arrays"):
        graph_of(Trained("mine", {}, Unknown(), "packed"))


def test_missing_packages_are_said_at_once(trained, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'partonic\[export\]'"):
        export(trained, tmp_path / "pfn.onnx")
