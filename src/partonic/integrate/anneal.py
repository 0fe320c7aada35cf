r"""A population of points that cools from a known density to an integrand: it finds the modes, and the integral.

Sequential Monte Carlo (Del Moral, Doucet and Jasra 2006): from :math:`q` to :math:`|f|` by the densities
:math:`q\,(|f|/q)^\beta` with rising :math:`\beta`; each step weighs and resamples the points and then moves each by
Metropolis steps in the uniform numbers of its component. Separate populations tell the error of the integral.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from partonic.integrate.integrand import Integrand
from partonic.integrate.mixture import TINY, Mixture

ISLANDS = 12
MOVES = 3
KEEP = 0.5  # effective share of points that a step of the temperature leaves
LEAST = 5  # points in each separate population


@dataclass(frozen=True)
class Population:
    """Points that are distributed as the absolute integrand.

    Args:
        points: (n, m).
        channel: in which each point has moved, (n,).
        log_integrals: logarithm of the integral of the absolute integrand, by each separate population, (islands,).
    """

    points: Tensor
    channel: Tensor
    log_integrals: Tensor

    @property
    def integral(self) -> tuple[float, float]:
        """The integral of the absolute integrand and its error, from the spread of the separate populations."""
        largest = float(self.log_integrals.max())
        parts = torch.exp(self.log_integrals - largest)
        error = float(parts.std()) / math.sqrt(len(parts))
        return float(parts.mean()) * math.exp(largest), error * math.exp(largest)


class Walkers:
    """A population on its way: points in the uniform numbers of the components of a mixture.

    Args:
        integrand: to be asked, once for each point to begin with and once in each move.
        mixture: the components, each with as many points as its share says.
        size: number of points.
        random: source of randomness.
    """

    def __init__(self, integrand: Integrand, mixture: Mixture, size: int, random: torch.Generator) -> None:
        self.integrand, self.mixture, self.random = integrand, mixture, random
        counts = (mixture.shares * size).floor().long()
        counts[int(counts.argmax())] += size - int(counts.sum())
        self.component = torch.repeat_interleave(torch.arange(len(counts)), counts)
        self.component = self.component[torch.randperm(size, generator=random)]
        self.u = torch.rand(size, mixture.dim, generator=random, dtype=torch.float64)
        self.y, self.log = self.asked(self.u)
        self.scale = 0.2

    @property
    def channel(self) -> Tensor:
        """In which each point moves, (n,)."""
        return torch.tensor([one.channel for one in self.mixture.components])[self.component]

    def asked(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Points, and the logarithm of the absolute integrand over the density there."""
        drawn = {int(c): self.mixture.draw(int(c), u[self.component == c]) for c in torch.unique(self.component)}
        first = next(iter(drawn.values()))[0]
        y, density = u.new_empty(len(u), first.shape[1]), u.new_empty(len(u))
        for c, (points, q) in drawn.items():
            y[self.component == c], density[self.component == c] = points, q
        return y, torch.log(self.integrand(y).abs() / density + TINY)

    def move(self, beta: float, *, local: bool) -> None:
        """A Metropolis step of every point: a small one of all numbers, or new values of one or two of them."""
        shape, random = self.u.shape, self.random
        if local:
            step = self.u + self.scale * torch.randn(shape, generator=random, dtype=torch.float64)
            proposed = (1 - (step.remainder(2) - 1).abs()).clamp(1e-12, 1 - 1e-12)
        else:
            fresh = torch.rand(shape, generator=random, dtype=torch.float64)
            chosen = torch.rand(shape, generator=random, dtype=torch.float64) < 1.5 / shape[1]
            proposed = torch.where(chosen, fresh, self.u)
        y, log = self.asked(proposed)
        taken = torch.rand(shape[0], generator=random, dtype=torch.float64).log() < beta * (log - self.log)
        self.u, self.y = (torch.where(taken[:, None], new, old) for new, old in ((proposed, self.u), (y, self.y)))
        self.log = torch.where(taken, log, self.log)
        if local:
            self.scale *= math.exp(float(taken.double().mean()) - 0.25)

    def chosen(self, rows: Tensor) -> None:
        """Keep these rows, as often as they are named."""
        self.u, self.y, self.log = self.u[rows], self.y[rows], self.log[rows]
        self.component = self.component[rows]


def anneal(
    integrand: Integrand, mixture: Mixture, calls: int, effective: float, random: torch.Generator
) -> Population | None:
    """Cool a population from the density of a mixture to the integrand.

    Args:
        integrand: asked at most so often.
        mixture: where to begin.
        calls: of the integrand.
        effective: share of points of the mixture; the number of steps follows from it.
        random: source of randomness.

    Returns:
        The population, or ``None`` where the calls did not suffice.
    """
    steps = 4 + 1.5 * math.log2(1 / max(effective, 1e-6))
    size = int(calls / (steps * MOVES)) // ISLANDS * ISLANDS
    if size < LEAST * ISLANDS:
        return None
    end = integrand.calls + calls - size * MOVES
    walkers = Walkers(integrand, mixture, size, random)
    beta, total = 0.0, torch.zeros(ISLANDS, dtype=torch.float64)
    while beta < 1:
        if integrand.calls > end:
            return None
        step = _step(walkers.log, beta)
        gain = (step * walkers.log).reshape(ISLANDS, -1)
        total += torch.logsumexp(gain, 1) - math.log(gain.shape[1])
        rows = torch.cat([_resampled(row, random) + k * gain.shape[1] for k, row in enumerate(gain)])
        walkers.chosen(rows)
        beta = min(1.0, beta + step)
        for number in range(MOVES):
            walkers.move(beta, local=number % 2 == 0)
    return Population(walkers.y, walkers.channel, total)


def _step(log: Tensor, beta: float) -> float:
    """How far the temperature may go: to where the effective share of points is ``KEEP``."""

    def effective(step: float) -> float:
        w = torch.exp(step * (log - log.max()))
        return float(w.sum() ** 2 / (w * w).sum()) / len(w)

    low, high = 0.0, 1 - beta
    if effective(high) >= KEEP:
        return high
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective(middle) >= KEEP else (low, middle)
    return max(low, 1e-4)


def _resampled(log: Tensor, random: torch.Generator) -> Tensor:
    """Rows drawn in proportion to exp(log), by even steps through the sum."""
    shares = torch.softmax(log, 0)
    places = (torch.arange(len(log)) + torch.rand(1, generator=random, dtype=torch.float64)) / len(log)
    return torch.searchsorted(torch.cumsum(shares, 0), places).clamp(max=len(log) - 1)
