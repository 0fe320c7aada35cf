"""The nearest particles of each particle of a jet, and sums of values over such pairs.

On a processor each is one compiled pass; elsewhere they are made of torch's own steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from partonic.core.compiled import compiled
from partonic.represent.plan import Bucket, Plan

if TYPE_CHECKING:
    from numpy.typing import NDArray


def nearest(points: Tensor, order: Plan, neighbours: int) -> Tensor:
    """The nearest other particles of the same jet, (particles, k) as positions in the order of the plan.

    Where a jet has too few the number of all particles stands.

    Args:
        points: (particles, d) coordinates in the order of the plan.
        order: the plan.
        neighbours: k.
    """
    found = points.new_full((len(points), neighbours), len(points), dtype=torch.int64)
    start = 0
    for bucket, mine in zip(order.buckets, order.split(points), strict=True):
        padded = bucket.pad(mine)  # (jets, length, d)
        square = padded.square().sum(-1)
        distance = torch.baddbmm(square[:, None, :] + square[:, :, None], padded, padded.mT, alpha=-2)
        if compiles(distance):
            ends = order.offsets[start : start + bucket.jets + 1].numpy()
            _select(ends, distance.numpy(), neighbours, found.numpy())
        else:
            found[bucket.first : bucket.last] = _chosen(distance, bucket, neighbours, len(points))
        start += bucket.jets
    return found


def _chosen(distance: Tensor, bucket: Bucket, neighbours: int, lacking: int) -> Tensor:
    """The same for a bucket by torch's own steps, (particles, k)."""
    itself = torch.eye(bucket.length, dtype=torch.bool, device=distance.device)
    distance = distance.masked_fill(itself, torch.inf)
    if bucket.absent is not None:
        distance = distance.masked_fill(bucket.absent[:, None, :], torch.inf)
    k = min(neighbours, bucket.length)
    values, index = distance.topk(k, largest=False)
    where = bucket.positions(distance.device).unsqueeze(1).expand(-1, bucket.length, -1).gather(2, index)
    where = where.masked_fill(values == torch.inf, lacking)
    return pad(bucket.flat(where), (0, neighbours - k), value=lacking)


def paired(mine: Tensor, theirs: Tensor, near: Tensor) -> Tensor:
    """Values of each particle plus those of its neighbours (0 where it lacks one), (particles * k, C).

    Args:
        mine: (particles, C).
        theirs: (particles, C).
        near: (particles, k) positions of the neighbours, the number of particles where there is none.
    """
    if compiles(mine):
        return cast("Tensor", _Paired.apply(mine, theirs, near))  # type: ignore[no-untyped-call]
    return (mine[:, None, :] + pad(theirs, (0, 0, 0, 1))[near]).flatten(0, 1)


def compiles(values: Tensor) -> bool:
    """Whether a compiled pass can take the values: on a processor, in single or double precision."""
    usual = values.dtype in (torch.float32, torch.float64)
    return values.device.type == "cpu" and usual and not torch.compiler.is_compiling()


class _Paired(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, mine: Tensor, theirs: Tensor, near: Tensor) -> Tensor:
        """Sums of pairs."""
        ctx.save_for_backward(near)
        out = mine.new_empty(near.numel(), mine.shape[1])
        _add(mine.detach().contiguous().numpy(), theirs.detach().contiguous().numpy(), near.numpy(), out.numpy())
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        """Each particle has the gradients of its pairs."""
        (near,) = ctx.saved_tensors
        given = gradients[0].contiguous()
        mine, theirs = given.new_zeros(2, len(near), given.shape[1]).unbind(0)
        _share(given.numpy(), near.numpy(), mine.numpy(), theirs.numpy())
        return mine, theirs, None


@compiled
def _select(ends: NDArray[np.int64], distance: NDArray[Any], neighbours: int, found: NDArray[np.int64]) -> None:
    best, place = np.empty(neighbours, distance.dtype), np.empty(neighbours, np.int64)
    for jet in range(len(ends) - 1):
        first, n = ends[jet], ends[jet + 1] - ends[jet]
        for i in range(n):
            kept = 0
            for j in range(n):
                gap = distance[jet, i, j]
                if i == j or (kept == neighbours and not gap < best[kept - 1]):
                    continue
                at = kept if kept < neighbours else neighbours - 1
                kept = min(kept + 1, neighbours)
                while at > 0 and gap < best[at - 1]:
                    best[at], place[at] = best[at - 1], place[at - 1]
                    at -= 1
                best[at], place[at] = gap, j
            for k in range(kept):
                found[first + i, k] = first + place[k]


@compiled
def _add(mine: NDArray[Any], theirs: NDArray[Any], near: NDArray[np.int64], out: NDArray[Any]) -> None:
    particles, neighbours = near.shape
    for i in range(particles):
        for k in range(neighbours):
            j = near[i, k]
            edge = i * neighbours + k
            if j < particles:
                for c in range(mine.shape[1]):
                    out[edge, c] = mine[i, c] + theirs[j, c]
            else:
                for c in range(mine.shape[1]):
                    out[edge, c] = mine[i, c]


@compiled
def _share(given: NDArray[Any], near: NDArray[np.int64], mine: NDArray[Any], theirs: NDArray[Any]) -> None:
    particles, neighbours = near.shape
    for i in range(particles):
        for k in range(neighbours):
            j = near[i, k]
            edge = i * neighbours + k
            for c in range(given.shape[1]):
                mine[i, c] += given[edge, c]
            if j < particles:
                for c in range(given.shape[1]):
                    theirs[j, c] += given[edge, c]
