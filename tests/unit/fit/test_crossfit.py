"""Classifiers between two samples: what they see, what they do not, and whether their errors hold."""

import numpy as np
import pytest

from partonic.core.errors import InputError, UnknownNameError
from partonic.fit.crossfit import cross_fit
from partonic.metrics.pair import paired
from partonic.models.trees import TreeOptions

FEW_TREES = TreeOptions(trees=3, learning_rate=0.3, leaves=4, feature_share=1.0)


def test_errors_and_chances_of_equal_samples():
    rng = np.random.default_rng(1)
    found = [cross_fit(paired(*rng.normal(size=(2, 200, 1))), trees=FEW_TREES, seed=i) for i in range(25)]
    spread = np.std([one.auc.value for one in found])
    assert spread == pytest.approx(np.mean([one.auc.error for one in found]), rel=0.4)
    chances = np.array([one.p_value for one in found])
    assert np.mean(chances < 0.1) < 0.25
    assert 0.35 < chances.mean() < 0.65


def test_the_ratio_of_two_gaussians():
    rng = np.random.default_rng(2)
    truth, generated = rng.normal(0.25, 1, 5_000), rng.normal(-0.25, 1, 5_000)
    found = cross_fit(paired(truth, generated), folds=3)
    best = 0.6382  # Phi(0.5 / sqrt 2)
    assert best - 0.03 < found.auc.value < best + 3 * found.auc.error
    assert found.p_value < 1e-10
    assert np.corrcoef(found.generated, 0.5 * generated)[0, 1] > 0.8
    assert np.mean(np.exp(found.generated)) == pytest.approx(1.0, abs=0.05)


def test_weights_undo_a_difference():
    rng = np.random.default_rng(3)
    truth, generated = rng.normal(0.25, 1, 2_000), rng.normal(-0.25, 1, 2_000)
    mended = cross_fit(paired(truth, generated, None, np.exp(0.5 * generated)))
    assert abs(mended.auc.value - 0.5) < 4 * mended.auc.error
    assert mended.p_value > 1e-3


def test_samples_that_do_not_overlap():
    rng = np.random.default_rng(4)
    found = cross_fit(paired(rng.random(100), 2 + rng.random(100)), trees=FEW_TREES)
    assert found.auc.value == 1.0
    assert found.auc.low < 1.0
    assert 0 < found.p_value < 1e-6


def test_a_network_sees_what_trees_see():
    rng = np.random.default_rng(5)
    found = cross_fit(paired(rng.normal(0.5, 1, (500, 2)), rng.normal(-0.5, 1, (500, 2))), classifier="mlp")
    assert 0.78 < found.auc.value < 0.88  # Phi(1) = 0.841
    assert found.p_value < 1e-10


def test_what_cannot_be_classified():
    pair = paired(np.arange(30.0), np.arange(30.0))
    with pytest.raises(UnknownNameError, match="trees"):
        cross_fit(pair, classifier="tree")
    with pytest.raises(InputError, match="2 folds or more"):
        cross_fit(pair, folds=1)
    with pytest.raises(InputError, match="a classifier in 5 folds needs 50 or more"):
        cross_fit(pair, folds=5)
    few = cross_fit(paired(np.arange(3.0), np.arange(3.0)), trees=FEW_TREES, fewest=1)
    assert (few.auc.value, few.auc.note, few.p_value) == (0.5, "all scores are equal", 0.5)
    with pytest.raises(InputError, match="options of trees are given"):
        cross_fit(pair, classifier="mlp", trees=FEW_TREES)
