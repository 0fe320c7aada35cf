"""Particle Transformer on padded arrays (arXiv:2202.03772)."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor

from partonic.models.dense.form import dense
from partonic.models.heads import logits
from partonic.models.part import Attention, Block, ParT
from partonic.represent.padded import PaddedJets
from partonic.represent.pairs import SMALL


@dense.register(ParT)
def part(net: ParT, jets: PaddedJets) -> Tensor:
    """Particle Transformer and its light form."""
    tokens = net.embed(jets.features)
    bias = net.pairs.layers(pair_features(jets.p4)).permute(0, 3, 1, 2)  # (jets, heads, slots, slots)
    bias = torch.where(jets.there[:, None, None, :], bias, -torch.inf)
    for block in net.blocks:
        tokens = _among(cast("Block", block), tokens, bias)
    summary = net.summary.expand(jets.there.shape[0], 1, -1)
    there = torch.cat([torch.ones_like(jets.there[:, :1]), jets.there], dim=1)
    for block in net.summaries:
        summary = _summarise(cast("Block", block), summary, tokens, there)
    return logits(net.head(net.norm(summary[:, 0])))


def pair_features(p4: Tensor) -> Tensor:
    """The four features of each pair of slots, (jets, slots, slots, 4), of momenta (jets, slots, 4) in GeV.

    Those of :func:`partonic.represent.pairs.pair_features`; with 1 in the place of a momentum that is zero.
    """
    e, px, py, pz = torch.where(p4[:, :, :1] > 0, p4, 1.0).unbind(2)
    pt, phi = (px.square() + py.square()).sqrt(), torch.atan2(py, px)
    rapidity = 0.5 * torch.log(1 + 2 * pz / (e - pz).clamp(min=1e-20))
    slots = torch.arange(p4.shape[1], device=p4.device)
    # Rounded as where the later particle comes first: the same for (i, j) and (j, i).
    sign = torch.where(slots[:, None] >= slots, 1.0, -1.0).to(p4)
    turn = (phi[:, :, None] - phi[:, None]) * sign + math.pi
    turn = turn - 2 * math.pi * torch.floor(turn / (2 * math.pi)) - math.pi
    distance = ((rapidity[:, :, None] - rapidity[:, None]).square() + turn.square()).sqrt()
    softer = torch.minimum(pt[:, :, None], pt[:, None])
    share = softer / (pt[:, :, None] + pt[:, None]).clamp(min=SMALL)
    energy, x, y, z = (values[:, :, None] + values[:, None] for values in (e, px, py, pz))
    mass2 = energy.square() - (x.square() + y.square() + z.square())
    return torch.stack([softer * distance, share, distance, mass2], dim=3).clamp(min=SMALL).log()


def _among(block: Block, tokens: Tensor, bias: Tensor) -> Tensor:
    """Particles (jets, slots, width) attend to those of their jet."""
    attention = block.attention
    inside = attention.inside(block.before_attention(tokens))
    query, key, value = (_heads(attention, part) for part in inside.chunk(3, dim=2))
    return _finish(block, tokens, _mixed(query, key, value, bias))


def _summarise(block: Block, summary: Tensor, tokens: Tensor, there: Tensor) -> Tensor:
    """The summary (jets, 1, width) attends to itself and to the particles; ``there`` (jets, 1 + slots)."""
    attention = block.attention
    normed = block.before_attention(torch.cat([summary, tokens], dim=1))
    query = attention.inside(summary).chunk(3, dim=2)[0]
    _, key, value = attention.inside(normed).chunk(3, dim=2)
    bias = torch.where(there[:, None, None, :], 0.0, -torch.inf)
    query, key, value = (_heads(attention, part) for part in (query, key, value))
    return _finish(block, summary, _mixed(query, key, value, bias))


def _heads(attention: Attention, values: Tensor) -> Tensor:
    """(jets, slots, width) as (jets, heads, slots, width / heads)."""
    return torch.unflatten(values, 2, (attention.heads, -1)).transpose(1, 2)


def _mixed(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """Attention of (jets, heads, slots, d), (jets, slots, width)."""
    scale: float = query.shape[-1] ** -0.5
    weight = (query @ key.transpose(-1, -2) * scale + bias).softmax(dim=-1)
    return (weight @ value).transpose(1, 2).flatten(2)


def _finish(block: Block, before: Tensor, seen: Tensor) -> Tensor:
    """What follows the attention, on (jets, slots, width)."""
    scale = block.head_scale[:, None].expand(-1, block.attention.outside.in_features // block.attention.heads)
    middle = before + block.after_attention(block.attention.outside(seen) * scale.flatten())
    hidden = block.activation(block.up(block.before_dense(middle)))
    return cast("Tensor", block.down(block.after_dense(hidden)) + block.residual_scale * middle)
