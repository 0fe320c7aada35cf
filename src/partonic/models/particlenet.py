"""ParticleNet: convolutions over the nearest neighbours of each particle (Qu, Gouskos, arXiv:1902.08570)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, relu

from partonic.core.registry import register_model
from partonic.models.folding import LinearNorm
from partonic.models.heads import logits
from partonic.models.norm_relu import norm_relu
from partonic.represent.neighbours import nearest, paired
from partonic.represent.packed import POSITION
from partonic.represent.plan import Plan, plan
from partonic.represent.segments import segment_mean

if TYPE_CHECKING:
    from partonic.represent.batch import PackedJets


class EdgeLayers(nn.Module):
    """A network of two particles x_i and x_j - x_i, and the shortcut beside what it gives.

    Args:
        inputs: features of a particle.
        widths: of the layers.
    """

    def __init__(self, inputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        sizes = [2 * inputs, *widths]
        self.layers = nn.ModuleList(LinearNorm(a, b) for a, b in pairwise(sizes))
        self.shortcut = nn.Identity() if inputs == widths[-1] else LinearNorm(inputs, widths[-1])

    def halves(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """What i and j add to the first layer of an edge, each (particles, widths[0]).

        Its product is made for each particle once, not for each edge.
        """
        first = cast("LinearNorm", self.layers[0])
        weight, bias = (first.layer.weight, None) if first.norm.training else first.fixed()
        own, other = weight.chunk(2, dim=1)
        return linear(features, own - other, bias), linear(features, other)

    def rest(self, edges: Tensor) -> Tensor:
        """The layers behind the sums of both halves: (edges, widths[0]) give (edges, widths[-1])."""
        first = cast("LinearNorm", self.layers[0])
        edges = norm_relu(first.norm, edges) if first.norm.training else relu(edges, inplace=True)
        for layer in self.layers[1:]:
            edges = cast("LinearNorm", layer).activated(edges)
        return edges


class EdgeConv(EdgeLayers):
    """Mean over the nearest neighbours of a network of a particle and its difference to each of them.

    A neighbour that a jet of few particles lacks is one whose features are all zero.

    Args:
        neighbours: their number k.
        inputs: features of a particle.
        widths: of the layers.
    """

    def __init__(self, neighbours: int, inputs: int, widths: Sequence[int]) -> None:
        super().__init__(inputs, widths)
        self.neighbours = neighbours

    def forward(self, points: Tensor, features: Tensor, order: Plan) -> Tensor:
        """(particles, coordinates) and (particles, inputs) give (particles, widths[-1])."""
        near = nearest(points.detach(), order, self.neighbours)  # (particles, k)
        mine, theirs = self.halves(features)
        pairs = self.rest(paired(mine, theirs, near))  # (particles * k, width)
        mean = pairs.view(*near.shape, -1).mean(dim=1)
        return relu(self.shortcut(features) + mean)


@register_model(
    "particlenet",
    paper="arXiv:1902.08570",
    input="packed",
    invariant=("permutation", "azimuth"),
    rate=45,
    training={"epochs": 20, "learning_rate": 3e-3, "weight_decay": 1e-4, "size": 128},
)
class ParticleNet(nn.Module):
    """Logits of a jet; the defaults are the published network.

    Args:
        convolutions: number of neighbours and widths of the layers of each edge convolution.
        dense: widths of the layers behind the mean over particles.
        dropout: behind each of them.
        features: of a particle.
        outputs: 1 for one logit a jet, else so many.
        fusion: whether the outputs of all convolutions are joined and mixed before the mean.

    Example:
        >>> sum(weight.numel() for weight in ParticleNet().parameters())
        365903
    """

    def __init__(
        self,
        convolutions: Sequence[tuple[int, Sequence[int]]] = (
            (16, (64, 64, 64)),
            (16, (128, 128, 128)),
            (16, (256, 256, 256)),
        ),
        dense: Sequence[int] = (256,),
        dropout: float = 0.1,
        features: int = 7,
        outputs: int = 1,
        fusion: bool = False,
    ) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(features)
        widths = [features, *(layers[-1] for _, layers in convolutions)]
        self.convolutions = nn.ModuleList(
            EdgeConv(k, inputs, layers) for inputs, (k, layers) in zip(widths, convolutions, strict=False)
        )
        self.fusion = None
        if fusion:
            mixed = min(max(sum(widths[1:]) // 128 * 128, 128), 1024)
            self.fusion = LinearNorm(sum(widths[1:]), mixed)
            widths.append(mixed)
        sizes = [widths[-1], *dense]
        hidden = [nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Dropout(dropout)) for a, b in pairwise(sizes)]
        self.dense = nn.Sequential(*hidden, nn.Linear(sizes[-1], outputs))

    def forward(self, jets: PackedJets) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        order = plan(jets.offsets)
        features = jets.features[order.particles]
        points, features = features[:, POSITION], self.norm(features)
        outputs = []
        for convolution in self.convolutions:
            features = convolution(points, features, order)
            points = features
            outputs.append(features)
        if self.fusion is not None:
            features = relu(self.fusion(torch.cat(outputs, dim=1)))
        return logits(order.restore(self.dense(segment_mean(features, order.offsets))))
