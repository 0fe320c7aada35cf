"""Networks of all pairs of particles, PELICAN and LorentzNet, on padded arrays (arXiv:2307.16506, 2201.08187)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, linear, pad, relu

from partonic.models.dense.form import dense
from partonic.models.heads import logits
from partonic.models.lorentznet import INVARIANTS, GroupBlock, LorentzNet
from partonic.models.matrix_pass import SLOPE
from partonic.models.pelican import PELICAN, Block, MatrixMap
from partonic.represent.padded import PaddedJets
from partonic.represent.references import dot, squeeze


@dataclass(frozen=True)
class _Slots:
    """Particles and the reference vectors behind them.

    Args:
        p4: (jets, slots, 4).
        scalars: (jets, slots, 1 + S) 1 for a reference vector, then what stands behind the kinematic features.
        one: (jets, slots, 1) 1 where there is a vector.
        two: (jets, slots, slots, 1) 1 where there are both.
        size: (jets, 1) number of vectors.
        same: (slots, slots, 1) 1 on the diagonal.
    """

    p4: Tensor
    scalars: Tensor
    one: Tensor
    two: Tensor
    size: Tensor
    same: Tensor


def _slots(jets: PaddedJets, references: Tensor) -> _Slots:
    """Append the reference vectors (R, 4) to each jet."""
    p4 = torch.cat([jets.p4, references.to(jets.p4).expand(jets.there.shape[0], -1, -1)], dim=1)
    beside = p4[:, jets.p4.shape[1] :, :1]  # (jets, R, 1)
    one = torch.cat([jets.there[..., None].to(p4), torch.ones_like(beside)], dim=1)
    known = pad(jets.known, (1, 0, 0, 0))
    behind = pad(torch.ones_like(beside), (0, known.shape[2] - 1))
    scalars = torch.cat([known, behind], dim=1)
    two = one[:, :, None] * one[:, None]
    slots = torch.arange(p4.shape[1], device=p4.device)
    same = (slots[:, None] == slots)[..., None].to(p4)
    return _Slots(p4, scalars, one, two, one.sum(dim=1), same)


@dense.register(PELICAN)
def pelican(net: PELICAN, jets: PaddedJets) -> Tensor:
    """PELICAN of any size."""
    slots = _slots(jets, net.references)
    matrix = squeeze(dot(slots.p4[:, :, None], slots.p4[:, None]))[..., None]
    known = slots.scalars[:, :, net.scalars]
    matrix = torch.cat([matrix, known[:, :, None] + known[:, None]], dim=3)
    matrix = _mixed(net.enter, matrix, slots)
    for block in net.blocks:
        matrix = _block(cast("Block", block), matrix, slots)
    rows, _, diagonal = _sums(matrix, slots)
    means = torch.cat([rows.sum(dim=1), diagonal.sum(dim=1)], dim=1) / slots.size**2
    return logits(net.leave(net.last_norm(means)))


def _block(block: Block, matrix: Tensor, slots: _Slots) -> Tensor:
    hidden = leaky_relu(block.layer(matrix), SLOPE)
    if isinstance(block.norm, nn.RMSNorm):
        square = hidden.square().mean(dim=-1, keepdim=True) + torch.finfo(hidden.dtype).eps
        hidden = hidden * square.rsqrt() * block.norm.weight
    else:  # a batch norm of fixed statistics
        hidden = block.norm(hidden)
    return leaky_relu(_mixed(block.mix, hidden, slots), SLOPE)


def _sums(matrix: Tensor, slots: _Slots) -> tuple[Tensor, Tensor, Tensor]:
    """Sums over rows and columns and the diagonal of (jets, slots, slots, C), each (jets, slots, C)."""
    known = matrix * slots.two
    return known.sum(dim=2), known.sum(dim=1), (known * slots.same).sum(dim=2)


def _mixed(mix: MatrixMap, matrix: Tensor, slots: _Slots) -> Tensor:
    """The 15 maps from (jets, slots, slots, inputs) to outputs, in the order of :class:`MatrixMap`."""
    weight = mix.weight

    def of(values: Tensor, *maps: int) -> Tensor:
        """Some maps of values side by side."""
        return linear(values, torch.cat([weight[i] for i in maps], dim=1))

    both = linear(matrix, weight[0]) + linear(matrix, weight[1]).transpose(1, 2)
    rows, columns, diagonal = _sums(matrix, slots)
    size = slots.size[:, :, None]
    particles = torch.cat([diagonal, columns / size, rows / size], dim=2)
    of_jet = torch.cat([diagonal.sum(dim=1), rows.sum(dim=1)], dim=1)[:, None] / size**2  # (jets, 1, 2 inputs)
    along_rows = of(particles, 3, 7, 9) + of(of_jet, 11, 13)
    along_columns = of(particles, 4, 8, 10)
    loops = of(particles, 2, 5, 6) + of(of_jet, 12, 14)
    return both + along_rows[:, :, None] + along_columns[:, None] + slots.same * loops[:, :, None]


@dense.register(LorentzNet)
def lorentznet(net: LorentzNet, jets: PaddedJets) -> Tensor:
    """LorentzNet and its light form."""
    slots = _slots(jets, net.references)
    p4 = slots.p4
    scalars = torch.cat([squeeze(dot(p4, p4))[..., None], slots.scalars], dim=2)
    hidden = net.embed(scalars)
    for block in net.blocks:
        hidden, p4 = _group(cast("GroupBlock", block), hidden, p4, scalars, slots)
    return logits(net.decode((hidden * slots.one).sum(dim=1) / slots.size))


def _group(block: GroupBlock, hidden: Tensor, p4: Tensor, scalars: Tensor, slots: _Slots) -> tuple[Tensor, Tensor]:
    """Scalars (jets, slots, width) and four-vectors (jets, slots, 4) of the next block."""
    difference = p4[:, :, None] - p4[:, None]
    products = dot(p4[:, :, None], p4[:, None])
    invariants = squeeze(torch.stack([dot(difference, difference), products], dim=3))
    width = hidden.shape[2]
    own, other, rest = torch.split(block.pair.weight, [width, width, INVARIANTS], dim=1)
    pairs = linear(hidden, own)[:, :, None] + linear(hidden, other)[:, None] + linear(invariants, rest)
    message = relu(block.message(relu(cast("nn.Module", block.pair_norm)(pairs))))
    message = message * block.gate(message).sigmoid() * (slots.two * (1 - slots.same))
    if not block.last:
        pull = (block.move(message) * difference * slots.two).sum(dim=2)
        p4 = p4 + block.step * pull / (slots.size[:, :, None] - 1).clamp(min=1)
    return hidden + block.update(torch.cat([hidden, message.sum(dim=2), scalars], dim=2)), p4
