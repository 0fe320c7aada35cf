r"""Objectives that learn how noise moves to become a sample: flow matching and diffusion.

Both learn the mean of a velocity at a point :math:`u_t` between a Gaussian noise :math:`\epsilon` and an event u, at a
time t from 0 (event) to 1 (noise) or the reverse, by a weighted squared error per dimension.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from partonic.objectives.generative import DensityBatch


def flow_matching(model: nn.Module, batch: DensityBatch) -> Tensor:
    r"""Conditional flow matching on straight lines :math:`u_t = (1-t)\epsilon + tu`, velocity :math:`u - \epsilon`.

    Source: arXiv:2210.02747, arXiv:2209.03003.

    Args:
        model: velocities (b, d) of points (b, d), times (b, 1) and context (b, c).
        batch: events.
    """
    noise, time = torch.randn_like(batch.values), _times(batch.values)
    point = torch.lerp(noise, batch.values, time)
    return _squared(model(point, time, batch.context), batch.values - noise, batch.weight)


def diffusion(model: nn.Module, batch: DensityBatch) -> Tensor:
    r"""Diffusion along :math:`u_t = \cos(\frac\pi2 t)\,u + \sin(\frac\pi2 t)\,\epsilon`.

    What is learned is :math:`v = \cos(\frac\pi2 t)\,\epsilon - \sin(\frac\pi2 t)\,u` (arXiv:2202.00512).

    Args:
        model: v (b, d) at points (b, d), times (b, 1) and context (b, c).
        batch: events.
    """
    noise, time = torch.randn_like(batch.values), _times(batch.values)
    alpha, sigma = torch.cos(0.5 * math.pi * time), torch.sin(0.5 * math.pi * time)
    point = alpha * batch.values + sigma * noise
    return _squared(model(point, time, batch.context), alpha * noise - sigma * batch.values, batch.weight)


def _times(values: Tensor) -> Tensor:
    """Times (b, 1) from 0 to 1, one in each of b equal parts."""
    n = len(values)
    return (torch.rand((n, 1), device=values.device) + torch.randperm(n, device=values.device)[:, None]) / n


def _squared(found: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    return (weight * (found - wanted).square().mean(dim=1)).mean()
