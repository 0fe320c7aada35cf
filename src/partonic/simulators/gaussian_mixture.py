"""A wide and a narrow Gaussian about the same theta: a posterior of two scales (sbibm, arXiv:2101.04653)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import norm

from partonic.core.errors import InputError
from partonic.events.events import Events

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class GaussianMixture:
    r"""Events :math:`x \sim \frac12 N(\theta, s_1^2 1) + \frac12 N(\theta, s_2^2 1)` in two dimensions.

    The prior is flat between ``-limit`` and ``limit``; the posterior is the same mixture about x, cut off there.

    Args:
        spreads: :math:`s_1` and :math:`s_2`, above 0.
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
        return rng.uniform(-self.limit, self.limit, (n, 2))

    def simulate(self, theta: Floats, n: int, rng: np.random.Generator) -> Events:
        """Draw events with ``x`` and ``theta``, (n, 2) each, and the latent ``component`` (n,).

        Args:
            theta: one point (2,), or one an event (n, 2).
            n: number of events.
            rng: source of randomness.
        """
        values = np.broadcast_to(np.asarray(theta, dtype=np.float64), (n, 2))
        component = rng.integers(0, 2, n)
        x = rng.normal(values, np.array(self.spreads)[component][:, None])
        columns: dict[str, NDArray[Any]] = {"x": x, "theta": values.copy(), "component": component.astype(np.int8)}
        return Events(columns, provenance={"process": "gaussian-mixture"})

    def log_prob(self, events: Events, theta: Floats) -> Floats:
        """Log-likelihood of each event, (n,), at one theta or one an event."""
        x = np.asarray(events.column("x"), dtype=np.float64)
        parts = [norm.logpdf(x, theta, spread).sum(axis=-1) for spread in self.spreads]
        result: Floats = logsumexp(parts, axis=0) - np.log(2)
        return result

    def posterior(self, x: Floats, n: int, rng: np.random.Generator) -> Floats:
        """Draw theta from the posterior at one x (2,), (n, 2), by rejection of what the prior excludes.

        Raises:
            InputError: x is so far outside the prior that no draw is kept.
        """
        kept = np.zeros((0, 2))
        for _ in range(1000):
            drawn = self.simulate(np.asarray(x), n, rng).column("x")
            kept = np.concatenate([kept, drawn[np.all(np.abs(drawn) <= self.limit, axis=1)]])
            if len(kept) >= n:
                return kept[:n]
        raise InputError(f"x = {np.asarray(x).tolist()} is too far outside the prior, which ends at {self.limit}")
