"""LundNet: convolutions along the links of the Lund tree (Dreyer, Qu, arXiv:2012.08526)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from partonic.core.registry import register_model
from partonic.models.heads import logits
from partonic.models.particlenet import EdgeLayers
from partonic.represent.segments import segment_mean, segments

if TYPE_CHECKING:
    from partonic.represent.batch import LundTrees


class TreeConv(EdgeLayers):
    """Mean over the linked declusterings (the one above, at most two below) of a network of both ends of the link."""

    def forward(self, features: Tensor, links: tuple[Tensor, Tensor], share: Tensor) -> Tensor:
        """(declusterings, inputs) give (declusterings, widths[-1]).

        Args:
            features: of the declusterings.
            links: both ends of each, (links,); each link stands twice, once in each direction.
            share: (declusterings, 1) of one link in the mean.
        """
        mine, theirs = self.halves(features)
        messages = self.rest(mine.index_select(0, links[0]) + theirs.index_select(0, links[1]))  # (links, width)
        total = messages.new_zeros(len(features), messages.shape[1]).index_add(0, links[0], messages)
        return relu(self.shortcut(features) + total * share)


@register_model(
    "lundnet",
    paper="arXiv:2012.08526",
    input="lund",
    invariant=("permutation", "azimuth", "boost"),
    rate=280,
    training={"epochs": 12, "learning_rate": 3e-3, "weight_decay": 1e-4, "size": 64},
)
class LundNet(nn.Module):
    """Logits of a jet; the defaults are the published network, 391,467 weights.

    Args:
        convolutions: widths of the layers of each convolution.
        dense: widths of the layers behind the mean over declusterings.
        dropout: behind each of them.
        features: of a declustering.
        outputs: 1 for one logit a jet, else so many.

    Example:
        >>> sum(weight.numel() for weight in LundNet().parameters())
        391467
    """

    def __init__(
        self,
        convolutions: Sequence[Sequence[int]] = ((32, 32), (32, 32), (64, 64), (64, 64), (128, 128), (128, 128)),
        dense: Sequence[int] = (256,),
        dropout: float = 0.1,
        features: int = 5,
        outputs: int = 1,
    ) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(features)
        sizes = [features, *(widths[-1] for widths in convolutions)]
        self.convolutions = nn.ModuleList(map(TreeConv, sizes, convolutions))
        mixed = min(max(sum(sizes[1:]) // 128 * 128, 128), 1024)
        self.fusion = nn.Sequential(nn.Linear(sum(sizes[1:]), mixed), nn.ReLU(), nn.BatchNorm1d(mixed))
        hidden = [nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Dropout(dropout)) for a, b in pairwise([mixed, *dense])]
        self.dense = nn.Sequential(*hidden, nn.Linear([mixed, *dense][-1], outputs))

    def forward(self, jets: LundTrees) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        linked = torch.nonzero(jets.parent >= 0)[:, 0]
        above = (jets.parent + jets.offsets[segments(jets.offsets)])[linked]
        links = torch.cat([linked, above]), torch.cat([above, linked])
        share = 1 / torch.bincount(links[0], minlength=len(jets.parent)).clamp(min=1).to(jets.features)[:, None]
        features = self.norm(jets.features)
        outputs = []
        for convolution in self.convolutions:
            features = convolution(features, links, share)
            outputs.append(features)
        features = self.fusion(torch.cat(outputs, dim=1))
        return logits(self.dense(segment_mean(features, jets.offsets)))
