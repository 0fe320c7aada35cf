"""Places that a density does not follow: points from everywhere climb to them, and even points stumble into them.

A density adapted to its own points never meets a peak that it has lost, and its weights look even. Points that are
spread evenly and climb meet a peak as often as its surroundings are wide, however far away the density is, also in many
dimensions, where no even spread of points would hit the peak itself. Nothing leads to a region with hard edges, as cuts
and thresholds make them: only even points show it, as often as it is large.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from partonic.integrate.anneal import Walkers
from partonic.integrate.integrand import Integrand
from partonic.integrate.mixture import Mixture

SCAN = 0.5  # share of the calls for the points that are spread evenly
UPHILL = 1e9  # inverse temperature
CLIMB, SPREAD = 120, 15  # moves uphill, and those that spread over what was found
LEAST = 8  # points that climb
WITNESS = 0.2  # even points with which a density is held against the integrand, over those that it is measured with
MOST_EVEN = 500_000  # of them, which are all in memory
MISSED = 0.02  # share of the integral above which the density is taken to miss what they met
CONFIDENCE = 0.95
HEAVY = 500.0  # a place is not followed where the weight of a point is so many times the mean
COPIES = 120  # points that spread, where any place was found


@dataclass(frozen=True)
class Places:
    """Points spread over what a density does not follow.

    Args:
        points: (n, m).
        channel: in which each has moved, (n,).
    """

    points: Tensor
    channel: Tensor


def search(
    integrand: Integrand, mixture: Mixture, start: Mixture, absolute: float, calls: int, random: torch.Generator
) -> Places | None:
    """Look for places where the integrand is far above what a density follows.

    Args:
        integrand: asked at most so often, and 15 times more for each of the points that are given.
        mixture: the density.
        start: from which evenly spread points come: the grids before they were adapted.
        absolute: integral of the absolute integrand, as the density knows it.
        calls: of the integrand.
        random: source of randomness.

    Returns:
        Points around these places; ``None`` where there are none, or the calls are too few to climb.
    """
    climbers = int(calls * (1 - SCAN) / CLIMB)
    if climbers < LEAST:
        return None
    walkers = Walkers(integrand, start, int(SCAN * calls), random)
    weights = _log_weights(walkers, start, mixture)
    heaviest = torch.topk(weights, climbers - climbers // 2).indices
    anywhere = torch.randperm(len(weights), generator=random)[: climbers // 2]
    walkers.chosen(torch.cat([heaviest, anywhere]))
    for number in range(CLIMB):
        walkers.move(UPHILL, local=number % 4 != 0)
    weights = _log_weights(walkers, start, mixture)
    rows = torch.nonzero(weights > math.log(HEAVY * absolute))[:, 0]
    return _spread(walkers, rows) if len(rows) else None


@dataclass(frozen=True)
class Witness:
    """What evenly spread points say of a density.

    Args:
        calls: their number.
        lost: absolute integral over what they met and the density does not follow, as a share of all that it finds.
        places: points spread over that, where it is too much.
    """

    calls: int
    lost: float
    places: Places | None

    @property
    def misses(self) -> bool:
        """Whether the density does not follow a part of the integrand."""
        return self.lost > MISSED

    @property
    def blind(self) -> float:
        """Share of the volume that a region may have which none of the points met, with 95 % confidence."""
        return -math.expm1(math.log(1 - CONFIDENCE) / self.calls)


def witness(
    integrand: Integrand, mixture: Mixture, start: Mixture, absolute: float, calls: int, random: torch.Generator
) -> Witness:
    """Hold a density against evenly spread points.

    Args:
        integrand: asked so often, and 15 times more for each of the points that are given.
        mixture: the density.
        start: from which evenly spread points come: the grids before they were adapted.
        absolute: integral of the absolute integrand, as the density knows it.
        calls: of the integrand; half a million suffice.
        random: source of randomness.
    """
    calls = min(calls, MOST_EVEN)
    walkers = Walkers(integrand, start, calls, random)
    heavy = _log_weights(walkers, start, mixture) > math.log(HEAVY * absolute)
    lost = float((torch.exp(walkers.log) * heavy).mean()) / absolute
    places = _spread(walkers, torch.nonzero(heavy)[:, 0]) if lost > MISSED else None
    return Witness(calls, lost, places)


def _spread(walkers: Walkers, rows: Tensor) -> Places:
    """Points spread over the surroundings of some walkers."""
    walkers.chosen(rows.repeat(math.ceil(COPIES / len(rows))))
    for _ in range(SPREAD):
        walkers.move(1.0, local=True)
    return Places(walkers.y, walkers.channel)


def _log_weights(walkers: Walkers, start: Mixture, mixture: Mixture) -> Tensor:
    """Logarithm of the absolute integrand over the density of a mixture, (n,), of walkers through another one."""
    return walkers.log + torch.log(start.density(walkers.y)) - torch.log(mixture.density(walkers.y))
