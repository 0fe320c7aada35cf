"""Several classes, targets, other inputs, and networks that start from trained ones."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_jets import toy_jets, with_kinds

from partonic.core.errors import InputError, UnknownNameError
from partonic.core.registry import models
from partonic.fit.tagger import train_tagger
from partonic.fit.transfer import head_of
from partonic.models.checkpoint import load
from partonic.models.pfn import PFN
from partonic.represent.task import Task


@pytest.fixture(scope="module")
def jets():
    """Jets of one, two and three prongs by label 0, 2 and 1, with their number of constituents as a column."""
    samples = []
    for seed, n in ((1, 600), (2, 120), (3, 300)):
        events = with_kinds(toy_jets(n, seed=seed, smallest=5))
        label = events.column("label").astype(np.int8)
        charged = events.collection("constituents")["charge"] > 0
        label[(label == 0) & (np.add.reduceat(charged, events.collection("constituents").offsets[:-1]) % 2 == 0)] = 2
        number = events.collection("constituents").counts.astype(np.float32)
        samples.append(events.with_columns(label=label, number=number))
    return samples


def binary(sample):
    return sample[sample.column("label") < 2]


def test_three_classes_and_a_target(jets, tmp_path):
    task = Task(("one", "three", "even"), ("number",))
    done = train_tagger("pfn", *jets[:2], tmp_path / "a", task=task, epochs=12, training={"size": 32})
    scores = done.trained.scores(jets[2])
    assert scores.shape == (300, 3)
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-6)
    three = jets[2].column("label") == 1
    assert np.mean((scores.argmax(axis=1) == 1) == three) > 0.8
    estimate = done.trained.regressed(jets[2])["number"]
    assert np.std(estimate - jets[2].column("number")) < 0.5 * np.std(jets[2].column("number"))
    again = load(tmp_path / "a.pt")
    assert again.task == done.trained.task
    np.testing.assert_array_equal(again.regressed(jets[2])["number"], estimate)
    assert again.task.scales[0][0] == pytest.approx(jets[0].column("number").mean())


def test_inputs_and_options_are_kept(jets, tmp_path):
    few = [binary(sample) for sample in jets]
    made = {"input_options": {"inputs": "kinds"}, "options": {"width": 32}}
    done = train_tagger("pfn", *few[:2], tmp_path / "a", epochs=1, **made)
    assert (done.trained.module.phi[0].in_features, done.trained.module.rho[0].in_features) == (13, 32)
    again = load(tmp_path / "a.pt")
    np.testing.assert_array_equal(again.scores(few[2]), done.trained.scores(few[2]))


def test_what_is_registered_can_be_replaced(jets, tmp_path):
    few = [binary(sample) for sample in jets]
    done = train_tagger("pfn", *few[:2], tmp_path / "a", training={"epochs": 3, "size": 500})
    assert len(done.history) == 3
    with pytest.raises(UnknownNameError, match=r"the training of 'pfn'.*'epoch'.*did you mean 'epochs'"):
        train_tagger("pfn", *few[:2], tmp_path / "b", training={"epoch": 3})


def test_another_representation(jets, tmp_path):
    few = [binary(sample) for sample in jets]
    done = train_tagger("dnn", *few[:2], tmp_path / "a", input="lund-density", epochs=1)
    assert load(tmp_path / "a.pt").input == "lund-density"
    assert done.trained.scores(few[2]).shape == (len(few[2]),)


def test_weights_are_taken_over_but_for_the_head(jets, tmp_path):
    few = [binary(sample) for sample in jets]
    first = train_tagger("particlenet-lite", *few[:2], tmp_path / "a", epochs=1)
    task = Task(("one", "three", "even"))
    tiny = {"epochs": 1, "learning_rate": 1e-12, "weight_decay": 0.0}
    later = train_tagger(
        "particlenet-lite", *jets[:2], tmp_path / "b", task=task, initial=tmp_path / "a.pt", training=tiny
    )
    weights, before = later.trained.module.state_dict(), first.trained.module.state_dict()
    assert weights["dense.1.weight"].shape == (3, 128)
    torch.testing.assert_close(weights["convolutions.0.layers.0.0.weight"], before["convolutions.0.layers.0.0.weight"])
    torch.testing.assert_close(weights["norm.running_mean"], before["norm.running_mean"], rtol=0, atol=0)


def test_only_the_head_is_trained_where_the_rest_is_frozen(jets, tmp_path):
    few = [binary(sample) for sample in jets]
    first = train_tagger("particlenet-lite", *few[:2], tmp_path / "a", epochs=1)
    later = train_tagger("particlenet-lite", *few[:2], tmp_path / "b", initial=tmp_path / "a.pt", frozen=True, epochs=2)
    weights, before = later.trained.module.state_dict(), first.trained.module.state_dict()
    changed = {name for name in weights if not torch.equal(weights[name], before[name])}
    assert changed == {"dense.1.weight", "dense.1.bias"}
    again = load(tmp_path / "b.pt")
    np.testing.assert_array_equal(again.scores(few[2]), later.trained.scores(few[2]))


def test_the_head_learns_at_another_rate_than_the_rest(jets, tmp_path):
    few = [binary(sample) for sample in jets]
    first = train_tagger("pfn", *few[:2], tmp_path / "a", epochs=1)
    step = {"epochs": 1, "size": len(few[0]), "warmup": 0.0, "schedule": "constant", "learning_rate": 1e-3}
    training = {**step, "weight_decay": 0.0}
    how = {"initial": tmp_path / "a.pt", "training": training, "body_rate": 0.01}
    later = train_tagger("pfn", *few[:2], tmp_path / "b", **how)
    weights, before = (dict(done.trained.module.named_parameters()) for done in (later, first))
    moved = {name: float((weights[name] - before[name]).detach().abs().max()) for name in weights}
    head = head_of(PFN, first.trained.options)
    assert max(moved[name] for name in weights if name not in head) == pytest.approx(1e-5, rel=0.01)
    assert min(moved[name] for name in head) > 1e-3


def test_what_contradicts_itself(jets, tmp_path):
    few = [binary(sample) for sample in jets]
    train_tagger("pfn", *few[:2], tmp_path / "a", epochs=1)
    with pytest.raises(InputError, match="holds the model 'pfn', not 'efn'"):
        train_tagger("efn", *few[:2], tmp_path / "b", initial=tmp_path / "a.pt")
    with pytest.raises(InputError, match="leave out width"):
        train_tagger("pfn", *few[:2], tmp_path / "b", initial=tmp_path / "a.pt", options={"width": 3})
    for how in ({"frozen": True}, {"body_rate": 0.1}):
        with pytest.raises(InputError, match="name its checkpoint as initial"):
            train_tagger("pfn", *few[:2], tmp_path / "b", **how)
    for rate, said in ((0.0, "above 0 and at most 1, not 0.0"), (2.0, "not 2.0")):
        with pytest.raises(InputError, match=said):
            train_tagger("pfn", *few[:2], tmp_path / "b", initial=tmp_path / "a.pt", body_rate=rate)
    train_tagger("trees", *few[:2], tmp_path / "trees")
    with pytest.raises(InputError, match=r"'trees' cannot start from .*trees.pt: it is no single network"):
        train_tagger("trees", *few[:2], tmp_path / "b", initial=tmp_path / "trees.pt")
    with pytest.raises(InputError, match="leave out body_rate"):
        train_tagger("pfn", *few[:2], tmp_path / "b", initial=tmp_path / "a.pt", frozen=True, body_rate=0.1)
    with pytest.raises(InputError, match="boosted trees tell two classes apart"):
        train_tagger("trees", *jets[:2], tmp_path / "b", task=Task(("a", "b", "c")))
    with pytest.raises(InputError, match="0 \\(background\\), 1 \\(signal\\), found 0, 1, 2"):
        train_tagger("pfn", *jets[:2], tmp_path / "b")
    same = [sample.with_columns(same=np.ones(len(sample))) for sample in few[:2]]
    with pytest.raises(InputError, match="the target 'same' must differ between jets, and is 1 for all"):
        train_tagger("pfn", *same, tmp_path / "b", task=Task(targets=("same",)))
    holed = few[1].with_columns(number=np.where(np.arange(len(few[1])) == 3, np.nan, few[1].column("number")))
    with pytest.raises(InputError, match="'number' must be finite, and is not for 1 of"):
        train_tagger("pfn", few[0], holed, tmp_path / "b", task=Task(targets=("number",)))


def test_a_model_without_several_outputs_says_so(jets, tmp_path, monkeypatch):
    class Single(PFN):
        def __init__(self, features=7):
            super().__init__(features=features)

    entry = models.get("pfn")
    monkeypatch.setitem(models._entries, "pfn", replace(entry, cls=Single))
    with pytest.raises(InputError, match="the class of the model 'pfn' has no keyword 'outputs'"):
        train_tagger("pfn", *jets[:2], tmp_path / "a", task=Task(("one", "three", "even")))
