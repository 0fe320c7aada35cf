"""Hybrid Monte Carlo (Duane et al. 1987): many chains at once sample a density of which the gradient is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    Action = Callable[[Tensor], Tensor]

TARGET = 0.8  # share of accepted steps while the step size is found


@dataclass(frozen=True)
class Chains:
    """Where chains are.

    Args:
        position: (chains, ...).
        action: minus the logarithm of the density there, up to a constant, (chains,).
        gradient: of the action, (chains, ...).
        accepted: whether the last step of each was accepted, (chains,).
    """

    position: Tensor
    action: Tensor
    gradient: Tensor
    accepted: Tensor


def init(action: Action, position: Tensor) -> Chains:
    """Chains that start somewhere.

    Args:
        action: function of positions (chains, ...) that gives (chains,), differentiable.
        position: (chains, ...).
    """
    import torch

    value, slope = _evaluate(action, position)
    return Chains(position.detach(), value, slope, torch.ones(len(position), dtype=torch.bool, device=position.device))


def step(action: Action, chains: Chains, size: float, leaps: int, random: torch.Generator) -> Chains:
    """One trajectory of leapfrog steps for each chain, accepted or not by Metropolis.

    Args:
        action: see :func:`init`.
        chains: where they are.
        size: of a leap.
        leaps: of a trajectory, 1 or more.
        random: source of randomness.
    """
    import torch

    momentum = torch.randn(chains.position.shape, generator=random, dtype=chains.position.dtype).to(chains.position)
    before = chains.action + 0.5 * momentum.square().flatten(1).sum(dim=1)
    position, slope, value = chains.position, chains.gradient, chains.action
    for _ in range(leaps):
        momentum = momentum - 0.5 * size * slope
        position = position + size * momentum
        value, slope = _evaluate(action, position)
        momentum = momentum - 0.5 * size * slope
    after = value + 0.5 * momentum.square().flatten(1).sum(dim=1)
    drawn = torch.rand(len(before), generator=random, dtype=before.dtype).to(before)
    accepted = torch.isfinite(after) & (drawn.log() < before - after)
    wide = accepted.reshape(-1, *[1] * (position.ndim - 1))
    return Chains(
        torch.where(wide, position, chains.position),
        torch.where(accepted, value, chains.action),
        torch.where(wide, slope, chains.gradient),
        accepted,
    )


def warmed(
    action: Action, chains: Chains, steps: int, leaps: int, random: torch.Generator, size: float = 0.1
) -> tuple[Chains, float]:
    """Chains after some steps in which the size of a leap is found that accepts 80 % of them, and that size."""
    for number in range(steps):
        chains = step(action, chains, size, leaps, random)
        share = float(chains.accepted.double().mean())
        size *= math.exp(2.0 * (share - TARGET) / math.sqrt(1 + number))
    return chains, size


def _evaluate(action: Action, position: Tensor) -> tuple[Tensor, Tensor]:
    import torch

    with torch.enable_grad():
        place = position.detach().requires_grad_()
        value = action(place)
        (slope,) = torch.autograd.grad(value.sum(), place)
    return value.detach(), slope
