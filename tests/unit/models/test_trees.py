import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from partonic.core.errors import InputError
from partonic.models.trees import TreeOptions, Trees, from_sklearn, train_trees
from partonic.represent.batch import Features

QUICK = TreeOptions(trees=30, learning_rate=0.2)


def sample(n=1500, seed=1, missing=0.0):
    """Five features, the label depends on three of them."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 5)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] * x[:, 2] + 0.5 * rng.standard_normal(n) > 0).astype(int)
    x[rng.random((n, 5)) < missing] = np.nan
    return x, y


def grown_by_scikit_learn(x, y, weight=None, **options):
    """On one thread: several stand in one another's way on a busy machine."""
    with threadpool_limits(1, user_api="openmp"):
        return HistGradientBoostingClassifier(random_state=0, **options).fit(x, y, weight)


def logits(trees, x):
    return trees(Features(torch.from_numpy(x))).numpy()


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_scikit_learn(missing, weighted):
    x, y = sample(missing=missing)
    weight = np.random.default_rng(2).random(len(y)) if weighted else None
    grown = grown_by_scikit_learn(x, y, weight, max_iter=40)
    # jets with missing values where none were in the training too
    fresh = sample(seed=5, missing=0.2)[0]
    for values in (x, fresh):
        np.testing.assert_allclose(logits(from_sklearn(grown), values), grown.decision_function(values), atol=1e-10)


def test_values_on_a_threshold_go_left():
    x, y = sample()
    x = np.round(x * 2) / 2  # few distinct values
    grown = grown_by_scikit_learn(x, y, max_iter=20, max_bins=8)
    trees = from_sklearn(grown)
    edges = np.float32(trees.threshold[trees.threshold != 0].numpy())
    values = np.resize(edges, (len(edges), 5)).astype(np.float32)
    np.testing.assert_allclose(logits(trees, values), grown.decision_function(values), atol=1e-10)


def test_stages_add_up():
    x, y = sample()
    trees = train_trees(x, y, options=QUICK)
    stages = trees.stages(Features(torch.from_numpy(x)))
    assert stages.shape == (len(x), 30)
    np.testing.assert_allclose(stages[:, -1], logits(trees, x), atol=1e-10)
    np.testing.assert_allclose(stages[:, 9], logits(trees.first(10), x), atol=1e-10)
    assert trees.first(10).options["trees"] == 10
    assert trees.first(30).options == trees.options


def test_validation_chooses_the_number_of_trees():
    x, y = sample()
    held_out = sample(seed=8)
    weight = np.random.default_rng(3).random(len(held_out[1]))
    options = TreeOptions(trees=200, learning_rate=0.3)
    trees = train_trees(x, y, validation=(*held_out, weight), options=options)
    every = train_trees(x, y, options=options)
    stages = every.stages(Features(torch.from_numpy(held_out[0]))).numpy()
    sign = 2 * held_out[1][:, None] - 1
    loss = weight @ np.log1p(np.exp(-sign * stages))
    assert trees.options["trees"] == np.argmin(loss) + 1 < 200


def test_they_learn_and_weights_count():
    x, y = sample(4000)
    trees = train_trees(x, y, options=QUICK)
    fresh = sample(seed=9)
    assert np.mean((logits(trees, fresh[0]) > 0) == fresh[1]) > 0.8
    heavy = train_trees(x, y, np.where(y == 1, 5.0, 1.0), options=QUICK)
    assert np.mean(logits(heavy, x)) > np.mean(logits(trees, x)) + 0.5


def test_the_scale_of_the_weights_does_not_count():
    x, y = sample()
    one, other = (train_trees(x, y, np.full(len(y), scale), options=QUICK) for scale in (1.0, 1e-4))
    np.testing.assert_allclose(logits(one, x), logits(other, x), atol=1e-6)


def test_negative_weights_are_taken():
    x, y = sample(4000)
    weight = np.where(np.random.default_rng(4).random(len(y)) < 0.1, -1.0, 1.0)
    trees = train_trees(x, y, weight, options=QUICK)
    assert np.isfinite(logits(trees, x)).all()
    assert np.mean((logits(trees, x) > 0) == y) > 0.8


def test_the_same_seed_grows_the_same_trees():
    x, y = sample()
    first, same, other = (train_trees(x, y, options=TreeOptions(trees=20, seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(logits(first, x), logits(same, x))
    assert np.abs(logits(first, x) - logits(other, x)).max() > 1e-3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y, w: (x[:-1], y, w), "differ"),
        (lambda x, y, w: (x, np.ones_like(y), w), "jets of both classes"),
        (lambda x, y, w: (x, y * 2, w), "with targets 0 and 1"),
        (lambda x, y, w: (x, y, w * np.nan), "must be finite"),
        (lambda x, y, w: (x, y, w * 0), "not cancel"),
    ],
)
def test_bad_training_samples(change, message):
    x, y = sample(100)
    with pytest.raises(InputError, match=message):
        train_trees(*change(x, y, np.ones(len(y))), options=QUICK)


@pytest.mark.parametrize(
    "options", [{"trees": 0}, {"leaves": 1}, {"learning_rate": 0.0}, {"feature_share": 1.5}, {"l2": -1.0}]
)
def test_bad_options(options):
    with pytest.raises(InputError, match=f"{next(iter(options))} must be"):
        TreeOptions(**options)


def test_another_number_of_features_is_refused():
    x, y = sample(300)
    with pytest.raises(InputError, match="grown on 5 features, the jets have 4"):
        logits(train_trees(x, y, options=QUICK), x[:, :4].copy())


@pytest.mark.parametrize(
    ("name", "value"), [("left", 10**9), ("right", -1), ("left", 0), ("feature", 99), ("roots", 10**9), ("roots", -1)]
)
def test_damaged_arrays_are_refused_before_they_are_followed(name, value):
    """Children before their node would loop for ever, indices beyond the arrays would read foreign memory."""
    x, y = sample(300)
    trees = train_trees(x, y, options=QUICK)
    getattr(trees, name)[3] = value
    with pytest.raises(InputError, match="are no trees: the checkpoint is damaged"):
        logits(trees, x)


def test_no_tree_gives_the_baseline():
    assert logits(Trees(features=5), sample(7)[0]).tolist() == [0] * 7
