"""LorentzNet: messages along the invariants of each pair, and four-vectors that move with them (arXiv:2201.08187)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, relu

from partonic.core.registry import register_model
from partonic.models.heads import logits
from partonic.models.norm_relu import norm_relu
from partonic.models.pair_messages import PairLayers, in_one_pass, invariants, received
from partonic.represent.edges import Edges, edges, gather, spread
from partonic.represent.packed import KINEMATIC
from partonic.represent.references import BEAMS, dot, squeeze, with_references
from partonic.represent.segments import lengths, segment_mean, segments

if TYPE_CHECKING:
    from partonic.represent.batch import PackedJets

SCALARS = 2  # mass and whether it is a reference vector; charge and kind come behind
INVARIANTS = 2  # of a pair: squared difference and product


class GroupBlock(nn.Module):
    """One Lorentz-group-equivariant block.

    Args:
        width: of the hidden scalars of a particle.
        scalars: that are given.
        step: factor of the movement of the four-vectors.
        last: whether the four-vectors stay, since nothing follows that sees them.
    """

    def __init__(self, width: int, scalars: int, step: float, last: bool) -> None:
        super().__init__()
        self.step, self.last = step, last
        self.pair = nn.Linear(2 * width + INVARIANTS, width, bias=False)
        self.pair_norm = nn.BatchNorm1d(width)
        self.message = nn.Linear(width, width)
        self.gate = nn.Linear(width, 1)
        self.update = nn.Sequential(
            nn.Linear(2 * width + scalars, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, width)
        )
        if not last:
            pull = nn.Linear(width, 1, bias=False)
            nn.init.xavier_uniform_(pull.weight, gain=0.001)
            self.move = nn.Sequential(nn.Linear(width, width), nn.ReLU(), pull)

    def forward(self, hidden: Tensor, p4: Tensor, scalars: Tensor, graph: Edges) -> tuple[Tensor, Tensor]:
        """Scalars (particles, width) and four-vectors (particles, 4) of the next block."""
        seen = squeeze(invariants(p4, graph))
        # The first layer sees (h_i, h_j, invariants): its products with h are made once for each particle.
        width = hidden.shape[1]
        own, other, rest = torch.split(self.pair.weight, [width, width, INVARIANTS], dim=1)
        mine, theirs = linear(hidden, own), linear(hidden, other)
        layers = PairLayers(self.pair_norm, self.message, self.gate, None if self.last else self.move)
        if in_one_pass(mine, layers):
            messages, pull = received(mine, theirs, seen, rest, p4, graph, layers)
        else:
            pairs = spread(mine, theirs, graph).addmm(seen.t(), rest.t())
            message = relu(self.message(norm_relu(self.pair_norm, pairs)), inplace=True)
            message = message * self.gate(message).sigmoid()
            messages, _, _ = gather(message, graph)
            if not self.last:
                pull, _, _ = gather(self.move(message) * (p4[graph.first] - p4[graph.second]), graph)
        if not self.last:
            others = lengths(graph.offsets)[segments(graph.offsets)] - 1
            p4 = p4 + self.step * pull / others.clamp(min=1)[:, None]
        return hidden + self.update(torch.cat([hidden, messages, scalars], dim=1)), p4


@register_model(
    "lorentznet",
    paper="arXiv:2201.08187",
    input="packed",
    invariant=("permutation", "azimuth", "lorentz"),
    rate=10,
    training={"epochs": 12, "learning_rate": 1e-3, "weight_decay": 1e-2, "size": 32},
)
class LorentzNet(nn.Module):
    """Logits of a jet; the defaults are the published network.

    Args:
        blocks: number of blocks.
        width: of the scalars of a particle.
        step: factor of the movement of the four-vectors.
        dropout: in front of the last layer.
        beams: whether the two beam directions stand beside the particles; without them the network is blind to the
            detector's axis.
        features: of a particle; what stands behind the seven kinematic ones (charge, kind) is seen too.
        outputs: 1 for one logit a jet, else so many.

    Attributes:
        references: the vectors beside the particles, (2, 4) or (0, 4).

    Example:
        >>> sum(weight.numel() for weight in LorentzNet(outputs=2).parameters())
        224072
    """

    references: Tensor

    def __init__(
        self,
        blocks: int = 6,
        width: int = 72,
        step: float = 5e-3,
        dropout: float = 0.2,
        beams: bool = True,
        features: int = KINEMATIC,
        outputs: int = 1,
    ) -> None:
        super().__init__()
        self.register_buffer("references", torch.tensor(BEAMS if beams else ()).view(-1, 4), persistent=False)
        scalars = SCALARS + features - KINEMATIC
        self.embed = nn.Linear(scalars, width)
        self.blocks = nn.ModuleList(GroupBlock(width, scalars, step, last=i == blocks - 1) for i in range(blocks))
        self.decode = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, outputs))

    def forward(self, jets: PackedJets) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        given = with_references(jets.p4, jets.features[:, KINEMATIC:], jets.offsets, self.references)
        p4, graph = given.p4, edges(given.offsets, loops=False)
        scalars = torch.cat([squeeze(dot(p4, p4))[:, None], given.scalars], dim=1)
        hidden = self.embed(scalars)
        for block in self.blocks:
            hidden, p4 = block(hidden, p4, scalars, graph)
        return logits(self.decode(segment_mean(hidden, given.offsets)))
