"""Particle Transformer: attention between particles, biased by what pairs of them say (Qu et al., arXiv:2202.03772)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from partonic.core.registry import register_model
from partonic.models.dropout import ByteDropout
from partonic.models.folding import LinearNorm
from partonic.models.heads import logits
from partonic.represent.pairs import Pairs, pair_features, pairs
from partonic.represent.plan import Plan, plan
from partonic.represent.segments import segment_max, segment_sum, segments

if TYPE_CHECKING:
    from partonic.represent.batch import PackedJets

STEP = 16
PAIR_FEATURES = 4


class PairBias(nn.Module):
    """What a network of the features of each pair adds to the attention of each head.

    Args:
        widths: of the hidden layers.
        heads: of the attention.
        activate: whether a GELU follows the last layer.
    """

    def __init__(self, widths: Sequence[int], heads: int, activate: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.BatchNorm1d(PAIR_FEATURES)]
        for inputs, outputs in pairwise((PAIR_FEATURES, *widths, heads)):
            layers += [LinearNorm(inputs, outputs, bias=True), nn.GELU()]
        self.layers = nn.Sequential(*layers if activate else layers[:-1])

    def forward(self, p4: Tensor, order: Plan, couples: Pairs) -> list[Tensor]:
        """For each bucket (jets, heads, length, length); minus infinity where a particle is not there."""
        with torch.no_grad():
            features = pair_features(p4, couples)
        biases = []
        of_pairs = torch.split(self.layers(features), couples.sizes)  # for each bucket (pairs, heads)
        for bucket, mine, (upper, lower) in zip(order.buckets, of_pairs, couples.places, strict=True):
            square = mine.new_zeros(bucket.jets * bucket.length**2, mine.shape[1])
            square.index_copy_(0, upper, mine).index_copy_(0, lower, mine)
            bias = square.view(bucket.jets, bucket.length, bucket.length, -1).permute(0, 3, 1, 2)
            if bucket.absent is not None:
                bias = bias.masked_fill(bucket.absent[:, None, None, :], -torch.inf)
            biases.append(bias.contiguous())
        return biases


class Attention(nn.Module):
    """Weights of multi-head attention; who attends to whom is the block's business.

    Args:
        width: of a token.
        heads: their number, a divisor of the width.
        dropout: of the attention itself.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.inside = nn.Linear(width, 3 * width)
        self.outside = nn.Linear(width, width)
        self.dropout = ByteDropout(dropout)

    def among(self, tokens: Tensor, order: Plan, biases: Sequence[Tensor]) -> Tensor:
        """Each particle attends to those of its jet, (particles, width)."""
        mixed = []
        for bucket, mine, bias in zip(order.buckets, order.split(self.inside(tokens)), biases, strict=True):
            size = bucket.jets, bucket.length, 3, self.heads, -1
            query, key, value = bucket.pad(mine).view(size).permute(2, 0, 3, 1, 4).flatten(1, 2).unbind(0)
            # (jets * heads, length, length)
            weight = torch.baddbmm(bias.flatten(0, 1), query, key.mT, alpha=query.shape[-1] ** -0.5).softmax(-1)
            seen = torch.bmm(self.dropout(weight), value).view(bucket.jets, self.heads, bucket.length, -1)
            mixed.append(bucket.flat(seen.transpose(1, 2).flatten(2)))
        return torch.cat(mixed)

    def towards(self, summary: Tensor, normed: Tensor, tokens: Tensor, order: Plan) -> Tensor:
        """The summary of each jet attends to itself and to the particles, (jets, width)."""
        width = summary.shape[1]
        weight, bias = self.inside.weight, self.inside.bias
        query = linear(summary, weight[:width], bias[:width]).view(len(summary), self.heads, -1)
        query = query * query.shape[-1] ** -0.5
        jet = segments(order.offsets)
        key, value = linear(tokens, weight[width:], bias[width:]).view(len(tokens), 2, self.heads, -1).unbind(1)
        itself = linear(normed, weight[width:], bias[width:])
        own_key, own_value = itself.view(len(summary), 2, self.heads, -1).unbind(1)
        score, own = (query[jet] * key).sum(-1), (query * own_key).sum(-1)  # (particles, heads), (jets, heads)
        top = torch.maximum(own, segment_max(score, order.offsets)).detach()
        share, own = (score - top[jet]).exp(), (own - top).exp()
        norm = own + segment_sum(share, order.offsets)
        seen = own[..., None] * own_value + segment_sum(share[..., None] * value, order.offsets)
        return cast("Tensor", (seen / norm[..., None]).flatten(1))


