"""QCD-aware recursive network: a jet is read along its clustering tree as a sentence is (arXiv:1702.00748)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from partonic.core.registry import register_model
from partonic.models.heads import logits
from partonic.models.mlp import mlp
from partonic.represent.tree import levels

if TYPE_CHECKING:
    from partonic.represent.batch import Trees


class Merge(nn.Module):
    r"""Embedding of a node from its children and itself, :math:`\mathrm{relu}(W (h_a, h_b, u) + b)`; equation 3.3.

    Args:
        width: of the embeddings.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = mlp(3 * width, width, activate_last=True)

    def forward(self, pair: Tensor, own: Tensor) -> Tensor:
        """(nodes, 2 width), the harder child first, and (nodes, width) give (nodes, width)."""
        merged: Tensor = self.layers(torch.cat([pair, own], dim=1))
        return merged


class GatedMerge(Merge):
    r"""The same, but each component chooses between the new embedding, those of the children and the node's own.

    Reset gates :math:`r` (sigmoid) scale what goes into the new embedding; update gates :math:`z` (softmax over the
    four) weigh it, both children and the node itself.

    Args:
        width: of the embeddings.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.reset, self.update = nn.Linear(3 * width, 3 * width), nn.Linear(4 * width, 4 * width)

    def forward(self, pair: Tensor, own: Tensor) -> Tensor:
        """(nodes, 2 width), the harder child first, and (nodes, width) give (nodes, width)."""
        known = torch.cat([pair, own], dim=1)
        choices = torch.cat([self.layers(self.reset(known).sigmoid() * known), known], dim=1)
        weights: Tensor = self.update(choices).view(len(own), 4, own.shape[1]).softmax(dim=1)
        return (weights * choices.view(len(own), 4, own.shape[1])).sum(dim=1)


@register_model(
    "recursive",
    paper="arXiv:1702.00748",
    input="trees",
    invariant=("permutation", "azimuth"),
    rate=3_000,
    training={"epochs": 12, "learning_rate": 3e-3, "weight_decay": 1e-4, "size": 64},
)
class Recursive(nn.Module):
    """Logits of a jet from the embedding of its tree's root; the defaults are the published widths.

    Args:
        width: of the embeddings.
        gated: whether merges choose what they keep.
        features: of a node.
        outputs: 1 for one logit a jet, else so many.

    Example:
        >>> [sum(weight.numel() for weight in Recursive(gated=gated).parameters()) for gated in (False, True)]
        [8481, 48761]
    """

    def __init__(self, width: int = 40, gated: bool = False, features: int = 7, outputs: int = 1) -> None:
        super().__init__()
        self.width = width
        self.embed = mlp(features, width, activate_last=True)
        self.merge = GatedMerge(width) if gated else Merge(width)
        self.head = mlp(width, width, width, outputs)

    def forward(self, jets: Trees) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        order = levels(jets)
        own = order.split(self.embed(jets.features[order.nodes]))
        below = jets.features.new_empty(0, self.width)
        for level, nodes in zip(reversed(order.levels), reversed(own), strict=True):
            merged = self.merge(below[level.children].flatten(1), nodes[: level.merged])
            below = torch.cat([merged, nodes[level.merged :]])  # (nodes of the level, width)
        return logits(self.head(below[order.roots]))
