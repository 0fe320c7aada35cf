"""ParticleNet on padded arrays (arXiv:1902.08570)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad, relu

from partonic.models.dense.form import dense, rows_of
from partonic.models.heads import logits
from partonic.models.particlenet import EdgeConv, ParticleNet
from partonic.represent.packed import POSITION
from partonic.represent.padded import PaddedJets


@dense.register(ParticleNet)
def particlenet(net: ParticleNet, jets: PaddedJets) -> Tensor:
    """ParticleNet and its light form."""
    points, features = jets.features[:, :, POSITION], net.norm(jets.features)
    outputs = []
    for convolution in net.convolutions:
        features = points = _edges(cast("EdgeConv", convolution), points, features, jets.there)
        outputs.append(features)
    if net.fusion is not None:
        features = relu(net.fusion(torch.cat(outputs, dim=2)))
    return logits(net.dense(jets.mean(features)))


def _edges(convolution: EdgeConv, points: Tensor, features: Tensor, there: Tensor) -> Tensor:
    """(jets, slots, inputs) to (jets, slots, widths[-1])."""
    near, found = _nearest(points, there, convolution.neighbours)  # (jets, slots, k)
    first = cast("nn.Linear", convolution.layers[0])
    own, other = first.weight.chunk(2, dim=1)
    mine, theirs = linear(features, own - other, first.bias), linear(features, other)
    seen = torch.unflatten(rows_of(theirs, near.flatten(1)), 1, near.shape[1:]) * found[..., None].to(theirs)
    pairs = relu(mine[:, :, None] + seen)  # (jets, slots, k, width)
    for layer in convolution.layers[1:]:
        pairs = relu(layer(pairs))
    return relu(convolution.shortcut(features) + pairs.mean(dim=2))


def _nearest(points: Tensor, there: Tensor, neighbours: int) -> tuple[Tensor, Tensor]:
    """Slots of the nearest other particles (jets, slots, k), 0 where there are too few; and whether there are."""
    square = points.square().sum(-1)
    distance = (square[:, None, :] + square[:, :, None] - 2 * points @ points.transpose(-1, -2)).clamp(min=0)
    slots = torch.arange(points.shape[1], device=points.device)
    other = there[:, None, :] & (slots[:, None] != slots)
    # So many slots without a particle that there always are k to take.
    distance = pad(torch.where(other, distance, torch.inf), (0, neighbours), value=torch.inf)
    values, index = distance.topk(neighbours, largest=False)
    found = values < torch.inf
    return torch.where(found, index, 0), found
