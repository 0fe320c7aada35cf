"""ONNX graphs of boosted trees, by the operator that ONNX has for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from partonic.core.errors import require
from partonic.models.dense.graph import OPSET

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partonic.models.trees import Trees


def tree_graph(trees: Trees, temperature: float) -> Any:
    """The ONNX graph of boosted trees, an ``onnx.ModelProto``.

    A single-precision value is at most a threshold if it is at most the largest single-precision number below that, so
    that every jet falls into the same leaves.

    Args:
        trees: the trees.
        temperature: divides the logits.

    Raises:
        MissingPackageError: the package onnx is not installed.
    """
    onnx = require("onnx", "export")
    helper, real = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node(
            "TreeEnsembleRegressor", ["values"], ["sums"], domain="ai.onnx.ml", n_targets=1, **_ensemble(trees)
        ),
        helper.make_node("Reshape", ["sums", "flat"], ["sum"]),
        helper.make_node("Div", ["sum", "temperature"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["probabilities"]),
    ]
    constants = [
        helper.make_tensor("flat", onnx.TensorProto.INT64, [1], [-1]),
        helper.make_tensor("temperature", real, [], [temperature]),
    ]
    inputs = [helper.make_tensor_value_info("values", real, ["jets", trees.features])]
    outputs = [helper.make_tensor_value_info(name, real, ["jets"]) for name in ("logits", "probabilities")]
    graph = helper.make_graph(nodes, "trees", inputs, outputs, constants)
    versions = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=versions, ir_version=8)


def _ensemble(trees: Trees) -> dict[str, Any]:
    """The attributes of the operator."""
    roots, feature, left, right, threshold, missing_left, value = trees.arrays(trees.features)
    tree = np.searchsorted(roots, np.arange(len(value)), side="right") - 1
    own = np.arange(len(value)) - roots[tree]
    leaf = left == np.arange(len(value))
    return {
        "nodes_treeids": tree.tolist(),
        "nodes_nodeids": own.tolist(),
        "nodes_featureids": feature.tolist(),
        "nodes_values": _at_most(threshold).tolist(),
        "nodes_modes": np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
        "nodes_truenodeids": np.where(leaf, 0, left - roots[tree]).tolist(),
        "nodes_falsenodeids": np.where(leaf, 0, right - roots[tree]).tolist(),
        "nodes_missing_value_tracks_true": missing_left.astype(np.int64).tolist(),
        "target_treeids": tree[leaf].tolist(),
        "target_nodeids": own[leaf].tolist(),
        "target_ids": np.zeros(int(leaf.sum()), dtype=np.int64).tolist(),
        "target_weights": value[leaf].astype(np.float32).tolist(),
        "base_values": [float(trees.baseline)],
    }


def _at_most(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest single-precision number that is not above each threshold."""
    rounded = threshold.astype(np.float32)
    return np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)
