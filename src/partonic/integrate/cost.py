r"""What a flow costs and saves: from which price of an integrand call on training one pays.

For a relative precision :math:`\delta`, a density with spread :math:`\sigma` (error times the root of the number of
calls, over the integral) needs :math:`(\sigma/\delta)^2` calls, each at the price of the integrand and of a draw.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from partonic.integrate.mixture import Mixture
from partonic.integrate.train import FlowOptions, begin, cross_entropy, seen_by, with_flows

USUAL = 0.4  # spread that a trained flow usually reaches
BACKWARD = 1.15  # seconds of a step of training that the loop adds


@dataclass(frozen=True)
class Price:
    """Processor seconds with and without flows.

    Args:
        training: of the flows, without calls of the integrand.
        draw_grid: of one point from grids.
        draw_flow: of one point from flows.
        spread_grid: of the weights from grids.
        spread_flow: of the weights from flows; expected, or measured.
        precision: relative, that is wanted.
        measured: whether the numbers of the flows are measured.
    """

    training: float
    draw_grid: float
    draw_flow: float
    spread_grid: float
    spread_flow: float
    precision: float
    measured: bool

    @property
    def break_even(self) -> float:
        """Processor seconds of a call of the integrand above which flows pay: 0 if always, infinite if never."""
        grid, flow = ((spread / self.precision) ** 2 for spread in (self.spread_grid, self.spread_flow))
        if grid <= flow:
            return math.inf
        return max(0.0, (self.training + flow * self.draw_flow - grid * self.draw_grid) / (grid - flow))

    def __str__(self) -> str:
        """Say it in a sentence."""
        kind = "measured" if self.measured else "expected"
        if math.isinf(self.break_even):
            return f"grids alone do better than flows would ({kind})"
        said = f"where a call costs more than {self.break_even * 1e6:.2g} microseconds" if self.break_even else "always"
        return f"flows pay {said}, at a relative precision of {self.precision:g} ({kind})"


def expected(pilot: Mixture, learning: FlowOptions, calls: int, spread: float, precision: float, seed: int) -> Price:
    """The price of flows before they are trained, from the time that a few draws and one step take.

    Args:
        pilot: the adapted grids.
        learning: how flows would learn.
        calls: of the integrand, for the training.
        spread: of the weights from grids.
        precision: relative, that is wanted.
        seed: of the flows.
    """
    model, trained = begin(pilot, learning, seed)
    mixture = with_flows(pilot, model, trained)
    u = torch.rand(1024, pilot.dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    mixture.draw(len(mixture.components) - 1, u)  # kernels are compiled
    flow, grid = _seconds(lambda: mixture.draw(len(mixture.components) - 1, u)), _seconds(lambda: pilot.draw(0, u))
    batch = seen_by(pilot, trained, pilot.draw(trained[0], u)[0], learning.defence)
    cross_entropy(model, batch).backward()  # type: ignore[no-untyped-call]
    step = _seconds(lambda: cross_entropy(model, batch).backward())  # type: ignore[no-untyped-call]
    training = BACKWARD * step / 1024 * calls * learning.replay
    return Price(training, grid / 1024, flow / 1024, spread, USUAL, precision, measured=False)


def paid(before: Price, mixture: Mixture, spread: float, training: float) -> Price:
    """The price of flows that are trained.

    Args:
        before: what was expected.
        mixture: with the flows.
        spread: of its weights.
        training: processor seconds.
    """
    u = torch.rand(4096, mixture.dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    flow = _seconds(lambda: mixture.draw(len(mixture.components) - 1, u)) / 4096
    return replace(before, training=training, draw_flow=flow, spread_flow=spread, measured=True)


def _seconds(work: Callable[[], object]) -> float:
    """Processor seconds, the least of three."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)
