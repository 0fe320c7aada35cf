"""Ensembles: the mean of their members' probabilities, whatever these look at."""

import numpy as np
import pytest
import torch
from toy_jets import toy_jets

from partonic.core.errors import FileError, InputError, UnknownNameError
from partonic.core.registry import models
from partonic.fit.ensemble import train_ensemble
from partonic.models.checkpoint import Trained, load, save
from partonic.models.ensemble import Ensemble, combine, member_scores, members_of
from partonic.represent import representation
from partonic.represent.several import Several
from partonic.represent.task import Task


def member(name, seed, temperature=1.0, task=None, **input_options):
    entry = models.get(name)
    torch.manual_seed(seed)
    task = task or Task()
    options = {} if task.outputs == 1 else {"outputs": task.outputs}
    module = entry.cls(**options).eval()
    return Trained(name, options, module, entry.facts["input"], input_options, temperature, task=task)


@pytest.fixture
def different():
    """Members of three architectures and representations, one calibrated."""
    return [member("pfn", 1, 2.0), member("pfn", 2, max_particles=10), member("cnn", 3), member("dnn", 4)]


def test_the_score_is_the_mean_of_the_members_scores(different):
    events = toy_jets(50)
    ensemble = combine(different)
    each = np.stack([one.scores(events) for one in different])
    np.testing.assert_allclose(ensemble.scores(events), each.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(member_scores(ensemble, events), each, rtol=1e-6)
    assert each.std(axis=0).min() > 0


def test_probabilities_that_are_sure_stay_finite():
    events, sure = toy_jets(20), member("pfn", 1)
    with torch.no_grad():
        sure.module.rho[-1].bias.fill_(300.0)
    logits = combine([sure, sure]).module(representation("several", parts=[("packed", {})] * 2)(events))
    torch.testing.assert_close(logits, sure.module(representation("packed")(events)).double(), rtol=1e-5, atol=1e-3)


def test_classes_and_targets_are_averaged_too():
    events = toy_jets(40)
    task = Task(("qcd", "w", "top"), ("mass",), ((80.0, 30.0),))
    other = Task(("qcd", "w", "top"), ("mass",), ((90.0, 20.0),))
    both = [member("pfn", 1, 1.5, task), member("dnn", 2, 1.0, other)]
    ensemble = combine(both)
    scores = ensemble.scores(events)
    assert scores.shape == (40, 3)
    np.testing.assert_allclose(scores, np.mean([one.scores(events) for one in both], axis=0), rtol=1e-6)
    mean = np.mean([one.regressed(events)["mass"] for one in both], axis=0)
    np.testing.assert_allclose(ensemble.regressed(events)["mass"], mean, rtol=1e-6)
    two = Task(targets=("mass",), scales=((80.0, 30.0),))
    pair = combine([member("pfn", 3, task=two), member("pfn", 4, task=two)])
    each = member_scores(pair, events)
    np.testing.assert_allclose(pair.scores(events), each.mean(axis=0), rtol=1e-6)


def test_it_is_one_file_that_loads(different, tmp_path):
    events = toy_jets(30)
    ensemble = combine([combine(different[:2]), different[3]], {"of": "an ensemble and a network"})
    save(tmp_path / "all.pt", ensemble)
    again = load(tmp_path / "all.pt")
    np.testing.assert_array_equal(again.scores(events), ensemble.scores(events))
    assert again.facts == ensemble.facts
    assert [one.name for one in members_of(again)] == ["ensemble", "dnn"]
    np.testing.assert_array_equal(member_scores(again, events), member_scores(ensemble, events))


def test_its_weights_are_its_own(different):
    events = toy_jets(10)
    ensemble = combine(different)
    before = ensemble.scores(events)
    with torch.no_grad():
        for weight in different[0].module.parameters():
            weight.zero_()
    np.testing.assert_array_equal(ensemble.scores(events), before)


def test_equal_representations_are_made_once(monkeypatch):
    made = []
    from partonic.represent import packed

    inner = packed.Packed.__call__
    monkeypatch.setattr(packed.Packed, "__call__", lambda self, events: made.append(self) or inner(self, events))
    batches = Several([("packed", {}), ("packed", {"max_particles": 5}), ("packed", {})])(toy_jets(5))
    assert len(made) == 2
    assert batches.parts[0] is batches.parts[2]
    assert len(batches) == 5


def test_wrong_members_are_refused(different, tmp_path):
    three = member("pfn", 1, task=Task(("a", "b", "c")))
    with pytest.raises(InputError, match="same classes: 'pfn' has background, signal, 'pfn' has a, b, c"):
        combine([different[0], three])
    with pytest.raises(InputError, match="one member or more"):
        combine([])
    with pytest.raises(InputError, match="a member of an ensemble has model, options, temperature, task, not model"):
        Ensemble([{"model": "pfn"}])
    with pytest.raises(UnknownNameError, match="unknown model 'pnf'"):
        Ensemble([{"model": "pnf", "options": {}, "temperature": 1.0, "task": {}}])
    with pytest.raises(InputError, match="the model 'pfn' is no ensemble"):
        members_of(different[0])
    with pytest.raises(InputError, match="the name and the options of one or more"):
        representation("several", parts=[])
    path = tmp_path / "e.pt"
    save(path, combine(different))
    tree = torch.load(path, weights_only=True)
    tree["options"]["members"] = tree["options"]["members"][:2]
    torch.save(tree, path)
    with pytest.raises(FileError, match="does not fit the model 'ensemble'"):
        load(path)


def test_members_are_trained_from_their_own_seeds_and_kept(tmp_path):
    train, validation, test = toy_jets(300, seed=1), toy_jets(80, seed=2), toy_jets(100, seed=3)
    done = train_ensemble(["dnn", "trees"], train, validation, tmp_path / "e", n=2, epochs=2, seed=3)
    assert len(done.members) == 4
    scores = member_scores(done.trained, test)
    assert not np.array_equal(scores[0], scores[1])
    np.testing.assert_allclose(load(tmp_path / "e.pt").scores(test), scores.mean(axis=0), rtol=1e-9)
    (tmp_path / "e" / "dnn-1.pt").unlink()
    again = train_ensemble(["dnn", "trees"], train, validation, tmp_path / "e", n=2, epochs=2, seed=3)
    np.testing.assert_allclose(member_scores(again.trained, test), scores, rtol=1e-9)
    assert again.members[0].seconds == done.members[0].seconds
    assert again.seconds > 0
    for names, n in ((["dnn"], 0), ([], 2), (["dnn", "dnn"], 1)):
        with pytest.raises(InputError, match="an ensemble needs 1 member or more of different models"):
            train_ensemble(names, train, validation, tmp_path / "x", n=n)
