"""The Lorentz-equivariant transformer of scalars and four-vectors on padded arrays (arXiv:2405.14806, 2512.17011)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import gelu, linear, pad

from partonic.models.dense.form import dense
from partonic.models.heads import logits
from partonic.models.lgatr_slim import SCALE, SMALL, Block, GatedUnits, Gates, LGATrSlim, Mixed, Norm
from partonic.represent.padded import PaddedJets
from partonic.represent.references import dot


@dense.register(LGATrSlim)
def lgatr_slim(net: LGATrSlim, jets: PaddedJets) -> Tensor:
    """Scalars are (jets, slots, channels), vectors (jets, slots, 4, channels)."""
    references = net.references.to(jets.p4).expand(jets.there.shape[0], -1, -1)
    p4 = torch.cat([jets.p4 * SCALE, references], dim=1)
    beside = torch.ones_like(references[:, :, :1])
    there = torch.cat([jets.there, beside[:, :, 0] > 0], dim=1)
    known = pad(jets.known, (1, 0))
    known = pad(torch.cat([known, pad(beside, (0, known.shape[2] - 1))], dim=1), (1, 0), value=1.0)
    scalars, vectors = _mix(net.enter, known, p4[..., None])
    for block in net.blocks:
        scalars, vectors = _block(cast("Block", block), scalars, vectors, there)
    inner, arrows = _norm(net.norm, scalars, vectors)
    left, right = linear(arrows, net.products.weight).chunk(2, dim=3)
    together = torch.cat([inner, _dot(left, right)], dim=2) * there[..., None].to(p4)
    return logits(net.head(together.sum(dim=1) / there.to(p4).sum(dim=1, keepdim=True)))


def _dot(first: Tensor, second: Tensor) -> Tensor:
    """Products of four-vectors (..., 4, channels), (..., channels)."""
    return dot(first.transpose(-1, -2), second.transpose(-1, -2))


def _mix(mixed: Mixed, scalars: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
    return mixed.scalars(scalars), mixed.vectors(vectors)


def _norm(norm: Norm, scalars: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
    size = (_dot(vectors, vectors).abs().mean(dim=-1) + SMALL).rsqrt()
    return norm.scalars(scalars), vectors * size[:, :, None, None]


def _block(block: Block, scalars: Tensor, vectors: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    seen = _attend(block, *_mix(block.inside, *_norm(block.before_attention, scalars, vectors)), there)
    more = _mix(block.outside, *seen)
    scalars, vectors = scalars + more[0], vectors + more[1]
    normed = _norm(block.before_gates, scalars, vectors)
    gates = block.gates
    more = _units(gates, *normed) if isinstance(gates, GatedUnits) else _gates(gates, *normed)
    return scalars + more[0], vectors + more[1]


def _gates(gates: Gates, scalars: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
    left, right = gates.products(vectors).chunk(2, dim=3)
    hidden = gates.up(torch.cat([scalars, _dot(left, right)], dim=2))
    channels = vectors.shape[3]
    return gates.down(gelu(hidden[:, :, :-channels])), gates.turn(vectors * gelu(hidden[:, :, None, -channels:]))


def _units(units: GatedUnits, scalars: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
    hidden, arrows = _mix(units.up, scalars, vectors)
    values, gates = hidden.chunk(2, dim=2)
    arrows, left, right = arrows.chunk(3, dim=3)
    return _mix(units.down, values * gelu(gates), arrows * gelu(_dot(left, right))[:, :, None])


def _attend(block: Block, scalars: Tensor, vectors: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """Attention of (jets, slots, 3 scalars) and (jets, slots, 4, 3 vectors)."""
    metric = vectors.new_tensor([1.0, -1.0, -1.0, -1.0])
    s = [torch.unflatten(part, 2, (block.heads, -1)).transpose(1, 2) for part in scalars.chunk(3, dim=2)]
    v = [
        torch.unflatten(part.transpose(-1, -2), 2, (block.heads, -1)).transpose(1, 2)
        for part in vectors.chunk(3, dim=3)
    ]
    width = s[0].shape[3]  # s: (jets, heads, slots, width), v: (jets, heads, slots, channels, 4)
    query = torch.cat([s[0], v[0].flatten(3)], dim=3)
    key = torch.cat([s[1], (v[1] * metric).flatten(3)], dim=3)
    value = torch.cat([s[2], v[2].flatten(3)], dim=3)
    weight = query @ key.transpose(-1, -2) * query.shape[3] ** -0.5
    weight = torch.where(there[:, None, None, :], weight, -torch.inf).softmax(dim=-1)
    out = (weight @ value).transpose(1, 2)  # (jets, slots, heads, width + 4 channels)
    arrows = torch.unflatten(out[..., width:], 3, (-1, 4)).flatten(2, 3)
    return out[..., :width].flatten(2), arrows.transpose(-1, -2)
