"""PELICAN: all permutation-equivariant linear maps between matrices of invariants (arXiv:2211.00454, 2307.16506)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, linear

from partonic.core.registry import register_model
from partonic.models.heads import logits
from partonic.models.matrix_pass import SLOPE, in_one_pass, totals
from partonic.represent.edges import Edges, add_transposed, edges, gather, spread
from partonic.represent.packed import KINEMATIC
from partonic.represent.references import BEAMS, dot, squeeze, with_references
from partonic.represent.segments import lengths, segment_sum, segments

if TYPE_CHECKING:
    from partonic.represent.batch import PackedJets

MAPS = 15  # linear maps from matrices to matrices that commute with permutations


class MatrixMap(nn.Module):
    """A mixture of the 15 maps: each of its own rank, so that only two are matrix products over edges.

    In the order of the weights: the matrix, its transpose; the diagonal on the diagonal, along rows, along columns;
    column means, then row means on the diagonal; column means along rows, along columns; row means along rows, along
    columns; the mean of the diagonal everywhere, on the diagonal; the mean of all everywhere, on the diagonal.

    Args:
        inputs: channels.
        outputs: channels.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(MAPS, outputs, inputs))
        nn.init.normal_(self.weight, std=(2 / (MAPS * inputs)) ** 0.5)

    def _of(self, *maps: int) -> Tensor:
        """Weights of some maps side by side, (outputs, maps * inputs)."""
        return torch.cat([self.weight[i] for i in maps], dim=1)

    def forward(self, matrix: Tensor, graph: Edges, jet: Tensor, size: Tensor) -> Tensor:
        """(edges, inputs) to (edges, outputs).

        Args:
            matrix: values on the edges.
            graph: the edges, with those of particles to themselves.
            jet: (particles,) jet of each particle.
            size: (jets, 1) number of particles of each jet.
        """
        both = add_transposed(linear(matrix, self.weight[:2].flatten(0, 1)), graph)
        rows, columns, diagonal = gather(matrix, graph)
        count = size[jet]
        particles = torch.cat([diagonal, columns / count, rows / count], dim=1)
        of_jet = torch.cat([segment_sum(diagonal, graph.offsets), segment_sum(rows, graph.offsets)], dim=1) / size**2
        everywhere, on_diagonal = linear(of_jet, self._of(11, 13)), linear(of_jet, self._of(12, 14))
        along_rows = linear(particles, self._of(3, 7, 9)) + everywhere[jet]
        along_columns = linear(particles, self._of(4, 8, 10))
        loops = linear(particles, self._of(2, 5, 6)) + on_diagonal[jet]
        return both + spread(along_rows, along_columns, graph, loops)


class Block(nn.Module):
    """A layer over the channels of each edge, then a :class:`MatrixMap`.

    Args:
        channels: of an edge.
        dropout: behind the layer.
        batch_norm: over all edges, or else the root mean square over the channels of each.
    """

    def __init__(self, channels: int, dropout: float, batch_norm: bool) -> None:
        super().__init__()
        self.layer, self.dropout = nn.Linear(channels, channels), nn.Dropout(dropout)
        self.norm = nn.BatchNorm1d(channels) if batch_norm else nn.RMSNorm(channels)
        self.mix = MatrixMap(channels, channels)

    def forward(self, matrix: Tensor, graph: Edges, jet: Tensor, size: Tensor) -> Tensor:
        """(edges, channels) to the same."""
        hidden = self.dropout(self.norm(leaky_relu(self.layer(matrix), SLOPE)))
        return leaky_relu(self.mix(hidden, graph, jet, size), SLOPE)


@register_model(
    "pelican",
    paper="arXiv:2307.16506",
    input="packed",
    invariant=("permutation", "azimuth", "lorentz"),
    rate=12,
    training={"epochs": 12, "learning_rate": 2.5e-3, "weight_decay": 5e-3, "size": 64},
)
class PELICAN(nn.Module):
    """Logits of a jet from the products of the four-momenta of its particles.

    The published network of 208 thousand weights has 132 channels in the layers and 78 behind the maps, whose weights
    are products of factors; here the weights are free, with as many channels as that number allows.

    Args:
        blocks: number of blocks.
        channels: of an edge.
        dropout: in the blocks.
        beams: whether the two beam directions stand beside the particles; without them the network is blind to the
            detector's axis.
        features: of a particle; what stands behind the seven kinematic ones (charge, kind) is seen too.
        outputs: 1 for one logit a jet, else so many.
        batch_norm: in the blocks over all edges, as published, and behind them over the jets, whose means over edges
            are small; or else the root mean square over the channels of each edge, as in pelican-lite.

    Attributes:
        references: the vectors beside the particles, (2, 4) or (0, 4).

    Example:
        >>> sum(weight.numel() for weight in PELICAN().parameters())
        202550
    """

    references: Tensor

    def __init__(
        self,
        blocks: int = 5,
        channels: int = 50,
        dropout: float = 0.025,
        beams: bool = True,
        features: int = KINEMATIC,
        outputs: int = 1,
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        self.channels, self.dropout = channels, dropout
        self.register_buffer("references", torch.tensor(BEAMS if beams else ()).view(-1, 4), persistent=False)
        self.scalars = slice(0 if beams else 1, None)  # without references there is nothing to tell them from
        self.enter = MatrixMap(1 + beams + features - KINEMATIC, channels)
        self.blocks = nn.ModuleList(Block(channels, dropout, batch_norm) for _ in range(blocks))
        self.last_norm = nn.BatchNorm1d(2 * channels) if batch_norm else nn.Identity()
        self.leave = nn.Linear(2 * channels, outputs, bias=False)

    def forward(self, jets: PackedJets) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        given = with_references(jets.p4, jets.features[:, KINEMATIC:], jets.offsets, self.references)
        graph = edges(given.offsets, loops=True)
        matrix = squeeze(dot(given.p4[graph.first], given.p4[graph.second]))[:, None]
        known = given.scalars[:, self.scalars].contiguous()
        if known.shape[1]:
            matrix = torch.cat([matrix, spread(known, known, graph)], dim=1)
        return self.of_matrix(matrix, graph)

    def of_matrix(self, matrix: Tensor, graph: Edges) -> Tensor:
        """Logits from invariants on the edges, (edges, inputs)."""
        size = lengths(graph.offsets)[:, None].to(matrix)
        return logits(self.leave(self.last_norm(self._totals(matrix, graph, size) / size**2)))

    def _totals(self, matrix: Tensor, graph: Edges, size: Tensor) -> Tensor:
        """Sums over each jet's matrix and its diagonal behind all blocks, (jets, 2 channels)."""
        blocks = cast("list[Block]", list(self.blocks))
        layers, norms = [block.layer for block in blocks], [block.norm for block in blocks]
        if in_one_pass(matrix, self.channels, self.dropout if self.training else 0.0, norms):
            mixtures = [block.mix.weight for block in blocks]
            given = matrix, graph.offsets, self.enter.weight, layers, cast("list[nn.BatchNorm1d]", norms), mixtures
            return totals(*given)
        jet = segments(graph.offsets)
        matrix = self.enter(matrix, graph, jet, size)
        for block in blocks:
            matrix = block(matrix, graph, jet, size)
        rows, _, diagonal = gather(matrix, graph)
        return torch.cat([segment_sum(rows, graph.offsets), segment_sum(diagonal, graph.offsets)], dim=1)
