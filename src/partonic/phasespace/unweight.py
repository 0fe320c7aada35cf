"""Unweighting: from weighted points to events of equal weight, with the share of the total that the cap cuts off."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from partonic.core.errors import InputError


@dataclass(frozen=True)
class Cap:
    """The weight at which points are always kept.

    Args:
        weight: the cap, in the unit of the weights.
        overweight: share of the sum of weights that lies above the cap, and is lost.
        efficiency: mean weight below the cap, over the cap: the share of points that are kept.
    """

    weight: float
    overweight: float
    efficiency: float


def find_cap(weights: Tensor, overweight: float = 1e-3) -> Cap:
    """The smallest cap that loses at most a share ``overweight`` of the sum of weights.

    Args:
        weights: not negative, zeros for points that failed the cuts, (n,).
        overweight: the share, at least 0 (the cap is then the largest weight) and below 1.

    Raises:
        InputError: a weight is negative or not finite, or all are 0.
    """
    if not 0 <= overweight < 1:
        raise InputError(f"the overweight must be between 0 and 1, not {overweight}")
    if len(weights) == 0 or not bool(torch.all(torch.isfinite(weights) & (weights >= 0))) or float(weights.max()) <= 0:
        raise InputError("unweighting needs finite weights that are not negative, one of them above 0")
    falling = torch.sort(weights.double(), descending=True).values
    total = falling.sum()
    # Sum over the k largest of (w - w_k), the loss with the cap at w_k, rises with k.
    loss = (torch.cumsum(falling, 0) - torch.arange(1, len(falling) + 1) * falling).clamp_(min=0.0) / total
    last = max(0, int(torch.searchsorted(loss, torch.tensor(overweight, dtype=loss.dtype), right=True)) - 1)
    cap, lost = float(falling[last]), float(loss[last])
    if cap <= 0:
        raise InputError(f"an overweight of {overweight} leaves no cap above 0; take a smaller one")
    return Cap(cap, lost, float(total) * (1 - lost) / len(weights) / cap)


def keep(weights: Tensor, cap: Cap, u: Tensor) -> Tensor:
    """Which points become events: those with ``u < weight / cap``, (n,) boolean."""
    return u * cap.weight < weights
