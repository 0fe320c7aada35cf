"""Pairs of particles of the same jet, and what they say about a splitting (arXiv:2202.03772)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from partonic.core.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partonic.represent.plan import Plan

SMALL = 1e-8  # below this a logarithm stops


@dataclass(frozen=True)
class Pairs:
    """All pairs i >= j of particles of the same jet, a particle with itself too.

    Args:
        first: (pairs,) particle i, in the order of the plan.
        second: (pairs,) particle j.
        sizes: number of pairs of each bucket, which follow each other.
        places: of each bucket where its pairs (i, j) and (j, i) stand in (jets * length * length).
    """

    first: Tensor
    second: Tensor
    sizes: list[int]
    places: tuple[tuple[Tensor, Tensor], ...]


def pairs(order: Plan) -> Pairs:
    """The pairs of a planned batch."""
    offsets: NDArray[np.int64] = order.offsets.cpu().numpy()
    lengths = np.diff(offsets)
    total = int(np.sum(lengths * (lengths + 1) // 2))
    first, second, upper, lower = (np.empty(total, np.int64) for _ in range(4))
    bounds, jet = [0], 0
    tensors = [torch.from_numpy(values) for values in (first, second, upper, lower)]
    for bucket in order.buckets:
        mine = offsets[jet : jet + bucket.jets + 1]
        bounds.append(_fill(mine, bucket.length, bounds[-1], first, second, upper, lower))
        jet += bucket.jets
    tensors = [values.to(order.offsets.device) for values in tensors]
    sizes = np.diff(bounds).tolist()
    places = zip(torch.split(tensors[2], sizes), torch.split(tensors[3], sizes), strict=True)
    return Pairs(tensors[0], tensors[1], sizes, tuple(places))


@compiled
def _fill(
    offsets: NDArray[np.int64],
    length: int,
    start: int,
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    upper: NDArray[np.int64],
    lower: NDArray[np.int64],
) -> int:
    at = start
    for jet in range(len(offsets) - 1):
        here = offsets[jet]
        for i in range(offsets[jet + 1] - here):
            for j in range(i + 1):
                first[at], second[at] = here + i, here + j
                upper[at] = (jet * length + i) * length + j
                lower[at] = (jet * length + j) * length + i
                at += 1
    return at


def pair_features(p4: Tensor, couples: Pairs) -> Tensor:
    """The four features of a pair, (pairs, 4).

    Logarithms of the relative transverse momentum min(pt_i, pt_j) D (GeV), the share min(pt_i, pt_j) / (pt_i + pt_j),
    the distance D in rapidity and azimuth, and the squared mass of both (GeV^2).

    Args:
        p4: (particles, 4) momenta as (E, px, py, pz) in GeV, in the order of the plan.
        couples: the pairs.
    """
    e, px, py, pz = p4.unbind(1)
    pt, phi = torch.hypot(px, py), torch.atan2(py, px)
    rapidity = 0.5 * torch.log(1 + 2 * pz / (e - pz).clamp(min=1e-20))
    single = torch.stack([pt, rapidity, phi, e, px, py, pz], dim=1)
    one, two = single[couples.first], single[couples.second]
    turn = torch.remainder(one[:, 2] - two[:, 2] + math.pi, 2 * math.pi) - math.pi
    distance = torch.hypot(one[:, 1] - two[:, 1], turn)
    softer = torch.minimum(one[:, 0], two[:, 0])
    share = softer / (one[:, 0] + two[:, 0]).clamp(min=SMALL)
    both = one[:, 3:] + two[:, 3:]
    mass2 = both[:, 0].square() - both[:, 1:].square().sum(1)
    return torch.stack([softer * distance, share, distance, mass2], dim=1).clamp(min=SMALL).log()
