"""Decay times at a rate theta, the simplest simulator with gold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partonic.core.registry import register_simulator
from partonic.events.events import Events
from partonic.simulators.points import each_event


@register_simulator("decay-times", theta=(1.0,))
@dataclass(frozen=True)
class DecayTimes:
    """Times x with the density theta exp(-theta x).

    Args:
        dead_time: nothing is seen before.
    """

    dead_time: float = 0.0

    def simulate(self, theta: ArrayLike, n: int, rng: np.random.Generator) -> Events:
        """Draw events with ``x`` and ``theta``, and the score as gold."""
        rate = each_event(theta, n, 1)
        wait = rng.exponential(1 / rate)
        gold = {"joint_score": 1 / rate - wait}
        return Events({"x": self.dead_time + wait[:, 0], "theta": rate}, gold=gold)

    def log_prob(self, events: Events, theta: ArrayLike) -> NDArray[np.float64]:
        """Log-likelihood of each event, (n,)."""
        rate = each_event(theta, len(events), 1)[:, 0]
        return np.log(rate) - rate * (events.column("x") - self.dead_time)