class Block(nn.Module):
    """One layer of a transformer with the additional scales of arXiv:2110.09456.

    Args:
        width: of a token.
        heads: of the attention.
        dropout: of attention, activations and outputs.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.before_attention, self.after_attention = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.head_scale = nn.Parameter(torch.ones(heads))
        self.before_dense, self.after_dense = nn.LayerNorm(width), nn.LayerNorm(4 * width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.residual_scale = nn.Parameter(torch.ones(width))
        self.activation = nn.GELU()
        self.dropout = ByteDropout(dropout)

    def forward(self, tokens: Tensor, order: Plan, biases: Sequence[Tensor]) -> Tensor:
        """Particles (particles, width) among themselves."""
        return self.finish(tokens, self.attention.among(self.before_attention(tokens), order, biases))

    def summarise(self, summary: Tensor, tokens: Tensor, order: Plan) -> Tensor:
        """The summary of each jet (jets, width) from its particles (arXiv:2103.17239)."""
        normed = self.before_attention(summary)
        return self.finish(summary, self.attention.towards(summary, normed, self.before_attention(tokens), order))

    def finish(self, before: Tensor, seen: Tensor) -> Tensor:
        """What follows the attention."""
        scale = self.head_scale.repeat_interleave(seen.shape[1] // len(self.head_scale))
        mixed = self.attention.outside(seen) * scale
        middle = before + self.dropout(self.after_attention(mixed))
        hidden = self.dropout(self.activation(self.up(self.before_dense(middle))))
        out = self.dropout(self.down(self.after_dense(hidden))) + self.residual_scale * middle
        return cast("Tensor", out)


@register_model(
    "part",
    paper="arXiv:2202.03772",
    input="packed",
    invariant=("permutation",),  # the masses of pairs are rounded to single precision, as in the published network
    rate=40,
    training={"epochs": 20, "learning_rate": 1e-3, "weight_decay": 1e-2, "size": 64},
)
class ParT(nn.Module):
    """Logits of a jet; the defaults are the published network.

    Args:
        embedding: widths of the layers that embed a particle; the last is that of the tokens.
        pair_widths: of the network of pairs.
        heads: of the attention.
        layers: blocks among particles.
        summaries: blocks that gather them.
        dropout: of the blocks among particles.
        activate_pairs: whether a GELU follows the last layer of the network of pairs.
        features: of a particle.
        outputs: 1 for one logit a jet, else so many.
    """

    def __init__(
        self,
        embedding: Sequence[int] = (128, 512, 128),
        pair_widths: Sequence[int] = (64, 64, 64),
        heads: int = 8,
        layers: int = 8,
        summaries: int = 2,
        dropout: float = 0.1,
        activate_pairs: bool = True,
        features: int = 7,
        outputs: int = 1,
    ) -> None:
        super().__init__()
        stack: list[nn.Module] = [nn.BatchNorm1d(features)]
        for before, after in pairwise((features, *embedding)):
            stack += [nn.LayerNorm(before), nn.Linear(before, after), nn.GELU()]
        width = embedding[-1]
        self.embed = nn.Sequential(*stack)
        self.pairs = PairBias(pair_widths, heads, activate_pairs)
        blocks = [Block(width, heads, dropout) for _ in range(layers)]
        self.blocks = nn.ModuleList(blocks)
        self.summaries = nn.ModuleList(Block(width, heads, 0.0) for _ in range(summaries))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, outputs)
        self.summary = nn.Parameter(torch.zeros(1, width))
        nn.init.trunc_normal_(self.summary, std=0.02)
        self.apply(_start)
        for number, block in enumerate(blocks, 1):
            for layer in (block.attention.outside, block.down):
                layer.weight.data.div_(math.sqrt(2 * number))

    def forward(self, jets: PackedJets) -> Tensor:
        """Logits, (jets,) or (jets, outputs)."""
        order = plan(jets.offsets, STEP)
        couples = pairs(order)
        tokens = self.embed(jets.features[order.particles])
        biases = self.pairs(jets.p4[order.particles], order, couples)
        for block in self.blocks:
            tokens = block(tokens, order, biases)
        summary = self.summary.expand(len(jets), -1)
        for block in self.summaries:
            summary = cast("Block", block).summarise(summary, tokens, order)
        return logits(order.restore(self.head(self.norm(summary))))


def _start(module: nn.Module) -> None:
    """Glorot-uniform weights, queries, keys and values each for themselves; zero biases."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
    if isinstance(module, Attention):
        for part in module.inside.weight.data.chunk(3):
            nn.init.xavier_uniform_(part)
