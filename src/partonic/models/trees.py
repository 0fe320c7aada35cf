"""Gradient-boosted decision trees on high-level features, stored as arrays and evaluated here.

They are grown by scikit-learn's histogram method (that of LightGBM, NeurIPS 2017); nothing of scikit-learn is needed to
evaluate them, and a checkpoint holds numbers only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from partonic.core.compiled import compiled
from partonic.core.errors import InputError
from partonic.core.registry import register_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partonic.represent.batch import Features

    Integers = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Arrays = tuple[Integers, Integers, Integers, Integers, Floats, NDArray[np.bool_], Floats]


@dataclass(frozen=True)
class TreeOptions:
    """How boosted trees are grown.

    Args:
        trees: number of boosting rounds, at most.
        learning_rate: shrinkage of each tree.
        leaves: most leaves of a tree.
        least: least number of jets in a leaf.
        l2: penalty on the values of the leaves.
        feature_share: share of the features, chosen at random, that each split may look at.
        threads: of the growing; below a million jets one is fastest, and much so on a machine that has other work.
        seed: of the random choices.

    Raises:
        InputError: a value is out of range.
    """

    trees: int = 400
    learning_rate: float = 0.05
    leaves: int = 15
    least: int = 20
    l2: float = 1.0
    feature_share: float = 0.3
    threads: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, bound in (("trees", 1), ("leaves", 2), ("least", 1), ("l2", 0), ("threads", 1), ("seed", 0)):
            if not getattr(self, name) >= bound:
                raise InputError(f"{name} must be {bound} or more, not {getattr(self, name)}")
        for name in ("learning_rate", "feature_share"):
            if not 0 < getattr(self, name) <= 1:
                raise InputError(f"{name} must be above 0 and at most 1, not {getattr(self, name)}")


@register_model(
    "trees",
    paper="arXiv:1609.06119",
    input="features",
    invariant=("permutation", "azimuth", "boost", "reflection"),
    boosted=True,
)
class Trees(nn.Module):
    """Logit of a jet, the sum of the leaves that its features fall into; has no gradient.

    A node sends a jet left where its feature is at most the threshold, or where it is missing (NaN) and
    ``missing_left`` says so. Children have higher numbers than their node; a leaf is its own child.

    Args:
        features: number of features.
        trees: number of trees.
        nodes: number of nodes of all trees together.
    """

    baseline: Tensor
    roots: Tensor
    feature: Tensor
    threshold: Tensor
    missing_left: Tensor
    left: Tensor
    right: Tensor
    value: Tensor

    def __init__(self, features: int = 22, trees: int = 0, nodes: int = 0) -> None:
        super().__init__()
        self.features = features
        self.register_buffer("baseline", torch.zeros((), dtype=torch.float64))
        self.register_buffer("roots", torch.zeros(trees, dtype=torch.int64))
        for name in ("feature", "left", "right"):
            self.register_buffer(name, torch.zeros(nodes, dtype=torch.int64))
        for name in ("threshold", "value"):
            self.register_buffer(name, torch.zeros(nodes, dtype=torch.float64))
        self.register_buffer("missing_left", torch.zeros(nodes, dtype=torch.bool))

    @property
    def options(self) -> dict[str, int]:
        """What builds a module of this shape, for a checkpoint."""
        return {"features": self.features, "trees": len(self.roots), "nodes": len(self.value)}

    def forward(self, jets: Features) -> Tensor:
        """Logits, (jets,), float64.

        Raises:
            InputError: the number of features is another one, or the arrays are no trees (a damaged checkpoint).
        """
        arrays = self.arrays(jets.values.shape[1])
        logits = np.full(len(jets), self.baseline.item())
        _evaluate(jets.values.detach().cpu().numpy(), *arrays, logits)
        return torch.from_numpy(logits).to(jets.values.device)

    def stages(self, jets: Features) -> Tensor:
        """Logits after each tree, (jets, trees), float64; raises as :meth:`forward`."""
        arrays = self.arrays(jets.values.shape[1])
        leaves = np.zeros((len(jets), len(self.roots)))
        _leaves(jets.values.detach().cpu().numpy(), *arrays, leaves)
        return torch.from_numpy(self.baseline.item() + np.cumsum(leaves, axis=1)).to(jets.values.device)

    def first(self, trees: int) -> Trees:
        """The first so many trees."""
        nodes = int(self.roots[trees]) if trees < len(self.roots) else len(self.value)
        kept = Trees(self.features, trees, nodes)
        state = self.state_dict()
        kept.load_state_dict(
            {name: state[name][: len(buffer)] if buffer.ndim else state[name] for name, buffer in kept.named_buffers()}
        )
        return kept

    def arrays(self, features: int) -> Arrays:
        """The trees as NumPy arrays, checked: an index from a damaged file must not reach beyond them."""
        if features != self.features:
            raise InputError(f"these trees were grown on {self.features} features, the jets have {features}")
        roots, feature, left, right = (x.cpu().numpy() for x in (self.roots, self.feature, self.left, self.right))
        own = np.arange(len(left))
        leaf = (left == own) & (right == own)
        forward = (left > own) & (right > own) & (left < len(own)) & (right < len(own))
        inside = bool(np.all((feature >= 0) & (feature < features))) and bool(np.all((roots >= 0) & (roots < len(own))))
        if not (inside and bool(np.all(leaf | forward))):
            raise InputError("the arrays of the model 'trees' are no trees: the checkpoint is damaged")
        threshold, missing_left, value = (x.cpu().numpy() for x in (self.threshold, self.missing_left, self.value))
        return roots, feature, left, right, threshold, missing_left, value


def train_trees(
    features: NDArray[np.floating[Any]],
    target: NDArray[Any],
    weight: NDArray[np.floating[Any]] | None = None,
    validation: tuple[NDArray[np.floating[Any]], NDArray[Any], NDArray[np.floating[Any]]] | None = None,
    options: TreeOptions | None = None,
) -> Trees:
    """Grow boosted trees for the cross entropy; with a validation sample, keep the number of trees that suits it best.

    Args:
        features: (jets, F) values; NaN is a missing one.
        target: (jets,) 1 for signal and 0 for background.
        weight: (jets,) event weights, may be negative in part; ones by default.
        validation: the same three of jets that are not trained on.
        options: of the growing.

    Raises:
        InputError: the lengths disagree, there is one class only, or a weight is not finite.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    options = options or TreeOptions()
    weight = np.ones(len(target)) if weight is None else np.asarray(weight, dtype=np.float64)
    target = np.asarray(target)
    if not len(features) == len(target) == len(weight):
        raise InputError(f"features, targets and weights differ: {len(features)}, {len(target)}, {len(weight)} jets")
    if not np.array_equal(np.unique(target), [0, 1]):
        raise InputError("boosted trees need jets of both classes, with targets 0 and 1")
    if not np.all(np.isfinite(weight)) or weight.sum() <= 0:
        raise InputError("the weights of the jets must be finite and not cancel")
    method = HistGradientBoostingClassifier(
        max_iter=options.trees,
        learning_rate=options.learning_rate,
        max_leaf_nodes=options.leaves,
        min_samples_leaf=options.least,
        l2_regularization=options.l2,
        max_features=options.feature_share,
        early_stopping=False,
        random_state=options.seed,
    )
    with threadpool_limits(options.threads, user_api="openmp"):
        mean = weight.sum() / len(weight)
        grown = method.fit(np.asarray(features, dtype=np.float32), target.astype(np.int64), weight / mean)
    trees = from_sklearn(grown)
    return trees if validation is None else trees.first(_best(trees, *validation))


