"""Taggers by name: trained, kept, taken up again; every registered model learns an easy difference."""

import numpy as np
import pytest
from toy_jets import toy_jets, with_kinds

from partonic.core.errors import InputError, UnknownNameError
from partonic.core.registry import models
from partonic.fit.tagger import features_of, labels_of, parameter_count, scoring_rate, train_tagger
from partonic.metrics.tagging import auc
from partonic.represent.task import Task


@pytest.fixture(scope="module")
def jets():
    return toy_jets(600, seed=1), toy_jets(100, seed=2), toy_jets(300, seed=3)


# Slow here; the light networks beside them are of the same classes, or of the same family.
FULL = {"lgatr", "part", "particlenet", "lorentznet", "lundnet", "pelican"}
FULL |= {"deeptop", "resnext", "pcnn", "lola", "lbn", "lstm", "gru", "lgatr-slim-large"}


OF_TRACKS = {"deepjet"}  # learns from displaced tracks, of which these jets have none


@pytest.mark.parametrize("name", sorted({*models.names()} - FULL - OF_TRACKS))
def test_every_model_learns_and_is_kept(name, jets, tmp_path):
    train, validation, test = jets
    training = train_tagger(name, train, validation, tmp_path / name, seed=1, epochs=3)
    scores = training.trained.scores(test)
    found = auc(scores, test.column("label"))
    assert found.value > 0.75, "three prongs against one are easy"
    assert training.seconds > 0
    assert parameter_count(training.trained) > 100
    assert len(training.history) in (0, 3)
    again = train_tagger(name, train, validation, tmp_path / name, seed=1, epochs=3)
    np.testing.assert_array_equal(again.trained.scores(test), scores)
    assert again.history == training.history
    assert again.seconds == training.seconds


def test_seeds_differ_and_repeat(jets, tmp_path):
    train, validation, test = jets
    scores = [
        train_tagger("pfn", train, validation, tmp_path / str(i), seed=seed, epochs=1).trained.scores(test)
        for i, seed in enumerate((1, 1, 2))
    ]
    np.testing.assert_array_equal(scores[0], scores[1])
    assert not np.array_equal(scores[0], scores[2])


def test_passes_with_a_fraction_are_cut_into_equal_epochs(jets, tmp_path):
    train, validation, _ = jets
    training = train_tagger("pfn", train, validation, tmp_path / "a", training={"size": 30}, epochs=1.5)
    assert [record["items"] for record in training.history] == [450, 450]
    with pytest.raises(InputError, match="epochs must be above 0"):
        train_tagger("pfn", train, validation, tmp_path / "b", epochs=0.0)


def test_wrong_labels_and_names_are_found_first(jets, tmp_path):
    train, validation, _ = jets
    with pytest.raises(UnknownNameError, match="unknown model 'pnf'"):
        train_tagger("pnf", train, validation, tmp_path / "a")
    one = validation.with_columns(label=np.ones(len(validation)))
    with pytest.raises(InputError, match="one class only"):
        train_tagger("pfn", train, one, tmp_path / "b")
    with pytest.raises(InputError, match="labels must be 0"):
        labels_of(validation.with_columns(label=np.arange(len(validation))))
    with pytest.raises(InputError, match=r"found 0\.0, 1\.0, nan"):
        labels_of(validation.with_columns(label=np.array([0, 1, np.nan] * 33 + [0])))
    assert not list(tmp_path.iterdir())


def test_a_finished_training_is_not_given_for_another_plan(jets, tmp_path):
    given, usual = ("pfn", *jets[:2]), {"epochs": 0.5}
    start, other = (train_tagger(*given, tmp_path / name, seed=i, **usual) for i, name in enumerate("ab"))
    assert start.history != other.history
    tuned = {**usual, "initial": tmp_path / "a.pt"}
    train_tagger(*given, tmp_path / "c", **tuned)
    for directory, how, said in (
        ("a", {**usual, "training": {"size": 16}}, "batches was"),
        ("a", {"epochs": 0.25}, "share was 0.5 and is 0.25"),
        ("a", {**usual, "seed": 3}, "seed was 0 and is 3"),
        ("c", {**usual, "initial": tmp_path / "b.pt"}, "initial weights was"),
        ("c", usual, "initial weights was .* and is None"),
        ("c", {**tuned, "frozen": True}, "frozen was False and is True"),
        ("c", {**tuned, "body_rate": 0.1}, "body rate was 1.0 and is 0.1"),
    ):
        with pytest.raises(InputError, match=said):
            train_tagger(*given, tmp_path / directory, **how)


def test_a_finished_training_of_something_else_is_not_taken_for_it(jets, tmp_path):
    train, validation = (with_kinds(sample) for sample in jets[:2])
    kept = train_tagger("pfn", train, validation, tmp_path / "a", input_options={"inputs": "kinds"}, epochs=0.2)
    again = train_tagger("pfn", train, validation, tmp_path / "a", input_options={"inputs": "kinds"}, epochs=0.2)
    assert again.seconds == kept.seconds
    for name, changes, said in (
        ("efn", {}, "model pfn, not efn"),
        ("pfn", {}, r"inputs {'inputs': 'kinds'}, not {}"),
        ("pfn", {"input": "voxels"}, "input packed, not voxels"),
        ("pfn", {"options": {"width": 16}}, r"options {'width': None}, not {'width': 16}"),
        ("pfn", {"task": Task(("a", "b"))}, "classes .*background.*, not .*'a', 'b'"),
        ("pfn", {"task": Task(targets=("jet_mass",))}, "targets .*not .*jet_mass"),
    ):
        how = {} if "not {}" in said else {"input_options": {"inputs": "kinds"}}
        with pytest.raises(InputError, match=f"holds a finished training with {said}"):
            train_tagger(name, train, validation, tmp_path / "a", **{**how, **changes})


@pytest.mark.parametrize(
    ("name", "how", "said"),
    [
        ("particlenet-lite", {"input": "lund"}, "reads PackedJets, and the representation 'lund' gives LundTrees"),
        ("dnn", {"input": "packed"}, "reads Features, and the representation 'packed' gives PackedJets"),
        ("pfn", {"options": {"widht": 3}}, "has no keyword 'widht'; did you mean 'width'"),
    ],
)
def test_what_a_model_cannot_read_is_told(name, how, said, jets, tmp_path):
    with pytest.raises(InputError, match=said):
        train_tagger(name, *jets[:2], tmp_path / "a", **how)


def test_rate_and_features(jets, tmp_path):
    train, validation, test = jets
    training = train_tagger("trees", train, validation, tmp_path / "t")
    rate = scoring_rate(training.trained, test)
    assert rate.value > 0
    assert rate.low < rate.value < rate.high
    assert features_of(test).shape == (300, 22)
