"""The dense network on every summary of a jet, by the name of its representation; ensembles by name."""

import numpy as np
import pytest
from toy_jets import toy_jets

from partonic.core.errors import InputError
from partonic.fit.tagger import train_tagger
from partonic.metrics.tagging import auc
from partonic.models.checkpoint import load
from partonic.represent import representation
from partonic.represent.task import Task


@pytest.fixture(scope="module")
def jets():
    return toy_jets(600, seed=1), toy_jets(100, seed=2), toy_jets(300, seed=3)


@pytest.mark.parametrize(
    ("name", "options"), [("subjettiness", {}), ("efp", {"degree": 3, "beta": 2.0}), ("lund-density", {})]
)
def test_the_dense_network_learns_from_it(name, options, jets, tmp_path):
    train, validation, test = jets
    trained = train_tagger(
        "dnn", train, validation, tmp_path / "m", input=name, input_options=options, epochs=4, seed=1
    ).trained
    scores = trained.scores(test)
    assert auc(scores, test.column("label")).value > 0.9
    assert trained.module.norm.num_features == representation(name, **options).width
    np.testing.assert_array_equal(load(tmp_path / "m.pt").scores(test), scores)


def test_an_ensemble_trained_as_one_has_two_classes(jets, tmp_path):
    train, validation, _ = jets
    with pytest.raises(InputError, match="train its members by themselves with"):
        train_tagger("ensemble", train, validation, tmp_path / "m", task=Task(("a", "b", "c")))