def from_sklearn(grown: Any) -> Trees:
    """Take over the trees of a fitted binary ``HistGradientBoostingClassifier`` without categorical features."""
    parts = [predictors[0].nodes for predictors in grown._predictors]
    starts = np.concatenate([[0], np.cumsum([len(nodes) for nodes in parts])])
    nodes = np.concatenate(parts)
    shift = np.repeat(starts[:-1], np.diff(starts))
    own = np.arange(len(nodes))
    leaf = nodes["is_leaf"].astype(bool)
    trees = Trees(int(grown.n_features_in_), len(parts), len(nodes))
    state = {
        "baseline": np.asarray(grown._baseline_prediction, dtype=np.float64).reshape(()),
        "roots": starts[:-1],
        "feature": np.where(leaf, 0, nodes["feature_idx"]),
        "threshold": nodes["num_threshold"],
        "missing_left": nodes["missing_go_to_left"].astype(bool),
        "left": np.where(leaf, own, nodes["left"] + shift),
        "right": np.where(leaf, own, nodes["right"] + shift),
        "value": nodes["value"],
    }
    trees.load_state_dict({name: torch.from_numpy(np.array(values)) for name, values in state.items()})
    return trees


def _best(
    trees: Trees, features: NDArray[np.floating[Any]], target: NDArray[Any], weight: NDArray[np.floating[Any]]
) -> int:
    """The number of trees of the lowest weighted cross entropy, at least 1."""
    from partonic.represent.batch import Features

    total = np.zeros(len(trees.roots))
    for start in range(0, len(target), 4096):  # bounds the memory of the stages
        rows = slice(start, start + 4096)
        jets = Features(torch.from_numpy(np.asarray(features[rows], dtype=np.float32)))
        logits = trees.stages(jets).numpy()
        loss = np.logaddexp(0.0, logits) - np.asarray(target[rows])[:, None] * logits
        total += np.asarray(weight[rows], dtype=np.float64) @ loss
    return int(np.argmin(total)) + 1


@compiled
def _leaf(
    jet: NDArray[np.float32],
    node: int,
    feature: Integers,
    left: Integers,
    right: Integers,
    threshold: Floats,
    missing_left: NDArray[np.bool_],
) -> int:
    """The leaf that a jet falls into."""
    while left[node] != node:
        x = np.float64(jet[feature[node]])
        go_left = missing_left[node] if np.isnan(x) else x <= threshold[node]
        node = left[node] if go_left else right[node]
    return node


@compiled
def _evaluate(
    values: NDArray[np.float32],
    roots: Integers,
    feature: Integers,
    left: Integers,
    right: Integers,
    threshold: Floats,
    missing_left: NDArray[np.bool_],
    value: Floats,
    logits: Floats,
) -> None:
    """Add every tree's leaf to the logit of each jet."""
    for jet in range(len(values)):
        for tree in range(len(roots)):
            logits[jet] += value[_leaf(values[jet], roots[tree], feature, left, right, threshold, missing_left)]


@compiled
def _leaves(
    values: NDArray[np.float32],
    roots: Integers,
    feature: Integers,
    left: Integers,
    right: Integers,
    threshold: Floats,
    missing_left: NDArray[np.bool_],
    value: Floats,
    leaves: Floats,
) -> None:
    """Write every tree's leaf for each jet."""
    for jet in range(len(values)):
        for tree in range(len(roots)):
            node = _leaf(values[jet], roots[tree], feature, left, right, threshold, missing_left)
            leaves[jet, tree] = value[node]
