"""TreeNiN: a recursive network along the clustering tree with two more layers at each node (arXiv:1902.09914)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from partonic.core.registry import register_model
from partonic.models.heads import logits
from partonic.models.mlp import mlp
from partonic.models.recursive import Merge
from partonic.represent.tree import levels

if TYPE_CHECKING:
    from partonic.represent.batch import Trees


@register_model(
    "treenin",
    paper="arXiv:1902.09914",
    input="trees",
    invariant=("permutation", "azimuth"),
    rate=1_500,
    training={"epochs": 12, "learning_rate": 3e-3, "weight_decay": 1e-4, "size": 64},
)
class TreeNiN(nn.Module):
    """Logits of a jet from the embedding of its tree's root; the defaults are the published network, 33,901 weights.

    Merged nodes and constituents are embedded by weights of their own, and each embedding passes two more layers, of
    which there are four sets: for merged nodes, for constituents, for the harder and for the softer child of the root.

    Args:
        width: of the embeddings.
        features: of a node.
        outputs: 1 for one logit a jet, else so many.

    Example:
        >>> sum(weight.numel() for weight in TreeNiN().parameters())
        33901
    """

    def __init__(self, width: int = 50, features: int = 7, outputs: int = 1) -> None:
        super().__init__()
        self.width = width
        self.embed_merged, self.embed_constituent = (mlp(features, width, activate_last=True) for _ in range(2))
        self.merge = Merge(width)
        self.merged, self.constituent, self.harder, self.softer = (
            mlp(width, width, width, activate_last=True) for _ in range(4)
        )
        self.head = mlp(width, width, width, outputs)

    def forward(self, jets: Trees) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        order = levels(jets)
        features = jets.features[order.nodes]
        is_merged = jets.children[order.nodes, :1] >= 0
        own = order.split(torch.where(is_merged, self.embed_merged(features), self.embed_constituent(features)))
        below = features.new_empty(0, self.width)
        for depth in reversed(range(len(order.levels))):
            level, nodes = order.levels[depth], own[depth]
            pair = below[level.children]  # (merged nodes, 2, width)
            if depth == 0:
                pair = torch.stack([self.harder(pair[:, 0]), self.softer(pair[:, 1])], dim=1)
            merged, constituents = self.merge(pair.flatten(1), nodes[: level.merged]), nodes[level.merged :]
            if depth > 1:
                merged, constituents = self.merged(merged), self.constituent(constituents)
            below = torch.cat([merged, constituents])  # (nodes of the level, width)
        return logits(self.head(below[order.roots]))
