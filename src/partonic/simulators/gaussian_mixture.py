"""A wide and a narrow Gaussian about the same theta: a posterior of two scales (sbibm, arXiv:2101.04653)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp
from scipy.stats import norm

from partonic.core.errors import InputError
from partonic.core.registry import register_simulator
from partonic.events.events import Events
from partonic.simulators.points import Floats, each_event, flat_prior, within


@register_simulator("gaussian-mixture", paper="arXiv:2101.04653", theta=(0.3, -0.2))
@dataclass(frozen=True)
class GaussianMixture:
    r"""Events :math:`x \sim \frac12 N(\theta, s_1^2 1) + \frac12 N(\theta, s_2^2 1)` in two dimensions.

    The prior is flat between ``-limit`` and ``limit``; the posterior is the same mixture about x, cut off there.

    Args:
        spreads: s_1 and s_2, above 0.
        limit: of the prior in each dimension, above 0.

    Raises:
        InputError: a spread or the limit is not above 0.
    """

    spreads: tuple[float, float] = (1.0, 0.1)
    limit: float = 10.0

    def __post_init__(self) -> None:
        if not (min(self.spreads) > 0 and self.limit > 0):
            raise InputError(f"the spreads and the limit must be above 0, not {self.spreads} and {self.limit}")

    def prior(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw theta from the prior, (n, 2)."""
        return flat_prior(self.limit, n, 2, rng)

    def simulate(self, theta: ArrayLike, n: int, rng: np.random.Generator) -> Events:
        """Draw events.

        Args:
            theta: one point (2,), or one an event (n, 2).
            n: number of events.
            rng: source of randomness.

        Returns:
            Events with ``x`` and ``theta``, (n, 2) each, the latent ``component`` (n,), and the gold ``joint_score``
            (n, 2).

        Raises:
            InputError: theta is of another shape or not finite, or n is below 1.
        """
        values = each_event(theta, n, 2)
        component = rng.integers(0, 2, n)
        spread = np.array(self.spreads)[component][:, None]
        x = rng.normal(values, spread)
        columns: dict[str, NDArray[Any]] = {"x": x, "theta": values, "component": component.astype(np.int8)}
        gold = {"joint_score": (x - values) / spread**2}
        return Events(columns, gold=gold, provenance={"process": "gaussian-mixture"})

    def log_prob(self, events: Events, theta: ArrayLike) -> Floats:
        """Log-likelihood of each event, (n,), at one theta or one an event."""
        x = np.asarray(events.column("x"), dtype=np.float64)
        parts = [norm.logpdf(x, theta, spread).sum(axis=-1) for spread in self.spreads]
        result: Floats = logsumexp(parts, axis=0) - np.log(2)
        return result

    def posterior(self, x: ArrayLike, n: int, rng: np.random.Generator) -> Floats:
        """Draw theta from the posterior at one x (2,), (n, 2), by rejection of what the prior excludes.

        Raises:
            InputError: x is so far outside the prior that no draw is kept.
        """
        return within(self.limit, lambda: self.simulate(x, n, rng).column("x"), n, x)
