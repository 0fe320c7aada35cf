"""Fields kept from many chains of hybrid Monte Carlo."""

from __future__ import annotations

import torch
from torch import Tensor

from partonic.core import hamiltonian
from partonic.core.errors import InputError

LEAPS = 10  # of a trajectory


def hybrid_fields(
    action: hamiltonian.Action, start: Tensor, steps: int, random: torch.Generator, *, warming: int, every: int
) -> tuple[Tensor, float]:
    """Fields (steps, chains, ...) and the share of accepted trajectories.

    Args:
        action: of fields (chains, ...), gives (chains,).
        start: fields from which the chains start, (chains, ...).
        steps: fields kept of each.
        random: source of randomness.
        warming: trajectories in which the step size is found and the starts are forgotten.
        every: trajectories from one kept field to the next.

    Raises:
        InputError: a number is below 1.
    """
    count = len(start)
    if min(count, steps, warming, every) < 1:
        raise InputError(f"chains need numbers of 1 or more, not {count}, {steps}, {warming} and {every}")
    chains, size = hamiltonian.warmed(action, hamiltonian.init(action, start), warming, LEAPS, random)
    kept, accepted = [], 0.0
    for _ in range(steps):
        for _ in range(every):
            chains = hamiltonian.step(action, chains, size, LEAPS, random)
            accepted += float(chains.accepted.double().mean())
        kept.append(chains.position)
    return torch.stack(kept), accepted / (steps * every)
