"""The examples of the page on extending partonic do what it says."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from toy_jets import permuted, toy_jets

import partonic as pn
from partonic.core.errors import FileError
from partonic.core.registry import models, recipes, simulators
from partonic.fit.tagger import train_tagger
from partonic.io import formats
from partonic.io.convert import convert
from partonic.metrics.tagging import auc
from partonic.simulators.known import build

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture
def forget(monkeypatch):
    """What an example registers is gone after the test."""
    for registry in (models, recipes, simulators):
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("partonic_user_"):
            del sys.modules[name]


def module(name):
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_a_model(forget, tmp_path):
    entry = models.load_file(EXAMPLES / "efn.py")
    jets = toy_jets(400)
    training = train_tagger("efn", jets[:300], jets[300:], tmp_path / "efn-1", epochs=8)
    scores = pn.predict(training.trained, jets[300:])
    assert auc(scores, jets[300:].column("label")).low > 0.9
    np.testing.assert_array_equal(pn.predict(tmp_path / "efn-1.pt", jets[300:]), scores)
    np.testing.assert_allclose(pn.predict(training.trained, permuted(jets[300:])), scores, rtol=1e-4)
    assert entry.facts["invariant"] == ("permutation", "azimuth")


def test_a_simulator(forget):
    simulators.load_file(EXAMPLES / "decay_times.py")
    events = pn.simulate("decay-times", 4000, theta=2.0, dead_time=0.3)
    assert events.provenance["options"] == {"dead_time": 0.3}
    assert events.column("x").mean() == pytest.approx(0.8, abs=4.5 * 0.5 / np.sqrt(4000))
    known = build("decay-times", dead_time=0.3)
    slope = (known.log_prob(events, 2.001) - known.log_prob(events, 1.999)) / 0.002
    np.testing.assert_allclose(events.gold["joint_score"][:, 0], slope, atol=1e-6)


def test_the_model_is_safe_against_collinear_splitting(forget):
    model = models.load_file(EXAMPLES / "efn.py").cls()
    jets = toy_jets(20, smallest=5)
    cloud = jets.collection("constituents")
    halves = {name: np.repeat(values / 2, 2) for name, values in cloud.fields.items()}
    split = jets.with_collections(constituents=type(cloud)(2 * cloud.offsets, halves))
    np.testing.assert_allclose(pn.predict(model, split), pn.predict(model, jets), rtol=1e-3)
    assert np.ptp(pn.predict(model, jets)) > 0


def test_a_recipe(forget, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = pn.run(str(EXAMPLES / "counting.py"), "tiny")
    assert result.path == Path("runs/counting-1")
    counting, best = (result.summary[f"AUC of {name}"] for name in ("counting", "exact likelihood ratio"))
    assert 0.6 < counting.value < best.value < 1
    assert "best that any tagger can do" in (result.path / "report.html").read_text()
    assert result.config == {"jets": 400, "seed": 1}


def test_a_process(monkeypatch):
    pytest.importorskip("pythia8mc")
    from partonic.simulators.processes import PROCESSES

    process = module("h_mumu").H_MUMU
    assert process.label not in {other.label for other in PROCESSES.values()}
    monkeypatch.setitem(PROCESSES, process.name, process)
    events = pn.simulate("h-mumu", 20, detector="truth")
    truth = events.collection("truth")
    muons = (np.abs(truth["pid"]) == 13) & (np.abs(truth["status"]) == 23)
    total = {name: np.bincount(truth.rows[muons], truth[name][muons], len(events)) for name in ("px", "py", "pz", "e")}
    mass = np.sqrt(total["e"] ** 2 - total["px"] ** 2 - total["py"] ** 2 - total["pz"] ** 2)
    np.testing.assert_allclose(mass, 125.0, atol=0.5)


def test_a_format(tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "FORMATS", (*formats.FORMATS, module("json_jets").FORMAT))
    path = tmp_path / "jets.jsonl"
    lines = [f'{{"label": {i}, "p": {[[3, 4, 0, 5]] * i}}}\n' for i in (1, 0, 2)]
    path.write_text("".join(lines))
    jets = pn.read(path)
    assert jets.column("label").tolist() == [1, 0, 2]
    assert jets.collection("constituents").counts.tolist() == [1, 0, 2]
    assert jets.collection("constituents")["py"].tolist() == [4.0] * 3
    assert formats.count(path) == 3
    assert [len(part) for part in formats.iterate(path, 2)] == [2, 1]
    assert convert(path, tmp_path / "jets.parquet").events == 3
    for bad in ('{"label": 1}', '{"label": 1, "p": [[1, 2, 3]]}', '{"label"', "3"):
        path.write_text("".join(lines) + bad)
        with pytest.raises(FileError, match="event 4 is not a label and a list p of momenta"):
            pn.read(path)
